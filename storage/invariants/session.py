"""Invariants of sign-in and of what is decided by mail: who used an invitation, and how long a session lasts."""

from storage.invariant import Invariant

SESSIONS = (
    Invariant(
        code="S1",
        sentence="An invitation was used once, in time, by the person its mail went to, "
        "for the case that it was about.",
        sql="""
SELECT f.subject, f.detail FROM (
  SELECT u.notice_id AS subject, concat_ws('; ',
    CASE WHEN o.channel IS DISTINCT FROM 'mail' THEN 'not a mail' END,
    CASE WHEN a.actor_id IS DISTINCT FROM o.recipient_id THEN 'used by another person' END,
    CASE WHEN a.cancellation_id IS DISTINCT FROM t.cancellation_id THEN 'used for another case' END,
    CASE WHEN u.used_at >= u.expires_at THEN 'used after it expired' END,
    CASE WHEN count(*) OVER (PARTITION BY u.notice_id) > 1 THEN 'used more than once' END
  ) AS detail
  FROM invitation_uses u
  LEFT JOIN outbox o ON o.id = u.notice_id
  LEFT JOIN tickets t ON t.id = o.facts ->> 'ticket_id'
  LEFT JOIN decision_attempts a ON a.id = u.attempt_id
) f WHERE f.detail <> ''
""",
    ),
)
