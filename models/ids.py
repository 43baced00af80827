"""Identifiers: prefixed UUIDv7 for things, derived names for workflows and effects."""

from enum import StrEnum

import uuid_utils

TASK_QUEUE_DEFAULT = "keydesk"
POLICY_USER = "usr_policy"
SYSTEM_USER = "usr_system"


class Prefix(StrEnum):
    """What kind of thing an id names."""

    PARTNER = "par"
    USER = "usr"
    CUSTOMER = "cus"
    FILE = "fil"
    POLICY = "pol"
    ORDER = "ord"
    LINE = "lin"
    SOFTWARE = "sft"
    KEY = "key"
    IMPORT = "imp"
    ALERT = "alr"
    REPLACEMENT = "rpl"
    REVEAL = "rev"
    LINK = "lnk"
    DOWNLOAD = "dwl"
    ACCOUNT = "acc"
    ENTRY = "ent"
    CANCELLATION = "can"
    TICKET = "tkt"
    NOTE = "not"
    ATTACHMENT = "att"
    DECISION = "dec"
    BULK_DECISION = "blk"
    UNDO = "und"
    DELEGATION = "dlg"
    CREDIT = "crd"
    STATEMENT = "sta"
    CREDIT_NOTE = "crn"
    EVENT = "evt"
    NOTICE = "ntc"
    ENDPOINT = "ept"
    SECRET = "whk"  # noqa: S105 - the prefix of an id
    DELIVERY = "dlv"
    ACT = "act"
    SESSION = "ses"


def new_id(prefix: Prefix) -> str:
    """A fresh id such as `ord_0192f7c4…` (32 hex digits, time-ordered); minted at the door, never in a workflow."""
    return f"{prefix}_{uuid_utils.uuid7().hex}"


def purchase_workflow_id(order_id: str) -> str:
    """`purchase:<order>`: one life per order."""
    return f"purchase:{order_id}"


def cancellation_workflow_id(line_id: str, request_number: int) -> str:
    """`cancellation:<order line>`, with `:<n>` from the second request of that line on (ADR 0008)."""
    return (
        f"cancellation:{line_id}"
        if request_number == 1
        else f"cancellation:{line_id}:{request_number}"
    )


def replacement_workflow_id(replacement_id: str) -> str:
    """`replacement:<request>`: one life per request."""
    return f"replacement:{replacement_id}"


def effect_key(subject_id: str, step: str) -> str:
    """The business key of one effect, `<subject>/<step>`; stable over retries, resets and restarts."""
    return f"{subject_id}/{step}"
