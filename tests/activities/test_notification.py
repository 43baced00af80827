"""What readers chose not to be told is not sent and says so; what they must know comes all the same."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import text
from temporalio.testing import ActivityEnvironment

from activities.outbox import OutboxActivities
from integrations.notifier.render import Renderer
from models.notice import NoticeKind
from models.notification import GROUPS, NoticeGroup, NotificationChoice
from models.outbox import DeliveryReport
from models.outlook import Language
from storage.engine import Database
from storage.notification import choose_notifications
from tests.factories import Story
from tests.fixtures.mail import Recorder
from tests.fixtures.notices import outbox_row, queue

AT = datetime(2026, 11, 1, tzinfo=UTC)


async def deliver(database: Database, recorder: Recorder) -> DeliveryReport:
    renderer, round_s = Renderer("https://keydesk.example"), timedelta(seconds=2)
    outbox = OutboxActivities(database, recorder, renderer, run_for=round_s)
    return await ActivityEnvironment().run(outbox.deliver_notices)


def choose(database: Database, notice_id: str, choice: NotificationChoice) -> None:
    reader = outbox_row(database, notice_id)["recipient_id"]
    choose_notifications(database, Story(database).person(reader), choice, AT)


async def test_unwanted_mails_are_skipped_and_all_others_sent(database: Database) -> None:
    ids = {queue(database, kind, at=AT): kind for kind in NoticeKind}
    choose(database, next(iter(ids)), NotificationChoice(off=frozenset(NoticeGroup)))
    recorder = Recorder()

    report = await deliver(database, recorder)

    assert report == DeliveryReport(sent=len(NoticeKind) - len(GROUPS), skipped=len(GROUPS))
    assert {letter.kind for letter in recorder.sent} == set(NoticeKind) - set(GROUPS)
    rows = {kind: outbox_row(database, notice_id) for notice_id, kind in ids.items()}
    assert all(
        (rows[kind]["status"], rows[kind]["sent_at"]) == ("skipped", None) for kind in GROUPS
    )
    assert "chose" in rows[NoticeKind.STOCK_LOW]["last_error"]


async def test_a_choice_counts_for_mails_that_wait_already(database: Database) -> None:
    waiting = queue(database, NoticeKind.ORDER_FINAL, at=AT)
    choose(
        database,
        waiting,
        NotificationChoice(language=Language.CZECH, off=frozenset({NoticeGroup.PROGRESS})),
    )
    assert await deliver(database, Recorder()) == DeliveryReport(skipped=1)
    choose(database, waiting, NotificationChoice(language=Language.CZECH))
    queue(database, NoticeKind.ORDER_FINAL, at=AT)
    recorder = Recorder()

    assert await deliver(database, recorder) == DeliveryReport(sent=1)

    assert "Dobrý den" in recorder.sent[0].text
    with database.reading() as connection:
        kept = connection.execute(text("SELECT count(*) FROM notices_off")).scalar_one()
    assert kept == 0
