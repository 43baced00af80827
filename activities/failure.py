"""What of a failure may travel: PostgreSQL prints whole rows in its errors, and history keeps them for months."""

import traceback
from typing import Any

from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from temporalio.exceptions import ApplicationError, FailureError
from temporalio.worker import (
    ActivityInboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
)

from models.errors import KeydeskError


class SafeFailures(Interceptor):
    """Replaces every activity failure by one that names the fault and carries no data."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002
        """Called by the worker once per activity."""
        return _SafeInbound(next)


class _SafeInbound(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002
        try:
            return await self.next.execute_activity(input)
        except FailureError:
            raise
        except Exception as error:
            raise safe_failure(error) from None


def safe_failure(error: Exception) -> ApplicationError:
    """The same failure in words that hold no row, no parameter and no contact datum."""
    if isinstance(error, KeydeskError):
        return ApplicationError(error.message, type=error.code, non_retryable=error.permanent)
    if isinstance(error, DBAPIError):
        return ApplicationError(_database_words(error), type="database")
    if isinstance(error, SQLAlchemyError):
        return ApplicationError(f"The database failed: {type(error).__name__}.", type="database")
    return ApplicationError(
        f"Unexpected {type(error).__name__} at {_place(error)}.", type=type(error).__name__
    )


def _database_words(error: DBAPIError) -> str:
    state = getattr(error.orig, "sqlstate", None)
    diagnostics = getattr(error.orig, "diag", None)
    constraint = getattr(diagnostics, "constraint_name", None)
    if constraint:
        return f"The database refused: {constraint} ({state})."
    if state is None or state.startswith(("08", "57")):
        return "The database cannot be reached; this is tried again."
    return f"The database failed: {type(error.orig).__name__} ({state})."


def _place(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].name}:{frames[-1].lineno}" if frames else "an unknown place"
