"""Undos the database refuses: too late, by strangers, of what is under way; and verdicts that follow none."""

from tests.storage.guards.decision import decide
from tests.storage.guards.shape import Guard, copied


def undo(case: str, by: str = "usr_carol_approver", at: str = ":now") -> str:
    """The standing approval of a case taken back."""
    return (
        "INSERT INTO decision_undos (id, decision_id, cancellation_id, round, verdict, undo_until, undone_by,"
        f" undone_at) SELECT 'und_new', id, cancellation_id, round, verdict, undo_until, '{by}', {at}"
        f" FROM decisions WHERE cancellation_id = :{case} ORDER BY round DESC LIMIT 1"
    )


def in_round(case: str, number: int, previous: int) -> str:
    """A verdict of a later round."""
    return (
        decide(case, "usr_bob_approver")
        .replace(", automatic) SELECT", ", automatic, round, previous_round) SELECT")
        .replace("false FROM", f"false, {number}, {previous} FROM")
    )


IN_TIME = undo("redecided_case", at="decided_at")
SUSPENDED = (
    "INSERT INTO effects (key, order_id, happened_at, actor_id, sentence) VALUES"
    " (:redecided_case || '/suspend_key', :redecided_order, :now, 'usr_system', 'x'); "
)

UNDOS = (
    Guard(
        "an undo after its time",
        undo("redecided_case", at="undo_until + interval '1 second'"),
        "ck_decision_undos_in_time",
    ),
    Guard(
        "an undo by one who did not approve",
        undo("redecided_case", "usr_bob_approver", "decided_at"),
        "decision_undos_by_approver",
    ),
    Guard(
        "an undo of what waits",
        undo("undone_case", at="decided_at"),
        "decision_undos_before_effects",
    ),
    Guard(
        "an undo of a key that is suspended",
        SUSPENDED + IN_TIME,
        "decision_undos_before_effects",
    ),
    Guard("an undo twice", f"{IN_TIME}; {IN_TIME}", "pk_decision_undos"),
    Guard(
        "an undo of another round",
        IN_TIME.replace(
            "SELECT 'und_new', id, cancellation_id, round",
            "SELECT 'und_new', id, cancellation_id, 3",
        ),
        "fk_decision_undos_decision_id_cancellation_id_round_ver_30a3",
    ),
    Guard(
        "a verdict in a round that nothing led to",
        in_round("waiting_case", 2, 1),
        "fk_decisions_cancellation_id_previous_round",
    ),
    Guard("a verdict that skips a round", in_round("undone_case", 3, 1), "ck_decisions_round"),
    Guard(
        "a second verdict in a round",
        in_round("redecided_case", 2, 1),
        "uq_decisions_cancellation_id_round",
    ),
    Guard(
        "time to take a decline back",
        copied(
            "decisions",
            "cancellation_id = :declined_case",
            id="'dec_new'",
            undo_until="x.decided_at + interval '1 minute'",
        ),
        "ck_decisions_undoable",
    ),
)
