"""Who acts: roles, and the caller as every door knows them."""

from enum import StrEnum

from models.base import Value


class Role(StrEnum):
    """The roles of design.md §9 and the seed; a user may hold several."""

    ADMIN_AGENT = "admin_agent"
    SALES_AGENT = "sales_agent"
    HELPDESK_AGENT = "helpdesk_agent"
    REFUND_APPROVER = "refund_approver"
    GLOBAL_ADMIN = "global_admin"
    CUSTOMER_USER = "customer_user"
    OPERATOR = "operator"
    INTEGRATOR = "integrator"


class Principal(Value):
    """A user as read from the database at this act; never trusted from a token.

    `partner_id` set: sees that partner only. `customer_id` set: that customer only. Neither: house staff.
    """

    user_id: str
    name: str
    roles: frozenset[Role]
    partner_id: str | None = None
    customer_id: str | None = None

    @property
    def is_staff(self) -> bool:
        """House staff see every partner."""
        return self.partner_id is None and self.customer_id is None

    def covers(self, partner_id: str, customer_id: str | None) -> bool:
        """Whether a thing of this partner and customer lies within the caller's sight."""
        if self.customer_id is not None:
            return customer_id == self.customer_id
        return self.partner_id is None or partner_id == self.partner_id


class Acquaintance(Value):
    """A person as the development sign-in lists them: name, roles, and for whom they work."""

    user_id: str
    name: str
    roles: tuple[Role, ...]
    house: str | None


class EventSource(Value):
    """A sender of events, bound to one partner or, without one, to the house."""

    name: str
    partner_id: str | None = None
