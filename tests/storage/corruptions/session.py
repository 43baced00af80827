"""Corruptions of invitations and sessions."""

from tests.storage.corruptions.shape import Corruption

SESSIONS = (
    Corruption(
        "S1",
        "an invitation used by another person",
        "UPDATE decision_attempts SET actor_id = 'usr_carol_approver' WHERE cancellation_id = :declined_case",
    ),
    Corruption(
        "S1",
        "an invitation used for another case",
        "UPDATE decision_attempts SET cancellation_id = :waiting_case WHERE cancellation_id = :declined_case",
    ),
    Corruption(
        "S1",
        "an invitation used after its time",
        "UPDATE invitation_uses SET expires_at = used_at",
        ("invitation_uses.ck_invitation_uses_in_time",),
    ),
    Corruption(
        "S1",
        "an invitation used twice",
        "INSERT INTO invitation_uses SELECT (jsonb_populate_record(u, jsonb_build_object("
        "'token_sha256', 'x'::bytea, 'attempt_id', 'dec_none'))).* FROM invitation_uses u",
        ("invitation_uses.uq_invitation_uses_notice_id",),
    ),
    Corruption(
        "S2",
        "a session that lasts a week",
        "UPDATE sessions SET expires_at = started_at + interval '7 days'",
        ("sessions.ck_sessions_within_a_day",),
    ),
    Corruption(
        "S2",
        "a session used after it ended",
        "UPDATE sessions SET seen_at = ended_at + interval '1 second' WHERE ended_at IS NOT NULL",
    ),
    Corruption(
        "S2",
        "a session used after it ran out",
        "UPDATE sessions SET seen_at = expires_at WHERE ended_at IS NULL",
        ("sessions.ck_sessions_seen_in_time",),
    ),
    Corruption(
        "S3",
        "a sign-in without a trace",
        "DELETE FROM audit WHERE action = 'session.started'",
    ),
    Corruption(
        "S3",
        "a session ended without a trace",
        "UPDATE sessions SET ended_at = seen_at WHERE ended_at IS NULL",
    ),
    Corruption(
        "S3",
        "a session moved to somebody else",
        "UPDATE sessions SET user_id = 'usr_carol_approver'",
    ),
)
