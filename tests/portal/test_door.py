"""The door of every API route: who is asked first, how much is read, and which JSON is understood."""

import pytest

from tests.factories import BUYER
from tests.fixtures.orders import ORDERS, count_receipts, draft
from tests.fixtures.portal import Portal, bearer

BAD_JSON = [
    pytest.param(b'{"lines": NaN}', id="NaN"),
    pytest.param(b'{"lines": -Infinity}', id="infinity"),
    pytest.param(b'{"lines": 1e999}', id="beyond floats"),
    pytest.param(b'{"lines": %s}' % (b"9" * 5000), id="a very long integer"),
    pytest.param(b'{"lines": 9223372036854775808}', id="beyond 64 bits"),
    pytest.param(b'{"currency": "EUR", "currency": "USD"}', id="a member twice"),
    pytest.param(b'{"reference": "\\ud800"}', id="half a surrogate pair"),
    pytest.param(b'{"\\udfff": 1}', id="half a pair in a name"),
    pytest.param(b"[" * 40 + b"]" * 40, id="deep"),
    pytest.param(b"[" * 30_000 + b"]" * 30_000, id="very deep"),
    pytest.param(b'{"reference": "\xff"}', id="no UTF-8"),
    pytest.param(b'\xef\xbb\xbf{"reference": "a"}', id="a byte order mark"),
    pytest.param(b"{", id="half an object"),
    pytest.param(b"{'a': 1}", id="single quotes"),
    pytest.param(b'{"reference": "a\x00"}', id="a raw NUL"),
]


@pytest.mark.parametrize("raw", BAD_JSON)
async def test_what_parsers_read_differently_is_refused(still_portal: Portal, raw: bytes) -> None:
    before = count_receipts(still_portal.state.database)
    answer = await still_portal.post(ORDERS, raw=raw)

    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_json")
    assert count_receipts(still_portal.state.database) == before


async def test_a_large_body_is_refused_before_it_is_read(still_portal: Portal) -> None:
    answer = await still_portal.post(ORDERS, raw=b" " * (64 * 1024 + 1))
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


async def test_other_media_types_are_refused(still_portal: Portal) -> None:
    headers = {**bearer(BUYER), "Idempotency-Key": "k"}
    answer = await still_portal.http.post(ORDERS, content=b"a=1", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


async def test_nobody_in_particular_is_asked_who_they_are(still_portal: Portal) -> None:
    answer = await still_portal.post(ORDERS, raw=b"{", user=None)

    assert (answer.status_code, answer.json()["code"]) == (401, "token_missing")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


async def test_postgresql_away_is_said(portal_without_database: Portal) -> None:
    for answer in (
        await portal_without_database.post(ORDERS, draft()),
        await portal_without_database.get(ORDERS),
    ):
        assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
        assert int(answer.headers["Retry-After"]) > 0
