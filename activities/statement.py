"""The effects that close months: one statement at a time, and the pages of what was issued."""

from datetime import datetime

from temporalio import activity

from integrations.typesetter.press import typeset
from models.statement import Closed, ClosingStep, DueAccounts, Issuer
from storage import rendition, statement
from storage.engine import Database

_ACCOUNTS = 50
_PAPERS = 20


class StatementActivities:
    """Closings are idempotent by what is still unclaimed, pages by paper and language."""

    def __init__(self, database: Database, issuer: Issuer) -> None:
        self._database = database
        self._issuer = issuer

    @activity.defn
    def find_due_accounts(self, until: datetime) -> DueAccounts:
        """Some accounts with a period to close that ends by `until`."""
        with self._database.reading() as connection:
            found = statement.due_accounts(connection, until, _ACCOUNTS)
        return DueAccounts(accounts=tuple(found))

    @activity.defn
    def close_statement(self, step: ClosingStep) -> Closed:
        """Close the account's earliest period that is due."""
        closed = statement.close_statement(self._database, step, self._issuer)
        return Closed(statement_id=None if closed is None else closed.id)

    @activity.defn
    def typeset_papers(self, at: datetime) -> int:
        """Make some of the pages that are missing, in every language; how many."""
        with self._database.reading() as connection:
            blanks = rendition.blank_papers(connection, _PAPERS)
        for blank in blanks:
            pages = typeset(blank.paper, blank.language)
            rendition.keep_rendition(self._database, blank, pages, at)
        return len(blanks)
