"""Credits in the book: booking one for an approved cancellation, and listing them."""

from sqlalchemy import insert

from models.cancellation import CancellationStatus
from models.credit import CreditReceipt
from models.ids import SYSTEM_USER, Prefix, effect_key, new_id
from models.money import Money
from models.outgoing import CreditBooked
from models.step import Step
from storage import case as case_book
from storage import order as order_book
from storage.effect import Effect, perform
from storage.engine import Database
from storage.ledger import post_credit


def book_credit(database: Database, step: Step) -> CreditReceipt:
    """Post the approved amount back to the partner's account and write the credit, once per case."""

    def work(effect: Effect) -> CreditReceipt:
        connection = effect.connection
        case = case_book.load_case(connection, step.subject_id)
        order = order_book.load(connection, step.order_id)
        effect.belongs_to(case.partner_id, case.customer_id)
        key = effect_key(case.id, "credit")
        entry_id = post_credit(connection, order, case.line_id, key, case.approved_minor, step.at)
        credit = connection.execute(
            insert(case_book.credits_)
            .values(
                id=new_id(Prefix.CREDIT),
                cancellation_id=case.id,
                decision_id=case.decision_id,
                verdict=case.verdict,
                decided_at=case.decided_at,
                line_id=case.line_id,
                order_id=case.order_id,
                partner_id=case.partner_id,
                customer_id=case.customer_id,
                line_total_minor=case.line_total_minor,
                window_closes_at=case.window_closes_at,
                amount_minor=case.approved_minor,
                currency=case.currency,
                entry_id=entry_id,
                booked_at=step.at,
            )
            .returning(case_book.credits_)
        ).one()
        case_book.set_status(connection, step, CancellationStatus.CREDITED)
        amount = Money(amount_minor=credit.amount_minor, currency=credit.currency)
        effect.publish(
            CreditBooked(
                cancellation_id=case.id,
                credit_id=credit.id,
                order_id=case.order_id,
                quantity=case.quantity,
                amount=amount,
            )
        )
        effect.audit(SYSTEM_USER, "credit.booked", credit.id, amount=str(amount))
        return effect.conclude(
            SYSTEM_USER,
            f"Credit {credit.number} of {amount} was booked.",
            CreditReceipt(
                credit_id=credit.id,
                credit_number=credit.number,
                amount_minor=credit.amount_minor,
                currency=credit.currency,
                line_cancelled=case.cancelled_quantity + case.quantity == case.line_quantity,
            ),
            cancellation_id=case.id,
        )

    return perform(database, step, "book_credit", CreditReceipt, work)
