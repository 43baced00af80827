"""What the book alone knows of waiting: overdue decisions, dry stock, unread events, unsent mails."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from models.base import Value
from models.stuck import CaseRow, Stuck, StuckKind


class Wait(Value):
    """One way of waiting too long; `sql` answers `subject`, `since`, `why`, oldest first, after `age`."""

    kind: StuckKind
    sql: str
    remedy: str
    age: timedelta = timedelta(0)


WAITS = (
    Wait(
        kind=StuckKind.STOCK_MISSING,
        sql="""
SELECT o.id AS subject, o.status_at AS since,
       format('order %s is charged and waits for %s', o.number,
              string_agg(DISTINCT l.sku, ', ')) AS why
FROM orders o JOIN order_lines l ON l.order_id = o.id
WHERE o.status = 'charged' AND o.status_at < :now - :age
GROUP BY o.id
""",
        remedy="Import product keys (keydesk import-keys); the order goes on by itself.",
        age=timedelta(minutes=5),
    ),
    Wait(
        kind=StuckKind.APPROVAL_OVERDUE,
        sql="""
SELECT k.id AS subject, t.opened_at AS since,
       format('ticket %s waits for %s since %s', t.number,
              CASE WHEN t.waiting_for_requester THEN 'the requester''s answer' ELSE 'a decision' END,
              t.opened_at) AS why
FROM cancellations k
JOIN tickets t ON t.cancellation_id = k.id
JOIN order_lines l ON l.id = k.line_id
WHERE k.status = 'pending_approval'
  AND t.opened_at + (l.policy #>> '{approval,escalate_after}')::interval < :now - :age
""",
        remedy="Ask a refund approver to decide the ticket; at its final deadline it expires undecided.",
    ),
    Wait(
        kind=StuckKind.NEEDS_ATTENTION,
        sql="""
SELECT coalesce(t.cancellation_id, t.order_id, t.id) AS subject, coalesce(k.status_at, t.opened_at) AS since,
       format('ticket %s: %s', t.number, t.needs_attention) AS why
FROM tickets t LEFT JOIN cancellations k ON k.id = t.cancellation_id
WHERE t.needs_attention IS NOT NULL AND t.closed_at IS NULL AND t.opened_at <= :now - :age
""",
        remedy="Mend what the sentence names; the step repeats by itself, or at once with the retry update.",
    ),
    Wait(
        kind=StuckKind.STEP_OVERDUE,
        sql="""
SELECT k.id AS subject, k.status_at AS since, format('%s since %s', k.status, k.status_at) AS why
FROM cancellations k
WHERE k.status IN ('received', 'approved', 'credited') AND k.status_at < :now - :age
  AND NOT EXISTS (SELECT FROM decisions d WHERE d.cancellation_id = k.id AND d.undo_until > :now - :age)
UNION ALL
SELECT o.id, o.status_at, format('order %s is placed and not yet charged', o.number)
FROM orders o WHERE o.status = 'placed' AND o.status_at < :now - :age
UNION ALL
SELECT r.id, r.status_at, format('a replacement is %s since %s', r.status, r.status_at)
FROM replacements r WHERE r.status IN ('requested', 'approved') AND r.status_at < :now - :age
""",
        remedy="Look at the workflow's pending activity in the Temporal UI; what it waits for is named there.",
        age=timedelta(minutes=5),
    ),
    Wait(
        kind=StuckKind.EVENT_WAITING,
        sql="""
SELECT source || ' ' || event_id AS subject, received_at AS since,
       format('%s, tried %s times, last answer %s', type, attempts, coalesce(outcome ->> 'code', 'none')) AS why
FROM inbox WHERE status = 'received' AND received_at < :now - :age
""",
        remedy="The relay runs in the worker: see that one runs and that Temporal answers.",
        age=timedelta(seconds=60),
    ),
    Wait(
        kind=StuckKind.EVENT_PARKED,
        sql="""
SELECT source || ' ' || event_id AS subject, received_at AS since,
       format('%s, given up after %s tries with %s', type, attempts, coalesce(outcome ->> 'code', 'no answer')) AS why
FROM inbox WHERE status = 'parked' AND received_at <= :now - :age
""",
        remedy="Mend what the code names, then set the event to received again (docs/runbook.md).",
    ),
    Wait(
        kind=StuckKind.DELIVERY_WAITING,
        sql="""
SELECT e.id AS subject, min(d.status_at) AS since, format('%s events wait for an endpoint that fails in nothing',
                                                          count(*)) AS why
FROM deliveries d JOIN endpoints e ON e.id = d.endpoint_id
WHERE d.status = 'pending' AND d.status_at < :now - :age AND e.status = 'active' AND e.failures = 0
GROUP BY e.id
""",
        remedy="See that the workflow `deliveries` runs; its log says what fault of ours keeps them here.",
        age=timedelta(minutes=15),
    ),
    Wait(
        kind=StuckKind.MAIL_WAITING,
        sql="""
SELECT id AS subject, coalesce(resent_at, created_at) AS since,
       format('%s, tried %s times, next try at %s', kind, attempts, next_attempt_at) AS why
FROM outbox WHERE channel = 'mail' AND status = 'pending' AND coalesce(resent_at, created_at) < :now - :age
""",
        remedy="See that the workflow `outbox` runs and that the mail server takes mail.",
        age=timedelta(minutes=15),
    ),
    Wait(
        kind=StuckKind.MAIL_FAILED,
        sql="""
SELECT id AS subject, created_at AS since,
       format('%s to %s, given up: %s', kind, recipient_id, last_error) AS why
FROM outbox
WHERE channel = 'mail' AND status = 'failed' AND created_at BETWEEN :now - interval '7 days' AND :now - :age
""",
        remedy="Correct the reader's address, then POST /api/v1/notices/{id}/resend; shown for a week.",
    ),
    Wait(
        kind=StuckKind.MAIL_BOUNCED,
        sql="""
SELECT id AS subject, bounced_at AS since, format('%s to %s: %s', kind, recipient_id, last_error) AS why
FROM outbox
WHERE status = 'bounced' AND bounced_at BETWEEN :now - interval '7 days' AND :now - :age
""",
        remedy="Correct the reader's address, then POST /api/v1/notices/{id}/resend; shown for a week.",
    ),
)

_CASES = """
SELECT workflow_id, subject, status, since, over FROM (
  SELECT 'purchase:' || id AS workflow_id, id AS subject, status, status_at AS since,
         status NOT IN ('placed', 'charged', 'fulfilled') AS over
  FROM orders
  UNION ALL
  SELECT workflow_id, id, status, status_at,
         status NOT IN ('received', 'pending_approval', 'approved', 'credited')
  FROM cancellations
  UNION ALL
  SELECT 'replacement:' || id, id, status, status_at,
         status NOT IN ('requested', 'pending_approval', 'approved')
  FROM replacements
) c
"""


def waiting(connection: Connection, now: datetime) -> list[Stuck]:
    """Everything that waits longer than its kind may, oldest first within each kind."""
    return [stuck for wait in WAITS for stuck in look(connection, wait, now)]


def look(connection: Connection, wait: Wait, now: datetime) -> list[Stuck]:
    """One kind of waiting."""
    statement = text(f"{wait.sql} ORDER BY since, subject")
    rows = connection.execute(statement, {"now": now, "age": wait.age})
    return [
        Stuck(kind=wait.kind, subject=row.subject, since=row.since, why=row.why, remedy=wait.remedy)
        for row in rows
    ]


def open_cases(connection: Connection) -> list[CaseRow]:
    """Every order, cancellation and replacement that is not over, by the workflow that must be running for it."""
    found = connection.execute(text(f"{_CASES} WHERE NOT over"))
    return [CaseRow.model_validate(dict(row)) for row in found.mappings()]


def cases(connection: Connection, workflow_ids: Iterable[str]) -> list[CaseRow]:
    """What stands in the book for these workflows."""
    statement = text(f"{_CASES} WHERE workflow_id = ANY (:workflow_ids)")
    found = connection.execute(statement, {"workflow_ids": list(workflow_ids)})
    return [CaseRow.model_validate(dict(row)) for row in found.mappings()]
