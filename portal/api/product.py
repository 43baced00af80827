"""Products over the API: what can be bought, for how much, and the builds there are of it."""

from typing import Annotated

from models.base import Value
from models.catalogue import Product
from models.errors import NotFound
from models.principal import Principal
from models.text import Identifier
from portal.auth import allow
from portal.door import door
from portal.state import State
from rules.permission import Act
from storage import catalogue

router = door("products")


class Catalogue(Value):
    """Every product; the catalogue is short enough for one page."""

    items: tuple[Product, ...]


@router.get("/products", summary="List products")
def list_products(
    caller: Annotated[Principal, allow(Act.READ_CATALOGUE)], state: State
) -> Catalogue:
    """The whole catalogue by title, with prices and builds."""
    del caller
    with state.database.reading() as connection:
        return Catalogue(items=catalogue.list_products(connection))


@router.get("/products/{sku}", summary="Read one product")
def read_product(
    sku: Identifier, caller: Annotated[Principal, allow(Act.READ_CATALOGUE)], state: State
) -> Product:
    """One SKU, `<product id>:<sku id>`."""
    del caller
    with state.database.reading() as connection:
        found = catalogue.find_product(connection, sku)
    if found is None:
        raise NotFound("product")
    return found
