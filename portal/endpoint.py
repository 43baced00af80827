"""What the desk does about endpoints: registered with a secret, tested, stopped and started, sent to once more."""

from datetime import timedelta

from pydantic import TypeAdapter
from starlette.concurrency import run_in_threadpool

from integrations.cipher.protocol import Cipher
from integrations.webhook.address import Resolver
from integrations.webhook.signing import new_secret
from models.delivery import Delivery, RedeliveryRequest, SigningSecret
from models.endpoint import Endpoint, EndpointDraft, NewEndpoint, RotatedSecret, RotationRequest
from models.errors import Forbidden
from models.ids import Prefix, new_id
from models.principal import Principal
from models.receipt import Receipt
from portal.pagination import NumberKey, decode
from rules.permission import Act, require
from storage import delivery_view
from storage import endpoint as endpoint_book
from storage.engine import Database

_POSITION: TypeAdapter[int] = TypeAdapter(NumberKey)


class EndpointDesk:
    """One verb, one method; what lies outside the caller's sight answers as if it did not exist."""

    def __init__(self, database: Database, cipher: Cipher, resolver: Resolver) -> None:
        self._database = database
        self._cipher = cipher
        self._resolver = resolver

    async def require_address(self, draft: EndpointDraft) -> None:
        """Invalid or AddressRefused unless we would send to this URL now; asked again at every delivery."""
        await self._resolver.resolve(draft.url)

    async def register(
        self, draft: EndpointDraft, receipt: Receipt, principal: Principal
    ) -> NewEndpoint:
        """Write the endpoint; the same request again is answered with the same secret."""
        require(principal, Act.MANAGE_ENDPOINT)
        if principal.customer_id is not None:
            act = Act.MANAGE_ENDPOINT
            raise Forbidden("forbidden", "Events go to partners and to the house.", act=act)

        def write() -> NewEndpoint:
            endpoint_id, at = receipt.resource_id, receipt.received_at
            made = self._seal(new_id(Prefix.SECRET), endpoint_id)
            endpoint_book.register(self._database, draft, endpoint_id, made, principal, at)
            with self._database.reading() as book:
                secret = endpoint_book.first_secret(book, endpoint_id)
                found = endpoint_book.find(book, principal, endpoint_id)
            return NewEndpoint(
                endpoint=endpoint_book.shown(found), secret=self._open(secret, endpoint_id)
            )

        return await run_in_threadpool(write)

    async def rotate(
        self, endpoint_id: str, request: RotationRequest, receipt: Receipt, principal: Principal
    ) -> RotatedSecret:
        """Make another secret the current one; the same request again is answered with the same."""
        require(principal, Act.MANAGE_ENDPOINT)
        overlap = timedelta(hours=request.old_valid_for_hours)

        def write() -> RotatedSecret:
            made = self._seal(receipt.resource_id, endpoint_id)
            at = receipt.received_at
            endpoint_book.rotate(self._database, endpoint_id, made, overlap, principal, at)
            with self._database.reading() as book:
                secret = endpoint_book.secret_of(book, receipt.resource_id)
            return RotatedSecret(
                secret=self._open(secret, endpoint_id), old_valid_until=at + overlap
            )

        return await run_in_threadpool(write)

    def _seal(self, secret_id: str, endpoint_id: str) -> SigningSecret:
        sealed = self._cipher.seal(new_secret(), secret_id)
        return SigningSecret(id=secret_id, sealed=self._cipher.bind(sealed, secret_id, endpoint_id))

    def _open(self, secret: SigningSecret, endpoint_id: str) -> str:
        return self._cipher.open(secret.sealed, secret.id, endpoint_id)

    async def test(self, endpoint_id: str, receipt: Receipt, principal: Principal) -> Delivery:
        """Queue one test event for this endpoint alone."""
        require(principal, Act.MANAGE_ENDPOINT)

        def write() -> Delivery:
            delivery_id = receipt.resource_id
            delivery_view.queue_test(
                self._database, endpoint_id, delivery_id, principal, receipt.received_at
            )
            with self._database.reading() as book:
                return delivery_view.read_log(book, principal, endpoint_id, delivery_id).delivery

        return await run_in_threadpool(write)

    async def enable(self, endpoint_id: str, receipt: Receipt, principal: Principal) -> Endpoint:
        """Let it get events again, from where it stopped."""
        require(principal, Act.MANAGE_ENDPOINT)
        at = receipt.received_at
        await run_in_threadpool(endpoint_book.enable, self._database, endpoint_id, principal, at)
        return await self.find(endpoint_id, principal)

    async def disable(self, endpoint_id: str, receipt: Receipt, principal: Principal) -> Endpoint:
        """Send nothing to it until it is enabled again."""
        require(principal, Act.MANAGE_ENDPOINT)
        at = receipt.received_at
        await run_in_threadpool(endpoint_book.disable, self._database, endpoint_id, principal, at)
        return await self.find(endpoint_id, principal)

    async def redeliver(
        self, endpoint_id: str, request: RedeliveryRequest, receipt: Receipt, principal: Principal
    ) -> int:
        """Queue what was asked for once more; how many deliveries that is."""
        require(principal, Act.MANAGE_ENDPOINT)
        at = receipt.received_at

        def write() -> int:
            book = self._database
            if request.delivery_id is not None:
                wanted = request.delivery_id
                return delivery_view.requeue_one(book, endpoint_id, wanted, principal, at)
            since = request.since or decode(_POSITION, request.after or "")
            return delivery_view.requeue_since(book, endpoint_id, since, principal, at)

        return await run_in_threadpool(write)

    async def find(self, endpoint_id: str, principal: Principal) -> Endpoint:
        """One endpoint within the caller's sight."""

        def read() -> Endpoint:
            with self._database.reading() as book:
                return endpoint_book.shown(endpoint_book.find(book, principal, endpoint_id))

        return await run_in_threadpool(read)
