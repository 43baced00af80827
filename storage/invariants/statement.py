"""Invariants of statements: every entry once, sums that settle, credit notes to earlier ones, numbers without a gap."""

from datetime import timedelta

from storage.invariant import Invariant

STATEMENTS = (
    Invariant(
        code="K20",
        sentence="A ledger entry is on at most one statement, of its own partner and currency, for what it moved.",
        sql="""
SELECT entry_id AS subject, format('claimed %s times', count(*)) AS detail
FROM statement_entries GROUP BY entry_id HAVING count(*) > 1
UNION ALL
SELECT c.entry_id, concat_ws('; ',
    CASE WHEN e.id IS NULL THEN 'is in no ledger' END,
    CASE WHEN e.kind = 'settlement' THEN 'is a settlement' END,
    CASE WHEN s.id IS NULL THEN 'is on no statement' END,
    CASE WHEN (e.partner_id, e.currency) <> (s.partner_id, s.currency) THEN 'is another account''s' END,
    CASE WHEN (c.partner_id, c.currency) <> (s.partner_id, s.currency) THEN 'is claimed for another account' END,
    CASE WHEN e.booked_at >= s.closes_at THEN 'was booked after the period' END,
    CASE WHEN r.amount_minor IS DISTINCT FROM c.amount_minor
      THEN format('moved %s and stands there as %s', r.amount_minor, c.amount_minor) END)
FROM statement_entries c
LEFT JOIN ledger_entries e ON e.id = c.entry_id
LEFT JOIN statements s ON s.id = c.statement_id
LEFT JOIN (
  SELECT p.entry_id, p.amount_minor FROM ledger_postings p
  JOIN ledger_accounts a ON a.id = p.account_id AND a.kind = 'receivable'
) r ON r.entry_id = c.entry_id
WHERE e.id IS NULL OR e.kind = 'settlement' OR s.id IS NULL OR e.booked_at >= s.closes_at
   OR (e.partner_id, e.currency) <> (s.partner_id, s.currency)
   OR (c.partner_id, c.currency) <> (s.partner_id, s.currency)
   OR r.amount_minor IS DISTINCT FROM c.amount_minor
""",
    ),
    Invariant(
        code="K21",
        sentence="A statement is the sum of its entries, less its credit notes, settled for exactly what is due.",
        sql="""
SELECT f.number AS subject, format('total %s of entries of %s, credited %s by notes of %s, due %s and settled %s',
       f.total_minor, f.own, f.credited_minor, f.noted, f.due_minor, f.settled) AS detail
FROM (
  SELECT s.year || '/' || s.number AS number, s.total_minor, s.credited_minor, s.due_minor,
         coalesce(c.own, 0) AS own, coalesce(n.noted, 0) AS noted, coalesce(b.settled, 0) AS settled,
         coalesce(b.taken, 0) AS taken
  FROM statements s
  LEFT JOIN (SELECT statement_id, sum(amount_minor) AS own FROM statement_entries
             WHERE credit_note_id IS NULL GROUP BY statement_id) c ON c.statement_id = s.id
  LEFT JOIN (SELECT statement_id, sum(total_minor) AS noted FROM credit_notes GROUP BY statement_id) n
    ON n.statement_id = s.id
  LEFT JOIN (
    SELECT e.id, sum(p.amount_minor) FILTER (WHERE a.kind = 'billed') AS settled,
           sum(p.amount_minor) FILTER (WHERE a.kind = 'receivable') AS taken
    FROM ledger_entries e JOIN ledger_postings p ON p.entry_id = e.id JOIN ledger_accounts a ON a.id = p.account_id
    WHERE e.kind = 'settlement' GROUP BY e.id
  ) b ON b.id = s.settlement_id
) f
WHERE f.own <> f.total_minor OR f.noted <> f.credited_minor OR f.due_minor <> f.total_minor - f.credited_minor
   OR f.settled <> f.due_minor OR f.taken <> -f.due_minor
UNION ALL
SELECT e.id, 'settles no statement' FROM ledger_entries e
WHERE e.kind = 'settlement' AND NOT EXISTS (SELECT FROM statements s WHERE s.settlement_id = e.id)
UNION ALL
SELECT a.id, format('%s billed, and statements of %s', a.balance_minor, coalesce(s.due, 0))
FROM ledger_accounts a
LEFT JOIN (SELECT partner_id, currency, sum(due_minor) AS due FROM statements GROUP BY partner_id, currency) s
  USING (partner_id, currency)
WHERE a.kind = 'billed' AND a.balance_minor <> coalesce(s.due, 0)
""",
    ),
    Invariant(
        code="K22",
        sentence="A credit note holds exactly what its statement takes back of one earlier statement.",
        sql="""
SELECT c.entry_id AS subject,
       CASE WHEN b.statement_id IS NULL THEN 'takes back what no statement claimed'
            WHEN n.id IS NULL THEN 'takes back what an earlier statement claimed, without a credit note'
            ELSE 'is on a credit note to another statement than the one with its charge' END AS detail
FROM statement_entries c
JOIN ledger_entries e ON e.id = c.entry_id
LEFT JOIN credit_notes n ON n.id = c.credit_note_id
LEFT JOIN ledger_entries o ON o.order_id = e.order_id AND o.kind = 'charge'
LEFT JOIN statement_entries b ON b.entry_id = o.id
WHERE b.statement_id IS DISTINCT FROM coalesce(n.original_id, c.statement_id)
UNION ALL
SELECT n.id, format('a total of %s from entries of %s', n.total_minor, coalesce(c.noted, 0))
FROM credit_notes n
LEFT JOIN (SELECT credit_note_id, statement_id, -sum(amount_minor) AS noted FROM statement_entries
           GROUP BY credit_note_id, statement_id) c
  ON (c.credit_note_id, c.statement_id) = (n.id, n.statement_id)
WHERE n.total_minor <> coalesce(c.noted, 0)
UNION ALL
SELECT n.id, 'is to no earlier statement of its own account'
FROM credit_notes n
LEFT JOIN statements s ON s.id = n.statement_id
LEFT JOIN statements b ON b.id = n.original_id AND b.closes_at <= s.opens_at
WHERE (s.partner_id, s.currency) IS DISTINCT FROM (n.partner_id, n.currency)
   OR (b.partner_id, b.currency) IS DISTINCT FROM (n.partner_id, n.currency)
""",
    ),
    Invariant(
        code="K23",
        sentence="Statements and credit notes are numbered from 1 in each year of issue, without a gap.",
        sql="""
WITH papers AS (
  SELECT 'statement' AS series, year, number, issued_at FROM statements
  UNION ALL SELECT 'credit_note', year, number, issued_at FROM credit_notes
)
SELECT format('%s %s/%s', p.series, p.year, p.number) AS subject, format('stands at place %s', p.place) AS detail
FROM (SELECT p.*, row_number() OVER (PARTITION BY series, year ORDER BY number) AS place FROM papers p) p
WHERE p.number <> p.place OR p.year <> extract(year FROM p.issued_at AT TIME ZONE 'UTC')
UNION ALL
SELECT series || ' ' || year, format('the last number given is %s, the last used %s', n.last, p.used)
FROM number_series n
FULL JOIN (SELECT series, year, max(number) AS used FROM papers GROUP BY series, year) p USING (series, year)
WHERE n.last IS DISTINCT FROM p.used
""",
    ),
    Invariant(
        code="K24",
        sentence="Every paper has the bytes that it was issued with, and says in them what the book says.",
        sql="""
SELECT f.id AS subject, format('%s are not what was kept', f.what) AS detail
FROM (
  SELECT id, 'its contents' AS what, content, sha256 FROM statements
  UNION ALL SELECT id, 'its contents', content, sha256 FROM credit_notes
  UNION ALL SELECT paper_id, 'the pages in ' || language, content, sha256 FROM renditions
) f
WHERE f.sha256 <> encode(sha256(f.content), 'hex')
UNION ALL
SELECT p.id, 'says something else than the book'
FROM (
  SELECT id, partner_id, currency, total_minor, number, keydesk_paper(content) AS says FROM statements
  UNION ALL SELECT id, partner_id, currency, total_minor, number, keydesk_paper(content) FROM credit_notes
) p
WHERE (p.says ->> 'id', p.says #>> '{partner,id}', p.says ->> 'currency', p.says #>> '{total,amount_minor}',
       right(p.says ->> 'number', 6)::integer)
  IS DISTINCT FROM (p.id, p.partner_id, p.currency, p.total_minor::text, p.number)
UNION ALL
SELECT coalesce(l.entry_id, c.entry_id), 'stands on its paper for another amount than it is claimed for'
FROM (
  SELECT p.id, line ->> 'entry_id' AS entry_id, sum((line #>> '{amount,amount_minor}')::bigint) * p.side AS amount
  FROM (
    SELECT id, 1 AS side, keydesk_paper(content) AS says FROM statements
    UNION ALL SELECT id, -1, keydesk_paper(content) FROM credit_notes
  ) p, jsonb_array_elements(p.says -> 'lines') line
  GROUP BY p.id, p.side, line ->> 'entry_id'
) l
FULL JOIN (SELECT entry_id, coalesce(credit_note_id, statement_id) AS id, amount_minor AS amount
           FROM statement_entries) c USING (id, entry_id)
WHERE l.amount IS DISTINCT FROM c.amount
""",
    ),
    Invariant(
        code="K25",
        sentence="The statements of an account follow one another, each within a month and issued once it was over.",
        sql="""
SELECT s.id AS subject, concat_ws('; ',
    CASE WHEN s.opens_at < s.before THEN 'begins before the one before it ended' END,
    CASE WHEN s.issued_at < s.closes_at THEN 'was issued before its end' END,
    CASE WHEN s.opens_at >= s.closes_at OR date_trunc('month', s.opens_at, 'UTC')
           <> date_trunc('month', s.closes_at - interval '1 microsecond', 'UTC') THEN 'is not within a month' END
  ) AS detail
FROM (
  SELECT s.*, lag(closes_at) OVER (PARTITION BY partner_id, currency ORDER BY closes_at, opens_at) AS before
  FROM statements s
) s
WHERE s.opens_at < s.before OR s.issued_at < s.closes_at OR s.opens_at >= s.closes_at
   OR date_trunc('month', s.opens_at, 'UTC') <> date_trunc('month', s.closes_at - interval '1 microsecond', 'UTC')
UNION ALL
SELECT s.id, 'no audit row says that it was closed'
FROM statements s
WHERE NOT EXISTS (
  SELECT FROM audit a WHERE (a.stream, a.action, a.subject_id) = (s.partner_id, 'statement.closed', s.id)
)
""",
    ),
    Invariant(
        code="K27",
        sentence="Every statement and credit note has its pages in each language, soon after it is issued.",
        age=timedelta(hours=1),
        sql="""
SELECT p.id AS subject, 'has no pages in ' || l.language AS detail
FROM (SELECT id, issued_at FROM statements UNION ALL SELECT id, issued_at FROM credit_notes) p
CROSS JOIN (VALUES ('en'), ('cs')) l (language)
WHERE p.issued_at < :now - :age
  AND NOT EXISTS (SELECT FROM renditions r WHERE (r.paper_id, r.language) = (p.id, l.language))
""",
    ),
    Invariant(
        code="K26",
        sentence="A reversal has the postings of the charge that it reverses, each with the other sign.",
        sql="""
SELECT r.id AS subject, 'does not mirror ' || coalesce(r.reverses_id, 'anything') AS detail
FROM ledger_entries r
WHERE r.kind = 'reversal' AND EXISTS (
  SELECT FROM (SELECT account_id, amount_minor FROM ledger_postings WHERE entry_id = r.reverses_id) c
  FULL JOIN (SELECT account_id, amount_minor FROM ledger_postings WHERE entry_id = r.id) m USING (account_id)
  WHERE c.amount_minor IS DISTINCT FROM -m.amount_minor
)
""",
    ),
)
