"""Rows of product keys (encrypted), their imports, events, reveals, and download links."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint
from sqlmodel import Field

from models.product_key import KeyState
from models.tables.column import AMOUNT, BYTES, INSTANT, TEXT, Row, one_of

_LINE = [
    "order_lines.id",
    "order_lines.order_id",
    "order_lines.partner_id",
    "order_lines.customer_id",
]


class KeyImportRow(Row, table=True):
    """One key file, known by a keyed fingerprint of its content: nobody can try files against it."""

    __tablename__ = "key_imports"
    __table_args__ = (CheckConstraint("last_row >= 1", name="last_row"),)

    id: str = Field(primary_key=True, sa_type=TEXT)
    fingerprint: bytes = Field(unique=True, sa_type=BYTES)
    last_row: int
    started_at: datetime = Field(sa_type=INSTANT)
    started_by: str = Field(sa_type=TEXT)


class ProductKeyRow(Row, table=True):
    """A key: ciphertext under its own wrapped data key; the fingerprint makes it unique without showing it."""

    __tablename__ = "product_keys"
    __table_args__ = (
        one_of("state", KeyState),
        ForeignKeyConstraint(["line_id", "order_id", "partner_id", "customer_id"], _LINE),
        ForeignKeyConstraint(["line_id", "sku"], ["order_lines.id", "order_lines.sku"]),
        UniqueConstraint("id", "line_id", "partner_id", "customer_id"),
        UniqueConstraint("import_id", "import_row"),
        CheckConstraint("num_nonnulls(import_id, import_row) IN (0, 2)", name="imported_whole"),
        CheckConstraint("seal_version IN (1, 2)", name="seal_version_known"),
        CheckConstraint("(state = 'available') = (line_id IS NULL)", name="held_by_line"),
        CheckConstraint(
            "num_nonnulls(line_id, order_id, partner_id, customer_id, unit_number) IN (0, 5)",
            name="held_whole",
        ),
        Index(
            "uq_product_keys_one_live_unit",
            "line_id",
            "unit_number",
            unique=True,
            postgresql_where="state IN ('allocated', 'suspended')",
        ),
        Index("ix_product_keys_line", "line_id"),
        Index("ix_product_keys_pool", "sku", "id", postgresql_where="state = 'available'"),
        Index("ix_product_keys_revoked", "state_at", "id", postgresql_where="state = 'revoked'"),
    )

    id: str = Field(primary_key=True, sa_type=TEXT)
    sku: str = Field(foreign_key="products.sku", sa_type=TEXT)
    fingerprint: bytes = Field(unique=True, sa_type=BYTES)
    ciphertext: bytes = Field(sa_type=BYTES)
    wrapped_key: bytes = Field(sa_type=BYTES)
    ring_key_id: str = Field(sa_type=TEXT)
    seal_version: int
    last5: str = Field(sa_type=TEXT)
    import_id: str | None = Field(default=None, foreign_key="key_imports.id", sa_type=TEXT)
    import_row: int | None = None
    state: str = Field(default=KeyState.AVAILABLE, sa_type=TEXT)
    state_at: datetime = Field(sa_type=INSTANT)
    state_by: str = Field(sa_type=TEXT)
    state_reason: str = Field(sa_type=TEXT)
    line_id: str | None = Field(default=None, sa_type=TEXT)
    order_id: str | None = Field(default=None, sa_type=TEXT, index=True)
    partner_id: str | None = Field(default=None, sa_type=TEXT)
    customer_id: str | None = Field(default=None, sa_type=TEXT)
    unit_number: int | None = None


class KeyEventRow(Row, table=True):
    """One state change of one key, written by a trigger so that no path can forget it."""

    __tablename__ = "key_events"
    __table_args__ = (one_of("state", KeyState),)

    key_id: str = Field(primary_key=True, foreign_key="product_keys.id", sa_type=TEXT)
    number: int = Field(primary_key=True)
    state: str = Field(sa_type=TEXT)
    happened_at: datetime = Field(sa_type=INSTANT)
    actor_id: str = Field(sa_type=TEXT)
    reason: str = Field(sa_type=TEXT)


class KeyRevealRow(Row, table=True):
    """The fact that somebody saw a key; a policy may look at it."""

    __tablename__ = "key_reveals"
    __table_args__ = (
        ForeignKeyConstraint(
            ["key_id", "line_id", "partner_id", "customer_id"],
            [
                "product_keys.id",
                "product_keys.line_id",
                "product_keys.partner_id",
                "product_keys.customer_id",
            ],
        ),
        Index("ix_key_reveals_line", "line_id"),
        Index("ix_key_reveals_partner_newest", "partner_id", "revealed_at"),
    )

    id: str = Field(primary_key=True, sa_type=TEXT)
    key_id: str = Field(sa_type=TEXT)
    line_id: str = Field(sa_type=TEXT)
    partner_id: str = Field(sa_type=TEXT)
    customer_id: str = Field(sa_type=TEXT)
    user_id: str = Field(foreign_key="users.id", sa_type=TEXT, index=True)
    revealed_at: datetime = Field(sa_type=INSTANT)
    reason: str | None = Field(default=None, sa_type=TEXT)


class DownloadLinkRow(Row, table=True):
    """A link that can leak: only its token's hash is here, it expires, counts uses and dies with the key."""

    __tablename__ = "download_links"
    __table_args__ = (
        ForeignKeyConstraint(
            ["software_id", "line_id", "order_id", "partner_id", "customer_id"],
            [
                "software_items.id",
                "software_items.line_id",
                "software_items.order_id",
                "software_items.partner_id",
                "software_items.customer_id",
            ],
        ),
        UniqueConstraint("id", "line_id", "partner_id", "customer_id", "file_id"),
        CheckConstraint("uses BETWEEN 0 AND max_uses", name="uses"),
        Index("ix_download_links_line", "line_id"),
        Index("ix_download_links_software", "software_id", "id"),
    )

    id: str = Field(primary_key=True, sa_type=TEXT)
    software_id: str = Field(sa_type=TEXT)
    line_id: str = Field(sa_type=TEXT)
    order_id: str = Field(sa_type=TEXT)
    partner_id: str = Field(sa_type=TEXT)
    customer_id: str = Field(sa_type=TEXT)
    file_id: str = Field(foreign_key="product_files.id", sa_type=TEXT)
    token_hash: bytes = Field(unique=True, sa_type=BYTES)
    created_by: str = Field(foreign_key="users.id", sa_type=TEXT)
    created_at: datetime = Field(sa_type=INSTANT)
    expires_at: datetime = Field(sa_type=INSTANT)
    max_uses: int
    uses: int = Field(default=0, sa_type=AMOUNT)
    revoked_at: datetime | None = Field(default=None, sa_type=INSTANT)
