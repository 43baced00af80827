"""The feed as tools meet it: read page by page over the API, saved, and held against keys without a connection."""

import json
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from pydantic import SecretStr
from sqlalchemy import select
from typer.testing import CliRunner

from integrations.cipher.ring import RingCipher
from models.tables.column import table
from models.tables.product_key import ProductKeyRow
from portal.cli import app
from storage.engine import Database
from storage.reveal import sealed_key
from storage.revocation import begin_epoch
from tests.factories import OPERATOR, PER_UNIT, Story
from tests.fixtures.canary import sightings
from tests.fixtures.portal import Portal

PAGE = Path(__file__).parents[2] / "docs/revocations.md"
NEVER_ISSUED = "AAAAA-BBBBB-CCCCC-DDDDD-EEEEE"
_keys = table(ProductKeyRow)


def in_clear(database: Database, cipher: RingCipher, story: Story) -> list[str]:
    """The keys of a story's line; to be called while they work."""
    with database.reading() as connection:
        ids = connection.execute(select(_keys.c.id).where(_keys.c.line_id == story.line_id))
        sealed = {key_id: sealed_key(connection, key_id) for key_id in ids.scalars()}
    return [cipher.open(seal, key_id, holder) for key_id, (seal, holder) in sealed.items()]


@pytest.fixture
def told(portal: Portal, cipher: RingCipher) -> dict[str, list[str]]:
    """Three revoked keys and one that works."""
    database = portal.state.database
    gone, kept = Story(database, sku=PER_UNIT, quantity=3).buy(), Story(database).buy()
    keys = {
        "revoked": in_clear(database, cipher, gone),
        "working": in_clear(database, cipher, kept),
    }
    gone.cancel()
    return keys


async def pages_of(portal: Portal, **query: str) -> list[dict[str, Any]]:
    pages = [(await portal.get("/api/v1/revocations", limit="2", **query)).json()]
    while pages[-1]["next"]:
        following = await portal.get("/api/v1/revocations", limit="2", after=pages[-1]["next"])
        pages.append(following.json())
    return pages


async def save(portal: Portal, folder: Path) -> tuple[Path, Path]:
    feed, keys = folder / "feed.json", folder / "keys.json"
    feed.write_text(json.dumps({"pages": await pages_of(portal)}))
    keys.write_text((await portal.get("/api/v1/revocations/keys")).text)
    return feed, keys


def verify_key(feed: Path, keys: Path, key: str, *more: str) -> Result:
    words = ["verify-key", "--feed", str(feed), "--keys", str(keys), *more]
    return CliRunner().invoke(app, words, input=f"{key}\n")


async def test_a_saved_feed_tells_revoked_keys_from_others(
    portal: Portal, told: dict[str, list[str]], tmp_path: Path
) -> None:
    feed, keys = await save(portal, tmp_path)

    for key in told["revoked"]:
        answer = verify_key(feed, keys, key)
        assert (answer.exit_code, answer.stdout[:11]) == (1, "Revoked at ")
    for key in (*told["working"], NEVER_ISSUED):
        answer = verify_key(feed, keys, key)
        assert (answer.exit_code, answer.stdout[:17]) == (0, "Not revoked as of")
    as_json = verify_key(feed, keys, told["revoked"][0], "--json")
    assert json.loads(as_json.stdout)["revoked"] is True


async def test_no_key_can_be_found_in_the_feed(
    portal: Portal, told: dict[str, list[str]], tmp_path: Path
) -> None:
    feed, keys = await save(portal, tmp_path)
    secret = {f"key {n}": key for n, key in enumerate([*told["revoked"], *told["working"]])}
    ends = {f"end of {name}": key[-5:] for name, key in secret.items()}
    asked = verify_key(feed, keys, told["revoked"][0])
    refused = verify_key(feed, keys, told["revoked"][0][:-1])

    places = {"feed": feed.read_bytes(), "keys": keys.read_bytes()}
    places |= {"output": asked.output.encode(), "refusal": refused.output.encode()}
    assert sightings(secret, places) == []
    assert [name for name, end in ends.items() for p in places.values() if end.encode() in p] == []


async def test_the_documented_checker_works(
    portal: Portal, told: dict[str, list[str]], tmp_path: Path
) -> None:
    feed, keys = await save(portal, tmp_path)
    [checker] = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)

    def check(key: str, saved: Path = feed) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", checker, str(saved), str(keys)]
        return subprocess.run(command, input=key, capture_output=True, text=True, check=False)

    assert check(told["revoked"][1]).stdout.startswith("20")
    assert check(told["working"][0]).stdout.startswith("not revoked as of")
    bad = tmp_path / "bad.json"
    bad.write_text(feed.read_text().replace('"total": 3', '"total": 4'))
    assert bad.read_text() != feed.read_text()
    assert check(told["working"][0], bad).returncode != 0


def _spoil(change: str, feed: Path, keys: Path) -> None:
    saved = json.loads(feed.read_text())
    pages = saved["pages"]
    match change:
        case "a page dropped":
            pages.pop(0)
        case "pages swapped":
            pages.reverse()
        case "the end cut off":
            pages.pop()
        case "an entry changed":
            pages[0]["entries"][0]["digest"] = "0" * 64
        case "an instant changed":
            pages[1]["issued_at"] = "2031-01-01T00:00:00Z"
        case "no feed":
            saved = {"pages": []}
        case "spoilt keys":
            public = json.loads(keys.read_text())
            public["items"][0]["public_key"] = "nonsense"
            keys.write_text(json.dumps(public))
        case "another's keys":
            public = json.loads(keys.read_text())
            public["items"][0]["public_key"] = "A" * 43 + "="
            keys.write_text(json.dumps(public))
    feed.write_text(json.dumps(saved))


@pytest.mark.parametrize(
    "change",
    [
        "a page dropped",
        "pages swapped",
        "the end cut off",
        "an entry changed",
        "an instant changed",
        "no feed",
        "spoilt keys",
        "another's keys",
    ],
)
async def test_a_feed_that_was_tampered_with_is_not_used(
    portal: Portal, told: dict[str, list[str]], tmp_path: Path, change: str
) -> None:
    feed, keys = await save(portal, tmp_path)
    _spoil(change, feed, keys)

    for key in (told["revoked"][0], told["working"][0]):
        assert verify_key(feed, keys, key).exit_code == 2


async def test_an_old_feed_is_not_used(
    portal: Portal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed, keys = await save(portal, tmp_path)
    assert verify_key(feed, keys, NEVER_ISSUED).exit_code == 0

    three_days_ago = datetime.now(UTC) - timedelta(days=3)
    monkeypatch.setattr(portal.state.revocations, "_clock", lambda: three_days_ago)
    feed, keys = await save(portal, tmp_path)

    assert verify_key(feed, keys, NEVER_ISSUED).exit_code == 3
    assert verify_key(feed, keys, NEVER_ISSUED, "--max-age-hours", "73").exit_code == 0


async def test_a_feed_of_a_time_yet_to_come_is_not_used(
    portal: Portal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead = datetime.now(UTC) + timedelta(minutes=10)
    monkeypatch.setattr(portal.state.revocations, "_clock", lambda: ahead)
    feed, keys = await save(portal, tmp_path)

    assert verify_key(feed, keys, NEVER_ISSUED).exit_code == 2


async def test_bytes_that_are_no_text_are_not_judged(portal: Portal, tmp_path: Path) -> None:
    feed, keys = await save(portal, tmp_path)
    words = ["verify-key", "--feed", str(feed), "--keys", str(keys)]

    assert CliRunner().invoke(app, words, input=b"\xff\xfe\n").exit_code == 2


@pytest.mark.parametrize("typed", ["", "8F9FN", NEVER_ISSUED + "-FFFFF"])
async def test_what_is_no_key_is_not_judged(portal: Portal, tmp_path: Path, typed: str) -> None:
    feed, keys = await save(portal, tmp_path)

    assert verify_key(feed, keys, typed).exit_code == 2


async def test_a_missing_file_is_named(tmp_path: Path) -> None:
    answer = verify_key(tmp_path / "nowhere.json", tmp_path / "keys.json", NEVER_ISSUED)

    assert (answer.exit_code, "nowhere.json: No such file" in answer.stderr) == (2, True)


@pytest.mark.usefixtures("told")
async def test_a_cursor_ends_with_its_epoch(portal: Portal) -> None:
    first = (await portal.get("/api/v1/revocations", limit="2")).json()
    begin_epoch(portal.state.database, datetime.now(UTC), OPERATOR)

    gone = await portal.get("/api/v1/revocations", after=first["next"])
    assert (gone.status_code, gone.json()["code"]) == (409, "epoch_over")
    again = (await portal.get("/api/v1/revocations")).json()
    assert (again["epoch"], len(again["entries"])) == (2, 3)


async def test_an_empty_feed_is_signed_too(portal: Portal) -> None:
    [page] = await pages_of(portal)

    assert (page["total"], page["entries"], page["next"]) == (0, [], None)
    assert page["signature"]


async def test_a_page_is_nobody_elses_business(portal: Portal) -> None:
    answer = await portal.get("/api/v1/revocations")
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert (await portal.get("/api/v1/revocations", "usr_ulrich_user")).status_code == 403
    assert (await portal.get("/api/v1/revocations", limit="5001")).status_code == 422
    wrong = await portal.get("/api/v1/revocations", after="bm9uZQ")
    assert wrong.json()["code"] == "invalid_cursor"


@pytest.mark.usefixtures("told")
async def test_the_command_saves_what_the_api_tells(
    portal: Portal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key_ring: SecretStr
) -> None:
    monkeypatch.setenv("KEYDESK_DATABASE_URL", portal.state.database.url)
    monkeypatch.setenv("KEYDESK_DATA_DIR", str(portal.settings.data_dir))
    monkeypatch.setenv("KEYDESK_KEY_RING", key_ring.get_secret_value())
    feed, keys = tmp_path / "feed.json", tmp_path / "keys.json"

    saved = CliRunner().invoke(app, ["save-revocations", str(feed), "--keys", str(keys)])

    assert saved.stdout.startswith("3 revoked key(s)")
    told = await pages_of(portal)
    entries = [entry for page in told for entry in page["entries"]]
    assert json.loads(feed.read_text())["pages"][0]["entries"] == entries
    assert verify_key(feed, keys, NEVER_ISSUED).exit_code == 0
    began = CliRunner().invoke(app, ["revocation-epoch"])
    assert began.stdout == "Epoch 2 has begun.\n"
