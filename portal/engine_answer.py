"""What the process engine's refusals mean at our doors: each with its own kind of error."""

from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from models.errors import Conflict, Forbidden, Invalid, KeydeskError, Refused, Stale, Unavailable

_FORBIDDEN = (
    "own_request not_an_approver acts_for_requester not_a_delegate forbidden not_your_approval"
)
_KINDS: dict[str, type[KeydeskError]] = {
    **dict.fromkeys(_FORBIDDEN.split(), Forbidden),
    "amount_exceeds_credit": Invalid,
    "amount_not_positive": Invalid,
    "already_decided": Conflict,
    "stale_view": Stale,
}


def in_trouble() -> Unavailable:
    """A workflow task of the case keeps failing, our fault to mend: until then Temporal takes no update for it."""
    return Unavailable(
        "process_in_trouble",
        "The process of this case cannot go on just now. Nothing was lost; repeat the request with "
        "the same Idempotency-Key.",
        retry_after_s=30,
    )


def in_our_words(error: WorkflowUpdateFailedError) -> KeydeskError:
    """The refusal as the workflow put it; what is no refusal of ours is raised as it is."""
    cause = error.cause
    if not isinstance(cause, ApplicationError) or cause.type is None:
        raise error
    kind = _KINDS.get(cause.type, Refused)
    return kind(cause.type, cause.message)
