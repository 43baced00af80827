"""Key import: every line gets its verdict, a key comes in once, and none is ever repeated."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from pydantic import SecretStr
from sqlalchemy import select

from demo.keys import sample_keys
from integrations.cipher.ring import RingCipher
from models.ids import SYSTEM_USER
from models.key_import import KeyLine, KeyLineResult, KeyVerdict
from models.product_key import KeyState
from models.tables.column import table
from models.tables.product_key import KeyEventRow, ProductKeyRow
from models.tables.record import AuditRow
from storage.cipher import sealed_of
from storage.engine import Database
from storage.key_import import HOUSE_STREAM, add_keys, record_import
from storage.stock import available_keys

AT = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)
SKU = "DG7GMGF0D7FX:0002"
OTHER_SKU = "DG7GMGF0D7FV:0001"
KEYS = list(sample_keys(SKU, 40, seed=99))

_keys = table(ProductKeyRow)
_events = table(KeyEventRow)
_audit = table(AuditRow)


def _lines(*pairs: tuple[str, str]) -> list[KeyLine]:
    return [
        KeyLine(row=row, sku=sku, product_key=SecretStr(key))
        for row, (sku, key) in enumerate(pairs, start=2)
    ]


def _add(
    database: Database, cipher: RingCipher, lines: Sequence[KeyLine]
) -> tuple[KeyLineResult, ...]:
    with database.transaction() as connection:
        return add_keys(connection, lines, cipher, at=AT, by=SYSTEM_USER, reason="a test")


def _stock(database: Database) -> dict[str, int]:
    with database.reading() as connection:
        return available_keys(connection)


def test_good_keys_come_in_as_available_and_sealed(database: Database, cipher: RingCipher) -> None:
    before = _stock(database)

    results = _add(database, cipher, _lines((SKU, KEYS[0]), (OTHER_SKU, KEYS[1])))

    assert [result.verdict for result in results] == [KeyVerdict.ADDED] * 2
    assert _stock(database) == before | {
        SKU: before[SKU] + 1,
        OTHER_SKU: before[OTHER_SKU] + 1,
    }
    with database.reading() as connection:
        mark = cipher.fingerprint(KEYS[0])
        row = connection.execute(select(_keys).where(_keys.c.fingerprint == mark)).one()
        event = connection.execute(select(_events).where(_events.c.key_id == row.id)).one()
    assert cipher.open(sealed_of(row), row.id) == KEYS[0]
    assert (row.id[:4], row.sku, row.last5, row.line_id) == ("key_", SKU, KEYS[0][-5:], None)
    assert (event.state, event.actor_id, event.reason) == (
        KeyState.AVAILABLE,
        SYSTEM_USER,
        "a test",
    )


def test_what_has_not_the_form_of_a_key_is_malformed(
    database: Database, cipher: RingCipher
) -> None:
    before = _stock(database)
    texts = [
        "",
        "DEMO0",
        KEYS[0].lower(),
        KEYS[0] + "\n",
        KEYS[0].replace("-", " "),
        KEYS[0] + "-ABCDE",
        "\0" + KEYS[0][1:],
        "\ud800" + KEYS[0][1:],
        "É" + KEYS[0][1:],
        "A" * 100_000,
    ]

    results = _add(database, cipher, _lines(*((SKU, text) for text in texts)))

    assert [(result.sku, result.verdict) for result in results] == [
        (SKU, KeyVerdict.MALFORMED) for _ in texts
    ]
    assert _stock(database) == before


def test_an_unknown_sku_is_refused_and_not_repeated(database: Database, cipher: RingCipher) -> None:
    skus = ["", "NOPE:0001", KEYS[0], "\0", "\ud800", "x" * 100_000]

    results = _add(database, cipher, _lines(*((sku, KEYS[0]) for sku in skus)))

    assert [(result.sku, result.verdict) for result in results] == [
        (None, KeyVerdict.UNKNOWN_SKU) for _ in skus
    ]


def test_a_duplicate_is_named_by_its_row_within_a_file_and_against_the_pool(
    database: Database, cipher: RingCipher
) -> None:
    _add(database, cipher, _lines((SKU, KEYS[0])))

    results = _add(
        database,
        cipher,
        _lines((SKU, KEYS[1]), (OTHER_SKU, KEYS[0]), (SKU, KEYS[1]), (SKU, KEYS[2])),
    )

    assert [(result.row, result.verdict) for result in results] == [
        (2, KeyVerdict.ADDED),
        (3, KeyVerdict.DUPLICATE),
        (4, KeyVerdict.DUPLICATE),
        (5, KeyVerdict.ADDED),
    ]


def test_a_malformed_line_does_not_make_its_good_twin_a_duplicate(
    database: Database, cipher: RingCipher
) -> None:
    results = _add(database, cipher, _lines(("NOPE:0001", KEYS[0]), (SKU, KEYS[0])))

    assert [result.verdict for result in results] == [KeyVerdict.UNKNOWN_SKU, KeyVerdict.ADDED]


def test_imports_at_once_bring_each_key_in_once(database: Database, cipher: RingCipher) -> None:
    before = _stock(database)[SKU]
    forward = _lines(*((SKU, key) for key in KEYS))
    backward = _lines(*((SKU, key) for key in reversed(KEYS)))

    with ThreadPoolExecutor() as pool:
        imports = [pool.submit(_add, database, cipher, lines) for lines in (forward, backward) * 2]
        verdicts = [result.verdict for running in imports for result in running.result()]

    assert verdicts.count(KeyVerdict.ADDED) == len(KEYS)
    assert verdicts.count(KeyVerdict.DUPLICATE) == 3 * len(KEYS)
    assert _stock(database)[SKU] == before + len(KEYS)


def test_no_lines_are_no_work(database: Database, cipher: RingCipher) -> None:
    assert _add(database, cipher, []) == ()


def test_an_import_leaves_one_audit_row_with_counts_only(
    database: Database, cipher: RingCipher
) -> None:
    with database.transaction() as connection:
        lines = _lines((SKU, KEYS[0]), (SKU, KEYS[1]), (SKU, KEYS[1]), ("NOPE:0001", KEYS[2]))
        results = add_keys(connection, lines, cipher, at=AT, by=SYSTEM_USER, reason="a test")
        record_import(connection, results, at=AT, by="usr_olga_operator")

    with database.reading() as connection:
        newest = select(_audit).where(_audit.c.stream == HOUSE_STREAM).order_by(_audit.c.id.desc())
        row = connection.execute(newest.limit(1)).one()
    assert (row.action, row.actor_id) == ("keys.imported", "usr_olga_operator")
    assert row.details == {"added": {SKU: 2}}


def test_an_import_that_added_nothing_leaves_no_audit_row(
    database: Database, cipher: RingCipher
) -> None:
    with database.transaction() as connection:
        count = select(_audit.c.id).where(_audit.c.stream == HOUSE_STREAM)
        before = len(connection.execute(count).all())
        results = add_keys(
            connection, _lines((SKU, "bad")), cipher, at=AT, by=SYSTEM_USER, reason="a test"
        )
        record_import(connection, results, at=AT, by=SYSTEM_USER)
        assert len(connection.execute(count).all()) == before


def test_a_key_line_does_not_show_its_key() -> None:
    line = _lines((SKU, KEYS[0]))[0]

    assert KEYS[0] not in repr(line) + str(line) + line.model_dump_json()
