"""The brief of one case: what an approver needs, gathered from the whole book on one snapshot."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from models.brief import Brief, Checks, DownloadsMade, History, TimeFacts
from models.cancellation import Cancellation
from models.errors import NotFound, Refused
from models.outlook import Language, QuoteRecord
from models.pattern import PatternFacts, PatternThresholds
from models.policy import CancellationPolicy
from models.principal import Principal
from models.ticket import Ticket
from models.timeline import TimelineEntry
from rules.brief import check_money, check_pattern, check_time, check_use
from rules.explanation import explained
from storage import brief_evidence as evidence
from storage import history
from storage import principal as users
from storage.cancellation_view import find_by_ticket, find_quote
from storage.case import load_case
from storage.order_view import find_order
from storage.presence import viewers_of
from storage.replacement_view import open_replacement_of
from storage.revision import changes_since
from storage.standing import standing_of
from storage.ticket_view import find_ticket


def read_brief(
    connection: Connection,
    reader: Principal,
    ticket_id: str,
    at: datetime,
    thresholds: PatternThresholds,
    *,
    since: int | None = None,
    language: Language = Language.ENGLISH,
) -> Brief:
    """Everything about the ticket's case as it stands; `since` is the revision that the reader saw last.

    NotFound outside the reader's sight, Refused for a ticket that is about no cancellation.
    """
    ticket, cancellation = _ticket_and_case(connection, reader, ticket_id, at)
    case = load_case(connection, cancellation.id)
    order = find_order(connection, cancellation.order_id)
    assert order is not None, "a case has its order"
    quote = find_quote(connection, cancellation.id)
    approvers = users.approvers_for(connection, cancellation.partner_id)
    downloads = evidence.downloads_made(connection, case, at)
    began = case.received_at - thresholds.within
    customer = history.customer_history(connection, case, began)
    partner = history.partner_history(connection, case, began)
    pattern = _pattern(connection, case, customer, partner, approvers, thresholds)
    return _naming_people(
        connection,
        Brief(
            ticket=ticket,
            cancellation=cancellation,
            order=order,
            line=next(line for line in order.lines if line.id == cancellation.line_id),
            quote=None if quote is None else explained(quote, language),
            checks=_checks(connection, case, quote, downloads, pattern),
            keys=evidence.keys_seen(connection, case),
            downloads=downloads,
            replacement=open_replacement_of(connection, reader, cancellation.line_id),
            customer_history=customer,
            partner_history=partner,
            standing=standing_of(connection, case, cancellation, reader, approvers),
            decline_reasons=CancellationPolicy.model_validate(case.policy).decline_reasons,
            viewers=viewers_of(connection, ticket_id, at, but=reader.user_id),
            revision=cancellation.revision,
            changes=_changes(connection, cancellation, since),
            people={},
        ),
    )


def _ticket_and_case(
    connection: Connection, reader: Principal, ticket_id: str, at: datetime
) -> tuple[Ticket, Cancellation]:
    ticket = find_ticket(connection, reader, ticket_id, at)
    if ticket is None:
        raise NotFound("ticket")
    cancellation = find_by_ticket(connection, reader, ticket_id)
    if cancellation is None:
        raise Refused(
            "not_a_cancellation",
            "This ticket is about no cancellation, so there is nothing to decide; read the ticket itself.",
        )
    return ticket, cancellation


def _pattern(
    connection: Connection,
    case: Row[Any],
    customer: History,
    partner: History,
    approvers: Sequence[str],
    thresholds: PatternThresholds,
) -> PatternFacts:
    return PatternFacts(
        customer_since=customer.since,
        customer_cases=customer.cases,
        customer_seen=history.count_seen(connection, case, customer.since),
        partner_since=partner.since,
        partner_cases=partner.cases,
        partner_orders=history.count_orders(connection, case, partner.since),
        requester_is_approver=case.requester_id in approvers,
        thresholds=thresholds,
    )


def _checks(
    connection: Connection,
    case: Row[Any],
    quote: QuoteRecord | None,
    downloads: DownloadsMade,
    pattern: PatternFacts,
) -> Checks:
    granted = None if quote is None else quote.credit
    window = TimeFacts(received_at=case.received_at, window_closes_at=case.window_closes_at)
    return Checks(
        in_time=check_time(window),
        money=check_money(evidence.money_facts(connection, case, granted)),
        key_and_downloads=check_use(evidence.use_facts(connection, case, downloads)),
        pattern=check_pattern(pattern),
    )


def _changes(
    connection: Connection, cancellation: Cancellation, since: int | None
) -> tuple[TimelineEntry, ...]:
    return () if since is None else changes_since(connection, cancellation.order_id, since)


def _naming_people(connection: Connection, brief: Brief) -> Brief:
    people = users.names_of(connection, set(_mentioned(brief)))
    return brief.model_copy(update={"people": people})


def _mentioned(brief: Brief) -> Iterator[str]:
    yield brief.cancellation.requester_id
    yield brief.order.placed_by
    yield from (approval.approved_by for approval in brief.cancellation.approvals)
    yield from (note.author_id for note in brief.ticket.notes)
    yield from (change.actor_id for change in brief.changes)
    for key in brief.keys.seen:
        yield from (key.first_seen_by, key.last_seen_by)
    if brief.replacement is not None:
        yield brief.replacement.requester_id
    yield from brief.standing.who_may
