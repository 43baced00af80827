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
    Corruption(
        "D2",
        "decided for one who handed nothing over",
        "UPDATE decisions SET on_behalf_of = 'usr_carol_approver' WHERE cancellation_id = :declined_case",
    ),
    Corruption(
        "D2",
        "one person twice among several",
        "UPDATE approvals SET on_behalf_of = 'usr_bob_approver'"
        " WHERE cancellation_id = :agreed_case AND approved_by = 'usr_carol_approver'",
    ),
    Corruption(
        "D2",
        "decided by one who acts for the requester",
        "INSERT INTO delegations (id, approver_id, delegate_id, begins_at, ends_at, made_by, made_at)"
        " SELECT 'dlg_planted', requester_id, 'usr_bob_approver', received_at, decided_at + interval '1 day',"
        " requester_id, received_at FROM decisions JOIN cancellations USING (requester_id)"
        " WHERE cancellations.id = :declined_case AND cancellation_id = :declined_case",
    ),
)
