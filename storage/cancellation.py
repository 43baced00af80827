"""Cancellations in the book: receiving a request, quoting, validating its window, compensating."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, update

from models.cancellation import (
    Assessment,
    CancellationRequest,
    CancellationStatus,
    Compensation,
    IneligibilityReason,
    Quote,
)
from models.errors import Invalid, Refused
from models.ids import SYSTEM_USER, cancellation_workflow_id
from models.money import Money
from models.notice import NoticeKind
from models.outlook import Language
from models.policy import CancellationPolicy
from models.principal import Principal
from models.step import Done, Step
from rules.approval import RefusalCode
from rules.cancellation import explain
from rules.explanation import explain_quote
from rules.unit import units_left
from storage import case as case_book
from storage import quote as quote_book
from storage import ticket as ticket_book
from storage.approval import rule_of
from storage.effect import Effect, perform
from storage.engine import Database
from storage.open_case import require_none_open

cancellations = case_book.cancellations

_ASKED_TOO_MUCH = frozenset(
    {IneligibilityReason.AMOUNT_TOO_HIGH, IneligibilityReason.QUANTITY_TOO_HIGH}
)


def receive_cancellation(
    database: Database,
    request: CancellationRequest,
    cancellation_id: str,
    order_id: str,
    requester: Principal,
    received_at: datetime,
) -> Done:
    """Write the request if the rule grants it; else Refused, or Invalid for its amount, and nothing written."""

    def work(effect: Effect) -> Done:
        connection = effect.connection
        line = quote_book.line_of(connection, request.software_id)
        effect.belongs_to(line.partner_id, line.customer_id)
        require_none_open(connection, line.id)
        require_amount(request.requested_amount, line.currency)
        _require_offered(request.reason_code, line)
        units = _units(request, line)
        found = quote_book.quote_line(
            line, received_at, request.wanted_quantity, units, request.requested_amount
        )
        if found.reason is not None:
            raise refusal(found)
        _require_left(units, line)
        requested = request.requested_amount or found.credit
        _insert(
            connection, request, cancellation_id, line, units, requester, received_at, requested
        )
        effect.audit(
            requester.user_id, "cancellation.requested", cancellation_id, amount=str(requested)
        )
        return effect.conclude(
            requester.user_id,
            "A cancellation was requested.",
            Done(),
            cancellation_id=cancellation_id,
        )

    step = Step(subject_id=cancellation_id, order_id=order_id, at=received_at)
    return perform(database, step, "receive_cancellation", Done, work)


def _require_offered(reason_code: str | None, line: Row[Any]) -> None:
    """Invalid unless the reason is one of those that the frozen policy offers; free text alone will do."""
    policy = CancellationPolicy.model_validate(line.policy)
    if reason_code is None or policy.offers(reason_code):
        return
    offered = [reason.code for reason in policy.reasons]
    raise Invalid(
        "reason_not_offered",
        f"The form does not offer this reason; it offers: {', '.join(offered)}.",
        offered=offered,
    )


def _units(request: CancellationRequest, line: Row[Any]) -> tuple[int, ...]:
    """The units that go: those the request names, else as many as it asks for."""
    if request.units is None:
        return quote_book.choose(line, request.quantity)
    return tuple(sorted(request.units))


def _require_left(units: tuple[int, ...], line: Row[Any]) -> None:
    """Invalid unless each of the units is one of the line's and not cancelled yet."""
    missing = sorted(set(units) - set(units_left(line.quantity, line.gone or ())))
    if missing:
        raise Invalid(
            "unit_not_left",
            f"The line does not have these units, or not any more: {', '.join(map(str, missing))}.",
            units=missing,
        )


def require_amount(amount: Money | None, currency: str) -> None:
    """Invalid unless an amount is above zero and in this currency; whether it is too high, the rule says."""
    if amount is None:
        return
    if amount.currency != currency:
        raise Invalid(
            RefusalCode.WRONG_CURRENCY.value,
            f"The line is in {currency}, the amount in {amount.currency}.",
        )
    if amount.amount_minor <= 0:
        raise Invalid(
            RefusalCode.AMOUNT_NOT_POSITIVE.value, f"The amount must be above zero, not {amount}."
        )


def refusal(found: Quote) -> Invalid | Refused:
    """The rule's no, with what is needed to understand it; asking for too much is the request's own fault."""
    assert found.reason is not None
    kind = Invalid if found.reason in _ASKED_TOO_MUCH else Refused
    return kind(
        found.reason,
        explain(found),
        deadline=found.deadline.isoformat(),
        received_at=found.received_at.isoformat(),
        credit=found.credit.model_dump(),
        remaining=found.facts.remaining,
    )


def _insert(
    connection: Connection,
    request: CancellationRequest,
    cancellation_id: str,
    line: Row[Any],
    units: tuple[int, ...],
    requester: Principal,
    received_at: datetime,
    requested: Money,
) -> None:
    number = line.requests_before + 1
    connection.execute(
        insert(cancellations).values(
            id=cancellation_id,
            line_id=line.id,
            order_id=line.order_id,
            partner_id=line.partner_id,
            customer_id=line.customer_id,
            quantity=len(units),
            units=units,
            request_number=number,
            workflow_id=cancellation_workflow_id(line.id, number),
            requester_id=requester.user_id,
            received_at=received_at,
            line_total_minor=line.total_minor,
            currency=line.currency,
            window_closes_at=line.window_closes_at,
            status=CancellationStatus.RECEIVED,
            status_at=received_at,
            reason=request.reason,
            reason_code=request.reason_code,
            impact=request.impact,
            title=request.title,
            requested_minor=requested.amount_minor,
            contact_name=request.contact.name,
            contact_email=request.contact.email,
            contact_phone=request.contact.phone,
        )
    )


def validate_window(database: Database, step: Step) -> Assessment:
    """Decide once more, in the process, whether the request stands, by the instant it was received.

    The verdict is stored with the case, with every fact it was taken from.
    """

    def work(effect: Effect) -> Assessment:
        connection = effect.connection
        case = case_book.load_case(connection, step.subject_id)
        effect.belongs_to(case.partner_id, case.customer_id)
        found = quote_book.quote_line(
            quote_book.line_of(connection, case.software_id, own_id=case.id),
            case.received_at,
            case.quantity,
            case.units,
            Money(amount_minor=case.requested_minor, currency=case.currency),
        )
        connection.execute(
            update(cancellations)
            .where(cancellations.c.id == case.id)
            .values(quote=found.model_dump(mode="json"))
        )
        if not found.eligible:
            _refuse(effect, case, step, found)
        effect.audit(SYSTEM_USER, "cancellation.assessed", case.id, eligible=found.eligible)
        return effect.conclude(
            SYSTEM_USER, explain(found), _assessment(case, found), cancellation_id=case.id
        )

    return perform(database, step, "validate_window", Assessment, work)


def _refuse(effect: Effect, case: Row[Any], step: Step, found: Quote) -> None:
    case_book.set_status(effect.connection, step, CancellationStatus.INELIGIBLE)
    effect.tell(
        NoticeKind.CANCELLATION_INELIGIBLE,
        [case.requester_id],
        **case_book.facts(case),
        reason_text={language: explain_quote(found, language) for language in Language},
        deadline=found.deadline.isoformat(),
    )


def _assessment(case: Row[Any], found: Quote) -> Assessment:
    plan = CancellationPolicy.model_validate(case.policy).approval
    rule = rule_of(case)
    return Assessment(
        eligible=found.eligible,
        reason=found.reason,
        credit_minor=found.credit.amount_minor,
        requested_minor=case.requested_minor,
        currency=case.currency,
        deadline=found.deadline,
        mode=rule.mode,
        remind_after=plan.remind_after,
        escalate_after=plan.escalate_after,
        expire_after=plan.expire_after,
        approvals_needed=rule.approvals_needed,
    )


def compensate_cancellation(database: Database, step: Step, actor_id: str) -> Compensation:
    """End an approved but uncredited case by an operator's word; a booked credit is never taken back here."""

    def work(effect: Effect) -> Compensation:
        connection = effect.connection
        case = case_book.load_case(connection, step.subject_id)
        if case.status != CancellationStatus.APPROVED:
            return Compensation(compensated=False)
        effect.belongs_to(case.partner_id, case.customer_id)
        ticket_book.close(connection, case.ticket_id, step.at)
        case_book.set_status(connection, step, CancellationStatus.COMPENSATED)
        effect.tell(
            NoticeKind.CANCELLATION_COMPENSATED, [case.requester_id], **case_book.facts(case)
        )
        effect.audit(actor_id, "cancellation.compensated", case.id)
        return effect.conclude(
            actor_id,
            "An operator ended the case before the credit.",
            Compensation(compensated=True),
            cancellation_id=case.id,
        )

    return perform(database, step, "compensate_cancellation", Compensation, work)
