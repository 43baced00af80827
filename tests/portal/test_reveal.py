"""Reveals over the API: who may, what is recorded, how often, and never a dead key."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from demo.load import load_policies
from integrations.cipher.ring import RingCipher
from models.product_key import KEY_PATTERN
from models.tables.column import table
from models.tables.product_key import KeyRevealRow
from models.tables.record import AuditRow, EffectRow, OutboxRow
from storage.policy import add_policies
from storage.software_view import keys
from tests.factories import BUYER, PER_LINE, PER_UNIT, Story
from tests.fixtures.stack import Answer, Stack

GLOBAL_ADMIN = "usr_greta_global"
NO_KEYS = (
    "usr_sam_sales",
    "usr_hana_helpdesk",
    "usr_ulrich_user",
    "usr_bob_approver",
    "usr_olga_operator",
    "usr_ivan_integrator",
)
MALFORMED: list[object] = [
    *({"unit_number": number} for number in (0, -1, 10**9, 1.5, "1")),
    {"unit_number": 1, "key_id": "key_1"},
    {"key_id": "key \u0000"},
    *({"reason": text} for text in ("a\u0000b", "\u202edesrever", " ")),
    {"product_key": "please"},
    [],
]
reveals, audit = table(KeyRevealRow), table(AuditRow)
effects, outbox = table(EffectRow), table(OutboxRow)


def reveal_path(story: Story) -> str:
    return f"/software/{story.software_id}/key-reveals"


def count_reveals(stack: Stack) -> int:
    with stack.database.reading() as connection:
        return connection.execute(select(func.count()).select_from(reveals)).scalar_one()


@pytest.mark.parametrize("user_id", [BUYER, GLOBAL_ADMIN])
async def test_the_key_is_shown_once_and_recorded_everywhere(
    stack: Stack, user_id: str, cipher: RingCipher
) -> None:
    story = stack.story().buy()
    shown = await stack.caller(user_id).post(reveal_path(story), {"reason": "Set-up call."})
    assert shown.status == 201
    assert shown.headers["Cache-Control"] == "no-store"
    product_key = shown.body["product_key"]
    assert KEY_PATTERN.fullmatch(product_key)
    with stack.database.reading() as connection:
        key = connection.execute(select(keys).where(keys.c.line_id == story.line_id)).one()
        reveal = connection.execute(select(reveals)).one()
        acts = connection.execute(select(audit).where(audit.c.action == "key.revealed")).all()
        event = connection.execute(
            select(outbox).where(outbox.c.kind == "keydesk.key.revealed.v1")
        ).one()
        effect = connection.execute(
            select(effects).where(effects.c.key == f"{reveal.id}/reveal_key")
        ).one()
    assert bytes(key.fingerprint) == cipher.fingerprint(product_key)
    assert (reveal.id, reveal.key_id) == (shown.body["reveal_id"], shown.body["id"])
    assert (reveal.user_id, reveal.reason) == (user_id, "Set-up call.")
    assert [act.subject_id for act in acts] == [key.id]
    written = f"{event.facts}{effect.result}{effect.sentence}{[act.details for act in acts]}"
    assert product_key not in written
    assert product_key[-11:-6] not in written
    stack.assert_book_is_right()


async def test_a_repeat_shows_it_again_and_records_nothing_more(stack: Stack) -> None:
    story = stack.story().buy()
    caller = stack.caller(BUYER)
    first = await caller.post(reveal_path(story), {}, key="same")
    again = await caller.post(reveal_path(story), {}, key="same")
    assert again.body == first.body
    assert again.headers["Idempotency-Replayed"] == "true"
    assert count_reveals(stack) == 1


async def test_the_same_key_for_another_item_is_another_reveal(stack: Stack) -> None:
    one, other = stack.story().buy(), stack.story().buy()
    caller = stack.caller(BUYER)
    first = await caller.post(reveal_path(one), {}, key="same")
    second = await caller.post(reveal_path(other), {}, key="same")
    assert first.body["product_key"] != second.body["product_key"]


async def test_nobody_else_sees_a_key(stack: Stack) -> None:
    story = stack.story().buy()
    for user_id in NO_KEYS:
        refused = await stack.caller(user_id).post(reveal_path(story), {})
        assert refused.code == "403 forbidden", user_id
    assert count_reveals(stack) == 0


async def test_a_strangers_item_answers_like_a_missing_one(stack: Stack) -> None:
    story = stack.story().buy()
    for user_id in ("usr_petra_admin", "usr_gustav_global"):
        caller = stack.caller(user_id)
        theirs = await caller.post(reveal_path(story), {})
        missing = await caller.post(f"/software/sft_{'0' * 32}/key-reveals", {})
        assert theirs.code == missing.code == "404 not_found"
        assert theirs.body | {"instance": ""} == missing.body | {"instance": ""}
    assert count_reveals(stack) == 0


async def test_a_dead_key_is_shown_to_nobody_not_even_again(stack: Stack) -> None:
    story = stack.story().buy()
    caller = stack.caller(BUYER)
    assert (await caller.post(reveal_path(story), {}, key="before")).status == 201
    story.at = datetime.now(UTC)
    story.request().decide().suspend()
    for key in ("before", "after"):
        suspended = await caller.post(reveal_path(story), {}, key=key)
        assert suspended.code == "409 key_not_live"
        assert suspended.body["state"] == "suspended"
    story.credit().revoke().close()
    for key in ("before", "later"):
        revoked = await caller.post(reveal_path(story), {}, key=key)
        assert (revoked.code, revoked.body["state"]) == ("409 key_not_live", "revoked")
    assert count_reveals(stack) == 1
    stack.assert_book_is_right()


async def test_an_item_that_is_being_prepared_has_no_key(stack: Stack) -> None:
    story = stack.story().place()
    assert (await stack.caller(BUYER).post(reveal_path(story), {})).code == "404 not_found"


async def test_one_of_several_keys_is_named(stack: Stack) -> None:
    story = stack.story(sku=PER_UNIT, quantity=2).buy()
    other = stack.story().buy()
    caller = stack.caller(BUYER)
    assert (await caller.post(reveal_path(story), {})).code == "422 key_not_named"
    by_unit = await caller.post(reveal_path(story), {"unit_number": 2})
    by_id = await caller.post(reveal_path(story), {"key_id": by_unit.body["id"]})
    assert by_unit.body["product_key"] == by_id.body["product_key"]
    listed = (await caller.get(f"/software/{other.software_id}")).body["keys"][0]["id"]
    foreign = await caller.post(reveal_path(story), {"key_id": listed})
    assert foreign.code == "404 not_found"


async def test_a_malformed_request_reveals_nothing(stack: Stack) -> None:
    story = stack.story().buy()
    for body in MALFORMED:
        answer = await stack.caller(BUYER).post(reveal_path(story), body)
        assert answer.code == "422 invalid_request", body
    assert count_reveals(stack) == 0


async def test_odd_but_honest_text_is_kept_as_written(stack: Stack) -> None:
    story = stack.story().buy()
    reason = "Žluťoučký kůň 🐎 العربية"
    assert (await stack.caller(BUYER).post(reveal_path(story), {"reason": reason})).status == 201
    with stack.database.reading() as connection:
        assert connection.execute(select(reveals.c.reason)).scalar_one() == reason


async def test_where_the_frozen_policy_asks_for_a_reason_there_is_no_reveal_without_one(
    stack: Stack,
) -> None:
    before = stack.story().buy()
    asking = load_policies()[0].model_copy(
        update={
            "id": "pol_perpetual_asking",
            "skus": (PER_LINE,),
            "version": 1,
            "effective_from": datetime.now(UTC) - timedelta(minutes=30),
            "reveal_reason_required": True,
        }
    )
    with stack.database.transaction() as connection:
        add_policies(connection, [asking])
    after = stack.story(placed_at=datetime.now(UTC) - timedelta(minutes=20)).buy()
    caller = stack.caller(BUYER)

    for body in (None, {}, {"unit_number": 1}):
        refused = await caller.post(reveal_path(after), body)
        assert refused.code == "422 reason_required"
    assert count_reveals(stack) == 0
    assert (await caller.post(reveal_path(after), {"reason": "Set-up call."})).status == 201
    assert (await caller.post(reveal_path(before), {})).status == 201, "frozen terms stay"


async def test_a_person_may_look_only_so_often(stack: Stack) -> None:
    story = stack.story().buy()
    caller = stack.caller(BUYER)
    for _ in range(3):
        assert (await caller.post(reveal_path(story), {})).status == 201
    refused = await caller.post(reveal_path(story), {}, key="later")
    assert refused.code == "429 too_many_reveals"
    assert 3500 < int(refused.headers["Retry-After"]) <= 3600
    stack.clock.stopped_at = datetime.now(UTC) + timedelta(hours=1, seconds=1)
    assert (await caller.post(reveal_path(story), {}, key="later")).status == 201
    assert count_reveals(stack) == 4


async def test_even_repeats_have_their_pace(stack: Stack) -> None:
    story = stack.story().buy()
    caller = stack.caller(BUYER)
    for _ in range(30):
        assert (await caller.post(reveal_path(story), {}, key="same")).status == 201
    refused = await caller.post(reveal_path(story), {}, key="same")
    assert (refused.code, refused.headers["Retry-After"]) == ("429 too_many_reveals", "60")
    assert (await stack.caller(GLOBAL_ADMIN).post(reveal_path(story), {})).status == 201


async def test_a_partners_people_share_a_daily_count(stack: Stack) -> None:
    story = stack.story().buy()
    for user_id in (BUYER, BUYER, BUYER, "usr_dana_both", "usr_dana_both"):
        assert (await stack.caller(user_id).post(reveal_path(story), {})).status == 201
    refused = await stack.caller(GLOBAL_ADMIN).post(reveal_path(story), {})
    assert refused.code == "429 too_many_reveals"
    assert int(refused.headers["Retry-After"]) > 86_000


async def test_the_count_holds_when_all_come_at_once(stack: Stack) -> None:
    stories = [stack.story().buy() for _ in range(8)]
    caller = stack.caller(BUYER)
    answers: list[Answer] = await asyncio.gather(
        *(caller.post(reveal_path(story), {}) for story in stories)
    )
    assert sorted(answer.status for answer in answers) == [201] * 3 + [429] * 5
    assert count_reveals(stack) == 3
