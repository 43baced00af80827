"""Transfers: what counts as a use, what goes on after a break, what is recorded, and bytes that cannot be had."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from portal.transfer import CorruptFile
from processes.ports import free_ports
from tests.factories import BUYER
from tests.fixtures.links import fetch, make_link, recorded, revoke, uses, withdraw
from tests.fixtures.portal import portal_settings, serving
from tests.fixtures.stack import Stack

pytestmark = pytest.mark.usefixtures("two_uses")


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


async def test_every_download_is_on_record(stack: Stack) -> None:
    link = await make_link(stack, stack.story().buy())
    size = link["file"]["size_bytes"]
    await fetch(stack, link)
    await fetch(stack, link, Range="bytes=1000-")
    await fetch(stack, link, Range="bytes=0-9")
    assert await recorded(stack, link) == [
        (1, 1, 0, size, size, "finished"),
        (1, 2, 1000, size, size - 1000, "finished"),
        (2, 1, 0, 10, 10, "finished"),
    ]
    audit = await stack.caller(BUYER).get("/audit", subject_id=link["id"])
    actions = [entry["action"] for entry in audit.body["items"]]
    assert actions == ["download.started"] * 2 + ["download.link_created"]
    stack.assert_book_is_right()


async def test_the_last_use_goes_on_after_a_break_for_some_hours(stack: Stack) -> None:
    link = await make_link(stack, stack.story().buy())
    size = link["file"]["size_bytes"]
    began = datetime.now(UTC) + timedelta(days=14) - timedelta(hours=1)
    stack.clock.stopped_at = began
    for _ in range(2):
        assert (await fetch(stack, link, Range="bytes=0-99")).status_code == 206
    etag = f'"{link["file"]["sha256"]}"'
    # Used up, and then expired: nothing new begins, yet what began goes on.
    stack.clock.stopped_at = began + timedelta(hours=6)
    assert (await fetch(stack, link)).status_code == 404
    assert (await fetch(stack, link, "HEAD")).status_code == 200
    rest = await fetch(stack, link, Range="bytes=100-", If_Range=etag)
    assert (rest.status_code, len(rest.content)) == (206, size - 100)
    assert (await recorded(stack, link))[-1] == (2, 2, 100, size, size - 100, "finished")
    # Somebody whose content changed starts over, which is a new use.
    assert (await fetch(stack, link, Range="bytes=100-", If_Range='"x"')).status_code == 404
    stack.clock.stopped_at = began + timedelta(hours=6, seconds=1)
    assert (await fetch(stack, link, Range="bytes=100-")).status_code == 404
    assert uses(stack) == 2


async def test_many_connections_at_once_are_one_use(stack: Stack) -> None:
    link = await make_link(stack, stack.story().buy())
    await fetch(stack, link, Range="bytes=0-9")
    ranges = [f"bytes={start}-{start + 9}" for start in range(10, 90, 10)]
    answers = await asyncio.gather(*(fetch(stack, link, Range=wanted) for wanted in ranges))
    assert {answer.status_code for answer in answers} == {206}
    parts = [(use, part) for use, part, *_ in await recorded(stack, link)]
    assert sorted(parts) == [(1, part) for part in range(1, 10)]
    assert uses(stack) == 1
    stack.assert_book_is_right()


async def test_one_use_gives_about_twice_the_file_and_no_more(stack: Stack) -> None:
    link = await make_link(stack, stack.story().buy())
    for _ in range(2):
        await fetch(stack, link)
    answers = [await fetch(stack, link, Range="bytes=1-") for _ in range(5)]
    # Twice for each of both uses: the second time began just below the bound.
    assert [answer.status_code for answer in answers] == [206] * 4 + [404]


@pytest.mark.parametrize("end", ["suspended", "revoked", "withdrawn"])
async def test_nothing_goes_on_once_the_link_is_dead(stack: Stack, end: str) -> None:
    story = stack.story().buy()
    link = await make_link(stack, story)
    await fetch(stack, link, Range="bytes=0-99")
    if end == "suspended":
        story.request().decide().suspend()
    elif end == "revoked":
        await revoke(stack, link)
    else:
        await withdraw(stack, link)
    assert (await fetch(stack, link, Range="bytes=100-")).status_code == 404


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


async def test_a_file_that_is_away_costs_no_use(stack: Stack, shelf: Path) -> None:
    link = await make_link(stack, stack.story().buy())
    place = shelf / "files" / link["file"]["sha256"]
    kept = place.read_bytes()
    try:
        place.unlink()
        gone = await fetch(stack, link)
        place.write_bytes(kept[:-1])
        cut = await fetch(stack, link)
    finally:
        place.write_bytes(kept)
    for answer in (gone, cut):
        assert answer.status_code == 503
        assert answer.json()["code"] == "file_unavailable"
        assert answer.headers["Retry-After"] == "60"
    assert uses(stack) == 0


async def test_a_bucket_that_is_away_costs_no_use(
    stack: Stack, shelf: Path, key_ring: SecretStr
) -> None:
    link = await make_link(stack, stack.story().buy())
    nowhere = f"http://127.0.0.1:{free_ports(1)[0]}"
    settings = portal_settings(stack.database.url, shelf, key_ring, "127.0.0.1:1").model_copy(
        update={"files_url": "s3://builds", "files_endpoint": nowhere}
        | dict.fromkeys(("files_access_key_id", "files_secret_access_key"), SecretStr("x"))
    )
    async with serving(settings) as portal:
        answer = await portal.http.get(link["file_url"])
    assert (answer.status_code, answer.json()["code"]) == (503, "file_unavailable")
    assert answer.headers["Retry-After"] == "60"
    assert uses(stack) == 0


async def test_other_bytes_than_the_catalogues_are_never_given_whole(
    stack: Stack, shelf: Path
) -> None:
    link = await make_link(stack, stack.story().buy())
    size = link["file"]["size_bytes"]
    place = shelf / "files" / link["file"]["sha256"]
    kept = place.read_bytes()
    try:
        place.write_bytes(bytes(size))
        with pytest.raises(CorruptFile):
            await fetch(stack, link)
    finally:
        place.write_bytes(kept)
    assert await recorded(stack, link) == [(1, 1, 0, size, 0, "broken")]


async def test_the_last_use_goes_to_one_of_many(stack: Stack) -> None:
    link = await make_link(stack, stack.story().buy())
    answers = await asyncio.gather(*(fetch(stack, link) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] * 2 + [404] * 6
    assert uses(stack) == 2
