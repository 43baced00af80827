"""Corruptions of the revocation feed."""

from tests.storage.corruptions.shape import Corruption

REVOCATIONS = (
    Corruption(
        "K40",
        "a working key in the feed",
        "UPDATE revocations SET key_id = (SELECT id FROM product_keys WHERE line_id = :final_line)"
        " WHERE number = 1",
    ),
    Corruption("K40", "an entry cut out", "DELETE FROM revocations WHERE number = 1"),
    Corruption(
        "K40",
        "a hash changed",
        "UPDATE revocations SET digest = sha256(digest) WHERE number = 2",
    ),
    Corruption(
        "K40",
        "an instant changed",
        "UPDATE revocations SET revoked_at = revoked_at - interval '1 day' WHERE number = 2",
    ),
    Corruption(
        "K40",
        "another epoch's key",
        "UPDATE revocation_epochs SET epoch_key = sha256(epoch_key)",
    ),
    Corruption(
        "K41",
        "a revoked key left out",
        "DELETE FROM revocations WHERE number = (SELECT max(number) FROM revocations)",
    ),
    Corruption(
        "K41",
        "a revoked key that does not open",
        "INSERT INTO revocations_waiting SELECT key_id, :now FROM revocations; DELETE FROM revocations",
    ),
)
