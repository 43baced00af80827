"""Delegations the database refuses, and words for others that nobody handed over."""

from tests.storage.guards.decision import agree, decide
from tests.storage.guards.shape import Guard


def lend(approver: str, delegate: str, *, by: str | None = None, days: int = 1) -> str:
    """One delegation from now on."""
    return (
        "INSERT INTO delegations (id, approver_id, delegate_id, begins_at, ends_at, made_by, made_at)"
        f" SELECT 'dlg_' || gen_random_uuid(), '{approver}', '{delegate}', moment,"
        f" moment + {days} * interval '1 day', '{by or approver}', moment"
        " FROM CAST(:now AS timestamptz) moment"
    )


def for_another(sql: str, behalf: str) -> str:
    """The same word, said for another approver."""
    sql = sql.replace(", automatic) SELECT", ", automatic, on_behalf_of) SELECT")
    sql = sql.replace(" approved_at) SELECT", " approved_at, on_behalf_of) SELECT")
    return sql.replace(" FROM cancellations", f", '{behalf}' FROM cancellations")


BOB, CAROL, DANA = "usr_bob_approver", "usr_carol_approver", "usr_dana_both"

DELEGATIONS = (
    Guard(
        "a delegation to oneself",
        lend(BOB, BOB, by="usr_olga_operator"),
        "ck_delegations_not_oneself",
    ),
    Guard("a delegation that ends first", lend(CAROL, BOB, days=-1), "ck_delegations_begins_first"),
    Guard(
        "a delegation made by its delegate",
        lend(CAROL, BOB, by=BOB),
        "ck_delegations_not_for_oneself",
    ),
    Guard("a delegation to the other side", lend(BOB, DANA), "delegations_of_one_side"),
    Guard("a delegation of no approver", lend("usr_olga_operator", BOB), "delegations_of_one_side"),
    Guard(
        "two delegations of one pair at once",
        f"{lend(CAROL, BOB)}; {lend(CAROL, BOB)}",
        "delegations_one_at_a_time",
    ),
    Guard(
        "a revoked delegation that ends again",
        "UPDATE delegations SET revoked_at = :now, revoked_by = approver_id;"
        " UPDATE delegations SET revoked_at = ends_at",
        "delegations_stay_revoked",
    ),
    Guard(
        "a verdict for one who handed nothing over",
        for_another(decide("waiting_case", BOB), CAROL),
        "decisions_delegated",
    ),
    Guard(
        "a verdict under a revoked delegation",
        "UPDATE delegations SET revoked_at = :now, revoked_by = approver_id; "
        + for_another(decide("waiting_case", CAROL), BOB),
        "decisions_delegated",
    ),
    Guard(
        "an approval for one who agreed",
        for_another(agree("agreeing_case", CAROL), BOB),
        "approvals_persons_once",
    ),
    Guard(
        "a verdict of one who acts for the requester",
        "ALTER TABLE delegations DISABLE TRIGGER fits; "
        + lend("usr_alice_admin", BOB)
        + "; "
        + decide("waiting_case", BOB),
        "decisions_no_conflict",
    ),
)
