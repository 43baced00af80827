"""The form on the page to decide: what its fields mean as a draft of the API's own shape."""

from enum import StrEnum

from pydantic import ValidationError

from models.base import Value
from models.decision import DecisionDraft, Revision
from models.money import Money
from models.text import Identifier, Paragraph
from portal.problems import FieldProblem, InvalidFields, field_problems
from rules.money import parse_amount


class Action(StrEnum):
    """What the buttons do."""

    APPROVE = "approve"
    DECLINE = "decline"
    ASK = "ask"
    UNDO = "undo"


class DecisionForm(Value):
    """The fields as sent; `key` makes a form that is sent twice one request, `revision` is what its reader saw."""

    action: Action
    key: Identifier
    revision: Revision
    amount: str | None = None
    note: Paragraph | None = None
    reason_code: Identifier | None = None
    text: Paragraph | None = None


def read_decision_form(fields: dict[str, str]) -> DecisionForm:
    """InvalidFields, naming the field, for what cannot be meant."""
    given: dict[str, object] = dict(fields)
    if fields.get("revision", "").isdecimal():
        given["revision"] = int(fields["revision"])
    try:
        form = DecisionForm.model_validate(given)
    except ValidationError as error:
        found = error.errors(include_input=False, include_context=False)
        raise InvalidFields("invalid_request", field_problems(found)) from None
    if form.action is Action.ASK and form.text is None:
        raise _missing("/text", "ask something")
    if form.action is Action.DECLINE and form.reason_code is None:
        raise _missing("/reason_code", "choose a reason")
    return form


def draft_of(form: DecisionForm, currency: str) -> DecisionDraft:
    """The decision that the form stands for."""
    if form.action is Action.DECLINE:
        return DecisionDraft(
            verdict="declined",
            note=form.note,
            reason_code=form.reason_code,
            revision=form.revision,
        )
    return DecisionDraft(
        verdict="approved",
        amount=_amount(form.amount, currency),
        note=form.note,
        revision=form.revision,
    )


def _amount(text: str | None, currency: str) -> Money | None:
    if text is None:
        return None
    amount = parse_amount(text, currency)
    if amount is None:
        raise _missing("/amount", "write an amount such as 1249.00")
    return amount


def _missing(pointer: str, detail: str) -> InvalidFields:
    return InvalidFields("invalid_request", [FieldProblem(pointer=pointer, detail=detail)])
