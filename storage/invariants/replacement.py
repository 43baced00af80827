"""Invariants of replacements: who decided, what became of both keys, and nothing else open on the line."""

from storage.invariant import Invariant

REPLACEMENTS = (
    Invariant(
        code="K32",
        sentence="A completed replacement has revoked its key and given the same unit another one; while one is "
        "undecided or undone, its key is suspended.",
        sql="""
SELECT f.subject, f.detail FROM (
  SELECT r.id AS subject, concat_ws('; ',
    CASE WHEN r.status = 'completed' AND o.state <> 'revoked' THEN 'completed, but the old key is ' || o.state END,
    CASE WHEN r.status = 'completed' AND n.unit_number IS DISTINCT FROM o.unit_number
      THEN 'the new key is of another unit' END,
    CASE WHEN r.status = 'completed' AND n.line_id IS DISTINCT FROM r.line_id THEN 'the new key is of another line' END,
    CASE WHEN r.status IN ('pending_approval', 'approved') AND o.state <> 'suspended'
      THEN r.status || ', but the old key is ' || o.state END,
    CASE WHEN (r.status = 'completed') <> (r.new_key_id IS NOT NULL) THEN r.status || ' with or without a new key' END
  ) AS detail
  FROM replacements r
  JOIN product_keys o ON o.id = r.old_key_id
  LEFT JOIN product_keys n ON n.id = r.new_key_id
) f WHERE f.detail <> ''
""",
    ),
    Invariant(
        code="K33",
        sentence="A replacement is decided once, by an approver who did not ask for it; a line has one open case.",
        sql="""
SELECT f.subject, f.detail FROM (
  SELECT r.id AS subject, concat_ws('; ',
    CASE WHEN r.status IN ('approved', 'completed', 'declined') AND r.decided_by = r.requester_id
      THEN 'decided by its requester' END,
    CASE WHEN r.status IN ('approved', 'completed', 'declined') AND NOT EXISTS (
        SELECT FROM user_roles u WHERE u.user_id = r.decided_by AND u.role = 'refund_approver'
      ) THEN 'decided by no approver' END,
    CASE WHEN (r.status IN ('requested', 'pending_approval')) <> (r.decided_by IS NULL)
      THEN r.status || ', decided by ' || coalesce(r.decided_by, 'nobody') END
  ) AS detail
  FROM replacements r
) f WHERE f.detail <> ''
UNION ALL
SELECT line_id, format('%s replacements are open', count(*))
FROM replacements WHERE status IN ('requested', 'pending_approval', 'approved')
GROUP BY line_id HAVING count(*) > 1
UNION ALL
SELECT r.id, format('open beside cancellation %s', k.id)
FROM replacements r JOIN cancellations k ON k.line_id = r.line_id
WHERE r.status IN ('requested', 'pending_approval', 'approved')
  AND k.status IN ('received', 'pending_approval', 'approved', 'credited')
""",
    ),
)
