"""Corruptions of a whole book, each with the code of the invariant that must find it.

They are planted with triggers and foreign keys asleep and the named constraints dropped: this is what a
restored dump, a disabled trigger or a hand at psql could leave. `:final_order` is the order of the
chapter "final" of tests/factories.py; `_line`, `_case` and `_software` are its other ids.
"""

from typing import NamedTuple

CHARGE = "(SELECT id FROM ledger_entries WHERE kind = 'charge' AND order_id = :final_order)"


class Corruption(NamedTuple):
    """What happened to the book; `drops` are constraints (`table.constraint`) or unique indexes."""

    code: str
    name: str
    sql: str
    drops: tuple[str, ...] = ()
