"""Rotation of the key ring reaches the secrets of endpoints: the old ring key is not needed any more."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from integrations.cipher.ring import RingCipher
from models.cipher import CipherError, CipherProblem
from models.delivery import SigningSecret
from models.endpoint import EndpointDraft
from models.ids import Prefix, new_id
from storage.endpoint import first_secret, register
from storage.engine import Database
from storage.rewrap import Rewrapping, rewrap_keys
from tests.factories import BUYER, Story
from tests.fixtures.sealed import Turn

AT = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)


@pytest.fixture
def endpoint(database: Database, cipher: RingCipher) -> str:
    """An endpoint whose secret is sealed under the first ring key."""
    endpoint_id, secret_id = new_id(Prefix.ENDPOINT), new_id(Prefix.SECRET)
    sealed = cipher.bind(cipher.seal("whsec_c2VjcmV0", secret_id), secret_id, endpoint_id)
    draft = EndpointDraft(url="https://hooks.vltava-cloud.example/keydesk")
    secret = SigningSecret(id=secret_id, sealed=sealed)
    register(database, draft, endpoint_id, secret, Story(database).person(BUYER), AT)
    return endpoint_id


def rewrap(database: Database, cipher: RingCipher) -> Rewrapping:
    return rewrap_keys(
        database, cipher, lambda: AT, batch_size=50, patience_s=5, tell=lambda count: None
    )


def secret_in_clear(database: Database, endpoint_id: str, cipher: RingCipher) -> str:
    with database.reading() as connection:
        secret = first_secret(connection, endpoint_id)
    return cipher.open(secret.sealed, secret.id, endpoint_id)


def test_a_secret_opens_without_the_old_ring_key_after_the_rotation(
    database: Database, endpoint: str, turn: Turn
) -> None:
    only_new = turn("k2", without=["k1"])
    with pytest.raises(CipherError):
        secret_in_clear(database, endpoint, only_new)

    first, second = rewrap(database, turn("k2")), rewrap(database, turn("k2"))

    assert (first.secrets, second.secrets, first.broken) == (1, 0, ())
    assert secret_in_clear(database, endpoint, only_new) == "whsec_c2VjcmV0"


def test_nothing_is_begun_without_the_ring_key_that_a_secret_needs(
    database: Database, endpoint: str, turn: Turn
) -> None:
    rewrap(database, turn("k2"))
    with database.transaction() as connection:
        connection.execute(text("UPDATE endpoint_secrets SET ring_key_id = 'k1'"))

    with pytest.raises(CipherError, match="1 endpoint secrets") as refused:
        rewrap(database, turn("k2", without=["k1"]))
    assert refused.value.code == CipherProblem.RING_KEY_MISSING


def test_a_broken_secret_is_named_and_left_as_it_is(
    database: Database, endpoint: str, turn: Turn
) -> None:
    with database.transaction() as connection:
        secret_id = first_secret(connection, endpoint).id
        connection.execute(text("UPDATE endpoint_secrets SET wrapped_key = '\\x00'"))

    result = rewrap(database, turn("k2"))

    assert (result.secrets, result.broken) == (0, (secret_id,))
