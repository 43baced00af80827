"""Effects on product keys: allocate, suspend, reinstate, revoke."""

from temporalio import activity

from models.order import Allocation
from models.step import Done, Step
from storage import product_key
from storage.engine import Database
from storage.pool import Binder


class ProductKeyActivities:
    """Keys are moved by id inside the database; no key passes through here in clear."""

    def __init__(self, database: Database, binder: Binder, low_stock: int = 0) -> None:
        self._database = database
        self._binder = binder
        self._low_stock = low_stock

    @activity.defn
    def allocate_keys(self, step: Step) -> Allocation:
        """Take keys from the pool for every line, or none."""
        return product_key.allocate_keys(self._database, step, self._binder, self._low_stock)

    @activity.defn
    def suspend_key(self, step: Step) -> Done:
        """Stop the line's keys, reversibly."""
        return product_key.suspend_key(self._database, step)

    @activity.defn
    def reinstate_key(self, step: Step) -> Done:
        """Let suspended keys work again."""
        return product_key.reinstate_key(self._database, step)

    @activity.defn
    def revoke_key(self, step: Step) -> Done:
        """End the line's keys and links for good."""
        return product_key.revoke_key(self._database, step)
