"""The ways the embedded stack can refuse to start or to go on, each with a hint what to do about it."""

from enum import StrEnum

from models.errors import KeydeskError


class StackProblem(StrEnum):
    """Stable codes of what can be wrong with the machine under the stack."""

    INIT_FAILED = "init_failed"
    START_FAILED = "start_failed"
    START_TIMED_OUT = "start_timed_out"
    DISK_FULL = "disk_full"
    WRONG_DATA_VERSION = "wrong_data_version"
    FOREIGN_DATA = "foreign_data"
    NO_ACCOUNT = "no_account"
    LOCKED = "locked"
    PORT_TAKEN = "port_taken"
    MISSING_BINARY = "missing_binary"
    STEP_FAILED = "step_failed"
    KEEPS_DYING = "keeps_dying"
    NOT_RUNNING = "not_running"


class StackError(KeydeskError):
    """The stack cannot run here and now: `message` says why, `hint` says what helps."""

    def __init__(self, problem: StackProblem, message: str, hint: str) -> None:
        super().__init__(problem, message)
        self.problem = problem
        self.hint = hint


def out_of_space(what: str, directory: object) -> StackError:
    """The one sentence for a full disk, whoever met it first."""
    return StackError(
        StackProblem.DISK_FULL,
        f"{what}: no space is left on the disk that holds {directory}.",
        "Free some space, or point KEYDESK_DATA_DIR to another disk; nothing acknowledged is lost.",
    )
