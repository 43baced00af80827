"""Renditions: papers as pages in a language."""

from models.base import Value
from models.outlook import Language
from models.statement import CreditNote, Statement


class BlankPaper(Value):
    """A paper that has no pages in this language yet."""

    paper: Statement | CreditNote
    language: Language
