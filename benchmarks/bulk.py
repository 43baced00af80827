"""Long work on a large book: how long it takes for so many rows, on a durable PostgreSQL of its own."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from statistics import median

from pydantic import SecretStr
from sqlalchemy import Connection, insert, select, text

from benchmarks.place import HUMAN_SKU, own_book
from benchmarks.sale import Sale, Till
from benchmarks.worklist import fill_tickets, open_one, read_lists
from demo.load import OTHER_REGIMES, load_policies
from integrations.cipher.ring import RingCipher, make_ring
from integrations.signer import Signer, make_signing_ring, untrusted
from models.base import Value
from models.decision import DecisionAttempt, Verdict
from models.ids import SYSTEM_USER, Prefix, new_id
from models.pattern import PatternThresholds
from models.product_key import KeyState
from models.revocation import SavedRevocations
from models.step import Step
from models.tables.column import table
from models.tables.product_key import ProductKeyRow
from portal.revocation import RevocationDesk
from rules.revocation import check_key
from storage import cancellation, decision, ticket
from storage.brief import read_brief
from storage.cipher import columns_of, holder_of
from storage.engine import Database
from storage.presence import note_presence
from storage.principal import principal_of
from storage.replay import replay_cases
from storage.revocation import begin_epoch, publish

Tell = Callable[[str], None]
_PAGE = 5000
_BRIEFS = 50
_APPROVER = "usr_bob_approver"
_keys = table(ProductKeyRow)

# One case told by the house's own effects is copied, each copy under names of its own and received a little later.
_COPIES = (
    """INSERT INTO orders OVERRIDING SYSTEM VALUE SELECT (jsonb_populate_record(o, jsonb_build_object(
      'id', o.id || n, 'number', -n, 'reference', NULL))).*
      FROM orders o, generate_series(1, :copies) n WHERE o.id = :order_id""",
    """INSERT INTO order_lines SELECT (jsonb_populate_record(l, jsonb_build_object(
      'id', l.id || n, 'order_id', l.order_id || n))).*
      FROM order_lines l, generate_series(1, :copies) n WHERE l.order_id = :order_id""",
    """INSERT INTO cancellations SELECT (jsonb_populate_record(c, jsonb_build_object(
      'id', c.id || n, 'order_id', c.order_id || n, 'line_id', c.line_id || n, 'workflow_id', c.workflow_id || n,
      'received_at', c.received_at + (n % 59) * interval '1 day'))).*
      FROM cancellations c, generate_series(1, :copies) n WHERE c.order_id = :order_id""",
    """INSERT INTO decisions SELECT (jsonb_populate_record(d, jsonb_build_object(
      'id', d.id || n, 'cancellation_id', d.cancellation_id || n))).*
      FROM decisions d, generate_series(1, :copies) n WHERE d.cancellation_id = :cancellation_id""",
)

_EARLIER = """UPDATE cancellations SET received_at = received_at - interval '60 days'
  WHERE id <> :cancellation_id"""


class Measured(Value):
    """One piece of long work."""

    what: str
    rows: int
    seconds: float


def measure(rows: int, tell: Tell) -> list[Measured]:
    """Every piece of long work on so many rows, one after the other."""
    with own_book(keys_per_sku=20) as url:
        database = Database(url)
        try:
            return [
                _replay(database, rows, tell),
                _brief(database, rows, tell),
                *_feed(database, rows, tell),
                *_lists(database, rows, tell),
            ]
        finally:
            database.close()


def _replay(database: Database, rows: int, tell: Tell) -> Measured:
    tell("filling the book with cases")
    _fill_cases(database, rows)
    candidates = load_policies(OTHER_REGIMES[1])
    tell("replaying them under the terms of July 2022")
    with _clock() as elapsed, database.reading(whole_book=True) as connection:
        report = replay_cases(connection, candidates)
    assert report.cases == rows
    return Measured(what="policy replay", rows=rows, seconds=elapsed())


def _brief(database: Database, rows: int, tell: Tell) -> Measured:
    """The brief of a case whose customer had all the others, as its route gathers it; the median of many."""
    sale = _decided(database)
    with database.transaction() as connection:
        _without_guards(connection)
        connection.execute(text(_EARLIER), {"cancellation_id": sale.cancellation_id})
    _analyse(database)
    with database.reading() as connection:
        reader = principal_of(connection, _APPROVER)
        own = ticket.tickets.c.cancellation_id == sale.cancellation_id
        ticket_id = connection.execute(select(ticket.tickets.c.id).where(own)).scalar_one()
    assert reader is not None
    tell("reading a brief")
    times = []
    for _ in range(_BRIEFS):
        at = datetime.now(UTC)
        with _clock() as elapsed:
            note_presence(database, reader, ticket_id, at)
            with database.reading() as connection:
                found = read_brief(connection, reader, ticket_id, at, PatternThresholds())
            found.model_dump_json()
        times.append(elapsed())
    assert found.customer_history.cases > 0
    return Measured(what="a brief", rows=rows, seconds=median(times))


def _lists(database: Database, rows: int, tell: Tell) -> Iterator[Measured]:
    """One page of each list of the desk, as its route reads it; the median of many."""
    tell("filling the desk with tickets")
    copied = open_one(database)
    with database.transaction() as connection:
        _without_guards(connection)
        fill_tickets(connection, copied, rows)
    _analyse(database)
    tell("reading lists of tickets")
    for what, seconds in read_lists(database):
        yield Measured(what=what, rows=rows, seconds=seconds)


def _feed(database: Database, rows: int, tell: Tell) -> Iterator[Measured]:
    """The whole revocation feed: published, read page by page with signatures, and checked by a tool."""
    cipher, signer = RingCipher(SecretStr(make_ring())), Signer(SecretStr(make_signing_ring()))
    tell("filling the book with revoked keys")
    _fill_revoked_keys(database, rows, cipher)
    tell("publishing them")
    begin_epoch(database, datetime.now(UTC), SYSTEM_USER)
    with _clock() as elapsed:
        assert publish(database, cipher.open, datetime.now(UTC)) == rows
    yield Measured(what="revocations published", rows=rows, seconds=elapsed())
    desk = RevocationDesk(database, cipher, signer, lambda: datetime.now(UTC))
    tell("reading the feed")
    with _clock() as elapsed:
        feed = SavedRevocations(pages=tuple(desk.read_all(_PAGE)))
    yield Measured(what="revocations read and signed", rows=rows, seconds=elapsed())
    tell("reading its end again")
    with _clock() as elapsed:
        desk.read_page((feed.pages[-1].epoch, rows), _PAGE)
    yield Measured(what="the end read again, nothing new", rows=rows, seconds=elapsed())
    tell("checking a key against the feed")
    with _clock() as elapsed:
        saved = SavedRevocations.model_validate_json(feed.model_dump_json())
        assert untrusted(saved, signer.public_keys()) is None
        assert check_key(_key(rows), saved).revoked
    yield Measured(what="a key checked against the saved feed", rows=rows, seconds=elapsed())


def _fill_revoked_keys(database: Database, rows: int, cipher: RingCipher) -> None:
    [sale] = Till(database).sell(1, HUMAN_SKU)
    with database.transaction() as connection:
        _without_guards(connection)
        held = connection.execute(select(_keys).where(_keys.c.line_id == sale.line_id)).one()
        holder = holder_of(held, sale.line_id)
        revoked = held._asdict() | {"state": KeyState.REVOKED, "state_reason": "bench"}
        connection.execute(
            insert(_keys), [revoked | _sealed(n, cipher, holder) for n in range(1, rows + 1)]
        )
    _analyse(database)


def _sealed(number: int, cipher: RingCipher, holder: str) -> dict[str, object]:
    key_id, key = f"key_bench_{number:09d}", _key(number)
    return columns_of(cipher.bind(cipher.seal(key, key_id), key_id, holder)) | {
        "id": key_id,
        "fingerprint": cipher.fingerprint(key),
        "last5": key[-5:],
        "unit_number": number + 1,
    }


def _key(number: int) -> str:
    return f"BENCH-BENCH-BENCH-{number // 100_000:05d}-{number % 100_000:05d}"


def _fill_cases(database: Database, rows: int) -> None:
    sale = _decided(database)
    names = {
        "order_id": sale.order_id,
        "cancellation_id": sale.cancellation_id,
        "copies": rows - 1,
    }
    with database.transaction() as connection:
        _without_guards(connection)
        for copy in _COPIES:
            connection.execute(text(copy), names)
    _analyse(database)


def _analyse(database: Database) -> None:
    with database.engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql("VACUUM ANALYZE")


def _decided(database: Database) -> Sale:
    till = Till(database)
    [sale] = till.sell(1, HUMAN_SKU)
    till.receive(sale)
    step = Step(subject_id=sale.cancellation_id, order_id=sale.order_id, at=datetime.now(UTC))
    cancellation.validate_window(database, step)
    ticket.create_ticket(database, step)
    attempt = DecisionAttempt(
        id=new_id(Prefix.DECISION),
        cancellation_id=sale.cancellation_id,
        actor_id=_APPROVER,
        verdict=Verdict.APPROVED,
    )
    decision.note_attempt(database, attempt, None, step.at)
    decision.record_decision(database, step, attempt)
    return sale


def _without_guards(connection: Connection) -> None:
    """Copies of what the guards have let through once need not be held up again."""
    connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
    connection.exec_driver_sql("SET LOCAL statement_timeout = 0")


@contextmanager
def _clock() -> Iterator[Callable[[], float]]:
    began = time.perf_counter()
    ended: list[float] = []
    yield lambda: ended[0] - began
    ended.append(time.perf_counter())
