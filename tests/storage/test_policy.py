"""Policies in the book: which one is in force, what is never rewritten, and a hash that outlives new fields."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from sqlalchemy import Connection

from demo.load import OTHER_REGIMES, load_policies
from models.approval import ApprovalMode
from models.cancellation import IneligibilityReason
from models.catalogue import Family
from models.errors import Conflict
from models.ids import SYSTEM_USER
from models.policy import ADDED_LATER, CancellationPolicy, LinkTerms
from storage.engine import Database
from storage.policy import (
    add_policies,
    list_policies,
    policies_in_force,
    policy_document,
    policy_sha256,
)
from storage.policy import (
    load_policies as load_into_book,
)
from storage.quote import line_of, quote_software
from storage.verify import verify
from tests.factories import PER_LINE, PER_UNIT, PLACED_AT, Story

INSTANT = timedelta(microseconds=1)
SINCE = datetime(2025, 1, 1, tzinfo=UTC)
SHIPPED_HASHES = {
    "pol_perpetual_1": "bc3f8f9b2c6f28c2c9fd526bd850831f9f96570f6f96fc3fc8d381517569879c",
    "pol_subscription_1": "7767e31b84918e5c5d58ddaab87f1f05c2279fd1d8b4a2bad7204ee14e86ebbc",
    "pol_perpetual_2": "80a8b6e6c18a0d364cbcdcfac08fb7c2019c060609d4894becc62a2d1033026f",
    "pol_subscription_2": "e0993ef6e62c6282ac7e74c94c31c2b2e983b47549f925ba9700f307083cbb9e",
    "pol_perpetual_3": "12fbc4ba763b5a3269fc1534c0b7ecac606189e74bfcb11fbf1aa083b5ecd936",
    "pol_subscription_3": "0dc03d64dee4c9b58bd8cdd1a59a54edf1c2ac1bcb65615585ce3524fda468ba",
}


def _for_some(policy_id: str = "pol_some_1", *skus: str, **changes: object) -> CancellationPolicy:
    standing = next(p for p in load_policies() if p.family is Family.PERPETUAL)
    fields = {"id": policy_id, "skus": skus or (PER_LINE,), "effective_from": SINCE}
    return CancellationPolicy.model_validate(standing.model_dump() | fields | changes)


def _in_force(database: Database, at: datetime) -> dict[str, str]:
    with database.reading() as connection:
        found = policies_in_force(connection, [PER_LINE, PER_UNIT], at)
    return {sku: row.id for sku, row in found.items()}


def test_the_policy_in_force_changes_at_its_instant(database: Database) -> None:
    policies = [policy for stem in OTHER_REGIMES for policy in load_policies(stem)]
    with database.transaction() as connection:
        assert add_policies(connection, policies) == len(policies)
    every = sorted(
        (p for p in [*load_policies(), *policies] if p.family is Family.PERPETUAL),
        key=lambda policy: policy.effective_from,
    )

    for earlier, later in pairwise(every):
        change = later.effective_from
        assert _in_force(database, change - INSTANT)[PER_LINE] == earlier.id
        assert _in_force(database, change)[PER_LINE] == later.id
    assert _in_force(database, every[0].effective_from - INSTANT) == {}


def test_a_policy_that_names_a_sku_goes_before_its_familys(database: Database) -> None:
    with database.transaction() as connection:
        add_policies(connection, [_for_some()])

    before, since = (_in_force(database, at) for at in (SINCE - INSTANT, SINCE))
    assert before == {PER_LINE: "pol_perpetual_1", PER_UNIT: "pol_perpetual_1"}
    assert since == {PER_LINE: "pol_some_1", PER_UNIT: "pol_perpetual_1"}


def test_a_later_policy_of_the_family_does_not_reach_a_sku_that_has_its_own(
    database: Database,
) -> None:
    with database.transaction() as connection:
        family = [p for p in load_policies(OTHER_REGIMES[0]) if p.family is Family.PERPETUAL]
        add_policies(connection, [_for_some(effective_from=datetime(2020, 1, 1, tzinfo=UTC))])
        add_policies(connection, family)

    assert _in_force(database, SINCE) == {PER_LINE: "pol_some_1", PER_UNIT: family[0].id}


def test_a_sku_nobody_sells_is_a_flaw(database: Database) -> None:
    with database.transaction() as connection:
        found = load_into_book(
            connection, [_for_some("pol_some_1", "NOBODY:0001")], at=SINCE, by=SYSTEM_USER
        )

    assert [flaw.sentence for flaw in found.flaws] == [
        "pol_some_1: there is no perpetual product NOBODY:0001"
    ]
    assert not found.added


def test_policies_come_back_newest_first(database: Database) -> None:
    policies = load_policies(OTHER_REGIMES[0])
    with database.transaction() as connection:
        add_policies(connection, policies)
        listed = list_policies(connection)

    assert set(listed) == {*load_policies(), *policies}
    assert [p.version for p in listed if p.family is Family.PERPETUAL] == [2, 1]


def test_the_same_policy_again_is_fine(database: Database) -> None:
    with database.transaction() as connection:
        assert add_policies(connection, load_policies()) == 0


@pytest.mark.parametrize(
    "change",
    [
        {"refuse_revealed_key": True},
        {"id": "pol_other"},
        {"id": "pol_other", "version": 9},
        {"id": "pol_other", "effective_from": datetime(2040, 1, 1, tzinfo=UTC)},
    ],
)
def test_a_policy_is_never_rewritten(database: Database, change: dict[str, object]) -> None:
    standing = load_policies()[0]
    rewritten = standing.model_copy(update=change)

    with (
        pytest.raises(Conflict, match="never rewritten") as refused,
        database.transaction() as connection,
    ):
        add_policies(connection, [rewritten])

    assert refused.value.code == "policy_rewritten"
    with database.reading() as connection:
        assert set(list_policies(connection)) == set(load_policies())


def test_a_policys_hash_survives_the_way_through_its_document() -> None:
    for policy in load_policies():
        again = CancellationPolicy.model_validate(policy_document(policy))
        assert policy_sha256(again) == policy_sha256(policy)
    one, other, *_ = load_policies()
    assert policy_sha256(one) != policy_sha256(other)


def test_what_was_added_later_changes_no_hash_of_what_ships() -> None:
    shipped = [p for stem in ("policies", *OTHER_REGIMES) for p in load_policies(stem)]

    assert {policy.id: policy_sha256(policy) for policy in shipped} == SHIPPED_HASHES


@pytest.mark.parametrize(
    "change",
    [
        {"skus": (PER_LINE,)},
        {"refuse_started_download": True},
        {"reveal_reason_required": True},
        {"decline_reasons": [{"code": "no", "en": "No", "cs": "Ne"}]},
        {"links": LinkTerms(max_uses=5)},
        {"approval": {"mode": ApprovalMode.TWO_APPROVERS}},
    ],
)
def test_what_was_added_later_is_in_the_document_once_it_is_used(change: dict[str, object]) -> None:
    plain = load_policies()[0]
    used = CancellationPolicy.model_validate(plain.model_dump() | change)

    assert policy_sha256(used) != policy_sha256(plain)
    assert CancellationPolicy.model_validate(policy_document(used)) == used


def test_a_document_leaves_out_every_later_field_at_its_default() -> None:
    document = policy_document(load_policies()[0])

    assert not set(ADDED_LATER[""]) & set(document)
    assert not set(ADDED_LATER["approval"]) & set(document["approval"])


def _frozen(connection: Connection, story: Story) -> CancellationPolicy:
    return CancellationPolicy.model_validate(line_of(connection, story.software_id).policy)


def test_a_later_policy_never_touches_an_earlier_order(database: Database) -> None:
    early = Story(database).buy()
    with database.reading() as connection:
        before = quote_software(connection, early.software_id, PLACED_AT + timedelta(days=59))
        frozen = _frozen(connection, early)
    with database.transaction() as connection:
        stricter = _for_some(
            effective_from=PLACED_AT + timedelta(days=1),
            refund_tiers=[{"type": "full", "expires_after": "P14D"}],
        )
        add_policies(connection, [stricter])
    late = Story(database, placed_at=PLACED_AT + timedelta(days=2)).buy()

    with database.reading() as connection:
        after = quote_software(connection, early.software_id, PLACED_AT + timedelta(days=59))
        assert after == before
        assert _frozen(connection, early) == frozen
        assert _frozen(connection, late) == stricter
        refused = quote_software(connection, late.software_id, PLACED_AT + timedelta(days=17))
    assert (before.eligible, refused.reason) == (True, IneligibilityReason.WINDOW_CLOSED)
    assert verify(database, PLACED_AT).breaches == ()
