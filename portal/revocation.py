"""The revocation feed at the door: revocations are published, a page is read and signed."""

from collections.abc import Callable, Iterator
from datetime import datetime

from integrations.cipher.protocol import Cipher
from integrations.signer import Signer
from models.cursor import encode
from models.ids import SYSTEM_USER
from models.revocation import RevocationKeys, RevocationPage
from rules.revocation import signed_text
from storage import revocation
from storage.engine import Database
from storage.revocation import Stretch

_UNSIGNED = ""


class RevocationDesk:
    """The one place that turns revoked product keys into keyed hashes; nothing of a key leaves it in clear."""

    def __init__(
        self, database: Database, cipher: Cipher, signer: Signer, clock: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._cipher = cipher
        self._signer = signer
        self._clock = clock

    def read_page(self, place: tuple[int, int] | None, limit: int) -> RevocationPage:
        """The signed page after a place (epoch, number), or the first one of the epoch in force.

        What was committed before this call is in the feed; Refused (`epoch_over`) for a place of an old epoch.
        """
        now = self._clock()
        revocation.publish(self._database, self._cipher.open, now)
        epoch, after = place or (None, 0)
        with self._database.reading() as connection:
            found = revocation.read_stretch(connection, epoch=epoch, after=after, limit=limit)
        if found is None:
            # Nothing was ever revoked: a signed page that says just that, under an epoch's key of its own.
            revocation.begin_epoch(self._database, now, SYSTEM_USER)
            return self.read_page(None, limit)
        return self._sign(found, now)

    def read_all(self, limit: int) -> Iterator[RevocationPage]:
        """Page after page, to the end as it was when the last one was read."""
        place: tuple[int, int] | None = None
        while True:
            page = self.read_page(place, limit)
            yield page
            if page.next is None:
                return
            place = (page.epoch, page.after + len(page.entries))

    def public_keys(self) -> RevocationKeys:
        """What verifies the pages."""
        return self._signer.public_keys()

    def _sign(self, found: Stretch, now: datetime) -> RevocationPage:
        last = found.after + len(found.entries)
        page = RevocationPage(
            epoch=found.epoch.number,
            epoch_key=found.epoch.epoch_key.hex(),
            after=found.after,
            entries=found.entries,
            total=found.total,
            previous_chain=found.previous_chain.hex(),
            chain=found.chain.hex(),
            issued_at=now.replace(microsecond=0),
            key_id=self._signer.current,
            signature=_UNSIGNED,
            next=encode((found.epoch.number, last)) if last < found.total else None,
        )
        return page.model_copy(update={"signature": self._signer.sign(signed_text(page))})
