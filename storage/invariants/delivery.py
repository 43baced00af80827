"""Invariants of what we tell the world: the order of events, and their delivery to endpoints."""

from storage.invariant import Invariant

DELIVERIES = (
    Invariant(
        code="N10",
        sentence="The events of the feed stand in one line without a hole, and those of one subject are numbered"
        " from 1 in its order.",
        sql="""
SELECT e.id AS subject, concat_ws('; ',
    CASE WHEN e.feed_position <> e.place THEN format('at position %s in place %s', e.feed_position, e.place) END,
    CASE WHEN e.subject_sequence <> e.nth THEN format('numbered %s, but the %s of its subject', e.subject_sequence,
                                                      e.nth) END,
    CASE WHEN e.subject <> coalesce(e.order_id, split_part(e.dedupe_key, '/', 1)) THEN 'of another subject' END
  ) AS detail
FROM (
  SELECT *, row_number() OVER (ORDER BY feed_position) AS place,
         row_number() OVER (PARTITION BY subject ORDER BY feed_position) AS nth
  FROM outbox WHERE feed_position IS NOT NULL
) e
WHERE e.feed_position <> e.place OR e.subject_sequence IS DISTINCT FROM e.nth
  OR e.subject IS DISTINCT FROM coalesce(e.order_id, split_part(e.dedupe_key, '/', 1))
""",
    ),
)
