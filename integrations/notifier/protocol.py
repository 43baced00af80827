"""The seam for telling people: something that takes a letter, or says why it did not."""

import re
from typing import Protocol

from integrations.notifier.letter import Letter
from models.errors import KeydeskError

ENHANCED_CODE = re.compile(r"\b[245]\.\d{1,3}\.\d{1,3}\b")
"""The part of a mail server's answer that may be shown (RFC 3463); its words may repeat the reader's address."""


class NotifierError(KeydeskError):
    """The letter was not taken; the sentence holds no address. `permanent` says whether another try can help."""


class LetterRefused(NotifierError):
    """This letter will never be taken: its recipient or its content is refused."""

    def __init__(self, message: str) -> None:
        super().__init__("letter_refused", message)


class LetterDelayed(NotifierError):
    """The way is blocked for now, for this letter as for any other."""

    permanent = False

    def __init__(self, message: str) -> None:
        super().__init__("letter_delayed", message)


class Notifier(Protocol):
    """Takes letters. The same message sent twice is one message: it carries the same id."""

    async def send(self, letter: Letter) -> None:
        """Take over the letter; raises LetterRefused or LetterDelayed."""
        ...
