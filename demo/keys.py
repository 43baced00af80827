"""Demo product keys: unusable by sight, repeatable by seed."""

import hashlib
from collections.abc import Iterator

ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
"""32 characters, five bits each: 0 and O, 1 and I look alike on a screen."""

FIRST_GROUP = "DEMO0"
"""Marks a demo key for people and for a search through logs; the only group with letters outside the alphabet."""


def sample_keys(sku: str, count: int, seed: int) -> Iterator[str]:
    """`count` keys of five groups of five; a longer run with the same seed begins with the shorter one."""
    return (_key(f"{seed}/{sku}/{number}") for number in range(count))


def _key(name: str) -> str:
    bits = int.from_bytes(hashlib.sha256(name.encode()).digest())
    text = "".join(ALPHABET[bits >> shift & 31] for shift in range(0, 100, 5))
    return "-".join([FIRST_GROUP, *(text[start : start + 5] for start in range(0, 20, 5))])
