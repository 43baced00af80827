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
    Invariant(
        code="N11",
        sentence="Every event that an endpoint is to get is on its way to it once, and none that is not for it.",
        sql="""
SELECT e.id AS subject, format('misses event %s at %s', o.id, o.feed_position) AS detail
FROM endpoints e
JOIN outbox o ON o.feed_position > e.starts_after AND o.feed_position <= e.planned_to
WHERE (e.partner_id IS NULL OR e.partner_id = o.partner_id) AND (e.types = '{}' OR o.kind = ANY (e.types))
  AND NOT EXISTS (SELECT FROM deliveries d WHERE d.endpoint_id = e.id AND d.event_id = o.id)
UNION ALL
SELECT d.id, format('event %s is not for endpoint %s', d.event_id, d.endpoint_id)
FROM deliveries d JOIN endpoints e ON e.id = d.endpoint_id LEFT JOIN outbox o ON o.id = d.event_id
WHERE d.position IS NOT NULL AND (
  o.feed_position IS DISTINCT FROM d.position OR o.feed_position <= e.starts_after
  OR e.partner_id <> o.partner_id OR NOT (e.types = '{}' OR o.kind = ANY (e.types)))
UNION ALL
SELECT endpoint_id, format('%s deliveries of event %s', count(*), event_id)
FROM deliveries GROUP BY endpoint_id, event_id HAVING count(*) > 1
""",
    ),
    Invariant(
        code="N12",
        sentence="A delivery counts as delivered only by an attempt that was answered so, and no attempt is uncounted.",
        sql="""
SELECT d.id AS subject, format('%s after %s attempts, %s of them taken', d.status, d.attempts, a.taken) AS detail
FROM deliveries d,
LATERAL (SELECT count(*) FILTER (WHERE error IS NULL AND status_code BETWEEN 200 AND 299) AS taken,
                count(*) FILTER (WHERE error IS NULL
                                 AND coalesce(status_code, 0) NOT BETWEEN 200 AND 299) AS claimed,
                coalesce(max(number), 0) AS last
         FROM delivery_attempts WHERE delivery_id = d.id) a
WHERE (d.status = 'delivered' AND a.taken = 0) OR a.claimed > 0 OR a.last > d.attempts
""",
    ),
    Invariant(
        code="N13",
        sentence="On each endpoint the events of one subject arrived in their order.",
        sql="""
SELECT b.id AS subject, format('delivered before event %s of %s', a.sequence, a.subject) AS detail
FROM deliveries a
JOIN deliveries b ON (b.endpoint_id, b.subject) = (a.endpoint_id, a.subject) AND b.sequence > a.sequence
WHERE a.status = 'pending' AND a.status_at = a.queued_at AND b.status = 'delivered'
""",
    ),
    Invariant(
        code="N14",
        sentence="Every endpoint has one secret that signs without an end.",
        sql="""
SELECT e.id AS subject, format('%s current secrets', count(s.id)) AS detail
FROM endpoints e LEFT JOIN endpoint_secrets s ON s.endpoint_id = e.id AND s.expires_at IS NULL
GROUP BY e.id HAVING count(s.id) <> 1
""",
    ),
    Invariant(
        code="N15",
        sentence="Whoever an endpoint belongs to was told when we stopped it.",
        sql="""
SELECT e.id AS subject, format('disabled at %s, %s, and nobody was told', e.status_at, e.disabled_reason) AS detail
FROM endpoints e
WHERE e.disabled_reason IN ('gone', 'failing') AND NOT EXISTS (
  SELECT FROM outbox o WHERE o.kind = 'endpoint_disabled' AND o.created_at = e.status_at
    AND split_part(o.dedupe_key, '/', 1) = e.id AND o.recipient_id = e.created_by)
""",
    ),
)
