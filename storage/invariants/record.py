"""Invariants of records and messages: audit chain, effects, inbox and outbox."""

from datetime import timedelta

from storage.invariant import Invariant

RECORDS = (
    Invariant(
        code="I17",
        sentence="Every accepted event is honoured within a minute, or rejected with a reason.",
        sql="""
SELECT i.source || ' ' || i.event_id AS subject,
       format('%s, %s attempts, received at %s', i.status, i.attempts, i.received_at) AS detail
FROM inbox i
WHERE i.status = 'parked' OR (i.status = 'received' AND i.received_at < :now - :age)
   OR (i.status = 'rejected' AND i.outcome IS NULL)
UNION ALL
SELECT i.source || ' ' || i.event_id, format('done, but there is no %s', i.resource_id)
FROM inbox i
WHERE i.status = 'done' AND (
  (i.type = 'portal.order.placed.v1' AND NOT EXISTS (SELECT FROM orders o WHERE o.id = i.resource_id))
  OR (i.type = 'portal.cancellation.requested.v1'
      AND NOT EXISTS (SELECT FROM cancellations c WHERE c.id = i.resource_id)))
""",
        age=timedelta(seconds=60),
    ),
    Invariant(
        code="I18",
        sentence="No two requests own one order or case, and no event id stands for two bodies.",
        sql="""
SELECT r.resource_id AS subject, format('owned by %s', string_agg(r.owner, ' and ' ORDER BY r.owner)) AS detail
FROM (
  SELECT resource_id, source || ' ' || event_id AS owner FROM inbox
  UNION ALL SELECT resource_id, principal_id || ' ' || route FROM idempotency_keys
) r
GROUP BY r.resource_id HAVING count(*) > 1
UNION ALL
SELECT source || ' ' || event_id, format('received with %s bodies', count(DISTINCT body_sha256))
FROM inbox GROUP BY source, event_id HAVING count(*) > 1
UNION ALL
SELECT workflow_id, format('owned by %s cancellations', count(*))
FROM cancellations GROUP BY workflow_id HAVING count(*) > 1
""",
    ),
    Invariant(
        code="I19",
        sentence="Every end and every credit is told once to each reader, by mail and on the feed.",
        sql="""
WITH told_of (subject, channel, kind) AS (
  SELECT id, 'mail', 'order_fulfilled' FROM orders WHERE status IN ('fulfilled', 'final', 'cancelled')
  UNION ALL
  SELECT id, 'event', 'keydesk.order.fulfilled.v1' FROM orders WHERE status IN ('fulfilled', 'final', 'cancelled')
  UNION ALL SELECT id, 'mail', 'order_failed' FROM orders WHERE status = 'failed'
  UNION ALL SELECT id, 'mail', 'order_final' FROM orders WHERE status = 'final'
  UNION ALL SELECT id, 'event', 'keydesk.order.final.v1' FROM orders WHERE status IN ('final', 'cancelled')
  UNION ALL SELECT id, 'mail', 'cancellation_' || status FROM cancellations
            WHERE status NOT IN ('received', 'pending_approval', 'approved', 'credited')
  UNION ALL SELECT cancellation_id, 'event', 'keydesk.cancellation.decided.v1' FROM decisions
  UNION ALL SELECT cancellation_id, 'event', 'keydesk.cancellation.undone.v1' FROM decision_undos
  UNION ALL SELECT cancellation_id, 'event', 'keydesk.credit.booked.v1' FROM credits
  UNION ALL SELECT id, 'event', 'keydesk.key.revoked.v1' FROM cancellations WHERE status = 'completed'
  UNION ALL SELECT id, 'event', 'keydesk.key.revoked.v1' FROM replacements WHERE status = 'completed'
  UNION ALL SELECT id, 'event', 'keydesk.statement.closed.v1' FROM statements
  UNION ALL SELECT id, 'mail', CASE status WHEN 'completed' THEN 'replacement_completed' ELSE 'replacement_ended' END
            FROM replacements WHERE status IN ('completed', 'declined', 'withdrawn', 'expired')
), facts AS (
  SELECT subject, channel, kind, count(*) AS times FROM told_of GROUP BY 1, 2, 3
), told AS (
  SELECT split_part(dedupe_key, '/', 1) AS subject, channel, kind,
         count(*) AS messages, count(DISTINCT coalesce(recipient_id, '')) AS readers
  FROM outbox GROUP BY 1, 2, 3
)
SELECT f.subject, format('%s of %s for %s readers', coalesce(t.messages, 0), f.kind, coalesce(t.readers, 0))
  AS detail
FROM facts f LEFT JOIN told t USING (subject, channel, kind)
WHERE t.messages IS NULL OR t.messages <> f.times * t.readers
""",
    ),
    Invariant(
        code="I20",
        sentence="No mail stays pending past its last try, and none that is due is left lying.",
        sql="""
SELECT o.id AS subject, format('%s, written at %s, due at %s, %s attempts',
                               o.kind, o.created_at, o.next_attempt_at, o.attempts) AS detail
FROM outbox o
WHERE o.channel = 'mail' AND o.status = 'pending'
  AND (o.next_attempt_at < :now - :age OR coalesce(o.resent_at, o.created_at) < :now - interval '4 days')
""",
        age=timedelta(hours=1),
    ),
    Invariant(
        code="I21",
        sentence="Every audit chain is whole, and every act on money and keys has its row and its actor.",
        sql="""
SELECT c.stream || ' #' || c.number AS subject, concat_ws('; ',
    CASE WHEN c.number <> c.place THEN 'stands in place ' || c.place END,
    CASE WHEN c.previous_hash <> c.before THEN 'does not follow the row before it' END,
    CASE WHEN c.hash <> c.computed THEN 'was changed after it was sealed' END) AS detail
FROM (
  SELECT a.stream, a.number, a.previous_hash, a.hash, keydesk_audit_hash(a.*) AS computed,
         row_number() OVER w AS place, coalesce(lag(a.hash) OVER w, ''::bytea) AS before
  FROM audit a WINDOW w AS (PARTITION BY a.stream ORDER BY a.number)
) c
WHERE c.number <> c.place OR c.previous_hash <> c.before OR c.hash <> c.computed
UNION ALL
SELECT f.act, format('no audit row %s for %s in %s', f.action, f.subject_id, f.stream)
FROM (
  SELECT id AS act, order_id AS stream, order_id AS subject_id,
         CASE kind WHEN 'charge' THEN 'order.charged' ELSE 'order.charge_reversed' END AS action
  FROM ledger_entries WHERE kind IN ('charge', 'reversal')
  UNION ALL SELECT id, order_id, id, 'credit.booked' FROM credits
  UNION ALL SELECT d.id, k.order_id, k.id, 'cancellation.' || d.verdict
            FROM decisions d JOIN cancellations k ON k.id = d.cancellation_id
  UNION ALL SELECT u.id, k.order_id, k.id, 'cancellation.undone'
            FROM decision_undos u JOIN cancellations k ON k.id = u.cancellation_id
  UNION ALL SELECT id, order_id, order_id, 'key.allocated' FROM product_keys WHERE line_id IS NOT NULL
  UNION ALL SELECT id, order_id, line_id, 'key.revoked' FROM product_keys WHERE state = 'revoked'
  UNION ALL SELECT id, order_id, old_key_id, 'key.replaced' FROM replacements WHERE status = 'completed'
  UNION ALL SELECT r.id, l.order_id, r.key_id, 'key.revealed'
            FROM key_reveals r JOIN order_lines l ON l.id = r.line_id
) f
LEFT JOIN audit a ON a.stream = f.stream AND a.action = f.action AND a.subject_id = f.subject_id
WHERE a.stream IS NULL
UNION ALL
SELECT a.stream || ' #' || a.number, format('%s by %s, whom nobody knows', a.action, a.actor_id)
FROM audit a WHERE NOT EXISTS (SELECT FROM users u WHERE u.id = a.actor_id)
""",
    ),
    Invariant(
        code="K11",
        sentence="An effect is remembered exactly when its rows are there.",
        sql="""
WITH facts (key) AS (
  SELECT order_id || '/charge_order' FROM ledger_entries WHERE kind = 'charge'
  UNION SELECT id || '/reverse_charge' FROM orders WHERE status IN ('failed', 'refused')
  UNION SELECT order_id || '/allocate_keys' FROM product_keys WHERE order_id IS NOT NULL
  UNION SELECT id || '/open_downloads' FROM orders WHERE status IN ('fulfilled', 'final', 'cancelled')
  UNION SELECT id || '/finalise_order' FROM orders WHERE status IN ('final', 'cancelled')
  UNION SELECT cancellation_id || '/create_ticket' FROM tickets WHERE cancellation_id IS NOT NULL
  UNION SELECT cancellation_id || '/record_decision' || CASE round WHEN 1 THEN '' ELSE ':' || round END FROM decisions
  UNION SELECT cancellation_id || '/record_undo:' || id FROM decision_undos
  UNION SELECT cancellation_id || '/book_credit' FROM credits
  UNION SELECT c.cancellation_id || '/revoke_key'
        FROM credits c
        JOIN cancellations k ON k.id = c.cancellation_id
        JOIN product_keys p ON p.line_id = c.line_id AND k.units @> p.unit_number
        WHERE p.state = 'revoked'
  UNION SELECT id || '/close_ticket' FROM cancellations WHERE status = 'completed'
  UNION SELECT id || '/issue_key' FROM replacements WHERE status = 'completed'
  UNION SELECT id || '/settle_replacement' FROM replacements WHERE decided_by IS NOT NULL
), remembered AS (
  SELECT key FROM effects
  WHERE split_part(split_part(key, '/', 2), ':', 1) IN ('charge_order', 'reverse_charge', 'allocate_keys',
    'open_downloads', 'finalise_order', 'create_ticket', 'record_decision', 'book_credit', 'revoke_key', 'close_ticket',
    'issue_key', 'settle_replacement', 'record_undo')
)
SELECT key AS subject,
       CASE WHEN f.key IS NULL THEN 'remembered, but its rows are not there'
            ELSE 'its rows are there, but nobody remembers it' END AS detail
FROM (SELECT key FROM facts) f FULL JOIN remembered r USING (key)
WHERE f.key IS NULL OR r.key IS NULL
""",
    ),
    Invariant(
        code="K12",
        sentence="Every message was written once, by an effect that happened, and is sent exactly when it says so.",
        sql="""
SELECT dedupe_key AS subject, format('%s messages', count(*)) AS detail
FROM outbox GROUP BY dedupe_key HAVING count(*) > 1
UNION ALL
SELECT o.id, format('%s without the effect that wrote it', o.kind)
FROM outbox o
WHERE NOT EXISTS (
  SELECT FROM effects e
  WHERE e.key = split_part(o.dedupe_key, '/', 1) || '/' || split_part(o.dedupe_key, '/', 2))
  AND NOT EXISTS (
    SELECT FROM statements s WHERE o.order_id IS NULL AND o.dedupe_key LIKE s.id || '/close_statement/%')
  AND NOT EXISTS (
    SELECT FROM endpoints e WHERE o.order_id IS NULL AND o.kind = 'endpoint_disabled'
      AND e.id = split_part(o.dedupe_key, '/', 1))
UNION ALL
SELECT o.id, format('%s, sent at %s', o.status, coalesce(o.sent_at::text, 'no time'))
FROM outbox o WHERE (o.status IN ('sent', 'bounced')) <> (o.sent_at IS NOT NULL)
""",
    ),
)
