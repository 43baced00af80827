"""Invitations and sessions that the database refuses: of others, a second time, or past their time."""

from tests.storage.guards.shape import Guard, copied

_NOTICE = (
    "(SELECT id FROM outbox WHERE kind = 'approval_needed' AND order_id = :{order}"
    " AND recipient_id = '{person}')"
)
_ATTEMPT = "(SELECT id FROM decision_attempts WHERE cancellation_id = :{case} LIMIT 1)"


def _used(
    order: str = "approved_order", case: str = "approved_case", person: str = "usr_bob_approver"
) -> str:
    return (
        "INSERT INTO invitation_uses (token_sha256, notice_id, attempt_id, revision, expires_at, used_at)"
        f" VALUES ('\\x01', {_NOTICE.format(order=order, person=person)}, {_ATTEMPT.format(case=case)}, 1,"
        " CAST(:now AS timestamptz) + interval '1 day', :now)"
    )


_AGAIN = "notice_id = (SELECT notice_id FROM invitation_uses LIMIT 1)"
_OPEN = "ended_at IS NULL"

SESSIONS = (
    Guard(
        "an invitation of somebody else", _used(person="usr_carol_approver"), "invitation_uses_own"
    ),
    Guard("an invitation to another case", _used(case="credited_case"), "invitation_uses_own"),
    Guard(
        "an invitation by a mail that names no ticket",
        _used()
        .replace("'approval_needed'", "'order_fulfilled'")
        .replace("'usr_bob_approver'", "'usr_alice_admin'"),
        "invitation_uses_own",
    ),
    Guard("a token used twice", copied("invitation_uses", _AGAIN), "pk_invitation_uses"),
    Guard(
        "a mail used twice",
        copied("decision_attempts", "cancellation_id = :declined_case", id="'dec_new'")
        + "; "
        + copied("invitation_uses", _AGAIN, token_sha256="'x'::bytea", attempt_id="'dec_new'"),
        "uq_invitation_uses_notice_id",
    ),
    Guard(
        "an invitation used after its time",
        _used().replace("interval '1 day'", "interval '0 days'"),
        "ck_invitation_uses_in_time",
    ),
    Guard(
        "a session longer than a day",
        copied(
            "sessions",
            _OPEN,
            id="'ses_new'",
            secret_sha256="'x'::bytea",
            expires_at="x.started_at + interval '25 hours'",
        ),
        "ck_sessions_within_a_day",
    ),
    Guard(
        "two sessions of one secret",
        copied("sessions", _OPEN, id="'ses_new'"),
        "uq_sessions_secret_sha256",
    ),
    Guard(
        "a session used after it ran out",
        f"UPDATE sessions SET seen_at = expires_at WHERE {_OPEN}",
        "ck_sessions_seen_in_time",
    ),
    Guard(
        "an ended session that lives again",
        "UPDATE sessions SET ended_at = NULL WHERE ended_at IS NOT NULL",
        "sessions_stay_ended",
    ),
    Guard(
        "an ended session that is used",
        "UPDATE sessions SET seen_at = seen_at + interval '1 second' WHERE ended_at IS NOT NULL",
        "sessions_stay_ended",
    ),
)
