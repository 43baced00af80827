"""Invariants of attachments: how they came and went, how many there are, and whose they are."""

from storage.invariant import Invariant

ATTACHMENTS = (
    Invariant(
        code="T10",
        sentence="Every attachment came, and every withdrawn one went, with its effect and its audit row.",
        sql="""
SELECT a.id AS subject, 'without a trace: ' || x.step AS detail
FROM attachments a
CROSS JOIN (VALUES ('add_attachment', 'attachment.added'), ('withdraw_attachment', 'attachment.withdrawn'))
  x (step, action)
WHERE (x.step = 'add_attachment' OR a.withdrawn_at IS NOT NULL) AND NOT (
  EXISTS (SELECT FROM effects e WHERE e.key = a.id || '/' || x.step)
  AND EXISTS (SELECT FROM audit u WHERE u.subject_id = a.id AND u.action = x.action
    AND u.actor_id = CASE x.step WHEN 'add_attachment' THEN a.uploaded_by ELSE a.withdrawn_by END
    AND u.details ->> 'sha256' = a.sha256))
UNION ALL
SELECT e.key, 'remembered, but there is no such attachment'
FROM effects e WHERE split_part(e.key, '/', 2) = 'add_attachment'
  AND NOT EXISTS (SELECT FROM attachments a WHERE a.id = split_part(e.key, '/', 1))
""",
    ),
    Invariant(
        code="T11",
        sentence="A ticket holds five attachments at most, those withdrawn not counted.",
        sql="""
SELECT ticket_id AS subject, format('holds %s', count(*)) AS detail
FROM attachments WHERE withdrawn_at IS NULL GROUP BY ticket_id HAVING count(*) > 5
""",
    ),
    Invariant(
        code="T12",
        sentence="An attachment is by somebody who sees its ticket, and an internal one by house staff.",
        sql="""
SELECT a.id AS subject, 'by ' || u.id AS detail
FROM attachments a JOIN tickets t ON t.id = a.ticket_id JOIN users u ON u.id = a.uploaded_by
WHERE u.customer_id IS NOT NULL OR u.partner_id <> t.partner_id
  OR (u.partner_id IS NOT NULL AND a.audience = 'internal')
""",
    ),
)
