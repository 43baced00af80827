"""Attachments the database refuses: too many, too large, of the wrong people, or changed afterwards."""

from tests.storage.guards.shape import Guard, copied


def another(new_id: str = "att_new", **changes: str) -> str:
    """One more, like the one that stays."""
    return copied("attachments", "id = :attachment", id=f"'{new_id}'", **changes)


ATTACHMENTS = (
    Guard(
        "a sixth attachment",
        "; ".join(another(f"att_{number}") for number in range(2, 7)),
        "attachments_five",
    ),
    Guard(
        "an attachment of another partner's agent",
        another(uploaded_by="'usr_petra_admin'"),
        "attachments_uploader_sees",
    ),
    Guard(
        "an internal attachment of a partner's agent",
        another(audience="'internal'"),
        "attachments_uploader_sees",
    ),
    Guard(
        "an attachment for a customer",
        another(audience="'customer'", uploaded_by="'usr_olga_operator'"),
        "ck_attachments_audience_known",
    ),
    Guard("an empty attachment", another(size_bytes="0"), "ck_attachments_size"),
    Guard("an attachment without a name", another(name="''"), "ck_attachments_name"),
    Guard(
        "an attachment of a strange type",
        another(media_type="'text/html'"),
        "ck_attachments_media_type_known",
    ),
    Guard("an attachment without a hash", another(sha256="'x'"), "ck_attachments_hash"),
    Guard(
        "an attachment withdrawn by nobody",
        another(withdrawn_at=":now ::timestamptz"),
        "ck_attachments_withdrawn_whole",
    ),
    Guard(
        "a withdrawn attachment that is back",
        "UPDATE attachments SET withdrawn_at = NULL, withdrawn_by = NULL WHERE id = :withdrawn_attachment",
        "attachments_stay_withdrawn",
    ),
)
