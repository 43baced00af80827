"""Which addresses we send to, and when a failed attempt is made again."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest

from models.errors import Invalid
from rules.endpoint import (
    FEWEST_ATTEMPTS,
    GIVE_UP_AFTER,
    JITTER,
    LONGEST_REST,
    WAITS,
    is_dead,
    is_public,
    next_attempt,
    require_url,
    rest_after,
)

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)

GOOD = (
    "https://hooks.partner.example/keydesk?token=abc",
    "https://hooks.partner.example:443/",
    "https://hooks.partner.example:8443/a",
    "https://hooks.partner.example:9000/a",
    "https://8.8.8.8/a",
    "https://[2606:4700:4700::1111]/a",
    "https://xn--pekastv-fza3f.example/",
)
BAD = (
    "http://hooks.partner.example/",
    "ftp://hooks.partner.example/",
    "gopher://hooks.partner.example/",
    "file:///etc/passwd",
    "https:///a",
    "https://user:secret@hooks.partner.example/",
    "https://user@hooks.partner.example/",
    "https://@hooks.partner.example/",
    "https://hooks.partner.example/#part",
    "https://hooks.partner.example:22/",
    "https://hooks.partner.example:80/",
    "https://hooks.partner.example:0/",
    "https://hooks.partner.example:99999/",
    "https://hooks.partner.example:x/",
    "https://localhost/",
    "https://LOCALHOST./",
    "https://db.localhost/",
    "https://printer.local/",
    "https://metadata.google.internal/",
    "https://intranet/",
    "https://127.0.0.1/",
    "https://127.1/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0x7f.0.0.1/",
    "https://0177.0.0.1/",
    "https://10.0.0.1/",
    "https://100.64.0.1/",
    "https://169.254.169.254/latest/meta-data",
    "https://0.0.0.0/",
    "https://224.0.0.1/",
    "https://[::1]/",
    "https://[::ffff:10.0.0.1]/",
    "https://[::ffff:8.8.8.8]/",
    "https://[64:ff9b::a00:1]/",
    "https://[fe80::1%25eth0]/",
    "https://[fe80::1]/",
    "https://[fd00::1]/",
    "https://[::]/",
    "https://bad_.-host/",
    "https://a..example/",
)
PRIVATE = (
    *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "169.254.169.254"),
    *("224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255", "0.0.0.0"),
    *("192.0.2.1", "198.18.0.1", "203.0.113.1", "192.88.99.1"),
    *("::", "::1", "::8.8.8.8", "::ffff:8.8.8.8", "64:ff9b::808:808", "64:ff9b:1::1"),
    *("fe80::1", "fec0::1", "fc00::1", "ff02::1", "ff0e::1", "100::1"),
    *("2001:db8::1", "2001::1", "2001:0:1::1", "2002:7f00:1::", "2606:4700::1%eth0"),
)


@pytest.mark.parametrize("url", GOOD)
def test_these_may_be_sent_to(url: str) -> None:
    require_url(url, private_allowed=False)


@pytest.mark.parametrize("url", BAD)
def test_these_may_not(url: str) -> None:
    with pytest.raises(Invalid) as refusal:
        require_url(url, private_allowed=False)
    assert refusal.value.code == "endpoint_url_refused"
    assert url not in refusal.value.message


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8000/a", "http://localhost/", "https://10.0.0.1/"]
)
def test_development_sends_to_its_own_machine(url: str) -> None:
    require_url(url, private_allowed=True)


@pytest.mark.parametrize(
    "url", ["ftp://localhost/", "http://a:b@localhost/", "http://", "http://[/"]
)
def test_development_does_not_send_everywhere(url: str) -> None:
    with pytest.raises(Invalid):
        require_url(url, private_allowed=True)


@pytest.mark.parametrize("address", PRIVATE)
def test_no_address_of_a_network_is_public(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "93.184.215.14", "2606:4700:4700::1111", "2a00:1450::1"]
)
def test_an_address_of_the_internet_is(address: str) -> None:
    assert is_public(ip_address(address))


def test_waits_grow_and_are_the_rows_own() -> None:
    for tries, wait in enumerate(WAITS, start=1):
        planned = next_attempt("dlv_1", tries, NOW, NOW)
        assert planned is not None
        assert abs((planned - NOW) / wait - 1) <= JITTER
        assert planned == next_attempt("dlv_1", tries, NOW, NOW)
    assert len({next_attempt(f"dlv_{row}", 3, NOW, NOW) for row in range(20)}) == 20
    assert list(WAITS) == sorted(WAITS)


def test_trying_ends_after_three_days() -> None:
    end = NOW + GIVE_UP_AFTER
    assert next_attempt("dlv_1", 50, NOW, end - timedelta(seconds=1)) is not None
    assert next_attempt("dlv_1", FEWEST_ATTEMPTS, NOW, end) is None


def test_our_own_standstill_uses_up_no_tries() -> None:
    assert next_attempt("dlv_1", FEWEST_ATTEMPTS - 1, NOW, NOW + timedelta(days=30)) is not None
    assert not is_dead(NOW, FEWEST_ATTEMPTS - 1, NOW + timedelta(days=30))
    assert is_dead(NOW, FEWEST_ATTEMPTS, NOW + GIVE_UP_AFTER)


def test_every_delivery_has_its_tries_within_three_days() -> None:
    at, tries = NOW, 0
    while (planned := next_attempt("dlv_1", tries := tries + 1, NOW, at)) is not None:
        at = planned
    assert FEWEST_ATTEMPTS <= tries <= 20
    assert GIVE_UP_AFTER <= at - NOW < GIVE_UP_AFTER + WAITS[-1] * (1 + JITTER)


def test_an_endpoint_that_fails_is_left_alone_for_longer_and_longer() -> None:
    rests = [rest_after(failures) for failures in range(1, 40)]
    assert rests == sorted(rests)
    assert (rests[0], rests[-1]) == (timedelta(seconds=1), LONGEST_REST)
