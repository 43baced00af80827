"""Letters by SMTP, and which of a mail server's answers mean never."""

import asyncio
import ssl
from contextlib import suppress

import aiosmtplib
from aiosmtplib.errors import (
    SMTPDataError,
    SMTPException,
    SMTPRecipientRefused,
    SMTPRecipientsRefused,
    SMTPResponseException,
)

from integrations.notifier.letter import Letter, compose, domain_of
from integrations.notifier.protocol import (
    ENHANCED_CODE,
    LetterDelayed,
    LetterRefused,
    NotifierError,
)

_PERMANENT = range(500, 600)
_GOODBYE_S = 2.0


class SmtpNotifier:
    """A mail server that takes our letters, one connection for each."""

    def __init__(
        self,
        host: str,
        port: int,
        sender: str,
        *,
        username: str | None = None,
        password: str | None = None,
        starttls: bool = True,
        tls_context: ssl.SSLContext | None = None,
        timeout_s: float = 15.0,
        deadline_s: float = 60.0,
    ) -> None:
        self._host = host
        self._port = port
        self._sender = sender
        self._username = username
        self._password = password
        self._starttls = starttls
        self._tls_context = tls_context
        self._timeout_s = timeout_s
        self._deadline_s = deadline_s

    async def send(self, letter: Letter) -> None:
        """Hand the letter over; an answer that comes after the deadline counts as none."""
        client = self._client()
        try:
            async with asyncio.timeout(self._deadline_s):
                await client.connect()
                await client.send_message(compose(letter, self._sender, "quoted-printable"))
        except TimeoutError:
            raise LetterDelayed("The mail server did not answer in time.") from None
        except SMTPException as error:
            raise _verdict(error) from None
        except OSError as error:
            raise LetterDelayed(f"No way to the mail server: {type(error).__name__}.") from None
        else:
            await _part(client)
        finally:
            client.close()

    def _client(self) -> aiosmtplib.SMTP:
        return aiosmtplib.SMTP(
            hostname=self._host,
            port=self._port,
            local_hostname=domain_of(self._sender),
            username=self._username,
            password=self._password,
            start_tls=self._starttls,
            tls_context=self._tls_context,
            timeout=self._timeout_s,
        )


async def _part(client: aiosmtplib.SMTP) -> None:
    """Say goodbye; the letter is taken, so nothing that goes wrong now matters."""
    with suppress(SMTPException, OSError):
        await client.quit(timeout=_GOODBYE_S)


def _verdict(error: SMTPException) -> NotifierError:
    """Only a 5xx about the recipient or the content is final: one about us (sign-in, sender) is ours to mend."""
    reason = error.recipients[0] if isinstance(error, SMTPRecipientsRefused) else error
    if not isinstance(reason, SMTPResponseException):
        return LetterDelayed(f"The mail server cannot be used: {type(reason).__name__}.")
    sentence = f"The mail server answered {_code(reason)} ({type(reason).__name__})."
    about_letter = isinstance(reason, SMTPRecipientRefused | SMTPDataError)
    if about_letter and reason.code in _PERMANENT:
        return LetterRefused(sentence)
    return LetterDelayed(sentence)


def _code(reason: SMTPResponseException) -> str:
    """The numbers of the answer; its words may repeat the recipient's address."""
    enhanced = ENHANCED_CODE.search(reason.message)
    return f"{reason.code} {enhanced.group()}" if enhanced else str(reason.code)
