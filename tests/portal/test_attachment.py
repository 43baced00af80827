"""Attachments over the API: judged by their bytes, five to a ticket, saved and never shown, withdrawn for good."""

import asyncio
import hashlib
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from models.attachment import MOST
from models.ids import Prefix
from models.tables.attachment import AttachmentReadRow
from models.tables.column import table
from storage.receipt import take_receipt
from tests.factories import APPROVER, BUYER, OTHER_BUYER, Story
from tests.fixtures.attachments import BOUNDARY, attach, form
from tests.fixtures.portal import Portal

OPERATOR, HELPDESK = "usr_olga_operator", "usr_hana_helpdesk"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20
PART = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'.encode()
END = f"\r\n--{BOUNDARY}--\r\n".encode()
BROKEN = {
    "nothing": b"",
    "no form": b"hello",
    "cut in its header": PART[:40],
    "cut in its file": PART + b"hello",
    "of another boundary": b"--other" + PART + b"hello" + END,
    "cut before the end": PART + b"hello" + END[:-6],
}
NOT_ONE = {
    "two files": PART + b"a\r\n" + PART + b"b" + END,
    "no name of a file": PART.replace(b'; filename="a.txt"', b"") + b"hello" + END,
    "another field": form(b"hello", field="picture"),
}


@pytest.fixture
def ticket_id(portal: Portal) -> str:
    """The ticket of a cancellation that waits for its decision."""
    story = Story(portal.state.database).buy().request()
    with portal.state.database.reading() as connection:
        found: str = connection.exec_driver_sql(
            "SELECT id FROM tickets WHERE cancellation_id = %s", (story.cancellation_id,)
        ).scalar_one()
    return found


def path(ticket_id: str, attachment_id: str = "") -> str:
    return f"/api/v1/tickets/{ticket_id}/attachments" + (attachment_id and f"/{attachment_id}")


def shelved(portal: Portal) -> list[Path]:
    root = portal.settings.data_dir / "attachments"
    return sorted(found for found in root.rglob("*") if found.is_file())


async def items(portal: Portal, ticket_id: str, user: str = BUYER) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await portal.get(path(ticket_id), user)).json()["items"]
    return found


async def test_a_file_comes_back_as_it_went(portal: Portal, ticket_id: str) -> None:
    added = await attach(portal, ticket_id, PNG, "../Žluťoučký.exe")
    assert added.status_code == 201, added.text
    told = added.json()
    assert (told["name"], told["media_type"]) == ("Žluťoučký.png", "image/png")
    assert told["sha256"] == hashlib.sha256(PNG).hexdigest()
    assert await items(portal, ticket_id, APPROVER) == [told]

    taken = await portal.get(path(ticket_id, told["id"]), APPROVER)

    assert taken.content == PNG
    headers = taken.headers
    assert headers["Content-Disposition"].startswith("attachment; filename*=UTF-8''%C5%BD")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert headers["Cache-Control"] == "private, no-store"
    with portal.state.database.reading() as connection:
        reads = connection.execute(select(table(AttachmentReadRow).c.read_by)).scalars().all()
    assert reads == [APPROVER]


async def test_bytes_lie_where_nobody_else_reads(portal: Portal, ticket_id: str) -> None:
    added = (await attach(portal, ticket_id, PNG)).json()
    (place,) = shelved(portal)
    assert place.parts[-3:] == ("attachments", added["id"], added["sha256"])
    modes = [each.stat().st_mode & 0o777 for each in (place.parent.parent, place.parent, place)]
    assert modes == [0o700, 0o700, 0o600]


@pytest.mark.parametrize("content", [b"MZ\x90\0", b"PK\x03\x04\0", b"<html>", b"#!/bin/sh\n"])
async def test_what_might_run_is_refused(portal: Portal, ticket_id: str, content: bytes) -> None:
    answer = await attach(portal, ticket_id, content, "harmless.txt")
    assert (answer.status_code, answer.json()["code"]) == (422, "attachment_type_refused")
    assert await items(portal, ticket_id) == []
    assert shelved(portal) == []


@pytest.mark.parametrize("raw", BROKEN.values(), ids=BROKEN)
async def test_a_broken_form_is_refused(portal: Portal, ticket_id: str, raw: bytes) -> None:
    answer = await attach(portal, ticket_id, b"", raw=raw)
    assert (answer.status_code, answer.json()["code"]) == (422, "malformed_multipart")


@pytest.mark.parametrize("raw", NOT_ONE.values(), ids=NOT_ONE)
async def test_one_file_is_asked_for(portal: Portal, ticket_id: str, raw: bytes) -> None:
    answer = await attach(portal, ticket_id, b"", raw=raw)
    assert (answer.status_code, answer.json()["code"]) == (422, "one_file_only")


async def test_an_empty_file_is_refused(portal: Portal, ticket_id: str) -> None:
    assert (await attach(portal, ticket_id, b"")).json()["code"] == "attachment_empty"


async def test_too_much_is_refused_while_it_comes(portal: Portal, ticket_id: str) -> None:
    limit = portal.settings.attachment_bytes
    assert (await attach(portal, ticket_id, b"x" * limit)).status_code == 201
    for more in (1, 100_000):
        answer = await attach(portal, ticket_id, b"x" * (limit + more))
        assert (answer.status_code, answer.json()["limit_bytes"]) == (413, limit)
    assert len(shelved(portal)) == 1


async def test_another_kind_of_body_is_refused(portal: Portal, ticket_id: str) -> None:
    answer = await portal.post(path(ticket_id), {"file": "hello"}, BUYER)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


async def test_a_repeat_is_the_same_and_another_file_is_not(portal: Portal, ticket_id: str) -> None:
    send = partial(attach, portal, ticket_id, key="same")
    first, again = [(await send(b"hello")).json() for _ in range(2)]
    assert first == again
    for other in (await send(b"other"), await send(b"hello", user=BUYER, name="x.log")):
        known = other.json()
        assert known.get("code", known.get("id")) in ("idempotency_key_reused", first["id"])
    assert len(await items(portal, ticket_id)) == 1


async def test_an_other_audience_is_another_request(portal: Portal, ticket_id: str) -> None:
    send = partial(attach, portal, ticket_id, b"hello", key="same", user=OPERATOR)
    assert (await send(audience="internal")).status_code == 201
    assert (await send()).json()["code"] == "idempotency_key_reused"


async def test_five_at_once_and_no_more(portal: Portal, ticket_id: str) -> None:
    """Eight at the same time, over connections of their own."""
    answers = await asyncio.gather(*(attach(portal, ticket_id, b"%d" % n) for n in range(8)))
    assert sorted(a.status_code for a in answers) == [201] * MOST + [409] * 3
    assert {a.json().get("code") for a in answers} == {None, "too_many_attachments"}
    assert len(shelved(portal)) == MOST
    gone = (await items(portal, ticket_id))[0]["id"]
    await portal.post(path(ticket_id, gone) + "/withdrawal", None, BUYER)
    assert (await attach(portal, ticket_id, b"sixth")).status_code == 201


async def test_internal_ones_are_for_house_staff(portal: Portal, ticket_id: str) -> None:
    refused = await attach(portal, ticket_id, b"hello", audience="internal")
    assert refused.status_code == 403
    added = (await attach(portal, ticket_id, b"hello", user=OPERATOR, audience="internal")).json()
    assert await items(portal, ticket_id) == []
    assert (await portal.get(path(ticket_id, added["id"]), BUYER)).status_code == 404
    assert (await portal.get(path(ticket_id, added["id"]), OPERATOR)).content == b"hello"
    customers = await attach(portal, ticket_id, b"hello", user=OPERATOR, audience="customer")
    assert customers.status_code == 422


async def test_only_its_uploader_or_staff_withdraws(portal: Portal, ticket_id: str) -> None:
    added = (await attach(portal, ticket_id, b"hello")).json()
    away = path(ticket_id, added["id"]) + "/withdrawal"
    assert (await portal.post(away, None, HELPDESK)).json()["code"] == "not_your_attachment"
    assert (await portal.post(away, None, OTHER_BUYER)).status_code == 404

    gone = (await portal.post(away, None, OPERATOR)).json()

    assert (gone["withdrawn_by"], gone["sha256"]) == (OPERATOR, added["sha256"])
    assert (await portal.post(away, None, BUYER)).json() == gone
    assert await items(portal, ticket_id) == [gone]
    assert (await portal.get(path(ticket_id, added["id"]), BUYER)).status_code == 404
    assert shelved(portal) == []


async def test_a_repeat_brings_nothing_back(portal: Portal, ticket_id: str) -> None:
    added = (await attach(portal, ticket_id, b"hello", key="same")).json()
    await portal.post(path(ticket_id, added["id"]) + "/withdrawal", None, BUYER)

    again = await attach(portal, ticket_id, b"hello", key="same")

    assert (again.status_code, again.json()) == (201, added)
    assert shelved(portal) == []


async def test_what_a_crash_left_is_swept_and_nothing_else(portal: Portal, ticket_id: str) -> None:
    """Bytes whose row never came: the receipt, written before them, tells where they lie."""
    desk = portal.state.attachments
    await attach(portal, ticket_id, b"needed")
    sha256 = hashlib.sha256(b"lost").digest()
    receipt = take_receipt(
        portal.state.database,
        principal_id=BUYER,
        route="POST somewhere",
        key="lost",
        body_sha256=sha256,
        prefix=Prefix.ATTACHMENT,
        at=datetime.now(UTC) - timedelta(hours=2),
    )
    folder = portal.settings.data_dir / "attachments" / receipt.resource_id
    folder.mkdir()
    (folder / sha256.hex()).write_bytes(b"lost")

    swept = [desk.discard(left) for left in desk.left_behind()]

    assert swept == [True]
    assert [each.read_bytes() for each in shelved(portal)] == [b"needed"]


async def test_lost_bytes_are_said_to_be_unavailable_and_found(
    portal: Portal, ticket_id: str
) -> None:
    desk = portal.state.attachments
    added = (await attach(portal, ticket_id, b"hello")).json()
    assert list(desk.lost()) == []
    (place,) = shelved(portal)
    place.write_bytes(b"jello")
    assert list(desk.lost()) == [added["id"]]
    place.unlink()
    assert list(desk.lost()) == [added["id"]]
    answer = await portal.get(path(ticket_id, added["id"]), BUYER)
    assert (answer.status_code, answer.json()["code"]) == (503, "file_unavailable")
