"""How a row keeps a sealed product key: its columns as a seal and back, and the holder that the seal is tied to."""

from typing import Any

from sqlalchemy import Row

from models.cipher import Sealed


def sealed_of(key: Row[Any]) -> Sealed:
    """The seal that stands in a row of product_keys."""
    return Sealed(
        ciphertext=bytes(key.ciphertext),
        wrapped_key=bytes(key.wrapped_key),
        ring_key_id=key.ring_key_id,
        version=key.seal_version,
    )


def columns_of(sealed: Sealed) -> dict[str, Any]:
    """The seal as the row keeps it."""
    return {
        "ciphertext": sealed.ciphertext,
        "wrapped_key": sealed.wrapped_key,
        "ring_key_id": sealed.ring_key_id,
        "seal_version": sealed.version,
    }


def holder_of(held: Row[Any], line_id: str | None) -> str:
    """Whose a key is: partner, customer and line; nothing for one in the pool."""
    return "" if line_id is None else "\0".join((held.partner_id, held.customer_id, line_id))
