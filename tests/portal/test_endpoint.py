"""Endpoints over the API: registered by whom they concern, their secrets shown once, their deliveries followed."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import insert, text
from standardwebhooks import Webhook

from integrations.signer import make_signing_ring
from models.tables.column import table
from models.tables.principal import UserRoleRow
from settings import Mode
from storage.engine import Database
from tests.factories import BUYER, GLOBAL_ADMIN, OPERATOR, OTHER_BUYER, Story
from tests.fixtures.endpoints import INTEGRATOR, deliver
from tests.fixtures.portal import Portal, serving
from tests.fixtures.receiver import Receiver, answer

PATH = "/api/v1/endpoints"


async def made(portal: Portal, url: str, user: str = INTEGRATOR, **draft: Any) -> dict[str, Any]:
    """A registered endpoint with its secret."""
    response = await portal.post(PATH, {"url": url} | draft, user)
    assert response.status_code == 201, response.text
    found: dict[str, Any] = response.json()
    assert response.headers["Location"] == f"{PATH}/{found['endpoint']['id']}"
    return found


async def log(portal: Portal, endpoint_id: str, **query: Any) -> list[dict[str, Any]]:
    response = await portal.get(f"{PATH}/{endpoint_id}/deliveries", INTEGRATOR, **query)
    found: list[dict[str, Any]] = response.json()["items"]
    return found


async def test_what_is_registered_is_delivered_to_and_verifies(
    portal: Portal, database: Database, receiver: Receiver
) -> None:
    found = await made(portal, receiver.url(), description="Our shop")
    endpoint = found["endpoint"]
    assert endpoint["status"] == "active"
    assert endpoint["disabled_reason"] is None

    Story(database).buy()
    await deliver(database)

    (got,) = receiver.got
    Webhook(found["secret"]).verify(got.body, got.headers)
    (delivery,) = await log(portal, endpoint["id"])
    assert (delivery["status"], delivery["sequence"]) == ("delivered", "0000000001")
    one = await portal.get(f"{PATH}/{endpoint['id']}/deliveries/{delivery['id']}", INTEGRATOR)
    (attempt,) = one.json()["attempts"]
    assert (attempt["number"], attempt["status_code"]) == (1, 200)


async def test_the_start_is_a_cursor_of_the_feed(
    portal: Portal, database: Database, receiver: Receiver
) -> None:
    Story(database).buy()
    endpoint = (await made(portal, receiver.url()))["endpoint"]
    Story(database).buy()
    after = await portal.get("/api/v1/events", INTEGRATOR, after=endpoint["starts_after"])
    await deliver(database)
    feed = after.content.removeprefix(b'{"items":[').partition(b'],"next"')[0]
    assert feed == receiver.got[0].body


async def test_a_secret_is_shown_once_and_again_only_to_the_same_request(
    portal: Portal, receiver: Receiver
) -> None:
    body = {"url": receiver.url()}
    first, again = [await portal.post(PATH, body, INTEGRATOR, key="same") for _ in range(2)]
    assert first.json() == again.json()
    secret, endpoint_id = first.json()["secret"], first.json()["endpoint"]["id"]
    assert secret.startswith("whsec_")
    shown = (await portal.get(f"{PATH}/{endpoint_id}", INTEGRATOR)).text
    shown += (await portal.get(PATH, INTEGRATOR)).text
    assert "whsec_" not in shown
    assert len((await portal.get(PATH, INTEGRATOR)).json()["items"]) == 1

    path = f"{PATH}/{endpoint_id}/secret-rotation"
    rotated, repeat = [await portal.post(path, {}, INTEGRATOR, key="rotate") for _ in range(2)]
    assert rotated.status_code == 201
    assert rotated.json() == repeat.json()
    assert rotated.json()["secret"] != secret
    until = datetime.fromisoformat(rotated.json()["old_valid_until"])
    assert timedelta(hours=23) < until - datetime.now(UTC) < timedelta(hours=25)


async def test_no_secret_is_in_the_book_in_clear(
    portal: Portal, database: Database, receiver: Receiver
) -> None:
    secret = (await made(portal, receiver.url()))["secret"]
    with database.reading() as connection:
        rows = str(connection.execute(text("SELECT * FROM endpoint_secrets")).all())
        rows += str(connection.execute(text("SELECT * FROM idempotency_keys")).all())
        rows += str(connection.execute(text("SELECT details FROM audit")).all())
    assert secret.removeprefix("whsec_") not in rows


@pytest.mark.parametrize(
    "url",
    ["ftp://127.0.0.1/", "http://user:word@127.0.0.1/", "no url", "http://127.0.0.1/#a", "/a"],
)
async def test_a_url_we_would_not_send_to_is_refused(portal: Portal, url: str) -> None:
    response = await portal.post(PATH, {"url": url}, INTEGRATOR)
    assert response.status_code == 422
    assert response.json()["code"] in {"endpoint_url_refused", "invalid_request"}
    assert "word" not in response.text


async def test_production_takes_no_private_address(portal: Portal, receiver: Receiver) -> None:
    ring = SecretStr(make_signing_ring())
    strict = portal.settings.model_copy(update={"mode": Mode.PRODUCTION, "revocation_ring": ring})
    async with serving(strict) as real:
        for url in (receiver.url(), "https://127.0.0.1/", "https://169.254.169.254/"):
            response = await real.post(PATH, {"url": url}, INTEGRATOR)
            assert response.json()["code"] == "endpoint_url_refused", url


async def test_each_sees_its_own_and_the_house_sees_all(portal: Portal, receiver: Receiver) -> None:
    own = (await made(portal, receiver.url()))["endpoint"]
    house = (await made(portal, receiver.url(), OPERATOR))["endpoint"]
    assert (house["partner_id"], own["partner_id"] is None) == (None, False)

    async def seen(user: str) -> set[str]:
        found = (await portal.get(PATH, user)).json()["items"]
        return {one["id"] for one in found}

    assert await seen(BUYER) == {own["id"]}
    assert await seen(OTHER_BUYER) == set()
    assert await seen(OPERATOR) == {own["id"], house["id"]}
    for verb in ("enable", "disable", "test"):
        other = await portal.post(f"{PATH}/{own['id']}/{verb}", None, OTHER_BUYER)
        assert other.status_code == 404


async def test_a_customer_has_no_endpoint_whatever_roles_its_people_hold(
    portal: Portal, database: Database, receiver: Receiver
) -> None:
    own = (await made(portal, receiver.url()))["endpoint"]
    with database.transaction() as connection:
        role = {"user_id": GLOBAL_ADMIN, "role": "integrator"}
        connection.execute(insert(table(UserRoleRow)).values(role))
    assert (await portal.post(PATH, {"url": receiver.url()}, GLOBAL_ADMIN)).status_code == 403
    assert (await portal.get(PATH, GLOBAL_ADMIN)).json()["items"] == []
    assert (await portal.get(f"{PATH}/{own['id']}", GLOBAL_ADMIN)).status_code == 404


async def test_a_test_event_is_sent_on_demand(
    portal: Portal, database: Database, receiver: Receiver
) -> None:
    endpoint_id = (await made(portal, receiver.url()))["endpoint"]["id"]
    receiver.respond = answer(500, b"not yet")
    queued = await portal.post(f"{PATH}/{endpoint_id}/test", None, INTEGRATOR)
    assert (queued.status_code, queued.json()["status"]) == (201, "pending")
    await deliver(database)

    one = await portal.get(f"{PATH}/{endpoint_id}/deliveries/{queued.json()['id']}", INTEGRATOR)
    assert one.json()["delivery"]["status"] == "given_up"
    assert one.json()["attempts"][0]["answer"] == "not yet"
    assert receiver.got[0].event.type == "keydesk.test.v1"
    assert (await portal.get("/api/v1/events", INTEGRATOR)).json()["items"] == []


async def test_a_disabled_endpoint_gets_nothing_until_it_is_enabled(
    portal: Portal, database: Database, receiver: Receiver
) -> None:
    endpoint_id = (await made(portal, receiver.url()))["endpoint"]["id"]
    stopped = await portal.post(f"{PATH}/{endpoint_id}/disable", None, INTEGRATOR)
    assert (stopped.json()["status"], stopped.json()["disabled_reason"]) == ("disabled", "by_hand")
    refused = await portal.post(f"{PATH}/{endpoint_id}/test", None, INTEGRATOR)
    assert (refused.status_code, refused.json()["code"]) == (409, "endpoint_disabled")
    Story(database).buy()
    await deliver(database)
    assert receiver.got == []

    started = await portal.post(f"{PATH}/{endpoint_id}/enable", None, INTEGRATOR)
    assert started.json()["status"] == "active"
    await deliver(database)
    assert len(receiver.got) == 1


async def test_deliveries_are_paged_filtered_and_sent_once_more(
    portal: Portal, database: Database, receiver: Receiver
) -> None:
    endpoint = (await made(portal, receiver.url()))["endpoint"]
    endpoint_id, path = endpoint["id"], f"{PATH}/{endpoint['id']}/redeliveries"
    Story(database).buy().cancel()
    await deliver(database)
    page = (await portal.get(f"{PATH}/{endpoint_id}/deliveries", INTEGRATOR, limit=3)).json()
    rest = (
        await portal.get(
            f"{PATH}/{endpoint_id}/deliveries", INTEGRATOR, limit=3, after=page["next"]
        )
    ).json()
    sequences = [one["sequence"] for one in page["items"] + rest["items"]]
    assert sequences == sorted(sequences, reverse=True)
    assert (len(sequences), rest["next"]) == (5, None)

    one = await portal.post(path, {"delivery_id": page["items"][0]["id"]}, INTEGRATOR)
    assert (one.status_code, one.json()) == (201, {"queued": 1})
    assert len(await log(portal, endpoint_id, status="pending")) == 1
    every = await portal.post(path, {"after": endpoint["starts_after"]}, INTEGRATOR)
    assert every.json() == {"queued": 5}
    long_ago = await portal.post(path, {"since": "2026-01-01T00:00:00Z"}, INTEGRATOR)
    assert long_ago.json() == {"queued": 5}
    await deliver(database)
    assert [int(got.event.sequence) for got in receiver.got[5:]] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    "body",
    [{}, {"delivery_id": "dlv_1", "after": "MQ"}, {"since": "2026-01-01T00:00:00"}, {"after": "?"}],
)
async def test_a_redelivery_names_one_thing(
    portal: Portal, receiver: Receiver, body: dict[str, Any]
) -> None:
    endpoint_id = (await made(portal, receiver.url()))["endpoint"]["id"]
    response = await portal.post(f"{PATH}/{endpoint_id}/redeliveries", body, INTEGRATOR)
    assert response.status_code == 422


async def test_a_delivery_of_another_endpoint_is_none(portal: Portal, receiver: Receiver) -> None:
    first, second = [(await made(portal, receiver.url()))["endpoint"]["id"] for _ in range(2)]
    queued = (await portal.post(f"{PATH}/{first}/test", None, INTEGRATOR)).json()["id"]
    body = {"delivery_id": queued}
    assert (await portal.post(f"{PATH}/{second}/redeliveries", body, INTEGRATOR)).status_code == 404
    assert (await portal.get(f"{PATH}/{second}/deliveries/{queued}", INTEGRATOR)).status_code == 404
