"""Invariants of cancellations: one at a time, one verdict, and an end that is whole."""

from datetime import timedelta

from storage.invariant import Invariant

CANCELLATIONS = (
    Invariant(
        code="I8",
        sentence="A cancellation is completed exactly when it is credited, its keys are revoked "
        "and its ticket is closed.",
        sql="""
SELECT f.subject, f.detail FROM (
  SELECT k.id AS subject, concat_ws('; ',
    CASE WHEN c.id IS NULL THEN 'completed without a credit' END,
    CASE WHEN EXISTS (
        SELECT FROM product_keys p
        WHERE p.line_id = k.line_id AND p.unit_number <@ k.units AND p.state <> 'revoked'
      ) THEN 'completed with a key that is not revoked' END,
    CASE WHEN t.closed_at IS NULL THEN 'completed without a closed ticket' END
  ) AS detail
  FROM cancellations k
  LEFT JOIN credits c ON c.cancellation_id = k.id
  LEFT JOIN tickets t ON t.cancellation_id = k.id
  WHERE k.status = 'completed'
) f WHERE f.detail <> ''
UNION ALL
SELECT k.id, format('%s, though credited, revoked and closed since %s', k.status, t.closed_at)
FROM cancellations k
JOIN credits c ON c.cancellation_id = k.id
JOIN tickets t ON t.cancellation_id = k.id
WHERE k.status <> 'completed' AND t.closed_at < :now - :age
  AND NOT EXISTS (
    SELECT FROM product_keys p
    WHERE p.line_id = k.line_id AND p.unit_number <@ k.units AND p.state <> 'revoked')
""",
        age=timedelta(seconds=60),
    ),
    Invariant(
        code="I16",
        sentence="A cancellation has one verdict: by an approver who is neither the requester nor a stranger, "
        "or by the policy where the frozen policy says so.",
        sql="""
SELECT cancellation_id AS subject, format('%s verdicts', count(*)) AS detail
FROM decisions d WHERE NOT EXISTS (SELECT FROM decision_undos u WHERE u.decision_id = d.id)
GROUP BY cancellation_id HAVING count(*) > 1
UNION ALL
SELECT f.subject, f.detail FROM (
  SELECT d.id AS subject, concat_ws('; ',
    CASE WHEN d.requester_id <> k.requester_id THEN 'names another requester' END,
    CASE WHEN d.verdict <> 'withdrawn' AND d.decided_by IN (d.requester_id, k.requester_id)
      THEN 'decided by its requester' END,
    CASE WHEN d.verdict IN ('approved', 'declined') AND NOT d.automatic AND u.active AND NOT EXISTS (
        SELECT FROM user_roles r WHERE r.user_id = d.decided_by AND r.role = 'refund_approver'
      ) THEN 'decided by ' || d.decided_by || ', no refund approver' END,
    CASE WHEN u.customer_id IS NOT NULL OR u.partner_id <> k.partner_id
      THEN 'decided by ' || d.decided_by || ' of another tenant' END,
    CASE WHEN d.automatic <> (d.decided_by IN ('usr_policy', 'usr_system'))
      OR (d.automatic AND d.verdict IN ('approved', 'declined')
          AND (d.decided_by <> 'usr_policy'
               OR keydesk_approvals_needed(l.policy, k.requested_minor, k.currency) > 0))
      THEN format('%s by %s under a policy that asks a human', d.verdict, d.decided_by) END,
    CASE WHEN d.amount_minor > k.requested_minor
      THEN format('approved %s of %s requested', d.amount_minor, k.requested_minor) END
  ) AS detail
  FROM decisions d
  JOIN cancellations k ON k.id = d.cancellation_id
  JOIN order_lines l ON l.id = k.line_id
  JOIN users u ON u.id = d.decided_by
) f WHERE f.detail <> ''
""",
    ),
    Invariant(
        code="K13",
        sentence="A case that needs several people is approved by as many, each once, none the requester, "
        "and for no more than any of them granted.",
        sql="""
SELECT f.subject, f.detail FROM (
  SELECT d.id AS subject, concat_ws('; ',
    CASE WHEN a.given < n.needed THEN format('%s of %s approvals', a.given, n.needed) END,
    CASE WHEN d.amount_minor > a.least THEN format('%s given back, %s granted', d.amount_minor, a.least) END,
    CASE WHEN NOT d.decided_by = ANY (a.people) THEN 'settled by ' || d.decided_by || ', who did not agree' END
  ) AS detail
  FROM decisions d
  JOIN cancellations k ON k.id = d.cancellation_id
  JOIN order_lines l ON l.id = k.line_id
  CROSS JOIN LATERAL (SELECT keydesk_approvals_needed(l.policy, k.requested_minor, k.currency) AS needed) n
  CROSS JOIN LATERAL (
    SELECT count(DISTINCT approved_by) AS given, min(amount_minor) AS least, array_agg(approved_by) AS people
    FROM approvals WHERE cancellation_id = k.id AND round = d.round AND approved_by <> k.requester_id
  ) a
  WHERE d.verdict = 'approved' AND n.needed > 1
) f WHERE f.detail <> ''
UNION ALL
SELECT a.id, format('an approval by %s, the requester', a.approved_by)
FROM approvals a JOIN cancellations k ON k.id = a.cancellation_id WHERE a.approved_by = k.requester_id
""",
    ),
    Invariant(
        code="I23",
        sentence="A line has at most one open cancellation, and no unit is in two that are open or completed.",
        sql="""
SELECT line_id AS subject, format('%s: %s', count(*), string_agg(id, ', ' ORDER BY id)) AS detail
FROM cancellations
WHERE status IN ('received', 'pending_approval', 'approved', 'credited')
GROUP BY line_id HAVING count(*) > 1
UNION ALL
SELECT k.line_id, format('units %s are in %s and %s', k.units * other.units, k.id, other.id)
FROM cancellations k
JOIN cancellations other ON other.line_id = k.line_id AND other.id > k.id AND other.units && k.units
WHERE k.status NOT IN ('ineligible', 'declined', 'withdrawn', 'expired', 'compensated')
  AND other.status NOT IN ('ineligible', 'declined', 'withdrawn', 'expired', 'compensated')
""",
    ),
    Invariant(
        code="K8",
        sentence="A cancellation's status follows from its verdict, its quote and its credit.",
        sql="""
SELECT f.subject, f.detail FROM (
  SELECT k.id AS subject, concat_ws('; ',
    CASE WHEN coalesce(d.verdict, 'undecided') <> CASE k.status
        WHEN 'declined' THEN 'declined' WHEN 'withdrawn' THEN 'withdrawn' WHEN 'expired' THEN 'expired'
        WHEN 'received' THEN 'undecided' WHEN 'ineligible' THEN 'undecided'
        WHEN 'pending_approval' THEN 'undecided' ELSE 'approved' END
      THEN format('%s, but %s', k.status, coalesce(d.verdict, 'undecided')) END,
    CASE WHEN (k.status IN ('credited', 'completed')) <> (c.id IS NOT NULL)
      THEN k.status || CASE WHEN c.id IS NULL THEN ' without' ELSE ' with' END || ' a credit' END,
    CASE WHEN k.status NOT IN ('received', 'ineligible', 'withdrawn')
        AND (k.quote ->> 'eligible') IS DISTINCT FROM 'true'
      THEN k.status || ' without an eligible quote' END,
    CASE WHEN k.status NOT IN ('received', 'ineligible') AND k.received_at > k.window_closes_at
      THEN k.status || ' though it came after the window' END,
    CASE WHEN k.requested_minor > l.unit_price_minor * k.quantity
      THEN format('asks for %s, more than was paid for %s units', k.requested_minor, k.quantity) END
  ) AS detail
  FROM cancellations k
  JOIN order_lines l ON l.id = k.line_id
  LEFT JOIN decisions d ON d.cancellation_id = k.id
    AND NOT EXISTS (SELECT FROM decision_undos u WHERE u.decision_id = d.id)
  LEFT JOIN credits c ON c.cancellation_id = k.id
) f WHERE f.detail <> ''
""",
    ),
    Invariant(
        code="K9",
        sentence="A case that is decided on has a ticket; the ticket is open exactly as long as the case.",
        sql="""
SELECT k.id AS subject, format('%s without a ticket', k.status) AS detail
FROM cancellations k
WHERE k.status NOT IN ('received', 'ineligible', 'withdrawn')
  AND NOT EXISTS (SELECT FROM tickets t WHERE t.cancellation_id = k.id)
UNION ALL
SELECT t.id, format('open, but its case is %s since %s', k.status, k.status_at)
FROM tickets t JOIN cancellations k ON k.id = t.cancellation_id
WHERE t.closed_at IS NULL AND k.status_at < :now - :age
  AND k.status NOT IN ('received', 'pending_approval', 'approved', 'credited')
UNION ALL
SELECT t.id, format('closed since %s, but its case is %s', t.closed_at, k.status)
FROM tickets t JOIN cancellations k ON k.id = t.cancellation_id
WHERE t.closed_at < :now - :age AND k.status IN ('received', 'pending_approval', 'approved', 'credited')
UNION ALL
SELECT t.id, format('an open incident of an order that is %s', o.status)
FROM tickets t JOIN orders o ON o.id = t.order_id
WHERE t.kind = 'incident' AND t.closed_at IS NULL
  AND o.status IN ('fulfilled', 'failed', 'refused', 'cancelled', 'final') AND o.status_at < :now - :age
""",
        age=timedelta(minutes=5),
    ),
    Invariant(
        code="K10",
        sentence="The requests of a line are numbered from 1, and each owns the workflow of its number.",
        sql="""
SELECT n.id AS subject, format('request %s in place %s, workflow %s', n.request_number, n.place, n.workflow_id)
  AS detail
FROM (
  SELECT id, line_id, request_number, workflow_id,
         row_number() OVER (PARTITION BY line_id ORDER BY request_number) AS place
  FROM cancellations
) n
WHERE n.request_number <> n.place
   OR n.workflow_id <> 'cancellation:' || n.line_id
      || CASE WHEN n.request_number = 1 THEN '' ELSE ':' || n.request_number END
""",
    ),
    Invariant(
        code="K60",
        sentence="A case takes units of its line, as many as it says, and not all of them only where the frozen "
        "policy allows it and each unit has a key of its own.",
        sql="""
SELECT f.subject, f.detail FROM (
  SELECT k.id AS subject, concat_ws('; ',
    CASE WHEN NOT k.units <@ int4range(1, l.quantity + 1)
      THEN format('units %s of %s', k.units, l.quantity) END,
    CASE WHEN k.quantity IS DISTINCT FROM
        (SELECT sum(upper(part) - lower(part)) FROM unnest(k.units) part)
      THEN format('%s units, but %s', k.quantity, k.units) END,
    CASE WHEN k.quantity < l.quantity AND (l.policy ->> 'partial_quantity') IS DISTINCT FROM 'true'
      THEN format('%s of %s units under a policy that takes whole lines', k.quantity, l.quantity) END,
    CASE WHEN k.quantity < l.quantity AND p.units < l.quantity
      THEN format('%s of %s units with %s keys', k.quantity, l.quantity, p.units) END
  ) AS detail
  FROM cancellations k
  JOIN order_lines l ON l.id = k.line_id
  CROSS JOIN LATERAL (
    SELECT count(DISTINCT unit_number) AS units FROM product_keys WHERE line_id = l.id
  ) p
) f WHERE f.detail <> ''
""",
    ),
)
