"""Corruptions of attachments."""

from tests.storage.corruptions.shape import Corruption

_COPY = (
    "INSERT INTO attachments SELECT (jsonb_populate_record(a, jsonb_build_object('id', 'att_' || n))).*"
    " FROM attachments a, generate_series(1, 5) n WHERE a.id = :attachment"
)

ATTACHMENTS = (
    Corruption(
        "T10",
        "an attachment whose bytes were exchanged",
        "UPDATE attachments SET sha256 = repeat('0', 64)",
    ),
    Corruption(
        "T10",
        "an attachment withdrawn without a trace",
        "UPDATE attachments SET withdrawn_at = uploaded_at, withdrawn_by = uploaded_by WHERE id = :attachment",
    ),
    Corruption(
        "T10", "an attachment that vanished", "DELETE FROM attachments WHERE id = :attachment"
    ),
    Corruption("T11", "more attachments than five", _COPY),
    Corruption(
        "T12",
        "an attachment of another partner's agent",
        "UPDATE attachments SET uploaded_by = 'usr_petra_admin' WHERE id = :attachment",
    ),
    Corruption(
        "T12",
        "an internal attachment of a partner's agent",
        "UPDATE attachments SET audience = 'internal' WHERE id = :attachment",
    ),
)
