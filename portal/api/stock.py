"""Stock over the API: how many product keys there are of each SKU, for whoever keeps the pool filled."""

from typing import Annotated

from models.base import Value
from models.principal import Principal
from models.stock import Stock
from portal.auth import allow
from portal.door import door
from portal.state import State
from rules.permission import Act
from storage.stock import stock_levels

router = door("stock")


class StockLevels(Value):
    """The pool of every SKU."""

    items: tuple[Stock, ...]


@router.get("/stock", summary="List the stock of product keys")
def list_stock(caller: Annotated[Principal, allow(Act.READ_STOCK)], state: State) -> StockLevels:
    """Keys by state for every SKU, with a mark where fewer are available than the threshold."""
    del caller
    with state.database.reading() as connection:
        return StockLevels(items=stock_levels(connection, state.low_stock))
