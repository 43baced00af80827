"""Invariants of the desk: whose a ticket is, who answered it first, whose work it is, and how an inquiry ends."""

from datetime import timedelta

from storage.invariant import Invariant

TICKETS = (
    Invariant(
        code="T1",
        sentence="A ticket's customer is its partner's, and what its own stream says and sends is for them.",
        sql="""
SELECT t.id AS subject, format('customer %s is not of partner %s', t.customer_id, t.partner_id) AS detail
FROM tickets t LEFT JOIN customers c ON c.id = t.customer_id
WHERE t.customer_id IS NOT NULL AND c.partner_id IS DISTINCT FROM t.partner_id
UNION ALL
SELECT o.id, format('a message for %s and %s about a ticket of %s and %s',
                    o.partner_id, o.customer_id, t.partner_id, t.customer_id)
FROM outbox o JOIN tickets t ON t.id = o.order_id
WHERE (o.partner_id, o.customer_id) IS DISTINCT FROM (t.partner_id, t.customer_id)
UNION ALL
SELECT a.stream || ' #' || a.number, format('an audit row of %s about a ticket of %s', a.partner_id, t.partner_id)
FROM audit a JOIN tickets t ON t.id = a.stream
WHERE a.partner_id IS DISTINCT FROM t.partner_id
""",
    ),
    Invariant(
        code="T2",
        sentence="Every effect stands in the stream of an order or of a ticket.",
        sql="""
SELECT e.key AS subject, format('in the stream %s, which is nothing', e.order_id) AS detail
FROM effects e
WHERE NOT EXISTS (SELECT FROM orders o WHERE o.id = e.order_id)
  AND NOT EXISTS (SELECT FROM tickets t WHERE t.id = e.order_id)
""",
    ),
    Invariant(
        code="T3",
        sentence="A ticket is answered first by somebody of the house or an approver of its partner, not by who "
        "opened it, and only once it was open.",
        sql="""
SELECT f.subject, f.detail FROM (
  SELECT t.id AS subject, concat_ws('; ',
    CASE WHEN t.first_response_by = t.opened_by THEN 'answered by who opened it' END,
    CASE WHEN u.customer_id IS NOT NULL OR u.partner_id <> t.partner_id
      THEN 'answered by ' || u.id || ' of another tenant' END,
    CASE WHEN u.partner_id IS NOT NULL AND u.active AND NOT EXISTS (
        SELECT FROM user_roles r WHERE r.user_id = u.id AND r.role = 'refund_approver'
      ) THEN 'answered by ' || u.id || ', no approver' END,
    CASE WHEN t.first_response_at < t.opened_at THEN 'answered before it was opened' END
  ) AS detail
  FROM tickets t JOIN users u ON u.id = t.first_response_by
) f WHERE f.detail <> ''
""",
    ),
    Invariant(
        code="T4",
        sentence="What the house or an approver wrote to who asked, asked or decided has stopped the response clock.",
        sql="""
SELECT t.id AS subject, format('unanswered, but %s spoke at %s', f.by, f.at) AS detail
FROM (
  SELECT n.ticket_id, n.author_id AS by, n.written_at AS at
  FROM ticket_notes n JOIN users u ON u.id = n.author_id
  WHERE n.audience <> 'internal' AND u.partner_id IS NULL
  UNION ALL SELECT k.id, d.decided_by, d.decided_at
  FROM decisions d JOIN tickets k ON k.cancellation_id = d.cancellation_id
  WHERE d.verdict IN ('approved', 'declined') AND NOT d.automatic
  UNION ALL SELECT k.id, a.approved_by, a.approved_at
  FROM approvals a JOIN tickets k ON k.cancellation_id = a.cancellation_id
) f JOIN tickets t ON t.id = f.ticket_id
WHERE f.by <> t.opened_by AND t.first_response_at IS NULL
""",
    ),
    Invariant(
        code="T5",
        sentence="An open ticket is the work of somebody who may handle it and sees it, or nobody's.",
        sql="""
SELECT t.id AS subject, 'assigned to ' || t.assignee_id AS detail
FROM tickets t JOIN users u ON u.id = t.assignee_id
WHERE t.closed_at IS NULL AND u.active AND (
  u.customer_id IS NOT NULL OR u.partner_id <> t.partner_id
  OR (t.kind = 'cancellation' AND u.id = t.opened_by)
  OR NOT EXISTS (SELECT FROM user_roles r WHERE r.user_id = u.id AND r.role IN ('refund_approver', 'operator')))
""",
    ),
    Invariant(
        code="T6",
        sentence="An inquiry closes once it was resolved and its time to be reopened is over, and then at once.",
        sql="""
SELECT t.id AS subject, concat_ws('; ',
  CASE WHEN t.closed_at IS NULL THEN 'open, though it closes at ' || t.closes_at
       WHEN t.resolved_at IS NULL THEN 'closed unresolved'
       ELSE 'closed before ' || t.closes_at END) AS detail
FROM tickets t
WHERE t.kind = 'inquiry' AND CASE WHEN t.closed_at IS NULL THEN t.closes_at < :now - :age
  ELSE t.resolved_at IS NULL OR t.closed_at < t.closes_at END
UNION ALL
SELECT t.id, 'resolved, but waits for an answer' FROM tickets t
WHERE t.resolved_at IS NOT NULL AND t.waiting_for_requester
""",
        age=timedelta(minutes=5),
    ),
    Invariant(
        code="T7",
        sentence="A note for a customer stands on a ticket that concerns one.",
        sql="""
SELECT n.id AS subject, 'on ticket ' || t.number AS detail
FROM ticket_notes n JOIN tickets t ON t.id = n.ticket_id
WHERE n.audience = 'customer' AND t.customer_id IS NULL
""",
    ),
    Invariant(
        code="T8",
        sentence="A ticket is found by the words that stand on it now.",
        sql="""
SELECT t.id AS subject, format('found by %s', t.words) AS detail
FROM tickets t WHERE t.words IS DISTINCT FROM keydesk_ticket_words(t)
""",
    ),
    Invariant(
        code="T9",
        sentence="Every effect of an inquiry is remembered exactly when its facts are there.",
        sql="""
WITH facts (key) AS (
  SELECT id || '/open_inquiry' FROM tickets WHERE kind = 'inquiry'
  UNION SELECT id || '/close_inquiry' FROM tickets WHERE kind = 'inquiry' AND closed_at IS NOT NULL
  UNION SELECT id || '/escalate_inquiry' FROM tickets WHERE kind = 'inquiry' AND escalated_at IS NOT NULL
), remembered AS (
  SELECT key FROM effects WHERE split_part(key, '/', 2) IN ('open_inquiry', 'close_inquiry', 'escalate_inquiry')
)
SELECT key AS subject,
       CASE WHEN f.key IS NULL THEN 'remembered, but its facts are not there'
            ELSE 'its facts are there, but nobody remembers it' END AS detail
FROM (SELECT key FROM facts) f FULL JOIN remembered r USING (key)
WHERE f.key IS NULL OR r.key IS NULL
""",
    ),
)
