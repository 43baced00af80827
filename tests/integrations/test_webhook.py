"""Posting to endpoints of every kind: to the address that was checked, once, with limits on everything."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from standardwebhooks import Webhook, WebhookVerificationError

from integrations.webhook.address import AddressRefused, Resolver
from integrations.webhook.http import HttpSender
from integrations.webhook.protocol import SendingFailed
from integrations.webhook.signing import new_secret, signed_headers
from models.errors import Invalid
from tests.fixtures.receiver import Got, Receiver, answer, endless, late, receiving, reset

HOST = "hooks.partner.example"
BODY = b'{"id":"evt_1"}'


def resolving(*addresses: str, private_allowed: bool = True) -> Resolver:
    """A resolver for which every name has these addresses."""

    def getaddrinfo(host: str, port: int, **_: Any) -> list[tuple[Any, ...]]:
        del host
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, port)) for a in addresses]

    return Resolver(private_allowed=private_allowed, getaddrinfo=getaddrinfo)


def sender(**options: Any) -> HttpSender:
    options.setdefault("resolver", Resolver(private_allowed=True))
    return HttpSender(**{"connect_s": 0.5, "whole_s": 1.0} | options)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for the host with its key, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "host.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
async def secure(certificate: Path) -> AsyncIterator[Receiver]:
    """A receiver behind TLS that notes under which name it was called."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    async with receiving(context) as made:
        yield made


async def test_a_post_arrives_as_it_was_sent(receiver: Receiver) -> None:
    receiver.respond = answer(202, b"thanks")
    found = await sender().send(receiver.url("/a?b=c"), {"webhook-id": "evt_1"}, BODY)
    (got,) = receiver.got
    assert (found.status_code, found.head) == (202, b"thanks")
    assert (got.line, got.body) == ("POST /a?b=c HTTP/1.1", BODY)
    assert got.headers["webhook-id"] == "evt_1"
    assert got.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert "cookie" not in got.headers


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_an_answer_and_is_not_followed(receiver: Receiver, status: int) -> None:
    receiver.respond = answer(status, location=receiver.url("/elsewhere"))
    assert (await sender().send(receiver.url(), {}, BODY)).status_code == status
    assert len(receiver.got) == 1


async def test_no_cookie_is_kept(receiver: Receiver) -> None:
    receiver.respond = answer(200, set_cookie="a=b; Path=/")
    posting = sender()
    for _ in range(2):
        await posting.send(receiver.url(), {}, BODY)
    assert all("cookie" not in got.headers for got in receiver.got)


async def test_no_proxy_of_the_environment_is_used(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert (await sender().send(receiver.url(), {}, BODY)).status_code == 200


async def test_an_endless_answer_is_cut_off(receiver: Receiver) -> None:
    receiver.respond = endless
    found = await sender().send(receiver.url(), {}, BODY)
    assert found.status_code == 200
    assert 0 < len(found.head) <= 4096


async def test_a_packed_answer_is_not_unpacked(receiver: Receiver) -> None:
    receiver.respond = answer(200, b"\x1f\x8b not really", content_encoding="gzip")
    assert (await sender().send(receiver.url(), {}, BODY)).head == b"\x1f\x8b not really"


async def test_an_answer_that_drips_is_given_up(receiver: Receiver) -> None:
    async def drip(_: Got, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.05)

    receiver.respond = drip
    with pytest.raises(SendingFailed, match="no answer in time"):
        await sender(whole_s=0.3).send(receiver.url(), {}, BODY)


async def test_a_good_answer_that_comes_too_late_is_none(receiver: Receiver) -> None:
    receiver.respond = late(0.6)
    with pytest.raises(SendingFailed, match="no answer in time"):
        await sender(whole_s=0.2).send(receiver.url(), {}, BODY)


async def test_a_line_that_goes_dead_and_a_port_where_nobody_is(receiver: Receiver) -> None:
    receiver.respond = reset
    with pytest.raises(SendingFailed, match="Nothing came back"):
        await sender().send(receiver.url(), {}, BODY)
    with pytest.raises(SendingFailed, match="ConnectError"):
        await sender().send("http://127.0.0.1:1/", {}, BODY)


async def test_what_is_no_http_is_no_answer(receiver: Receiver) -> None:
    async def gibberish(_: Got, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")
        await writer.drain()

    receiver.respond = gibberish
    with pytest.raises(SendingFailed, match="RemoteProtocolError"):
        await sender().send(receiver.url(), {}, BODY)


async def test_the_address_that_was_checked_is_called_by_the_name_of_the_host(
    secure: Receiver, certificate: Path
) -> None:
    trusting = ssl.create_default_context(cafile=str(certificate))
    posting = sender(resolver=resolving("127.0.0.1"), tls=trusting)
    url = secure.url(scheme="https", host=HOST)

    assert (await posting.send(url, {}, BODY)).status_code == 200
    assert secure.got[0].headers["host"] == f"{HOST}:{secure.port}"

    with pytest.raises(SendingFailed, match="not valid for"):
        await posting.send(secure.url(scheme="https", host="other.example"), {}, BODY)
    with pytest.raises(SendingFailed, match="self-signed"):
        await sender(resolver=resolving("127.0.0.1")).send(url, {}, BODY)


async def test_a_name_that_leads_inside_is_refused_at_every_delivery() -> None:
    answers = [["93.184.215.14"], ["127.0.0.1"]]

    def rebinding(host: str, port: int, **_: Any) -> list[tuple[Any, ...]]:
        del host
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, port)) for a in answers.pop(0)]

    resolver = Resolver(private_allowed=False, getaddrinfo=rebinding)
    assert await resolver.resolve(f"https://{HOST}/") == "93.184.215.14"
    with pytest.raises(SendingFailed, match="not public"):
        await sender(resolver=resolver).send(f"https://{HOST}/", {}, BODY)


@pytest.mark.parametrize("private", ["10.0.0.1", "::1", "169.254.169.254", "::ffff:127.0.0.1"])
async def test_one_private_address_among_public_ones_is_enough(private: str) -> None:
    resolver = resolving("93.184.215.14", private, private_allowed=False)
    with pytest.raises(AddressRefused, match="not public"):
        await resolver.resolve(f"https://{HOST}/")


async def test_a_name_without_an_address_is_refused() -> None:
    def unknown(*_: Any, **__: Any) -> list[tuple[Any, ...]]:
        raise socket.gaierror(-2, "Name or service not known")

    with pytest.raises(AddressRefused, match="no address"):
        await Resolver(private_allowed=False, getaddrinfo=unknown).resolve(f"https://{HOST}/")


async def test_production_sends_to_no_local_server(receiver: Receiver) -> None:
    strict = Resolver(private_allowed=False)
    with pytest.raises(Invalid):
        await strict.resolve(receiver.url())
    with pytest.raises(SendingFailed):
        await sender(resolver=strict).send(receiver.url(scheme="https"), {}, BODY)
    assert receiver.got == []


def test_a_receiver_verifies_by_either_secret_and_by_no_other() -> None:
    old, new = new_secret(), new_secret()
    headers = signed_headers("evt_1", BODY, datetime.now(UTC), [new, old])
    assert len(headers["webhook-signature"].split()) == 2
    for secret in (old, new):
        assert Webhook(secret).verify(BODY, headers) == {"id": "evt_1"}
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret()).verify(BODY, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(new).verify(BODY + b" ", headers)
