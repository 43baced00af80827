"""Downloads: the builds that exist, links to them, and every way a link can be used, spared and dead."""

import asyncio
import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from sqlalchemy import select, text

from demo.files import content
from models.tables.column import table
from models.tables.product_key import DownloadLinkRow
from portal.byte_range import ByteRange, requested_range
from tests.factories import BUYER, Story
from tests.fixtures.stack import Stack

links = table(DownloadLinkRow)


async def make_link(stack: Stack, story: Story, *, key: str | None = None) -> dict[str, Any]:
    caller = stack.caller(BUYER)
    listed = await caller.get(f"/software/{story.software_id}/downloads")
    body = {"file_id": listed.body["items"][0]["id"]}
    made = await caller.post(f"/software/{story.software_id}/download-links", body, key=key)
    assert made.status == 201, made.body
    link: dict[str, Any] = made.body
    return link


async def fetch(
    stack: Stack, link: dict[str, Any], method: str = "GET", **headers: str
) -> httpx2.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await stack.http.request(method, link["url"], headers=named)


def uses(stack: Stack) -> int:
    with stack.database.reading() as connection:
        found: int = connection.execute(select(links.c.uses)).scalar_one()
        return found


async def test_only_builds_that_exist_are_listed(stack: Stack) -> None:
    story = stack.story().buy()
    listed = await stack.caller(BUYER).get(f"/software/{story.software_id}/downloads")
    builds = {(b["version"], b["language"], b["bitness"]) for b in listed.body["items"]}
    assert ("2019", "de-DE", "64") in builds
    assert ("2016", "de-DE", "64") not in builds
    assert len(builds) == len(listed.body["items"]) == 6


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


async def test_looking_and_going_on_use_nothing_up(stack: Stack) -> None:
    link = await make_link(stack, stack.story().buy())
    size = link["file"]["size_bytes"]
    head = await fetch(stack, link, "HEAD")
    assert (head.status_code, head.headers["Content-Length"], head.content) == (200, str(size), b"")
    assert uses(stack) == 0
    whole = (await fetch(stack, link)).content
    assert uses(stack) == 1
    rest = await fetch(stack, link, Range="bytes=1000-")
    assert rest.status_code == 206
    assert rest.headers["Content-Range"] == f"bytes 1000-{size - 1}/{size}"
    assert rest.content == whole[1000:]
    assert uses(stack) == 1


async def test_a_first_request_from_the_middle_counts(stack: Stack) -> None:
    link = await make_link(stack, stack.story().buy())
    assert (await fetch(stack, link, Range="bytes=1-")).status_code == 206
    assert uses(stack) == 1
    assert (await fetch(stack, link, Range="bytes=0-9")).status_code == 206
    assert uses(stack) == 2


async def test_a_range_of_other_content_starts_over(stack: Stack) -> None:
    link = await make_link(stack, stack.story().buy())
    etag = (await fetch(stack, link)).headers["ETag"]
    same = await fetch(stack, link, Range="bytes=5-9", If_Range=etag)
    other = await fetch(stack, link, Range="bytes=5-9", If_Range='"other"')
    assert (same.status_code, len(same.content)) == (206, 5)
    assert (other.status_code, len(other.content)) == (200, link["file"]["size_bytes"])


async def test_a_range_behind_the_end_is_told_the_size(stack: Stack) -> None:
    link = await make_link(stack, stack.story().buy())
    size = link["file"]["size_bytes"]
    answer = await fetch(stack, link, Range=f"bytes={size}-")
    assert (answer.status_code, answer.headers["Content-Range"]) == (416, f"bytes */{size}")
    assert uses(stack) == 0


async def test_every_dead_link_gives_one_and_the_same_page(stack: Stack) -> None:
    pages = {
        "unknown": await stack.http.get("/d/" + "x" * 43),
        "garbage": await stack.http.get("/d/%00%F0%9F%98%80"),
    }
    used_up = await make_link(stack, stack.story().buy())
    for _ in range(2):
        assert (await fetch(stack, used_up)).status_code == 200
    pages["used up"] = await fetch(stack, used_up)
    pages["used up, from the middle"] = await fetch(stack, used_up, Range="bytes=1-")
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


async def test_the_last_use_goes_to_one_of_many(stack: Stack) -> None:
    link = await make_link(stack, stack.story().buy())
    answers = await asyncio.gather(*(fetch(stack, link) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] * 2 + [404] * 6
    assert uses(stack) == 2


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
    assert listed.body == {"items": []}


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        ("", None),
        ("bytes=0-", ByteRange(0, 10)),
        ("bytes=3-5", ByteRange(3, 6)),
        ("bytes=3-500", ByteRange(3, 10)),
        ("bytes=-4", ByteRange(6, 10)),
        ("bytes=-400", ByteRange(0, 10)),
        ("bytes=5-3", None),
        ("bytes=-", None),
        ("bytes=0-1,3-4", None),
        ("lines=0-1", None),
        ("bytes=" + "9" * 40 + "-", None),
    ],
)
def test_ranges(header: str | None, expected: ByteRange | None) -> None:
    assert requested_range(header, 10) == expected


def _stable(page: httpx2.Response) -> dict[str, str]:
    return {name: value for name, value in page.headers.items() if name != "x-request-id"}
