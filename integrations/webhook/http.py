"""Webhooks over HTTP: one connection for each, to the address that was checked, with limits on everything."""

import asyncio
import ssl
from collections.abc import Mapping

import httpx2

from integrations.webhook.address import AddressRefused, Resolver
from integrations.webhook.protocol import Answer, SendingFailed
from models.errors import Invalid

_CONNECT_S = 5.0
_WHOLE_S = 15.0
_READ_MAX = 64 * 1024
_HEAD = 4096
_REASON_MAX = 160
_ONE_REQUEST = httpx2.Limits(max_connections=1, max_keepalive_connections=0)


class HttpSender:
    """Connects to the very address that was checked, under the host's name: a second look-up could lead elsewhere."""

    def __init__(
        self,
        resolver: Resolver,
        *,
        tls: ssl.SSLContext | None = None,
        connect_s: float = _CONNECT_S,
        whole_s: float = _WHOLE_S,
    ) -> None:
        self._resolver = resolver
        self._tls = tls or ssl.create_default_context()
        self._whole_s = whole_s
        self._timeout = httpx2.Timeout(whole_s, connect=connect_s).as_dict()

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Post the body; an endless answer is cut off, and one that comes too late is none."""
        try:
            async with asyncio.timeout(self._whole_s):
                address = await self._resolver.resolve(url)
                return await self._post(self._request(url, address, headers, body))
        except (Invalid, AddressRefused) as refusal:
            raise SendingFailed(refusal.message) from None
        except (TimeoutError, httpx2.TimeoutException) as error:
            what = "connection" if isinstance(error, httpx2.ConnectTimeout) else "answer"
            raise SendingFailed(f"There was no {what} in time.") from None
        except (httpx2.TransportError, httpx2.InvalidURL, OSError) as error:
            raise SendingFailed(f"Nothing came back: {_reason(error)}.") from None

    def _request(
        self, url: str, address: str, headers: Mapping[str, str], body: bytes
    ) -> httpx2.Request:
        named = httpx2.URL(url)
        return httpx2.Request(
            "POST",
            named.copy_with(host=address),
            headers={"Host": named.netloc.decode("ascii"), "Connection": "close", **headers},
            content=body,
            extensions={"timeout": self._timeout, "sni_hostname": named.raw_host.decode("ascii")},
        )

    async def _post(self, request: httpx2.Request) -> Answer:
        # A transport knows no cookies, redirects or environment; a client would have to be told.
        async with httpx2.AsyncHTTPTransport(
            verify=self._tls, trust_env=False, limits=_ONE_REQUEST
        ) as transport:
            response = await transport.handle_async_request(request)
            try:
                return Answer(status_code=response.status_code, head=await _read(response))
            finally:
                await response.aclose()


async def _read(response: httpx2.Response) -> bytes:
    """The beginning of the answer, as it came over the line; so much is read at most."""
    assert isinstance(response.stream, httpx2.AsyncByteStream)
    head, read = b"", 0
    async for chunk in response.stream:
        read += len(chunk)
        head += chunk[: _HEAD - len(head)]
        if read >= _READ_MAX:
            break
    return head


def _reason(error: Exception) -> str:
    """The kind of failure, and what TLS had to say; neither holds the URL."""
    kind = type(error).__name__
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"{kind}, {cause.verify_message}"[:_REASON_MAX]
        cause = cause.__cause__ or cause.__context__
    return kind
