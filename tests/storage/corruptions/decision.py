"""Corruptions of undos and of those who decide for others."""

from tests.storage.corruptions.shape import Corruption

DECISIONS = (
    Corruption(
        "D1",
        "taken back after its time",
        "UPDATE decision_undos SET undone_at = undo_until + interval '1 second' WHERE cancellation_id = :undone_case",
        ("decision_undos.ck_decision_undos_in_time",),
    ),
    Corruption(
        "D1",
        "taken back by one who did not approve",
        "UPDATE decision_undos SET undone_by = 'usr_dana_both' WHERE cancellation_id = :undone_case",
    ),
    Corruption(
        "D1",
        "another round after nothing",
        "UPDATE decisions SET round = 2, previous_round = 1 WHERE cancellation_id = :approved_case",
    ),
    Corruption(
        "D1",
        "a key suspended while the approval could be taken back",
        "UPDATE decisions SET undo_until = decided_at + interval '1 hour' WHERE cancellation_id = :suspended_case",
    ),
)
