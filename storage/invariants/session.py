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
    Invariant(
        code="S2",
        sentence="A session lasts a day at most, and was not used after it ended or ran out.",
        sql="""
SELECT f.subject, f.detail FROM (
  SELECT id AS subject, concat_ws('; ',
    CASE WHEN expires_at > started_at + interval '24 hours' THEN 'longer than a day' END,
    CASE WHEN seen_at >= expires_at THEN 'used after it ran out' END,
    CASE WHEN seen_at > ended_at THEN 'used after it ended' END
  ) AS detail
  FROM sessions
) f WHERE f.detail <> ''
""",
    ),
    Invariant(
        code="S3",
        sentence="Every session began, and every one that was ended ended, with an audit row of its person.",
        sql="""
SELECT s.id AS subject, 'no audit row of its ' || x.part AS detail
FROM sessions s, (VALUES ('start', 'session.started'), ('end', 'session.ended')) x (part, action)
WHERE (x.part = 'start' OR s.ended_at IS NOT NULL) AND NOT EXISTS (
  SELECT FROM audit a WHERE a.stream = 'house' AND a.action = x.action AND a.subject_id = s.id
    AND a.actor_id = s.user_id)
""",
    ),
)
