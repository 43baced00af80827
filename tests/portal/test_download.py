"""Downloads: the builds that exist, links to them, the page behind a link, and every way a link can be dead."""

import hashlib
from datetime import UTC, datetime, timedelta

import httpx2
import pytest
from sqlalchemy import select, text

from demo.files import content
from tests.factories import BUYER, OPERATOR
from tests.fixtures.links import fetch, links, make_link, recorded, revoke, uses, withdraw
from tests.fixtures.stack import Stack

pytestmark = pytest.mark.usefixtures("two_uses")


async def test_only_builds_that_exist_are_listed(stack: Stack) -> None:
    story = stack.story().buy()
    listed = await stack.caller(BUYER).get(f"/software/{story.software_id}/downloads")
    builds = {(b["version"], b["language"], b["bitness"]) for b in listed.body["items"]}
    assert ("2019", "de-DE", "64") in builds
    assert ("2016", "de-DE", "64") not in builds
    assert len(builds) == len(listed.body["items"]) == 6
    chosen = {
        (version["version"], language["language"], bitness["bitness"])
        for version in listed.body["versions"]
        for language in version["languages"]
        for bitness in language["bitnesses"]
    }
    assert chosen == builds


async def test_a_link_gives_the_listed_file_to_whoever_holds_it(stack: Stack) -> None:
    story = stack.story().buy()
    link = await make_link(stack, story)
    file = link["file"]
    answer = await fetch(stack, link)
    assert answer.status_code == 200
    assert answer.content == content(file["file_name"], file["size_bytes"])
    assert hashlib.sha256(answer.content).hexdigest() == file["sha256"]
    assert answer.headers["X-Checksum-SHA256"] == file["sha256"]
    assert answer.headers["Content-Disposition"].startswith("attachment; filename*=UTF-8''SW_DVD9")
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert uses(stack) == 1
    stack.assert_book_is_right()


async def test_the_token_is_nowhere_in_the_book(stack: Stack) -> None:
    link = await make_link(stack, stack.story().buy())
    token = link["url"].rpartition("/")[2]
    assert len(token) == 43
    with stack.database.reading() as connection:
        row = connection.execute(select(links)).one()
        assert bytes(row.token_hash) == hashlib.sha256(token.encode()).digest()
        for name in ("download_links", "effects", "audit", "outbox", "idempotency_keys"):
            dump = connection.execute(
                text(f"SELECT coalesce(string_agg(t::text, ''), '') FROM {name} t")
            )
            assert token not in dump.scalar_one()


async def test_a_repeat_gives_the_same_link_and_makes_no_second(stack: Stack) -> None:
    story = stack.story().buy()
    first = await make_link(stack, story, key="same")
    await fetch(stack, first)
    again = await make_link(stack, story, key="same")
    assert again == first | {"uses": 1}
    another = await make_link(stack, story)
    assert another["url"] != first["url"]


async def test_opening_the_link_shows_a_page_and_uses_nothing_up(stack: Stack) -> None:
    link = await make_link(stack, stack.story().buy())
    browser = {"Accept": "text/html,application/xhtml+xml", "User-Agent": "Mozilla/5.0"}
    scanner = {"Accept": "*/*", "User-Agent": "a mail scanner"}
    for headers in ({}, browser, scanner, {"Range": "bytes=0-1023"}):
        page = await stack.http.get(link["url"], headers=headers)
        assert page.status_code == 200
        assert page.headers["Content-Type"].startswith("text/html")
    for purpose in ("Sec-Purpose", "Purpose"):
        ahead = await stack.http.get(link["file_url"], headers={purpose: "prefetch;prerender"})
        assert ahead.content == page.content
    file = link["file"]
    assert file["file_name"] in page.text
    assert file["sha256"] in page.text
    assert '<button name="download" value="1">' in page.text
    assert "form-action 'self'" in page.headers["Content-Security-Policy"]
    assert (await stack.http.head(link["url"])).status_code == 200
    assert uses(stack) == 0
    assert await recorded(stack, link) == []
    assert link["file_url"] == f"{link['url']}?download=1"


async def test_every_dead_link_gives_one_and_the_same_page(stack: Stack) -> None:
    pages = {
        "unknown": await stack.http.get("/d/" + "x" * 43),
        "garbage": await stack.http.get("/d/%00%F0%9F%98%80"),
    }
    used_up = await make_link(stack, stack.story().buy())
    for _ in range(2):
        assert (await fetch(stack, used_up)).status_code == 200
    pages["used up"] = await fetch(stack, used_up)
    pages["used up, its page"] = await stack.http.get(used_up["url"])
    by_hand = await make_link(stack, stack.story().buy())
    assert (await revoke(stack, by_hand)).body["status"] == "revoked"
    pages["revoked by hand"] = await fetch(stack, by_hand)
    bad = await make_link(stack, stack.story(sku="DG7GMGF0FKX9:0003", quantity=1).buy())
    assert (await withdraw(stack, bad)).status == 200
    pages["withdrawn"] = await fetch(stack, bad)
    story = stack.story().buy()
    cancelled = await make_link(stack, story)
    story.request().decide().suspend()
    pages["suspended"] = await fetch(stack, cancelled)
    story.credit().revoke().close()
    pages["revoked"] = await fetch(stack, cancelled)
    expired = await make_link(stack, stack.story().buy())
    stack.clock.stopped_at = datetime.now(UTC) + timedelta(days=14, seconds=1)
    pages["expired"] = await fetch(stack, expired)
    for why, page in pages.items():
        assert page.status_code == 404, why
        assert page.content == pages["unknown"].content, why
        assert _stable(page) == _stable(pages["unknown"]), why
    stack.assert_book_is_right()


async def test_links_are_listed_with_how_they_stand(stack: Stack) -> None:
    story = stack.story().buy()
    first, second = await make_link(stack, story), await make_link(stack, story)
    await fetch(stack, second)
    await revoke(stack, first)
    listed = await stack.caller(BUYER).get(f"/software/{story.software_id}/download-links")
    shown = [(item["id"], item["status"], item["uses"]) for item in listed.body["items"]]
    assert shown == [(second["id"], "live", 1), (first["id"], "revoked", 0)]
    assert all(item["url"] is None and item["file_url"] is None for item in listed.body["items"])
    assert (await revoke(stack, first)).body["status"] == "revoked"
    other = stack.caller("usr_petra_admin")
    path = f"/software/{story.software_id}/download-links"
    assert (await other.get(path)).code == "404 not_found"
    assert (await other.post(f"{path}/{second['id']}/revocation")).code == "404 not_found"
    stack.assert_book_is_right()


async def test_a_withdrawn_build_is_offered_no_longer(stack: Stack) -> None:
    story = stack.story().buy()
    link = await make_link(stack, story)
    withdrawn = await withdraw(stack, link, key="once")
    assert withdrawn.body["withdrawn_by"] == OPERATOR
    assert (await withdraw(stack, link, key="once")).body == withdrawn.body
    refused = await withdraw(stack, link)
    assert refused.code == "409 build_withdrawn"
    assert refused.body["withdrawal_reason"] == "It does not start."
    buyer, path = stack.caller(BUYER), f"/software/{story.software_id}"
    listed = await buyer.get(f"{path}/downloads")
    assert link["file"] not in listed.body["items"]
    asked = await buyer.post(f"{path}/download-links", {"file_id": link["file"]["id"]})
    assert asked.code == "404 not_found"
    links_of = await buyer.get(f"{path}/download-links")
    assert [item["status"] for item in links_of.body["items"]] == ["withdrawn"]
    stack.assert_book_is_right()


async def test_links_are_made_for_own_active_items_and_own_files_only(stack: Stack) -> None:
    story = stack.story().buy()
    other = stack.story(sku="DG7GMGF0FKX9:0003", quantity=1).buy()
    foreign = (await make_link(stack, other))["file"]["id"]
    own = (await make_link(stack, story))["file"]["id"]
    path, body = f"/software/{story.software_id}/download-links", {"file_id": own}
    buyer = stack.caller(BUYER)
    assert (await buyer.post(path, {"file_id": foreign})).code == "404 not_found"
    assert (await buyer.post(path, {"file_id": "fil_\u0000"})).code == "422 invalid_request"
    assert (await buyer.post(path, body | {"max_uses": 10**6})).code == "422 invalid_request"
    assert (await stack.caller("usr_sam_sales").post(path, body)).code == "403 forbidden"
    assert (await stack.caller("usr_petra_admin").post(path, body)).code == "404 not_found"
    story.request().decide().suspend()
    assert (await buyer.post(path, body)).code == "409 software_not_active"
    listed = await buyer.get(f"/software/{story.software_id}/downloads")
    assert listed.body == {"items": [], "versions": []}


def _stable(page: httpx2.Response) -> dict[str, str]:
    return {name: value for name, value in page.headers.items() if name != "x-request-id"}
