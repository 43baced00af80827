"""Cursors: a place in a list as callers carry it around, opaque to them."""

import base64
from typing import Any

from pydantic import TypeAdapter


def encode(key: Any) -> str:
    """The cursor of the item with this key."""
    text = TypeAdapter(Any).dump_json(key)
    return base64.urlsafe_b64encode(text).decode().rstrip("=")
