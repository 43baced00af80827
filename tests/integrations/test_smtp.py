"""Whatever a mail server does at whatever stage, a letter is taken, refused or late; nothing hangs, nothing leaks."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from integrations.notifier.letter import Letter
from integrations.notifier.protocol import LetterDelayed
from integrations.notifier.render import Renderer
from integrations.notifier.smtp import SmtpNotifier
from models.notice import NoticeKind
from tests.fixtures.mail import MailServer, serving
from tests.fixtures.notices import JANA, notice

COMMANDS = ("EHLO", "MAIL", "RCPT", "DATA")
NONSENSE = {
    "no number": b"hello there\r\n",
    "half a line": b"250",
    "bytes of no text": b"\xff\xfe\x00\x80\r\n",
    "a number of no kind": b"999 5.1.1 so there\r\n",
    "a line without an end": b"250-" + b"x" * 100_000,
    "lines without an end": b"250-more\r\n" * 20_000,
    "another protocol": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
}


@pytest.fixture
def server() -> Iterator[MailServer]:
    with serving() as started:
        yield started


def letter() -> Letter:
    return Renderer("https://keydesk.example").write(notice(NoticeKind.ORDER_FULFILLED), JANA)


async def send(port: int) -> None:
    sender = "Keydesk <keydesk@keydesk.example>"
    notifier = SmtpNotifier("127.0.0.1", port, sender, starttls=False, timeout_s=1, deadline_s=3)
    await asyncio.wait_for(notifier.send(letter()), 10)


@contextmanager
def talking(greeting: bytes | None) -> Iterator[int]:
    """A port where somebody says this and hangs up, or says nothing at all."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        over = threading.Event()

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                if greeting is None:
                    over.wait(10)
                else:
                    connection.sendall(greeting)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        over.set()
        thread.join(10)


@pytest.mark.parametrize("command", COMMANDS)
async def test_a_server_that_hangs_up_is_a_delay(server: MailServer, command: str) -> None:
    server.rude_at = command
    with pytest.raises(LetterDelayed) as delayed:
        await send(server.port)
    assert JANA.email not in str(delayed.value)
    assert server.received == []


@pytest.mark.parametrize("command", COMMANDS)
async def test_a_server_that_falls_silent_is_a_delay(server: MailServer, command: str) -> None:
    server.rude_at, server.silent = command, True
    with pytest.raises(LetterDelayed):
        await send(server.port)
    assert server.received == []


@pytest.mark.parametrize("words", NONSENSE)
@pytest.mark.parametrize("command", COMMANDS)
async def test_a_server_that_talks_nonsense_is_a_delay(
    server: MailServer, command: str, words: str
) -> None:
    server.rude_at, server.nonsense = command, NONSENSE[words]
    with pytest.raises(LetterDelayed) as delayed:
        await send(server.port)
    assert len(str(delayed.value)) < 200
    assert server.received == []


@pytest.mark.parametrize(
    "greeting", [b"", None, b"554 5.3.2 Not today\r\n", b"SSH-2.0-OpenSSH_9.6\r\n", b"\x00" * 5000]
)
async def test_who_does_not_greet_as_a_mail_server_is_a_delay(greeting: bytes | None) -> None:
    with talking(greeting) as port, pytest.raises(LetterDelayed):
        await send(port)


@pytest.mark.parametrize("silent", [False, True])
async def test_a_letter_that_was_taken_is_sent_however_they_part(
    server: MailServer, *, silent: bool
) -> None:
    server.rude_at, server.silent = "QUIT", silent
    await send(server.port)
    assert server.message_ids() == [f"<{letter().message_id}@keydesk.example>"]


async def test_what_is_on_a_grey_list_is_taken_the_second_time(server: MailServer) -> None:
    server.grey_list = True
    with pytest.raises(LetterDelayed, match=r"451 4\.7\.1"):
        await send(server.port)
    await send(server.port)
    assert len(server.received) == 1


async def test_a_server_that_takes_a_letter_and_loses_it_is_believed(server: MailServer) -> None:
    """Nobody can know; the letter stays in the book as sent, and an operator can send it again."""
    server.loses = True
    await send(server.port)
    assert server.received == []
