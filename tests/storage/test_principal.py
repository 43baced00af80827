"""Who may act and who is asked: the demo's people, read as they stand at each call."""

from sqlalchemy import delete, insert, update

from models.principal import EventSource, Principal, Role
from models.tables.column import table
from models.tables.principal import UserRoleRow, UserRow
from storage.engine import Database
from storage.principal import (
    admin_agents_of,
    approvers_for,
    event_source,
    operators,
    principal_of,
    user_for_role,
    user_of_subject,
)

ONE = "par_00000000000000000000000000000001"
OTHER = "par_00000000000000000000000000000002"

_users = table(UserRow)
_roles = table(UserRoleRow)


def _deactivate(database: Database, user_id: str) -> None:
    with database.transaction() as connection:
        connection.execute(update(_users).where(_users.c.id == user_id).values(active=False))


def test_a_principal_has_the_roles_of_now(database: Database) -> None:
    with database.transaction() as connection:
        before = principal_of(connection, "usr_dana_both")
        connection.execute(
            delete(_roles).where(
                _roles.c.user_id == "usr_dana_both", _roles.c.role == "admin_agent"
            )
        )
        after = principal_of(connection, "usr_dana_both")

    assert before == Principal(
        user_id="usr_dana_both",
        name="Dana Dvořáková",
        roles=frozenset({Role.ADMIN_AGENT, Role.REFUND_APPROVER}),
        partner_id=ONE,
    )
    assert after is not None
    assert after.roles == {Role.REFUND_APPROVER}


def test_a_user_without_roles_is_a_principal_who_may_nothing(database: Database) -> None:
    with database.reading() as connection:
        found = principal_of(connection, "usr_system")

    assert found is not None
    assert found.roles == frozenset()


def test_a_customers_user_is_no_staff(database: Database) -> None:
    with database.reading() as connection:
        found = principal_of(connection, "usr_greta_global")

    assert found is not None
    assert not found.is_staff
    assert found.customer_id == "cus_00000000000000000000000000000001"


def test_an_unknown_user_is_nobody(database: Database) -> None:
    with database.reading() as connection:
        for user_id in ("usr_nobody", "", "' OR true --"):
            assert principal_of(connection, user_id) is None


def test_an_inactive_user_is_nobody_and_is_asked_nothing(database: Database) -> None:
    _deactivate(database, "usr_bob_approver")

    with database.reading() as connection:
        assert principal_of(connection, "usr_bob_approver") is None
        assert "usr_bob_approver" not in approvers_for(connection, ONE)
        assert user_for_role(connection, Role.REFUND_APPROVER) == "usr_carol_approver"


def test_approvers_are_of_the_house_or_of_the_partner(database: Database) -> None:
    with database.reading() as connection:
        house = ["usr_bob_approver", "usr_carol_approver"]
        assert approvers_for(connection, ONE) == [*house, "usr_dana_both"]
        assert approvers_for(connection, OTHER) == house


def test_a_customers_user_never_approves(database: Database) -> None:
    with database.transaction() as connection:
        connection.execute(
            insert(_roles).values(user_id="usr_greta_global", role=Role.REFUND_APPROVER)
        )
        assert "usr_greta_global" not in approvers_for(connection, ONE)


def test_operators_are_the_houses_only(database: Database) -> None:
    with database.transaction() as connection:
        connection.execute(insert(_roles).values(user_id="usr_sam_sales", role=Role.OPERATOR))
        assert operators(connection) == ["usr_olga_operator"]


def test_admin_agents_are_the_partners_own(database: Database) -> None:
    with database.reading() as connection:
        assert admin_agents_of(connection, ONE) == ["usr_alice_admin", "usr_dana_both"]
        assert admin_agents_of(connection, OTHER) == ["usr_petra_admin"]


def test_every_role_has_a_demo_user(database: Database) -> None:
    with database.reading() as connection:
        for role in Role:
            found = principal_of(connection, user_for_role(connection, role) or "")
            assert found is not None, role
            assert role in found.roles


def test_a_subject_names_its_active_user(database: Database) -> None:
    with database.transaction() as connection:
        connection.execute(
            update(_users).where(_users.c.id == "usr_alice_admin").values(subject="oidc|alice")
        )
        assert user_of_subject(connection, "oidc|alice") == "usr_alice_admin"
        assert user_of_subject(connection, "oidc|nobody") is None
    _deactivate(database, "usr_alice_admin")
    with database.reading() as connection:
        assert user_of_subject(connection, "oidc|alice") is None


def test_event_sources_are_bound_or_of_the_house(database: Database) -> None:
    with database.reading() as connection:
        bound = event_source(connection, "partner-one-portal")
        assert bound == EventSource(name="partner-one-portal", partner_id=ONE)
        assert event_source(connection, "house-portal") == EventSource(name="house-portal")
        assert event_source(connection, "stranger") is None
