"""Invariants of product keys: one line for life, honest events, legal moves, no working key beside a credit."""

from datetime import timedelta

from storage.invariant import Invariant

PRODUCT_KEYS = (
    Invariant(
        code="I9",
        sentence="A credited unit has no working key.",
        sql="""
SELECT k.id AS subject, format('%s while unit %s of line %s is credited', k.state, k.unit_number, k.line_id)
  AS detail
FROM product_keys k
JOIN credits c ON c.line_id = k.line_id
JOIN cancellations x ON x.id = c.cancellation_id AND x.units @> k.unit_number
WHERE k.state NOT IN ('suspended', 'revoked')
""",
    ),
    Invariant(
        code="I10",
        sentence="A key is revoked only with a credit for its unit, or because another one took its place.",
        sql="""
SELECT k.id AS subject, format('revoked, but unit %s of line %s was never credited', k.unit_number, k.line_id)
  AS detail
FROM product_keys k
WHERE k.state = 'revoked' AND NOT EXISTS (
  SELECT FROM credits c JOIN cancellations x ON x.id = c.cancellation_id
  WHERE c.line_id = k.line_id AND x.units @> k.unit_number)
  AND NOT EXISTS (SELECT FROM replacements r WHERE r.old_key_id = k.id AND r.status = 'completed')
""",
    ),
    Invariant(
        code="I11",
        sentence="A key serves one line, ever, and of the product it was bought for; no key is held twice.",
        sql="""
SELECT min(id) AS subject, format('%s keys have one fingerprint', count(*)) AS detail
FROM product_keys GROUP BY fingerprint HAVING count(*) > 1
UNION ALL
SELECT line_id, format('%s keys are its unit %s', count(*), unit_number)
FROM product_keys k
WHERE line_id IS NOT NULL
  AND NOT EXISTS (SELECT FROM replacements r WHERE r.old_key_id = k.id AND r.status = 'completed')
GROUP BY line_id, unit_number HAVING count(*) > 1
UNION ALL
SELECT k.id, format('a key of %s on a line of %s', k.sku, l.sku)
FROM product_keys k JOIN order_lines l ON l.id = k.line_id WHERE l.sku <> k.sku
UNION ALL
SELECT k.id, format('held by line %s, revealed for line %s', k.line_id, r.line_id)
FROM key_reveals r JOIN product_keys k ON k.id = r.key_id WHERE k.line_id IS DISTINCT FROM r.line_id
UNION ALL
SELECT e.key_id, format('allocated %s times', count(*))
FROM key_events e JOIN key_events before ON before.key_id = e.key_id AND before.number = e.number - 1
WHERE e.state = 'allocated' AND before.state <> 'suspended'
GROUP BY e.key_id HAVING count(*) > 1
""",
    ),
    Invariant(
        code="I12",
        sentence="A key's state is that of its last event, and its events run from 1 without a hole.",
        sql="""
SELECT k.id AS subject, format('%s, but event %s of %s says %s',
                               k.state, e.last, e.events, coalesce(e.state, 'nothing')) AS detail
FROM product_keys k
LEFT JOIN (
  SELECT key_id, count(*) AS events, max(number) AS last,
         (array_agg(state ORDER BY number DESC))[1] AS state
  FROM key_events GROUP BY key_id
) e ON e.key_id = k.id
WHERE e.state IS DISTINCT FROM k.state OR e.last IS DISTINCT FROM e.events
""",
    ),
    Invariant(
        code="I13",
        sentence="A key made only legal moves; a revoked or returned one never went back to the pool.",
        sql="""
SELECT m.key_id AS subject, format('%s at event %s', m.move, m.number) AS detail
FROM (
  SELECT key_id, number,
         coalesce(lag(state) OVER (PARTITION BY key_id ORDER BY number), 'new') || '>' || state AS move
  FROM key_events
) m
WHERE m.move <> ALL (:key_moves)
""",
    ),
    Invariant(
        code="I22",
        sentence="A key is revealed only to its own partner or customer, or to staff with a reason, "
        "and never after its revocation.",
        sql="""
SELECT f.subject, f.detail FROM (
  SELECT r.id AS subject, concat_ws('; ',
    CASE
      WHEN u.customer_id IS NOT NULL AND u.customer_id <> r.customer_id THEN 'to another customer'
      WHEN u.customer_id IS NULL AND u.partner_id <> r.partner_id THEN 'to another partner'
      WHEN u.customer_id IS NULL AND u.partner_id IS NULL AND coalesce(r.reason, '') = ''
        THEN 'to staff without a reason'
    END,
    CASE WHEN r.revealed_at > e.happened_at + :age
      THEN 'the key was revoked at ' || e.happened_at END,
    CASE WHEN k.state IN ('available', 'quarantined') THEN 'the key is ' || k.state END
  ) AS detail
  FROM key_reveals r
  JOIN users u ON u.id = r.user_id
  JOIN product_keys k ON k.id = r.key_id
  LEFT JOIN key_events e ON e.key_id = r.key_id AND e.state = 'revoked'
) f WHERE f.detail <> ''
""",
        # The revealing door and the revoking workflow read two clocks.
        age=timedelta(seconds=60),
    ),
    Invariant(
        code="K30",
        sentence="A key that came by a file has a row of it, and no row brought two keys.",
        sql="""
SELECT k.id AS subject, format('row %s of import %s, which has rows 2 to %s',
                               k.import_row, k.import_id, coalesce(i.last_row::text, 'nowhere')) AS detail
FROM product_keys k LEFT JOIN key_imports i ON i.id = k.import_id
WHERE k.import_id IS NOT NULL AND k.import_row BETWEEN 2 AND i.last_row IS NOT TRUE
UNION ALL
SELECT min(id), format('row %s of import %s brought %s keys', import_row, import_id, count(*))
FROM product_keys WHERE import_id IS NOT NULL GROUP BY import_id, import_row HAVING count(*) > 1
""",
    ),
    Invariant(
        code="K31",
        sentence="A pool that is low was told of once: a SKU has at most one open alert, raised below its threshold.",
        sql="""
SELECT sku AS subject, format('%s alerts are open', count(*)) AS detail
FROM stock_alerts WHERE cleared_at IS NULL GROUP BY sku HAVING count(*) > 1
UNION ALL
SELECT id, format('raised with %s keys left of %s', available, threshold)
FROM stock_alerts WHERE available >= threshold
UNION ALL
SELECT id, format('cleared at %s, raised at %s', cleared_at, raised_at)
FROM stock_alerts WHERE cleared_at < raised_at
""",
    ),
    Invariant(
        code="K3",
        sentence="A software item's status is that of its keys and its cancellations; each line has one item.",
        sql="""
SELECT f.subject, f.detail FROM (
  SELECT s.id AS subject, concat_ws('; ',
    CASE WHEN s.status = 'active' AND k.working + k.leaked = 0 THEN 'active without a working key' END,
    CASE WHEN s.status = 'active' AND k.astray > 0
      THEN format('active with %s keys that stand still for no case', k.astray) END,
    CASE WHEN s.status = 'suspended' AND k.working > 0 THEN 'suspended with a working key' END,
    CASE WHEN s.status = 'cancelled' AND k.alive > 0 THEN 'cancelled with a key that is not revoked' END,
    CASE WHEN s.status IN ('preparing', 'active') AND c.units = l.quantity THEN s.status || ' though credited' END,
    CASE WHEN s.status = 'cancelled' AND c.units < l.quantity AND o.status <> 'failed'
      THEN format('cancelled with %s of %s units credited', c.units, l.quantity) END,
    CASE WHEN s.status = 'suspended' AND s.status_at < :now - :age AND NOT EXISTS (
        SELECT FROM cancellations x WHERE x.line_id = s.line_id AND x.status IN ('approved', 'credited')
      ) THEN 'suspended since ' || s.status_at || ' without an approved case' END,
    CASE WHEN s.status = 'preparing' AND o.status IN ('fulfilled', 'final', 'cancelled')
      THEN 'preparing in an order that is ' || o.status END
  ) AS detail
  FROM software_items s
  JOIN orders o ON o.id = s.order_id
  JOIN order_lines l ON l.id = s.line_id
  CROSS JOIN LATERAL (
    SELECT coalesce(sum(x.quantity), 0) AS units
    FROM credits c JOIN cancellations x ON x.id = c.cancellation_id WHERE c.line_id = s.line_id
  ) c
  CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE p.state = 'allocated') AS working,
           count(*) FILTER (WHERE p.state IN ('allocated', 'suspended')) AS alive,
           count(*) FILTER (WHERE p.leaked) AS leaked,
           count(*) FILTER (WHERE p.state <> 'allocated' AND NOT p.leaked AND p.state_at < :now - :age AND NOT EXISTS (
             SELECT FROM cancellations x
             WHERE x.line_id = p.line_id AND x.units @> p.unit_number
               AND x.status IN ('approved', 'credited', 'completed'))) AS astray
    FROM (
      SELECT *, h.state = 'suspended' AND (h.state_reason LIKE 'by an operator: %' OR EXISTS (
        SELECT FROM replacements r WHERE r.old_key_id = h.id AND r.status IN ('pending_approval', 'approved')
      )) AS leaked
      FROM product_keys h
      WHERE NOT EXISTS (SELECT FROM replacements r WHERE r.old_key_id = h.id AND r.status = 'completed')
    ) p WHERE p.line_id = s.line_id
  ) k
) f WHERE f.detail <> ''
UNION ALL
SELECT l.id, format('%s software items', count(s.id))
FROM order_lines l LEFT JOIN software_items s ON s.line_id = l.id
GROUP BY l.id HAVING count(s.id) <> 1
""",
        age=timedelta(minutes=5),
    ),
)
