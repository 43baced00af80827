"""Single keys stopped and let loose by an operator, outside of any case: a leak is suspected, or was none."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import update

from models.errors import Refused
from models.principal import Principal
from models.product_key import KeyActRequest, KeyState
from models.step import Done, Step
from storage.effect import Effect, perform
from storage.engine import Database
from storage.open_case import item_of, require_no_case
from storage.pool import keys
from storage.product_key import choose_key

Move = Callable[[Database, KeyActRequest, str, Step, Principal], Done]
"""One of the two acts below."""

_ACTION = {KeyState.SUSPENDED: "key.suspended", KeyState.ALLOCATED: "key.reinstated"}
_SENTENCE = {
    KeyState.SUSPENDED: "The product key of unit {unit} was suspended by an operator.",
    KeyState.ALLOCATED: "The product key of unit {unit} works again.",
}


def suspend_single_key(
    database: Database,
    request: KeyActRequest,
    software_id: str,
    act: Step,
    operator: Principal,
) -> Done:
    """Stop one working key of an item until somebody reinstates or replaces it."""
    return _move(database, request, software_id, act, operator, KeyState.SUSPENDED)


def reinstate_single_key(
    database: Database,
    request: KeyActRequest,
    software_id: str,
    act: Step,
    operator: Principal,
) -> Done:
    """Let one suspended key of an item work again."""
    return _move(database, request, software_id, act, operator, KeyState.ALLOCATED)


def _move(
    database: Database,
    request: KeyActRequest,
    software_id: str,
    act: Step,
    operator: Principal,
    state: KeyState,
) -> Done:
    """Refused while a case of the line is open: what a case suspended is the case's to end."""

    def work(effect: Effect) -> Done:
        connection = effect.connection
        item = item_of(connection, software_id)
        effect.belongs_to(item.partner_id, item.customer_id)
        require_no_case(connection, item)
        key = choose_key(connection, item.line_id, request)
        if {key.state, state} != {KeyState.ALLOCATED, KeyState.SUSPENDED}:
            raise Refused("key_not_movable", f"This product key is {key.state}.", state=key.state)
        _set(effect, key.id, state, operator.user_id, request.reason, act.at)
        effect.audit(operator.user_id, _ACTION[state], key.id)
        sentence = _SENTENCE[state].format(unit=key.unit_number)
        return effect.conclude(operator.user_id, sentence, Done())

    return perform(database, act, "move_key", Done, work)


def _set(effect: Effect, key_id: str, state: KeyState, by: str, reason: str, at: datetime) -> None:
    effect.connection.execute(
        update(keys)
        .where(keys.c.id == key_id)
        .values(state=state, state_at=at, state_by=by, state_reason=f"by an operator: {reason}")
    )
