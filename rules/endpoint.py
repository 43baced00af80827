"""Endpoints: which addresses we send to, and when an attempt that failed is made again."""

import hashlib
import re
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import SplitResult, urlsplit

from models.errors import Invalid

WAITS = tuple(
    timedelta(seconds=seconds)
    for seconds in (5, 30, 120, 600, 1800, 3600, 7200, 14_400, 28_800, 43_200)
)
"""How long after the first failed attempt, the second, …; the last one goes on."""
JITTER = 0.2
GIVE_UP_AFTER = timedelta(days=3)
FEWEST_ATTEMPTS = 8
LONGEST_REST = timedelta(minutes=5)

_HTTPS_PORTS = (443, 8443)
_OPEN_PORTS = range(1024, 65536)
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)", re.IGNORECASE)
_INWARD = ("localhost", "local", "internal", "intranet", "lan", "home", "corp", "onion", "arpa")
"""Last labels of names that mean something only inside a network."""
_GLOBAL_V6 = IPv6Network("2000::/3")
_TUNNELS_V6 = (IPv6Network("2001::/32"), IPv6Network("2002::/16"))
_RELAYS_V4 = IPv4Network("192.88.99.0/24")


def require_url(url: str, *, private_allowed: bool) -> None:
    """Invalid unless this is an address that a delivery may be sent to, as far as its text tells."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise _unfit("it is no URL") from None
    if parts.username is not None or parts.password is not None:
        raise _unfit("it holds credentials, which everybody who sees the URL would see")
    if parts.fragment or not parts.hostname:
        raise _unfit("it needs a host and may have no fragment")
    if private_allowed:
        if parts.scheme not in ("http", "https"):
            raise _unfit("its scheme is neither https nor http")
        return
    _require_public(parts, port)


def _require_public(parts: SplitResult, port: int | None) -> None:
    if parts.scheme != "https":
        raise _unfit("its scheme is not https")
    if port is not None and port not in _HTTPS_PORTS and port not in _OPEN_PORTS:
        raise _unfit("its port is neither 443 nor above 1023")
    assert parts.hostname is not None
    try:
        address = ip_address(parts.hostname)
    except ValueError:
        if not _is_name(parts.hostname):
            raise _unfit("its host is no public name") from None
        return
    if not is_public(address):
        raise _unfit("its host is no public address")


def _is_name(host: str) -> bool:
    """A name with a dot whose last label is a word: `127.1`, `0x7f000001` and `2130706433` are numbers in disguise."""
    labels = host.removesuffix(".").split(".")
    last = labels[-1].lower()
    return (
        len(host) <= 253
        and len(labels) > 1
        and all(map(_LABEL.fullmatch, labels))
        and not last[0].isdigit()
        and last not in _INWARD
    )


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether the address is one host of the internet: none of a network, a tunnel or a translation into one."""
    if address.is_multicast or not address.is_global:
        return False
    if isinstance(address, IPv4Address):
        return address not in _RELAYS_V4
    if address.scope_id is not None or address not in _GLOBAL_V6:
        return False
    return not any(address in tunnel for tunnel in _TUNNELS_V6)


def _unfit(why: str) -> Invalid:
    return Invalid("endpoint_url_refused", f"We do not send to this URL: {why}.")


def next_attempt(
    delivery_id: str, tries: int, first_tried_at: datetime, now: datetime
) -> datetime | None:
    """When to try again after so many failed tries; None when three days of trying are over.

    The jitter is the row's own, so that a repeat of the recording plans the same, and a crowd that failed together
    does not come back together.
    """
    if now - first_tried_at >= GIVE_UP_AFTER and tries >= FEWEST_ATTEMPTS:
        return None
    wait = WAITS[min(max(tries, 1), len(WAITS)) - 1]
    drawn = hashlib.sha256(f"{delivery_id}/{tries}".encode()).digest()
    share = int.from_bytes(drawn[:4]) / 2**32
    return now + wait * (1 - JITTER + 2 * JITTER * share)


def rest_after(failures: int) -> timedelta:
    """How long an endpoint is left alone after so many failures in a row, whatever else waits for it."""
    return min(timedelta(seconds=1 << min(max(failures, 1) - 1, 10)), LONGEST_REST)


def is_dead(failing_since: datetime, failures: int, now: datetime) -> bool:
    """Whether an endpoint took nothing for so long that we stop."""
    return now - failing_since >= GIVE_UP_AFTER and failures >= FEWEST_ATTEMPTS
