"""Who may do what: the one table of roles and acts, for every door (design.md §9, docs/permissions.md)."""

from enum import StrEnum

from models.errors import Forbidden
from models.principal import Principal, Role


class Act(StrEnum):
    """Everything a person may be allowed or refused; a route or verb names exactly one."""

    READ_CATALOGUE = "read_catalogue"
    READ_CUSTOMER = "read_customer"
    READ_ORDER = "read_order"
    READ_SOFTWARE = "read_software"
    READ_STOCK = "read_stock"
    PLACE_ORDER = "place_order"
    REVEAL_KEY = "reveal_key"
    SUSPEND_KEY = "suspend_key"
    REQUEST_REPLACEMENT = "request_replacement"
    READ_REPLACEMENT = "read_replacement"
    GET_DOWNLOAD = "get_download"
    QUOTE_CANCELLATION = "quote_cancellation"
    REQUEST_CANCELLATION = "request_cancellation"
    WITHDRAW_CANCELLATION = "withdraw_cancellation"
    READ_CANCELLATION = "read_cancellation"
    READ_TICKET = "read_ticket"
    READ_BRIEF = "read_brief"
    OPEN_INQUIRY = "open_inquiry"
    RESOLVE_INQUIRY = "resolve_inquiry"
    HANDLE_TICKET = "handle_ticket"
    ANSWER_INQUIRY = "answer_inquiry"
    WRITE_NOTE = "write_note"
    READ_CUSTOMER_NOTE = "read_customer_note"
    READ_INTERNAL_NOTE = "read_internal_note"
    DECIDE = "decide"
    DELEGATE = "delegate"
    ANSWER = "answer"
    READ_CREDIT = "read_credit"
    READ_STATEMENT = "read_statement"
    READ_POLICY = "read_policy"
    READ_EVENT = "read_event"
    MANAGE_ENDPOINT = "manage_endpoint"
    READ_REVOCATION = "read_revocation"
    READ_AUDIT = "read_audit"
    REPAIR = "repair"
    WITHDRAW_BUILD = "withdraw_build"
    CHOOSE_NOTIFICATIONS = "choose_notifications"
    READ_SESSION = "read_session"
    END_SESSION = "end_session"


_PARTNER = frozenset({Role.ADMIN_AGENT, Role.SALES_AGENT, Role.HELPDESK_AGENT})
_CUSTOMER = frozenset({Role.GLOBAL_ADMIN, Role.CUSTOMER_USER})
_HOUSE = frozenset({Role.REFUND_APPROVER, Role.OPERATOR})

ALLOWED: dict[Act, frozenset[Role]] = {
    Act.READ_CATALOGUE: _PARTNER | _CUSTOMER | _HOUSE | {Role.INTEGRATOR},
    Act.READ_CUSTOMER: _PARTNER | _HOUSE | {Role.GLOBAL_ADMIN},
    Act.READ_ORDER: _PARTNER | _HOUSE | _CUSTOMER,
    Act.READ_SOFTWARE: _PARTNER | _HOUSE | _CUSTOMER,
    Act.READ_STOCK: frozenset({Role.OPERATOR}),
    Act.PLACE_ORDER: frozenset({Role.ADMIN_AGENT, Role.SALES_AGENT}),
    Act.REVEAL_KEY: frozenset({Role.ADMIN_AGENT, Role.GLOBAL_ADMIN}),
    Act.SUSPEND_KEY: frozenset({Role.OPERATOR}),
    Act.REQUEST_REPLACEMENT: frozenset({Role.ADMIN_AGENT}),
    Act.READ_REPLACEMENT: _PARTNER | _HOUSE,
    Act.GET_DOWNLOAD: frozenset({Role.ADMIN_AGENT, Role.GLOBAL_ADMIN}),
    Act.QUOTE_CANCELLATION: _PARTNER | _HOUSE,
    Act.REQUEST_CANCELLATION: frozenset({Role.ADMIN_AGENT}),
    Act.WITHDRAW_CANCELLATION: frozenset({Role.ADMIN_AGENT}),
    Act.READ_CANCELLATION: _PARTNER | _HOUSE,
    Act.READ_TICKET: _PARTNER | _HOUSE,
    Act.READ_BRIEF: _HOUSE,
    Act.OPEN_INQUIRY: _PARTNER | _HOUSE,
    Act.RESOLVE_INQUIRY: _PARTNER | _HOUSE,
    Act.HANDLE_TICKET: _HOUSE,
    Act.ANSWER_INQUIRY: _PARTNER | _HOUSE,
    Act.WRITE_NOTE: _PARTNER | _HOUSE,
    Act.READ_CUSTOMER_NOTE: _PARTNER | _HOUSE | {Role.GLOBAL_ADMIN},
    Act.READ_INTERNAL_NOTE: _HOUSE,
    Act.DECIDE: frozenset({Role.REFUND_APPROVER}),
    Act.DELEGATE: _HOUSE,
    Act.ANSWER: frozenset({Role.ADMIN_AGENT}),
    Act.READ_CREDIT: frozenset({Role.ADMIN_AGENT, Role.SALES_AGENT, Role.REFUND_APPROVER}),
    Act.READ_STATEMENT: frozenset({Role.ADMIN_AGENT, Role.SALES_AGENT, Role.REFUND_APPROVER}),
    Act.READ_POLICY: _PARTNER | _CUSTOMER | _HOUSE | {Role.INTEGRATOR},
    Act.READ_EVENT: frozenset({Role.ADMIN_AGENT, Role.INTEGRATOR}),
    Act.MANAGE_ENDPOINT: frozenset({Role.ADMIN_AGENT, Role.INTEGRATOR, Role.OPERATOR}),
    Act.READ_REVOCATION: _PARTNER | _HOUSE | {Role.GLOBAL_ADMIN, Role.INTEGRATOR},
    Act.READ_AUDIT: _HOUSE | {Role.ADMIN_AGENT},
    Act.REPAIR: frozenset({Role.OPERATOR}),
    Act.WITHDRAW_BUILD: frozenset({Role.OPERATOR}),
    Act.CHOOSE_NOTIFICATIONS: frozenset(Role),
    Act.READ_SESSION: frozenset(Role),
    Act.END_SESSION: frozenset(Role),
}


def may(principal: Principal, act: Act) -> bool:
    """Whether one of the caller's roles allows the act; what is not listed is denied."""
    return bool(principal.roles & ALLOWED.get(act, frozenset()))


def may_handle(principal: Principal, partner_id: str) -> bool:
    """Whether tickets of this partner may be the person's work: any approver or operator who sees them."""
    return (
        may(principal, Act.HANDLE_TICKET)
        and principal.customer_id is None
        and principal.covers(partner_id, None)
    )


def may_see_internal(principal: Principal) -> bool:
    """Whether notes between house staff are the caller's to read and write; a partner's approver is no staff."""
    return principal.is_staff and may(principal, Act.READ_INTERNAL_NOTE)


def require_internal(principal: Principal) -> None:
    """Forbidden unless the caller may see notes between house staff."""
    if may_see_internal(principal):
        return
    act = Act.READ_INTERNAL_NOTE
    raise Forbidden("forbidden", "Internal notes are for house staff only.", act=act)


def require(principal: Principal, act: Act) -> None:
    """Forbidden, naming the roles that may, unless the caller holds one of them."""
    if may(principal, act):
        return
    needed = ", ".join(sorted(role.replace("_", " ") for role in ALLOWED[act]))
    raise Forbidden("forbidden", f"Your role does not allow this; it takes: {needed}.", act=act)
