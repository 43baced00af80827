"""Invariants of the revocation feed: revoked keys only, none left out, one unbroken chain."""

from storage.invariant import Invariant

REVOCATIONS = (
    Invariant(
        code="K40",
        sentence="The revocation feed holds revoked keys only, numbered from 1 without a hole in each epoch, "
        "and its chain is whole.",
        sql="""
SELECT f.subject, f.detail FROM (
  SELECT r.key_id AS subject, concat_ws('; ',
    CASE WHEN p.state <> 'revoked' THEN 'in the feed, but ' || p.state END,
    CASE WHEN r.number <> r.place THEN format('number %s in place %s of epoch %s', r.number, r.place, r.epoch) END,
    CASE WHEN r.chain <> keydesk_revocation_chain(
        coalesce(r.previous, keydesk_revocation_first_chain(r.epoch, e.epoch_key)), r.digest, r.revoked_at)
      THEN format('the chain breaks at %s of epoch %s', r.number, r.epoch) END
  ) AS detail
  FROM (
    SELECT *, row_number() OVER w AS place, lag(chain) OVER w AS previous
    FROM revocations WINDOW w AS (PARTITION BY epoch ORDER BY number)
  ) r
  JOIN revocation_epochs e ON e.number = r.epoch
  JOIN product_keys p ON p.id = r.key_id
) f WHERE f.detail <> ''
""",
    ),
    Invariant(
        code="K41",
        sentence="Every revoked key is in the feed or waits for its next reader, and no broken seal keeps one out.",
        sql="""
SELECT p.id AS subject, CASE WHEN w.key_id IS NULL THEN format('revoked at %s, not in epoch %s', p.state_at, n.epoch)
  ELSE format('not in epoch %s since %s: its seal is broken', n.epoch, w.broken_at) END AS detail
FROM product_keys p
CROSS JOIN (SELECT coalesce(max(number), 0) AS epoch FROM revocation_epochs) n
LEFT JOIN revocations_waiting w ON w.key_id = p.id
WHERE p.state = 'revoked' AND (w.key_id IS NULL OR w.broken_at IS NOT NULL)
  AND NOT EXISTS (SELECT FROM revocations r WHERE r.epoch = n.epoch AND r.key_id = p.id)
""",
    ),
)
