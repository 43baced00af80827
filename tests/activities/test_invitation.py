"""The mail that asks an approver to decide leads to a page that only they can use."""

import re
from datetime import timedelta

from temporalio.testing import ActivityEnvironment

from activities.outbox import OutboxActivities
from integrations.notifier.render import Renderer
from models.notice import NoticeKind
from rules.invitation import INVITING
from storage.engine import Database
from storage.invitation import open_invitation
from tests.factories import APPROVER, Story
from tests.fixtures.invitations import first_invitation
from tests.fixtures.mail import Recorder
from tests.fixtures.ring import CIPHER


async def test_a_mail_that_asks_for_a_decision_leads_its_reader_to_the_page_of_it(
    database: Database,
) -> None:
    story = Story(database).buy().request()
    recorder = Recorder()
    renderer, round_s = Renderer("https://keydesk.example"), timedelta(seconds=1)
    outbox = OutboxActivities(database, recorder, renderer, marker=CIPHER, run_for=round_s)
    await ActivityEnvironment().run(outbox.deliver_notices)

    [asked] = [
        letter
        for letter in recorder.sent
        if letter.kind is NoticeKind.APPROVAL_NEEDED and letter.to_name == "Bob Beránek"
    ]
    [token] = re.findall(r"https://keydesk\.example/decide/(\S+)$", asked.text, re.MULTILINE)
    with database.reading() as connection:
        use = open_invitation(connection, token, CIPHER)

    assert use == first_invitation(database, story.cancellation_id, APPROVER)
    assert f'href="https://keydesk.example/decide/{token}"' in asked.html
    others = [letter.text for letter in recorder.sent if letter.kind not in INVITING]
    assert others
    assert not any("/decide/" in body for body in others)
