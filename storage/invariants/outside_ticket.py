"""Invariants of outside tickets: what the desk heard has happened, and what came from there is in the inbox once."""

from storage.invariant import Invariant

OUTSIDE_TICKETS = (
    Invariant(
        code="T20",
        sentence="An outside ticket is of a cancellation; its desk heard only what happened to that, "
        "and closed it after us.",
        sql="""
SELECT f.subject, f.detail FROM (
  SELECT o.ticket_id AS subject, concat_ws('; ',
    CASE WHEN t.cancellation_id IS NULL THEN 'of no cancellation' END,
    CASE WHEN NOT EXISTS (
        SELECT FROM effects e WHERE e.id = o.told_effect AND e.cancellation_id = t.cancellation_id
      ) THEN format('effect %s is none of its case', o.told_effect) END,
    CASE WHEN o.closed_at IS NOT NULL AND t.closed_at IS NULL THEN 'closed there, open here' END
  ) AS detail
  FROM outside_tickets o JOIN tickets t ON t.id = o.ticket_id
) f WHERE f.detail <> ''
""",
    ),
    Invariant(
        code="T21",
        sentence="What a person did at an outside desk is one event of the inbox, about the ticket it was done on.",
        sql="""
SELECT x.desk || ' ' || x.number AS subject, CASE WHEN i.event_id IS NULL THEN 'not in the inbox'
  ELSE format('done on %s, taken for %s', x.ticket_id, i.data ->> 'ticket_id') END AS detail
FROM outside_changes x LEFT JOIN inbox i ON i.source = x.desk AND i.event_id = x.event_id
WHERE i.data ->> 'ticket_id' IS DISTINCT FROM x.ticket_id
UNION ALL
SELECT i.source || ' ' || i.event_id, 'in the inbox, but nobody did it'
FROM inbox i
WHERE i.source IN (SELECT desk FROM outside_tickets)
  AND NOT EXISTS (SELECT FROM outside_changes x WHERE x.desk = i.source AND x.event_id = i.event_id)
""",
    ),
    Invariant(
        code="T22",
        sentence="The approvals asked for at an outside desk are numbered from 1 in each ticket, "
        "and one at most is open.",
        sql="""
SELECT f.ticket_id AS subject, f.detail FROM (
  SELECT ticket_id, concat_ws('; ',
    CASE WHEN max(position) <> count(*) THEN format('%s approvals, numbered to %s', count(*), max(position)) END,
    CASE WHEN count(*) FILTER (WHERE closed_at IS NULL) > 1 THEN 'several are open' END
  ) AS detail
  FROM outside_approvals GROUP BY ticket_id
) f WHERE f.detail <> ''
""",
    ),
)
