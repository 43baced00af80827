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
)
