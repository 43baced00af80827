"""Both notifiers keep one contract; the SMTP one also survives what mail servers do."""

import asyncio
import ssl
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from integrations.notifier.directory import DirectoryNotifier
from integrations.notifier.letter import Letter, compose
from integrations.notifier.protocol import LetterDelayed, LetterRefused, Notifier
from integrations.notifier.render import Renderer
from integrations.notifier.smtp import SmtpNotifier
from models.notice import NoticeKind
from processes.ports import free_ports
from tests.fixtures.mail import MailServer, serving
from tests.fixtures.notices import JANA, notice

SENDER = "Keydesk <keydesk@keydesk.example>"
ADDRESS = "jana@vltava-cloud.example"
renderer = Renderer("https://keydesk.example")


def letter(kind: NoticeKind = NoticeKind.ORDER_FULFILLED, number: int = 42) -> Letter:
    return renderer.write(notice(kind, number=number), JANA)


def smtp(server: MailServer, **options: Any) -> SmtpNotifier:
    return SmtpNotifier("127.0.0.1", server.port, SENDER, **{"starttls": False} | options)


@dataclass
class Post:
    """A notifier and what has arrived by it, one message per Message-ID."""

    notifier: Notifier
    arrived: Callable[[], dict[str, EmailMessage]]


@pytest.fixture
def mail_server() -> Iterator[MailServer]:
    with serving() as server:
        yield server


@pytest.fixture(params=["directory", "smtp"])
def post(request: pytest.FixtureRequest, tmp_path: Path, mail_server: MailServer) -> Post:
    if request.param == "smtp":
        return Post(smtp(mail_server), lambda: {m["Message-ID"]: m for m in mail_server.received})
    directory = tmp_path / "new" / "mail"

    def arrived() -> dict[str, EmailMessage]:
        messages = [message_from_bytes(p.read_bytes(), policy=default) for p in directory.glob("*")]
        by_id = {message["Message-ID"]: message for message in messages}
        assert len(by_id) == len(messages), "one file per message"
        return by_id

    return Post(DirectoryNotifier(directory, SENDER), arrived)


@pytest.mark.parametrize("kind", NoticeKind)
async def test_what_arrives_is_what_was_written(post: Post, kind: NoticeKind) -> None:
    sent = letter(kind)
    await post.notifier.send(sent)
    (message,) = post.arrived().values()
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    assert text is not None
    assert html is not None
    assert message.get_content_type() == "multipart/alternative"
    assert text.get_content().replace("\r\n", "\n") == sent.text
    assert html.get_content().replace("\r\n", "\n") == sent.html
    assert message["Subject"] == sent.subject
    assert message["From"] == SENDER
    assert message["To"].addresses[0].addr_spec == ADDRESS
    assert unescaped(message["To"].addresses[0].display_name) == "Jana Nováková"
    assert message["Date"].datetime == sent.written_at
    assert message["Auto-Submitted"] == "auto-generated"
    assert not message.defects


def test_letters_of_one_case_stand_together_in_a_mail_program() -> None:
    case, order = letter(NoticeKind.APPROVAL_NEEDED), letter(NoticeKind.ORDER_FULFILLED)
    for sent, root in ((case, "tkt_1"), (order, "ord_1")):
        message = compose(sent, SENDER, "8bit")
        assert message["In-Reply-To"] == message["References"] == f"<{root}@keydesk.example>"
        assert message["List-Id"] == "Keydesk <notices.keydesk.example>"
    alone = compose(case.model_copy(update={"thread": None}), SENDER, "8bit")
    assert alone["References"] is None


async def test_the_same_message_twice_is_one_message(post: Post) -> None:
    await post.notifier.send(letter())
    await post.notifier.send(letter())
    assert list(post.arrived()) == [f"<{letter().message_id}@keydesk.example>"]


async def test_messages_of_one_instant_are_all_kept(post: Post) -> None:
    await asyncio.gather(*(post.notifier.send(letter(number=number)) for number in range(20)))
    assert len(post.arrived()) == 20


@pytest.mark.parametrize("field", ["to", "to_name", "subject", "message_id"])
@pytest.mark.parametrize("breaks", ["\r\nBcc: victim@evil.example", "\nX-Evil: 1", "\rX-Evil: 1"])
async def test_no_field_of_a_letter_can_start_a_header(post: Post, field: str, breaks: str) -> None:
    # model_construct goes around the letter's own checks: the message must hold by itself.
    values = letter().model_dump()
    hostile = Letter.model_construct(**values | {field: values[field] + breaks})
    with pytest.raises(ValueError, match=r"[Ii]nvalid|CR|LF|newline|linefeed"):
        await post.notifier.send(hostile)
    assert post.arrived() == {}


def test_a_letter_itself_refuses_line_breaks() -> None:
    values = letter().model_dump()
    for field in ("to", "to_name", "subject", "message_id"):
        with pytest.raises(ValueError, match=field):
            Letter.model_validate(values | {field: f"{values[field]}\r\nBcc: x@y.example"})


async def test_files_are_readable_sortable_and_private(tmp_path: Path) -> None:
    directory = tmp_path / "mail"
    await DirectoryNotifier(directory, SENDER).send(letter())
    (file,) = directory.iterdir()
    assert file.name == "20261123T093015Z-00000042-order_fulfilled.eml"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert "Hello Jana Nováková,\n" in file.read_text(encoding="utf-8")


async def test_a_directory_that_cannot_be_written_is_a_delay(tmp_path: Path) -> None:
    (tmp_path / "mail").write_text("in the way", encoding="utf-8")
    with pytest.raises(LetterDelayed):
        await DirectoryNotifier(tmp_path / "mail", SENDER).send(letter())


@pytest.mark.parametrize(
    ("stage", "answer", "outcome", "numbers"),
    [
        ("recipient", f"550 5.1.1 <{ADDRESS}>: no such user", LetterRefused, "550 5.1.1"),
        ("recipient", f"450 4.2.1 <{ADDRESS}>: mailbox busy", LetterDelayed, "450 4.2.1"),
        ("data", "554 5.7.1 refused by policy", LetterRefused, "554 5.7.1"),
        ("data", "451 local error", LetterDelayed, "451"),
        ("mail", "452 4.3.1 out of storage", LetterDelayed, "452 4.3.1"),
        ("mail", "550 5.7.1 sender not allowed", LetterDelayed, "550 5.7.1"),
    ],
)
async def test_the_servers_answer_decides_whether_another_try_can_help(
    mail_server: MailServer, stage: str, answer: str, outcome: type[Exception], numbers: str
) -> None:
    setattr(mail_server, f"{stage}_answer", answer)
    with pytest.raises(outcome) as failed:
        await smtp(mail_server).send(letter())
    assert type(failed.value) is outcome
    assert numbers in str(failed.value)
    assert ADDRESS not in str(failed.value)
    assert mail_server.received == []


async def test_a_slow_server_is_a_delay_and_does_not_hold_us(mail_server: MailServer) -> None:
    mail_server.delay_s = 5
    began = asyncio.get_running_loop().time()
    with pytest.raises(LetterDelayed, match="in time"):
        await smtp(mail_server, deadline_s=0.3).send(letter())
    with pytest.raises(LetterDelayed):
        await smtp(mail_server, timeout_s=0.3).send(letter())
    assert asyncio.get_running_loop().time() - began < 3


async def test_a_connection_dropped_after_the_data_is_tried_again_under_the_same_id(
    mail_server: MailServer,
) -> None:
    mail_server.drop = True
    with pytest.raises(LetterDelayed):
        await smtp(mail_server).send(letter())
    mail_server.drop = False
    await smtp(mail_server).send(letter())
    first, second = mail_server.received
    assert first["Message-ID"] == second["Message-ID"]


async def test_no_server_is_a_delay() -> None:
    (port,) = free_ports(1)
    with pytest.raises(LetterDelayed):
        await SmtpNotifier("127.0.0.1", port, SENDER, starttls=False).send(letter())
    with pytest.raises(LetterDelayed):
        await SmtpNotifier("mail.invalid", port, SENDER, starttls=False).send(letter())


async def test_a_server_without_tls_gets_nothing_when_tls_is_wanted(
    mail_server: MailServer,
) -> None:
    with pytest.raises(LetterDelayed):
        await smtp(mail_server, starttls=True).send(letter())
    assert mail_server.received == []


async def test_tls_is_verified_and_the_password_needed(tmp_path: Path) -> None:
    server_side, trusting = certificates(tmp_path)
    with serving(server_side, password="s3cret-mail") as server:
        login = {"starttls": True, "username": "keydesk"}
        with pytest.raises(LetterDelayed) as untrusted:
            await smtp(server, **login, password="s3cret-mail").send(letter())
        with pytest.raises(LetterDelayed, match="535") as refused:
            await smtp(server, **login, password="wr0ng", tls_context=trusting).send(letter())
        assert server.received == []
        await smtp(server, **login, password="s3cret-mail", tls_context=trusting).send(letter())
        assert len(server.received) == 1
    for error in (untrusted, refused):
        assert "s3cret-mail" not in str(error.value)
        assert "wr0ng" not in str(error.value)


def unescaped(text: str) -> str:
    """Files hold headers in UTF-8, which Python's parser of bytes leaves escaped in names."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8")


def test_message_ids_come_from_the_senders_domain() -> None:
    message = compose(letter(), "desk@house.example", "8bit")
    assert message["Message-ID"] == f"<{letter().message_id}@house.example>"


def certificates(directory: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context with a certificate of its own, and a client's that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    file = directory / "server.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + pem
    )
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(file)
    return server_side, ssl.create_default_context(cadata=pem.decode())
