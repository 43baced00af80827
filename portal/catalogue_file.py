"""Catalogue files: the YAML that `keydesk import-catalogue` reads, products with their builds and policies."""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from io import BytesIO
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Self

import yaml
from pydantic import Field, StringConstraints, ValidationError, model_validator

from demo.files import content
from integrations.files.protocol import Files, StoredFile
from models.base import Value
from models.catalogue import Family, KeyMode, Product, ProductFile
from models.errors import Invalid
from models.ids import Prefix, new_id
from models.money import MAX_MINOR, Currency, Money
from models.policy import CancellationPolicy
from models.text import Line

_SAMPLE_BYTES_MAX = 1024 * 1024

OpenBuild = Callable[[Path, str], AbstractContextManager[BinaryIO]]
"""Opens the content of a build, given its place and the name to show while it is read."""

Sku = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.\-]{1,40}:[A-Za-z0-9_.\-]{1,20}$")]
Duration = Annotated[str, StringConstraints(pattern=r"^P(\d{1,3}[YMWD])+$")]


class ListedFile(Value):
    """A build: its content at `path` beside the catalogue file, or, as a sample, made of `size_bytes`.

    Where `size_bytes` or `sha256` stand beside a path, the content has to agree.
    """

    version: Line
    language: Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$")]
    bitness: Annotated[str, StringConstraints(pattern=r"^(32|64)$")]
    file_name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9 _.()+\-]{0,199}$")]
    path: Path | None = None
    size_bytes: int | None = Field(default=None, ge=1)
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] | None = None

    @model_validator(mode="after")
    def _samples_are_small(self) -> Self:
        if self.path is None and (self.size_bytes or 0) > _SAMPLE_BYTES_MAX:
            raise ValueError(f"a sample has at most {_SAMPLE_BYTES_MAX} bytes")
        return self


class ListedProduct(Value):
    """A SKU as listed; prices are minor units by currency, e.g. `{EUR: 102900}` for 1,029.00 EUR."""

    sku: Sku
    title: Line
    publisher: Line
    family: Family
    key_mode: KeyMode
    term_duration: Duration | None = None
    maximum_quantity: int = Field(ge=1, le=10_000)
    prices: dict[Currency, Annotated[int, Field(strict=True, ge=1, le=MAX_MINOR)]]
    files: tuple[ListedFile, ...] = ()

    @model_validator(mode="after")
    def _term_if_subscription(self) -> Self:
        if (self.family is Family.SUBSCRIPTION) != (self.term_duration is not None):
            raise ValueError("a subscription has a term_duration, and nothing else has")
        return self

    @model_validator(mode="after")
    def _builds_differ(self) -> Self:
        _require_different((b.version, b.language, b.bitness) for b in self.files)
        return self


class CatalogueFile(Value):
    """The whole document; a bare list is taken as its products."""

    products: tuple[ListedProduct, ...] = ()
    policies: tuple[CancellationPolicy, ...] = ()

    @model_validator(mode="after")
    def _skus_differ(self) -> Self:
        _require_different(product.sku for product in self.products)
        return self


def read_catalogue(path: Path) -> CatalogueFile:
    """Read and check a whole catalogue file before anything of it is used."""
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Invalid("catalogue_unreadable", f"{path.name}: {error.strerror}.") from None
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise Invalid("catalogue_unreadable", f"{path.name} is no YAML in UTF-8: {error}") from None
    return _checked({"products": document} if isinstance(document, list) else document, path)


def shelve(
    listed: ListedProduct, directory: Path, files: Files, open_build: OpenBuild, *, samples: bool
) -> Product:
    """Put the builds of a product on the shelf, and name the product by what was put there."""
    builds = tuple(
        ProductFile(
            id=new_id(Prefix.FILE),
            sku=listed.sku,
            **build.model_dump(exclude={"path", "size_bytes", "sha256"}),
            **_agreeing(build, _put(build, directory, files, open_build, samples=samples)),
        )
        for build in listed.files
    )
    prices = tuple(
        Money(amount_minor=minor, currency=currency) for currency, minor in listed.prices.items()
    )
    own = listed.model_dump(exclude={"prices", "files"})
    product_id = listed.sku.partition(":")[0]
    return Product(**own, product_id=product_id, prices=prices, files=builds)


def _checked(document: Any, path: Path) -> CatalogueFile:
    try:
        return CatalogueFile.model_validate(document)
    except ValidationError as error:
        flaws = "\n".join(
            f"{'.'.join(map(str, flaw['loc']))}: {flaw['msg']}"
            for flaw in error.errors(include_input=False, include_url=False)
        )
        raise Invalid("catalogue_invalid", f"{path.name} is refused:\n{flaws}") from None


def _require_different(names: Iterable[object]) -> None:
    seen: set[object] = set()
    for name in names:
        if name in seen:
            raise ValueError(f"{name} is listed twice")
        seen.add(name)


def _put(
    build: ListedFile, directory: Path, files: Files, open_build: OpenBuild, *, samples: bool
) -> StoredFile:
    if build.path is not None:
        try:
            with open_build(directory / build.path, build.file_name) as stream:
                return files.put(stream)
        except OSError as error:
            raise Invalid(
                "catalogue_file_missing", f"{build.file_name}: {build.path}: {error.strerror}."
            ) from None
    if build.size_bytes is None or not samples:
        raise Invalid("catalogue_file_missing", f"{build.file_name} has no path to its content.")
    return files.put(BytesIO(content(build.file_name, build.size_bytes)))


def _agreeing(build: ListedFile, stored: StoredFile) -> dict[str, Any]:
    """What was put on the shelf, if it is what the catalogue says; nothing in the book names it otherwise."""
    listed = StoredFile(build.sha256 or stored.sha256, build.size_bytes or stored.size_bytes)
    if listed != stored:
        raise Invalid(
            "catalogue_file_differs",
            f"{build.file_name} has {stored.size_bytes} bytes and SHA-256 {stored.sha256};"
            f" listed are {listed.size_bytes} bytes and {listed.sha256}.",
        )
    return stored._asdict()
