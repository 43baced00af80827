"""The invariant of tenancy: one partner and one customer from the order down to the last row."""

from storage.invariant import Invariant

TENANCY = (
    Invariant(
        code="I15",
        sentence="Partner and customer are the same from the order to its lines, items, keys, reveals, links, "
        "downloads, cancellations, replacements, credits, tickets, entries, postings, messages and audit rows.",
        sql="""
SELECT f.subject, format('%s of %s and %s in an order of %s and %s',
                         f.kind, f.partner_id, f.customer_id, o.partner_id, o.customer_id) AS detail
FROM (
  SELECT id AS subject, 'a line' AS kind, order_id, partner_id, customer_id FROM order_lines
  UNION ALL SELECT id, 'a software item', order_id, partner_id, customer_id FROM software_items
  UNION ALL SELECT id, 'a key', order_id, partner_id, customer_id FROM product_keys WHERE line_id IS NOT NULL
  UNION ALL SELECT id, 'a link', order_id, partner_id, customer_id FROM download_links
  UNION ALL SELECT id, 'a cancellation', order_id, partner_id, customer_id FROM cancellations
  UNION ALL SELECT id, 'a replacement', order_id, partner_id, customer_id FROM replacements
  UNION ALL SELECT id, 'a credit', order_id, partner_id, customer_id FROM credits
  UNION ALL SELECT id, 'a ticket', order_id, partner_id, customer_id FROM tickets
  UNION ALL SELECT id, 'a message', order_id, partner_id, customer_id FROM outbox
  UNION ALL SELECT r.id, 'a reveal', l.order_id, r.partner_id, r.customer_id
            FROM key_reveals r JOIN order_lines l ON l.id = r.line_id
  UNION ALL SELECT d.id, 'a download', l.order_id, d.partner_id, d.customer_id
            FROM downloads d JOIN order_lines l ON l.id = d.line_id
) f
JOIN orders o ON o.id = f.order_id
WHERE (f.partner_id, f.customer_id) IS DISTINCT FROM (o.partner_id, o.customer_id)
UNION ALL
SELECT f.subject, format('%s of %s in an order of %s', f.kind, f.partner_id, o.partner_id)
FROM (
  SELECT id AS subject, 'an entry' AS kind, order_id, partner_id FROM ledger_entries
  UNION ALL SELECT e.id, 'a posting', e.order_id, p.partner_id
            FROM ledger_postings p JOIN ledger_entries e ON e.id = p.entry_id
  UNION ALL SELECT e.id, 'an account', e.order_id, a.partner_id
            FROM ledger_postings p
            JOIN ledger_entries e ON e.id = p.entry_id JOIN ledger_accounts a ON a.id = p.account_id
  UNION ALL SELECT a.stream || ' #' || a.number, 'an audit row', a.stream, a.partner_id
            FROM audit a WHERE a.partner_id <> ''
) f
JOIN orders o ON o.id = f.order_id
WHERE f.partner_id IS DISTINCT FROM o.partner_id
UNION ALL
SELECT k.id, format('line %s is not of order %s', k.line_id, k.order_id)
FROM (
  SELECT id, line_id, order_id FROM cancellations
  UNION ALL SELECT id, line_id, order_id FROM product_keys WHERE line_id IS NOT NULL
  UNION ALL SELECT id, line_id, order_id FROM software_items
  UNION ALL SELECT id, line_id, order_id FROM credits
) k LEFT JOIN order_lines l ON l.id = k.line_id
WHERE l.order_id IS DISTINCT FROM k.order_id
UNION ALL
SELECT o.id, format('customer %s is not of partner %s', o.customer_id, o.partner_id)
FROM orders o LEFT JOIN customers c ON c.id = o.customer_id
WHERE c.partner_id IS DISTINCT FROM o.partner_id
""",
    ),
)
