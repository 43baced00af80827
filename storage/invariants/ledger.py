"""Invariants of money: entries, balances, and credits within their charge and their approval."""

from storage.invariant import Invariant

LEDGER = (
    Invariant(
        code="I1",
        sentence="Every ledger entry has at least two postings, none of zero, that sum to zero.",
        sql="""
SELECT e.id AS subject,
       format('%s postings that sum to %s', count(p.entry_id), coalesce(sum(p.amount_minor), 0)) AS detail
FROM ledger_entries e LEFT JOIN ledger_postings p ON p.entry_id = e.id
GROUP BY e.id
HAVING count(p.entry_id) < 2 OR sum(p.amount_minor) <> 0
    OR bool_or(p.amount_minor = 0) OR bool_or(p.currency <> e.currency)
UNION ALL
SELECT p.entry_id, format('a posting of %s without its entry', p.amount_minor)
FROM ledger_postings p WHERE NOT EXISTS (SELECT FROM ledger_entries e WHERE e.id = p.entry_id)
""",
    ),
    Invariant(
        code="I2",
        sentence="The book sums to zero, and each order's partner owes its charge less its credits.",
        sql="""
SELECT p.currency AS subject, format('the book sums to %s', sum(p.amount_minor)) AS detail
FROM ledger_postings p GROUP BY p.currency HAVING sum(p.amount_minor) <> 0
UNION ALL
SELECT o.id, format('%s with %s of %s credited, and %s owed for it',
                    o.status, coalesce(c.credited, 0), o.total_minor, coalesce(b.owed, 0))
FROM orders o
LEFT JOIN (
  SELECT e.order_id, sum(p.amount_minor) AS owed
  FROM ledger_entries e
  JOIN ledger_postings p ON p.entry_id = e.id
  JOIN ledger_accounts a ON a.id = p.account_id AND a.kind = 'receivable'
  GROUP BY e.order_id
) b ON b.order_id = o.id
LEFT JOIN (SELECT order_id, sum(amount_minor) AS credited FROM credits GROUP BY order_id) c
  ON c.order_id = o.id
WHERE coalesce(b.owed, 0) <> CASE
  WHEN o.status IN ('placed', 'refused', 'failed') THEN 0
  ELSE o.total_minor - coalesce(c.credited, 0)
END
""",
    ),
    Invariant(
        code="I3",
        sentence="An account's versions run from 1 without a hole, and each balance is the running sum.",
        sql="""
SELECT r.account_id AS subject,
       format('version %s stands at place %s, balance %s where the postings sum to %s',
              r.account_version, r.place, r.balance_after_minor, r.running) AS detail
FROM (
  SELECT p.account_id, p.account_version, p.balance_after_minor,
         row_number() OVER w AS place, sum(p.amount_minor) OVER w AS running
  FROM ledger_postings p
  WINDOW w AS (PARTITION BY p.account_id ORDER BY p.account_version)
) r
WHERE r.account_version <> r.place OR r.balance_after_minor <> r.running
UNION ALL
SELECT a.id, format('stands at version %s and %s; its postings are %s and sum to %s',
                    a.version, a.balance_minor, s.postings, s.total)
FROM ledger_accounts a
CROSS JOIN LATERAL (
  SELECT count(*) AS postings, coalesce(sum(p.amount_minor), 0) AS total
  FROM ledger_postings p WHERE p.account_id = a.id
) s
WHERE (a.version, a.balance_minor) <> (s.postings, s.total)
""",
    ),
    Invariant(
        code="I4",
        sentence="A cancellation is credited at most once.",
        sql="""
SELECT cancellation_id AS subject, format('%s credits', count(*)) AS detail
FROM credits GROUP BY cancellation_id HAVING count(*) > 1
""",
    ),
    Invariant(
        code="I5",
        sentence="A unit of a line is credited at most once, and each credit has its one entry.",
        sql="""
SELECT c.line_id AS subject, format('units %s in %s and %s', k.units * k2.units, c.id, c2.id) AS detail
FROM credits c
JOIN credits c2 ON c2.line_id = c.line_id AND c2.id > c.id
JOIN cancellations k ON k.id = c.cancellation_id
JOIN cancellations k2 ON k2.id = c2.cancellation_id
WHERE k.units && k2.units
UNION ALL
SELECT e.line_id, format('%s credit entries in the ledger, %s credits', e.entries, c.credits)
FROM (
  SELECT line_id, count(*) AS entries FROM ledger_entries
  WHERE kind = 'credit' AND line_id IS NOT NULL GROUP BY line_id
) e
CROSS JOIN LATERAL (SELECT count(*) AS credits FROM credits WHERE line_id = e.line_id) c
WHERE e.entries > c.credits
""",
    ),
    Invariant(
        code="I6",
        sentence="No more is credited than was charged, per unit, line and order, in the same currency.",
        sql="""
SELECT c.id AS subject,
       format('%s %s credited for %s units at %s %s',
              c.amount_minor, c.currency, k.quantity, l.unit_price_minor, l.currency) AS detail
FROM credits c JOIN order_lines l ON l.id = c.line_id JOIN cancellations k ON k.id = c.cancellation_id
WHERE c.amount_minor > l.unit_price_minor * k.quantity OR c.amount_minor <= 0 OR c.currency <> l.currency
UNION ALL
SELECT c.line_id, format('%s credited on a line of %s', sum(c.amount_minor), l.total_minor)
FROM credits c JOIN order_lines l ON l.id = c.line_id
GROUP BY c.line_id, l.total_minor HAVING sum(c.amount_minor) > l.total_minor
UNION ALL
SELECT c.order_id, format('%s credited, %s charged', sum(c.amount_minor), coalesce(max(b.charged), 0))
FROM credits c
LEFT JOIN (
  SELECT e.order_id, sum(p.amount_minor) AS charged
  FROM ledger_entries e JOIN ledger_postings p ON p.entry_id = e.id AND p.amount_minor > 0
  WHERE e.kind = 'charge' AND NOT EXISTS (SELECT FROM ledger_entries r WHERE r.reverses_id = e.id)
  GROUP BY e.order_id
) b ON b.order_id = c.order_id
GROUP BY c.order_id
HAVING sum(c.amount_minor) > coalesce(max(b.charged), 0)
""",
    ),
    Invariant(
        code="I7",
        sentence="A credit follows an approval of its amount, for a request received inside the window.",
        sql="""
SELECT f.subject, f.detail FROM (
  SELECT c.id AS subject, concat_ws('; ',
    CASE WHEN d.id IS NULL THEN 'its cancellation has no decision' END,
    CASE WHEN d.verdict <> 'approved' THEN 'the verdict is ' || d.verdict END,
    CASE WHEN d.amount_minor <> c.amount_minor
      THEN format('%s approved, %s credited', d.amount_minor, c.amount_minor) END,
    CASE WHEN d.decided_at > c.booked_at THEN 'booked before it was decided' END,
    CASE WHEN k.received_at > l.window_closes_at
      THEN 'requested after the window closed at ' || l.window_closes_at END
  ) AS detail
  FROM credits c
  LEFT JOIN decisions d ON d.id = c.decision_id AND d.cancellation_id = c.cancellation_id
  LEFT JOIN cancellations k ON k.id = c.cancellation_id
  LEFT JOIN order_lines l ON l.id = c.line_id
) f WHERE f.detail <> ''
""",
    ),
    Invariant(
        code="K1",
        sentence="A charge debits receivable against sales by the order's total, a reversal mirrors it, "
        "a credit debits refunds against receivable by the credit's amount.",
        sql="""
SELECT s.id AS subject, format('a %s of receivable %s, sales %s, refunds %s where %s is due',
                               s.kind, s.receivable, s.sales, s.refunds, s.due) AS detail
FROM (
  SELECT e.id, e.kind, o.total_minor, c.amount_minor,
         CASE e.kind WHEN 'credit' THEN c.amount_minor ELSE o.total_minor END AS due,
         coalesce(sum(p.amount_minor) FILTER (WHERE a.kind = 'receivable'), 0) AS receivable,
         coalesce(sum(p.amount_minor) FILTER (WHERE a.kind = 'sales'), 0) AS sales,
         coalesce(sum(p.amount_minor) FILTER (WHERE a.kind = 'refunds'), 0) AS refunds
  FROM ledger_entries e
  JOIN orders o ON o.id = e.order_id
  JOIN ledger_postings p ON p.entry_id = e.id
  JOIN ledger_accounts a ON a.id = p.account_id
  LEFT JOIN credits c ON c.entry_id = e.id
  GROUP BY e.id, o.id, c.id
) s
WHERE NOT coalesce(CASE s.kind
  WHEN 'charge' THEN (s.receivable, s.sales, s.refunds) = (s.due, -s.due, 0)
  WHEN 'reversal' THEN (s.receivable, s.sales, s.refunds) = (-s.due, s.due, 0)
  ELSE (s.receivable, s.sales, s.refunds) = (-s.due, 0, s.due)
END, false)
""",
    ),
    Invariant(
        code="K2",
        sentence="An order is charged once and reversed at most once, as its status says.",
        sql="""
SELECT o.id AS subject, format('%s with %s charges and %s reversals', o.status, e.charges, e.reversals) AS detail
FROM orders o
CROSS JOIN LATERAL (
  SELECT count(*) FILTER (WHERE kind = 'charge') AS charges,
         count(*) FILTER (WHERE kind = 'reversal') AS reversals
  FROM ledger_entries WHERE order_id = o.id
) e
WHERE e.charges <> CASE WHEN o.status IN ('placed', 'refused') THEN 0 ELSE 1 END
   OR e.reversals <> CASE o.status WHEN 'failed' THEN 1 ELSE 0 END
UNION ALL
SELECT r.id, 'reverses what is no charge of its order'
FROM ledger_entries r LEFT JOIN ledger_entries e ON e.id = r.reverses_id
WHERE r.kind = 'reversal' AND (e.kind, e.order_id) IS DISTINCT FROM ('charge', r.order_id)
""",
    ),
)
