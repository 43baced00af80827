"""The feed's arithmetic: a whole feed is whole, and nothing can be left out, moved or changed in it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.revocation import FeedFlaw, Revocation, RevocationPage, SavedRevocations
from rules.revocation import (
    chain_of,
    check_key,
    digest_of,
    feed_flaw,
    first_chain,
    instant,
    normal_key,
    signed_text,
)

EPOCH_KEY = bytes(range(32))
BEGAN = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def key(number: int) -> str:
    return f"AAAAA-BBBBB-CCCCC-DDDDD-{number:05d}"


def feed(count: int, size: int, epoch: int = 1) -> SavedRevocations:
    """So many revoked keys, in pages of that size."""
    entries = [
        Revocation(
            number=number,
            digest=digest_of(key(number), EPOCH_KEY).hex(),
            revoked_at=BEGAN + number * SECOND,
        )
        for number in range(1, count + 1)
    ]
    chain, pages = first_chain(epoch, EPOCH_KEY), []
    for after in range(0, max(count, 1), size):
        held = tuple(entries[after : after + size])
        following = chain_of(chain, held)
        pages.append(
            RevocationPage(
                epoch=epoch,
                epoch_key=EPOCH_KEY.hex(),
                after=after,
                entries=held,
                total=count,
                previous_chain=chain.hex(),
                chain=following.hex(),
                issued_at=BEGAN + timedelta(days=1),
                key_id="r1",
                signature="",
                next=None,
            )
        )
        chain = following
    return SavedRevocations(pages=tuple(pages))


@given(st.integers(0, 12), st.integers(1, 5))
def test_a_whole_feed_is_whole(count: int, size: int) -> None:
    assert feed_flaw(feed(count, size)) is None


@given(st.integers(1, 12), st.integers(1, 5), st.integers(0, 20))
def test_exactly_the_keys_in_it_are_revoked(count: int, size: int, asked: int) -> None:
    found = check_key(key(asked), feed(count, size))

    assert found.revoked is (1 <= asked <= count)
    assert found.revoked_at == (BEGAN + asked * SECOND if found.revoked else None)


def _without(place: int) -> Callable[[list[RevocationPage]], list[RevocationPage]]:
    return lambda pages: pages[:place] + pages[place + 1 :]


def _changed(**changes: object) -> Callable[[list[RevocationPage]], list[RevocationPage]]:
    return lambda pages: [pages[0], pages[1].model_copy(update=changes), *pages[2:]]


def _cut(pages: list[RevocationPage]) -> list[RevocationPage]:
    return [*pages[:-1], pages[-1].model_copy(update={"entries": pages[-1].entries[:-1]})]


def _recoloured(pages: list[RevocationPage]) -> list[RevocationPage]:
    first, *rest = pages[0].entries
    other = first.model_copy(update={"digest": "0" * 64})
    return [pages[0].model_copy(update={"entries": (other, *rest)}), *pages[1:]]


@pytest.mark.parametrize(
    ("spoil", "flaw"),
    [
        (_without(0), FeedFlaw.BROKEN_CHAIN),
        (_without(1), FeedFlaw.BROKEN_CHAIN),
        (_without(2), FeedFlaw.INCOMPLETE),
        (lambda pages: [pages[1], pages[0], pages[2]], FeedFlaw.BROKEN_CHAIN),
        (lambda pages: [*pages, pages[2]], FeedFlaw.BROKEN_CHAIN),
        (lambda pages: [*pages[:2], *feed(9, 3, epoch=2).pages[2:]], FeedFlaw.BROKEN_CHAIN),
        (_changed(chain="0" * 64), FeedFlaw.BROKEN_CHAIN),
        (_changed(after=4), FeedFlaw.BROKEN_CHAIN),
        (_changed(epoch_key="0" * 64), FeedFlaw.BROKEN_CHAIN),
        (_cut, FeedFlaw.BROKEN_CHAIN),
        (_recoloured, FeedFlaw.BROKEN_CHAIN),
    ],
)
def test_a_spoilt_feed_is_found_out(
    spoil: Callable[[list[RevocationPage]], list[RevocationPage]], flaw: FeedFlaw
) -> None:
    pages = list(feed(9, 3).pages)

    assert feed_flaw(SavedRevocations(pages=tuple(spoil(pages)))) == flaw


def test_every_field_that_counts_is_signed() -> None:
    page = feed(3, 3).pages[0]
    later = BEGAN + timedelta(days=2)
    changes: list[dict[str, object]] = [
        {"epoch": 2},
        {"epoch_key": "0" * 64},
        {"after": 1},
        {"entries": page.entries[:-1]},
        {"total": 4},
        {"previous_chain": "0" * 64},
        {"chain": "0" * 64},
        {"issued_at": later},
    ]

    texts = {signed_text(page.model_copy(update=change)) for change in changes}
    assert len(texts | {signed_text(page)}) == len(changes) + 1


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        (" aaaaa-bbbbb-ccccc-ddddd-00001\n", key(1)),
        (key(1), key(1)),
        ("AAAAA-BBBBB-CCCCC-DDDDD", None),
        ("AAAAA-BBBBB-CCCCC-DDDDD-0000é", None),
        ("", None),
    ],
)
def test_a_key_is_read_as_it_is_typed(typed: str, found: str | None) -> None:
    assert normal_key(typed) == found


def test_an_instant_is_one_in_every_zone() -> None:
    prague = datetime.fromisoformat("2026-03-02T10:00:00+01:00")

    assert instant(prague) == instant(BEGAN) == "2026-03-02T09:00:00Z"
