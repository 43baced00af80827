"""Invariants of how verdicts come about: approvals that were taken back, and those who decide for others."""

from storage.invariant import Invariant

DECISIONS = (
    Invariant(
        code="D1",
        sentence="An approval was taken back in its time, by one who gave it, before anything was done for it; "
        "only then does another verdict follow.",
        sql="""
SELECT f.subject, f.detail FROM (
  SELECT u.id AS subject, concat_ws('; ',
    CASE WHEN d.id IS NULL OR d.verdict <> 'approved' THEN 'of no approval' END,
    CASE WHEN d.undo_until IS NULL OR u.undone_at > d.undo_until THEN 'after its time' END,
    CASE WHEN u.undone_at < d.decided_at THEN 'before the approval' END,
    CASE WHEN u.undone_by IS DISTINCT FROM d.decided_by AND NOT EXISTS (
        SELECT FROM approvals a
        WHERE a.cancellation_id = d.cancellation_id AND a.round = d.round AND a.approved_by = u.undone_by
      ) THEN 'by ' || u.undone_by || ', who did not approve' END,
    CASE WHEN EXISTS (SELECT FROM credits c WHERE c.decision_id = u.decision_id) THEN 'though it was credited' END
  ) AS detail
  FROM decision_undos u LEFT JOIN decisions d ON d.id = u.decision_id
) f WHERE f.detail <> ''
UNION ALL
SELECT d.id, format('in round %s, though nothing was taken back before', d.round)
FROM (SELECT id, cancellation_id, round FROM decisions
      UNION ALL SELECT id, cancellation_id, round FROM approvals) d
WHERE d.round > 1 AND NOT EXISTS (
  SELECT FROM decision_undos u WHERE u.cancellation_id = d.cancellation_id AND u.round = d.round - 1)
UNION ALL
SELECT d.id, format('the key was suspended at %s, before %s', e.happened_at, d.undo_until)
FROM decisions d JOIN effects e ON e.key = d.cancellation_id || '/suspend_key'
WHERE e.happened_at < d.undo_until
""",
    ),
    Invariant(
        code="D2",
        sentence="Who decides for another approver does so while a delegation of that approver holds, never where "
        "either acts for the requester, and one person counts once.",
        sql="""
SELECT f.id AS subject, f.detail FROM (
  SELECT w.id, concat_ws('; ',
    CASE WHEN w.behalf IS NOT NULL AND NOT EXISTS (
        SELECT FROM delegations g WHERE g.approver_id = w.behalf AND g.delegate_id = w.actor
          AND g.begins_at <= w.at AND g.ends_at > w.at AND (g.revoked_at IS NULL OR g.revoked_at >= w.at)
      ) THEN format('%s for %s without a delegation', w.actor, w.behalf) END,
    CASE WHEN w.behalf = k.requester_id OR EXISTS (
        SELECT FROM keydesk_acting_for(k.requester_id, k.received_at, w.at) person
        WHERE person IN (w.actor, w.behalf)
      ) THEN format('%s acts for the requester', w.actor) END
  ) AS detail
  FROM (
    SELECT id, cancellation_id, decided_by AS actor, on_behalf_of AS behalf, decided_at AS at FROM decisions
    WHERE verdict IN ('approved', 'declined') AND NOT automatic
    UNION ALL SELECT id, cancellation_id, approved_by, on_behalf_of, approved_at FROM approvals
  ) w JOIN cancellations k ON k.id = w.cancellation_id
) f WHERE f.detail <> ''
UNION ALL
SELECT a.id, format('the same person as in %s', b.id)
FROM approvals a JOIN approvals b ON b.cancellation_id = a.cancellation_id AND b.round = a.round AND b.id > a.id
WHERE array_remove(ARRAY[a.approved_by, a.on_behalf_of], NULL)
   && array_remove(ARRAY[b.approved_by, b.on_behalf_of], NULL)
""",
    ),
)
