"""The demo world as validated values, read from the YAML files beside this module; nothing here knows the database."""

import hashlib
import uuid
from collections.abc import Iterable
from importlib.resources import files
from typing import Annotated, Any, Self

import yaml
from pydantic import Field, TypeAdapter, model_validator

from demo.files import content
from models.base import Value
from models.catalogue import Customer, Product, ProductFile
from models.ids import Prefix
from models.money import Money
from models.policy import CancellationPolicy
from models.principal import Role
from models.text import Identifier, Line
from models.ticket import Email

DEFAULT_POLICIES = "policies"
OTHER_REGIMES = ("policies-2021-06", "policies-2022-07")

_FILE_NAMES = uuid.UUID("5b0f6d0e-3f0a-5c11-9a44-6c1d6b0a7e25")


class DemoPartner(Value):
    """A reseller with its partner network id."""

    id: Identifier
    name: Line
    mpn_id: Annotated[str, Field(pattern=r"^\d{6,8}$")]
    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")]


class DemoUser(Value):
    """A user; of a partner, of a customer, or of the house when of neither."""

    id: Identifier
    name: Line
    email: Email
    roles: frozenset[Role]
    partner_id: str | None = None
    customer_id: str | None = None


class DemoEventSource(Value):
    """A sender of events, bound to a partner or to the house."""

    name: Identifier
    partner_id: str | None


class DemoData(Value):
    """Everything a fresh Keydesk is filled with, save the keys, which `demo.keys` makes."""

    partners: tuple[DemoPartner, ...]
    customers: tuple[Customer, ...]
    users: tuple[DemoUser, ...]
    products: tuple[Product, ...]
    policies: tuple[CancellationPolicy, ...]
    event_sources: tuple[DemoEventSource, ...]

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        _require_unique("partner", (partner.id for partner in self.partners))
        _require_unique("customer", (customer.id for customer in self.customers))
        _require_unique("user", (user.id for user in self.users))
        _require_unique("product", (product.sku for product in self.products))
        _require_unique("policy", (policy.id for policy in self.policies))
        _require_unique("event source", (source.name for source in self.event_sources))
        return self

    @model_validator(mode="after")
    def _references_exist(self) -> Self:
        partner_ids = {partner.id for partner in self.partners}
        customer_ids = {customer.id for customer in self.customers}
        _require_known("partner", partner_ids, (customer.partner_id for customer in self.customers))
        _require_known("partner", partner_ids, (user.partner_id for user in self.users))
        _require_known("partner", partner_ids, (source.partner_id for source in self.event_sources))
        _require_known("customer", customer_ids, (user.customer_id for user in self.users))
        return self


def load() -> DemoData:
    """The whole demo world under the shipped policies."""
    return DemoData(
        **_read("customers"),
        products=tuple(_product(row) for row in _read("catalogue")),
        policies=load_policies(),
        event_sources=_read("event_sources"),
    )


def load_policies(stem: str = DEFAULT_POLICIES) -> tuple[CancellationPolicy, ...]:
    """One regime: the shipped one, or one of OTHER_REGIMES."""
    return TypeAdapter(tuple[CancellationPolicy, ...]).validate_python(_read(stem))


def _product(row: dict[str, Any]) -> Product:
    sku = row["sku"]
    prices = tuple(
        Money(amount_minor=minor, currency=currency) for currency, minor in row["prices"].items()
    )
    builds = tuple(_file(sku, build) for build in row["files"])
    return Product(**row | {"product_id": sku.partition(":")[0], "prices": prices, "files": builds})


def _file(sku: str, build: dict[str, Any]) -> ProductFile:
    name = "/".join((sku, build["version"], build["language"], build["bitness"]))
    body = content(build["file_name"], build["size_bytes"])
    return ProductFile(
        id=f"{Prefix.FILE}_{uuid.uuid5(_FILE_NAMES, name).hex}",
        sku=sku,
        sha256=hashlib.sha256(body).hexdigest(),
        **build,
    )


def _read(stem: str) -> Any:
    text = (files("demo") / f"{stem}.yaml").read_text(encoding="utf-8")
    return yaml.safe_load(text)


def _require_unique(noun: str, names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ValueError(f"the {noun} {name} is listed twice")
        seen.add(name)


def _require_known(noun: str, known: set[str], names: Iterable[str | None]) -> None:
    for name in names:
        if name is not None and name not in known:
            raise ValueError(f"there is no {noun} {name}")
