"""Invariants of orders: totals, frozen policies, delivery, and what their status promises."""

from datetime import timedelta

from storage.invariant import Invariant

ORDERS = (
    Invariant(
        code="I14",
        sentence="A delivered order has every key it paid for; a charged one waits only with an open incident.",
        sql="""
SELECT l.order_id AS subject,
       format('line %s is %s with %s of %s keys', l.line_number, o.status, k.held, k.due) AS detail
FROM orders o
JOIN order_lines l ON l.order_id = o.id
JOIN products p ON p.sku = l.sku
CROSS JOIN LATERAL (
  SELECT count(*) AS held, CASE p.key_mode WHEN 'per_unit' THEN l.quantity ELSE 1 END AS due
  FROM product_keys h WHERE line_id = l.id
    AND NOT EXISTS (SELECT FROM replacements r WHERE r.old_key_id = h.id AND r.status = 'completed')
) k
WHERE o.status IN ('fulfilled', 'final', 'cancelled') AND k.held <> k.due
UNION ALL
SELECT o.id, format('charged since %s, without keys and without an incident', o.status_at)
FROM orders o
WHERE o.status = 'charged' AND o.status_at < :now - :age
  AND NOT EXISTS (SELECT FROM tickets t
                  WHERE t.order_id = o.id AND t.kind = 'incident' AND t.closed_at IS NULL)
""",
        age=timedelta(hours=1),
    ),
    Invariant(
        code="K5",
        sentence="An order has lines, and its total is their sum.",
        sql="""
SELECT o.id AS subject,
       format('total %s, its %s lines sum to %s', o.total_minor, s.lines, s.total) AS detail
FROM orders o
CROSS JOIN LATERAL (
  SELECT count(*) AS lines, coalesce(sum(total_minor), 0) AS total FROM order_lines WHERE order_id = o.id
) s
WHERE s.lines = 0 OR s.total <> o.total_minor
UNION ALL
SELECT l.id, format('%s x %s is not %s', l.quantity, l.unit_price_minor, l.total_minor)
FROM order_lines l WHERE l.quantity::bigint * l.unit_price_minor <> l.total_minor
""",
    ),
    Invariant(
        code="K6",
        sentence="The policy frozen on a line is the policy of that version, in force when the order was placed, "
        "and the window closes when it says.",
        sql="""
SELECT f.subject, f.detail FROM (
  SELECT l.id AS subject, concat_ws('; ',
    CASE WHEN l.policy_sha256 <> p.sha256 OR l.policy <> p.document THEN 'differs from policy ' || p.id END,
    CASE WHEN p.family <> g.family THEN 'a policy for ' || p.family || ' software' END,
    CASE WHEN p.skus <> '{}' AND l.sku <> ALL (p.skus) THEN 'a policy for ' || array_to_string(p.skus, ', ') END,
    CASE WHEN p.effective_from > o.placed_at THEN 'in force only from ' || p.effective_from END,
    CASE WHEN l.window_closes_at <> o.placed_at + (l.policy #>> '{refund_tiers,-1,expires_after}')::interval
      THEN 'the window closes at ' || l.window_closes_at END
  ) AS detail
  FROM order_lines l
  JOIN orders o ON o.id = l.order_id
  JOIN policies p ON p.id = l.policy_id
  JOIN products g ON g.sku = l.sku
) f WHERE f.detail <> ''
""",
    ),
    Invariant(
        code="K7",
        sentence="An order is cancelled only when every unit is credited, and closed only without an open case.",
        sql="""
SELECT o.id AS subject,
       format('cancelled, but %s of %s units of line %s are credited', k.credited, l.quantity, l.line_number)
         AS detail
FROM orders o JOIN order_lines l ON l.order_id = o.id
CROSS JOIN LATERAL (
  SELECT coalesce(sum(x.quantity), 0) AS credited
  FROM credits c JOIN cancellations x ON x.id = c.cancellation_id WHERE c.line_id = l.id
) k
WHERE o.status = 'cancelled' AND k.credited < l.quantity
UNION ALL
SELECT o.id, format('%s while cancellation %s is %s', o.status, k.id, k.status)
FROM orders o JOIN cancellations k ON k.order_id = o.id
WHERE o.status IN ('final', 'cancelled', 'failed', 'refused')
  AND k.status IN ('pending_approval', 'approved', 'credited')
""",
    ),
)
