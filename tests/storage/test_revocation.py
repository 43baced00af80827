"""The revocation feed in the book: complete for every reader, in whatever order revocations are committed."""

import threading
from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from integrations.cipher.ring import RingCipher
from models.product_key import KeyState
from models.revocation import Revocation
from models.tables.column import table
from models.tables.product_key import ProductKeyRow
from rules.revocation import digest_of
from storage.engine import Database
from storage.revocation import begin_epoch, publish, read_stretch
from storage.verify import verify
from tests.factories import PER_UNIT, PLACED_AT, Story
from tests.fixtures.sealed import opened

LATER = PLACED_AT + timedelta(minutes=50)
_keys = table(ProductKeyRow)


def read(database: Database, after: int = 0, limit: int = 1000) -> tuple[Revocation, ...]:
    with database.reading() as connection:
        found = read_stretch(connection, epoch=None, after=after, limit=limit)
    return found.entries if found else ()


def digests(database: Database, cipher: RingCipher, state: KeyState) -> set[str]:
    """What the keys in that state look like in the feed."""
    with database.reading() as connection:
        found = read_stretch(connection, epoch=None, after=0, limit=1)
        assert found is not None
        rows = connection.execute(select(_keys).where(_keys.c.state == state)).all()
    return {
        digest_of(
            opened(row, cipher),
            found.epoch.epoch_key,
        ).hex()
        for row in rows
    }


def test_revoked_keys_are_in_the_feed_and_no_others(database: Database, cipher: RingCipher) -> None:
    Story(database, sku=PER_UNIT, quantity=3).buy().cancel()
    Story(database).buy().request().decide().suspend()

    assert publish(database, cipher.open, LATER) == 3

    told = {entry.digest for entry in read(database)}
    assert told == digests(database, cipher, KeyState.REVOKED)
    assert not told & digests(database, cipher, KeyState.SUSPENDED)
    assert not told & digests(database, cipher, KeyState.AVAILABLE)
    assert publish(database, cipher.open, LATER) == 0
    assert verify(database, LATER).breaches == ()


def test_a_revocation_that_commits_late_comes_behind_those_that_were_read(
    database: Database, cipher: RingCipher
) -> None:
    early, late = (Story(database).buy().request().decide().suspend().credit() for _ in range(2))
    with database.engine.connect() as slow, slow.begin():
        slow.execute(
            _keys.update()
            .where(_keys.c.line_id == late.line_id)
            .values(state=KeyState.REVOKED, state_at=PLACED_AT)
        )
        early.revoke()
        publish(database, cipher.open, LATER)
        (first,) = read(database)
    broken = {breach.code for breach in verify(database, LATER).breaches}
    assert not broken & {"K40", "K41"}, "it waits, which is no breach"
    publish(database, cipher.open, LATER)

    (second,) = read(database, after=first.number)
    assert (first.number, second.number) == (1, 2)
    assert second.revoked_at < first.revoked_at


def test_readers_who_page_while_keys_are_revoked_miss_none(
    database: Database, cipher: RingCipher
) -> None:
    stories = [Story(database).buy().request().decide().suspend().credit() for _ in range(8)]
    done = threading.Event()
    seen: list[list[int]] = [[], []]

    def follow(numbers: list[int]) -> None:
        last = False
        while not last:
            last = done.is_set()
            publish(database, cipher.open, LATER)
            numbers += [e.number for e in read(database, numbers[-1] if numbers else 0, limit=3)]

    readers = [threading.Thread(target=follow, args=(numbers,)) for numbers in seen]
    revokers = [threading.Thread(target=story.revoke) for story in stories]
    for thread in (*readers, *revokers):
        thread.start()
    for thread in revokers:
        thread.join()
    done.set()
    for thread in readers:
        thread.join()

    rest = [e.number for e in read(database)]
    assert rest == list(range(1, 9))
    for numbers in seen:
        assert numbers == rest[: len(numbers)]
    assert verify(database, LATER).breaches == ()


def test_a_new_epoch_tells_everything_anew_under_other_hashes(
    database: Database, cipher: RingCipher
) -> None:
    Story(database, sku=PER_UNIT, quantity=3).buy().cancel()
    publish(database, cipher.open, LATER)
    before = {entry.digest for entry in read(database)}

    assert begin_epoch(database, LATER, "usr_olga_operator") == 2
    assert read(database) == ()
    publish(database, cipher.open, LATER)

    after = {entry.digest for entry in read(database)}
    assert len(after) == 3
    assert not before & after
    assert verify(database, LATER).breaches == ()


def test_a_key_that_does_not_open_holds_nobody_up(database: Database, cipher: RingCipher) -> None:
    broken, whole = (Story(database).buy().cancel() for _ in range(2))
    with database.transaction() as connection:
        connection.execute(
            _keys.update()
            .where(_keys.c.line_id == broken.line_id)
            .values(ciphertext=b"no seal at all, only some bytes")
        )

    assert publish(database, cipher.open, LATER) == 1

    report = verify(database, LATER)
    assert [(found.code, found.count) for found in report.breaches] == [("K41", 1)]
    assert whole.line_id not in str(report)


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.sampled_from(["revoke", "suspend", "publish", "epoch"]), max_size=8))
def test_whatever_happens_the_feed_and_the_book_agree(
    database: Database, cipher: RingCipher, acts: list[str]
) -> None:
    for act in acts:
        if act == "revoke":
            Story(database).buy().cancel()
        elif act == "suspend":
            Story(database).buy().request().decide().suspend()
        elif act == "publish":
            publish(database, cipher.open, LATER)
        else:
            begin_epoch(database, LATER, "usr_olga_operator")
    if not acts or (publish(database, cipher.open, LATER) == 0 and not read(database)):
        return

    assert {entry.digest for entry in read(database)} == digests(database, cipher, KeyState.REVOKED)
