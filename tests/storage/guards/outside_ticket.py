"""Outside tickets the database refuses: unsaid, asked for twice, taken twice, or acted on by nobody."""

from tests.storage.guards.shape import Guard, copied

OUTSIDE_TICKETS = (
    Guard(
        "a desk that forgets what it heard",
        "UPDATE outside_tickets SET told_effect = told_effect - 1 WHERE number IS NOT NULL",
        "outside_tickets_go_on",
    ),
    Guard(
        "a copy that moves to another number",
        "UPDATE outside_tickets SET number = '8' WHERE number IS NOT NULL",
        "outside_tickets_go_on",
    ),
    Guard(
        "a copy closed before it was opened",
        "UPDATE outside_tickets SET closed_at = :now WHERE number IS NULL",
        "ck_outside_tickets_closed_after_open",
    ),
    Guard(
        "two tickets under one number",
        "UPDATE outside_tickets SET number = '7', link = 'https://rt.example/7' WHERE number IS NULL",
        "uq_outside_tickets_desk_number",
    ),
    Guard(
        "a second open approval",
        copied("outside_approvals", "true", number="'72'", position="2"),
        "uq_outside_approvals_one_open",
    ),
    Guard(
        "an act taken twice",
        copied("outside_changes", "true"),
        "pk_outside_changes",
    ),
    Guard(
        "an act that is in no inbox",
        copied("outside_changes", "true", number="99", event_id="'99'"),
        "fk_outside_changes_desk_event_id",
    ),
    Guard(
        "a cursor that goes back",
        "UPDATE outside_cursors SET position = position - 1",
        "outside_cursors_go_on",
    ),
    Guard(
        "a person at the desk who is two",
        "INSERT INTO desk_people VALUES ('request_tracker', 'Bob', 'usr_bob_approver')",
        "ck_desk_people_name",
    ),
)
