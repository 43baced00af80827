"""Every route asks who may, and answers about other people's things as about things that do not exist."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from models.principal import Role
from models.session import SignInMethod
from models.tables.column import table
from models.tables.principal import UserRoleRow, UserRow
from portal.auth import is_public
from portal.door import DoorRoute, acts_of
from portal.page import PageRoute
from portal.routes import ROUTERS
from rules.permission import ALLOWED, Act
from storage.session import start_session
from tests.factories import (
    APPROVER,
    BUYER,
    CUSTOMER,
    OTHER_BUYER,
    OTHER_CUSTOMER,
    PARTNER,
    PLACED_AT,
    Story,
)
from tests.fixtures.bodies import STRANGE_ID, attachment_id, body_for, endpoint_ids, notice_id
from tests.fixtures.browser import OWN as OWN_FORM
from tests.fixtures.browser import browsing
from tests.fixtures.closing import close_statements, typeset_all
from tests.fixtures.portal import Portal, bearer
from tests.fixtures.session import TERMS

CUSTOMER_ROLES = {Role.GLOBAL_ADMIN, Role.CUSTOMER_USER}

ROUTES = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
GUARDED = [route for route in ROUTES if acts_of(route.dependant)]
PAGES = [route for route in GUARDED if isinstance(route, PageRoute)]


def _name(route: APIRoute) -> str:
    return f"{min(route.methods)} {route.path}"


def _calls(dependant: Dependant) -> Iterator[Any]:
    yield dependant.call
    for inner in dependant.dependencies:
        yield from _calls(inner)


@pytest.mark.parametrize("route", ROUTES, ids=_name)
def test_a_route_names_one_act_or_says_that_it_is_public(route: APIRoute) -> None:
    public = any(is_public(call) for call in _calls(route.dependant))
    assert len(acts_of(route.dependant)) == (0 if public else 1)
    if route.path.startswith("/api/v1"):
        assert isinstance(route, DoorRoute)
        assert not public
    elif not route.include_in_schema:
        assert isinstance(route, PageRoute)


def test_every_route_of_the_app_is_in_the_list(still_portal: Portal) -> None:
    listed = {route.path for route in ROUTES if route.include_in_schema}
    assert set(still_portal.app.openapi()["paths"]) == listed


def test_every_post_takes_a_receipt(still_portal: Portal) -> None:
    for path, item in still_portal.app.openapi()["paths"].items():
        for method, operation in item.items():
            if method == "get" or path == "/events":
                continue
            names = [p["name"] for p in operation["parameters"] if p["required"]]
            assert "Idempotency-Key" in names, path


class World(NamedTuple):
    """Two partners' cases, and one user for each role at the first partner."""

    portal: Portal
    own: dict[str, str]
    other: dict[str, str]


@pytest.fixture(scope="module")
async def world(still_portal: Portal) -> World:
    """Everything that a path can name, of both partners."""
    database = still_portal.state.database
    with database.transaction() as connection:
        for role in Role:
            is_customers = role in CUSTOMER_ROLES
            user = {"id": _user(role), "name": role, "email": f"{role}@test.example"}
            place = {"partner_id": PARTNER, "customer_id": CUSTOMER if is_customers else None}
            connection.execute(table(UserRow).insert().values(**user, **place, active=True))
            connection.execute(table(UserRoleRow).insert().values(user_id=_user(role), role=role))
    own = Story(database).buy().share().replace().cancel()
    other = Story(database).place(OTHER_BUYER, OTHER_CUSTOMER).charge().deliver()
    other.share(OTHER_BUYER)
    other.request_replacement(OTHER_BUYER).suspend_leaked().settle().issue()
    other.request(OTHER_BUYER).decide().suspend().credit().revoke().close()
    # Between charge and credit, so that both partners have a credit note.
    close_statements(database, PLACED_AT + timedelta(minutes=4))
    close_statements(database, PLACED_AT + timedelta(hours=1))
    typeset_all(database, PLACED_AT + timedelta(hours=1))
    return World(
        still_portal,
        await _ids(still_portal, own, CUSTOMER, BUYER),
        await _ids(still_portal, other, OTHER_CUSTOMER, OTHER_BUYER),
    )


async def _ids(portal: Portal, story: Story, customer: str, buyer: str) -> dict[str, str]:
    case = (await portal.get(f"/api/v1/cancellations/{story.cancellation_id}", APPROVER)).json()
    return {
        "customer_id": customer,
        "order_id": story.order_id,
        "software_id": story.software_id,
        "link_id": story.link_id,
        "file_id": STRANGE_ID,
        "cancellation_id": story.cancellation_id,
        "replacement_id": story.replacement_id,
        "ticket_id": case["ticket_id"],
        "credit_id": case["credit_id"],
        "statement_id": (await portal.get("/api/v1/statements", buyer)).json()["items"][1]["id"],
        "credit_note_id": (await portal.get("/api/v1/credit-notes", buyer)).json()["items"][0][
            "id"
        ],
        **await endpoint_ids(portal, buyer),
        "attachment_id": attachment_id(portal, case["ticket_id"], buyer),
        "notice_id": notice_id(portal, story.order_id),
        "decision_id": STRANGE_ID,
        "delegation_id": STRANGE_ID,
        "sku": "DG7GMGF0D5RK:0004",
        "token": STRANGE_ID,
        "session_id": start_session(
            portal.state.database,
            secret_sha256=buyer.encode(),
            user_id=buyer,
            method=SignInMethod.DEV,
            device="Firefox on Linux",
            at=datetime.now(UTC),
            terms=TERMS,
        ).id,
    }


def _user(role: Role) -> str:
    return f"usr_matrix_{role}"


async def _ask(world: World, route: APIRoute, user: str, ids: dict[str, str]) -> Any:
    path = route.path.format(**{name: ids[name] for name in route.param_convertors})
    if isinstance(route, PageRoute):
        async with browsing(world.portal, user) as browser:
            fields = FIELDS.get(path.rpartition("/")[2])
            return await browser.http.request(
                min(route.methods), path, data=fields, headers=OWN_FORM
            )
    if "GET" in route.methods:
        return await world.portal.get(path, user)
    return await world.portal.post(path, body_for(route), user)


FIELDS = {"decision": {"action": "decline", "key": "k", "revision": "1", "reason_code": "other"}}
"""Something well-formed for the forms that need fields, by the end of their path."""

MATRIX = [
    pytest.param(route, role, id=f"{_name(route)} by {role}") for route in GUARDED for role in Role
]


@pytest.mark.parametrize(("route", "role"), MATRIX)
async def test_a_role_gets_what_the_table_says(world: World, route: APIRoute, role: Role) -> None:
    act: Act = acts_of(route.dependant)[0].act
    missing = dict.fromkeys(world.own, STRANGE_ID)

    answers = [await _ask(world, route, _user(role), ids) for ids in (world.other, missing)]

    if role not in ALLOWED[act]:
        assert {answer.status_code for answer in answers} == {403}
        assert {answer.json()["code"] for answer in answers} == {"forbidden"}
        own = await _ask(world, route, _user(role), world.own)
        assert own.status_code == 403
    elif route.param_convertors and "sku" not in route.param_convertors:
        assert [answer.status_code for answer in answers] == [404, 404]
        assert _comparable(answers[0]) == _comparable(answers[1])
    else:
        assert {answer.status_code for answer in answers} <= {200, 303, 404, 422}


def _comparable(answer: Any) -> Any:
    """All of an answer but what names the request: body and headers."""
    request_id = answer.headers["X-Request-Id"]
    body = answer.content.replace(request_id.encode(), b"")
    headers = [(k, v) for k, v in answer.headers.multi_items() if k != "x-request-id"]
    return answer.status_code, body, headers


READ_ONE = [
    r
    for r in GUARDED
    if "GET" in r.methods and r.param_convertors and "token" not in r.param_convertors
]
"""But for what stands behind a token, which is for one person and not for a role."""


@pytest.mark.parametrize("route", READ_ONE, ids=_name)
async def test_ones_own_things_are_there(world: World, route: APIRoute) -> None:
    act = acts_of(route.dependant)[0].act
    for role in ALLOWED[act]:
        answer = await _ask(world, route, _user(role), world.own)
        assert answer.status_code == 200, (role, answer.text)


LISTS = [r for r in GUARDED if "GET" in r.methods and not r.param_convertors]


@pytest.mark.parametrize("route", LISTS, ids=_name)
async def test_lists_show_nothing_of_others(world: World, route: APIRoute) -> None:
    act = acts_of(route.dependant)[0].act
    for role in ALLOWED[act]:
        answer = await _ask(world, route, _user(role), world.own)
        assert answer.status_code == 200, (role, answer.text)
        for foreign in set(world.other.values()) - set(world.own.values()):
            assert foreign not in answer.text


async def test_nobody_gets_in_without_a_token(world: World) -> None:
    for route in (route for route in GUARDED if route not in PAGES):
        path = route.path.format(**{name: world.own[name] for name in route.param_convertors})
        for headers in ({}, {"Authorization": "Bearer x"}, {"Authorization": "Basic YTpi"}):
            answer = await world.portal.http.request(min(route.methods), path, headers=headers)
            assert answer.status_code == 401, _name(route)
            assert answer.headers["WWW-Authenticate"] == "Bearer"


async def test_nobody_reads_a_page_unsigned_nor_by_a_token(world: World) -> None:
    for route in PAGES:
        path = route.path.format(**{name: world.own[name] for name in route.param_convertors})
        for headers in ({}, bearer(BUYER)):
            answer = await world.portal.http.request(min(route.methods), path, headers=headers)
            assert answer.status_code == 303, _name(route)
            assert answer.headers["Location"] == f"/sign-in?next={path}"


async def test_a_token_of_somebody_gone_is_worth_nothing(world: World) -> None:
    with world.portal.state.database.transaction() as connection:
        users = table(UserRow)
        connection.execute(
            users.insert().values(id="usr_gone", name="Gone", email="g@x.example", active=False)
        )
    for user in ("usr_gone", "usr_never_was"):
        answer = await world.portal.get("/api/v1/customers", user)
        assert (answer.status_code, answer.json()["code"]) == (401, "user_unknown")


async def test_a_role_taken_away_is_gone_at_the_next_act(world: World) -> None:
    user, roles = _user(Role.REFUND_APPROVER), table(UserRoleRow)
    assert (await world.portal.get("/api/v1/audit", user)).status_code == 200
    with world.portal.state.database.transaction() as connection:
        connection.execute(roles.delete().where(roles.c.user_id == user))
    assert (await world.portal.get("/api/v1/audit", user)).status_code == 403
