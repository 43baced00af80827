"""Where a URL leads: its host resolved once, and refused if it leads into a network."""

import asyncio
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from models.errors import KeydeskError
from rules.endpoint import is_public, require_url

_AT_ONCE = 16
_PORTS = {"http": 80, "https": 443}

GetAddrInfo = Callable[..., list[tuple[Any, ...]]]


class AddressRefused(KeydeskError):
    """The host does not resolve, or to what we do not connect to."""

    http_status = 422

    def __init__(self, message: str) -> None:
        super().__init__("endpoint_address_refused", message)


class Resolver:
    """Resolves in threads of its own, so that a slow name server holds up nothing but what asks it."""

    def __init__(
        self, *, private_allowed: bool, getaddrinfo: GetAddrInfo = socket.getaddrinfo
    ) -> None:
        self._private_allowed = private_allowed
        self._getaddrinfo = getaddrinfo
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="resolver")

    async def resolve(self, url: str) -> str:
        """The one address to connect to; Invalid or AddressRefused when there is none.

        A name that has a private address beside public ones is refused: which one is used would be chance.
        """
        require_url(url, private_allowed=self._private_allowed)
        parts = urlsplit(url)
        port = parts.port or _PORTS[parts.scheme]
        loop = asyncio.get_running_loop()
        try:
            found = await loop.run_in_executor(self._threads, self._look_up, parts.hostname, port)
        except (OSError, UnicodeError):
            raise AddressRefused("The host of the URL has no address.") from None
        addresses = [str(entry[4][0]) for entry in found]
        if not self._private_allowed and not all(is_public(ip_address(a)) for a in addresses):
            raise AddressRefused("The host of the URL leads to an address that is not public.")
        return addresses[0]

    def _look_up(self, host: str | None, port: int) -> list[tuple[Any, ...]]:
        return self._getaddrinfo(host, port, type=socket.SOCK_STREAM)
