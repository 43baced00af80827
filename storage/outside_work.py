"""What an outside ticket lacks: read in one transaction with its claim."""

from typing import Any

from sqlalchemy import Connection, Row, text

from models.cancellation import CancellationStatus
from models.event import EventType
from models.outside_ticket import (
    Answer,
    ChangeKind,
    OutsideDraft,
    OutsideMessage,
    OutsideWork,
    Telling,
)
from models.ticket import Audience
from rules.outside_ticket import outcome_of, outside_words, refusal_words, settlement_of

_AT_ONCE = 50
_GUIDE = (
    "Resolve this approval to grant the cancellation, or reject it to decline."
    " What you write here before is kept as your reason."
)
_KINDS = {
    EventType.TICKET_NOTED: ChangeKind.NOTE,
    EventType.TICKET_DECIDED: ChangeKind.DECISION,
}

_TICKET = text("""
SELECT o.ticket_id, o.desk, o.number, o.told_effect, t.title, t.description, t.closed_at, t.order_id,
       c.id AS case_id, c.status,
       (SELECT a.number FROM outside_approvals a WHERE a.ticket_id = t.id AND a.closed_at IS NULL) AS asking,
       (SELECT count(*) FROM outside_approvals a WHERE a.ticket_id = t.id) AS asked,
       EXISTS (
         SELECT FROM outside_changes x JOIN inbox i ON i.source = x.desk AND i.event_id = x.event_id
         WHERE x.ticket_id = t.id AND i.status = 'received'
       ) AS deciding
FROM outside_tickets o
JOIN tickets t ON t.id = o.ticket_id
JOIN cancellations c ON c.id = t.cancellation_id
WHERE o.ticket_id = :ticket_id
""")
_UNTOLD = text("""
SELECT e.id, e.sentence, n.id AS note_id, n.audience, n.text, u.name AS author, d.note AS reason,
       i.resource_id IS NOT NULL AS from_there
FROM effects e
LEFT JOIN ticket_notes n ON e.key = n.id || '/write_note'
LEFT JOIN users u ON u.id = n.author_id
LEFT JOIN decisions d ON d.id = e.result ->> 'decision_id' AND e.key LIKE '%/record_decision%'
LEFT JOIN inbox i ON i.source = :desk AND i.resource_id = coalesce(n.id, d.id)
WHERE e.order_id = :order_id AND e.cancellation_id = :case_id AND e.id > :told_effect
ORDER BY e.id
LIMIT :limit
""")
_REFUSED = text("""
SELECT x.number, i.type, i.outcome
FROM outside_changes x JOIN inbox i ON i.source = x.desk AND i.event_id = x.event_id
WHERE x.ticket_id = :ticket_id AND x.answered_at IS NULL AND i.status IN ('rejected', 'parked')
ORDER BY x.number
""")


def read_work(connection: Connection, ticket_id: str) -> OutsideWork:
    """What the desk has not heard, no more of it at once than a lease has time for."""
    ticket = connection.execute(_TICKET, {"ticket_id": ticket_id}).one()
    known = {
        "desk": ticket.desk,
        "order_id": ticket.order_id,
        "case_id": ticket.case_id,
        "told_effect": ticket.told_effect,
        "limit": _AT_ONCE,
    }
    untold = connection.execute(_UNTOLD, known).all()
    refused = connection.execute(_REFUSED, {"ticket_id": ticket_id}).all()
    status = CancellationStatus(ticket.status)
    waiting = status is CancellationStatus.PENDING_APPROVAL
    ended = ticket.closed_at is not None and len(untold) < _AT_ONCE
    return OutsideWork(
        ticket_id=ticket_id,
        number=ticket.number,
        draft=_draft(ticket.case_id, ticket.title, ticket.description),
        tellings=tuple(map(_telling, untold)),
        answers=tuple(map(_answer, refused)),
        question=_question(ticket) if waiting and not ticket.asking else None,
        spent_approval=None if waiting else ticket.asking,
        settlement=settlement_of(status),
        outcome=outcome_of(status) if ended else None,
    )


def _question(ticket: Row[Any]) -> OutsideDraft | None:
    """The next approval; none while the house still thinks about what was done with the last one."""
    if ticket.deciding:
        return None
    key = f"{ticket.case_id}/{ticket.asked + 1}"
    return _draft(key, f"Approve: {ticket.title}", f"{ticket.description}\n\n{_GUIDE}")


def _draft(key: str, title: str, body: str) -> OutsideDraft:
    return OutsideDraft(key=key, title=outside_words(title), body=outside_words(body))


def _telling(row: Row[Any]) -> Telling:
    """A note in its author's words, anything else in the sentence of the timeline; the desk's own is not echoed."""
    if row.note_id is None:
        told = row.sentence
        if row.reason is not None and not row.from_there:
            told = f"{told}\n{row.reason}"
        return Telling(effect_id=row.id, message=_message(str(row.id), Audience.INTERNAL, told))
    if row.from_there:
        return Telling(effect_id=row.id, message=None)
    written = f"{row.author} wrote:\n\n{row.text}"
    return Telling(effect_id=row.id, message=_message(row.note_id, Audience(row.audience), written))


def _answer(row: Row[Any]) -> Answer:
    reason = row.outcome.get("detail", "It could not be taken; an operator looks at it.")
    words = refusal_words(_KINDS[EventType(row.type)], reason)
    return Answer(
        change_number=row.number,
        message=_message(f"answer {row.number}", Audience.INTERNAL, words),
    )


def _message(key: str, audience: Audience, words: str) -> OutsideMessage:
    return OutsideMessage(key=key, audience=audience, text=outside_words(words))
