"""Easing the terms of a borrower: an extension, a pause of interest, a waiver; and the mark that goes with it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from halfpenny import loans
from halfpenny.loans import Actor
from halfpenny.platform import audit
from halfpenny.platform.clock import business_date
from halfpenny.platform.database import Connection
from halfpenny.primitives.money import Money, format_minor
from halfpenny.servicing import errors
from halfpenny.servicing.model.events import Default, Event, Extension, Pause, Waiver
from halfpenny.servicing.model.serviced_loan import ServicedLoan
from halfpenny.servicing.model.waterfall import Component
from halfpenny.servicing.service.income import check_fees_cover
from halfpenny.servicing.service.known_events import current_position
from halfpenny.servicing.service.posting import PostingResult, lock_serviced_loan, post_events
from halfpenny.servicing.store import serviced_loans


@dataclass(frozen=True, slots=True)
class Decided:
    """Who decided on it and why, and whether the borrower is unlikely to pay from now on."""

    actor: Actor
    reason: str
    unlikely_to_pay: bool = False


async def extend(connection: Connection, loan_id: UUID, months: int, decided: Decided) -> PostingResult:
    """The principal falls due ``months`` later than the maturity; what else has fallen due stays due.

    Raises WrongStatus, and EventAfterMaturity for an extension that would be over by today.
    """
    loan, serviced = await lock_serviced_loan(connection, loan_id)
    if loan.status not in loans.RUNNING_STATUSES:
        raise loans.WrongStatus(status=loan.status.value, transition="extend")
    today = await business_date(connection)
    facts = {"months": months, "reason": decided.reason, "unlikely_to_pay": decided.unlikely_to_pay}
    await audit.record(connection, decided.actor.user_id, "loan.extend", "loan", loan_id, facts)
    return await _post(connection, serviced, Extension(today, months), today, decided)


async def pause_interest(
    connection: Connection, loan_id: UUID, first: date, last: date, decided: Decided
) -> PostingResult:
    """No contract interest from ``first`` to ``last``, both included; may lie in the past."""
    _, serviced = await lock_serviced_loan(connection, loan_id)
    facts = {
        "from": first.isoformat(),
        "to": last.isoformat(),
        "reason": decided.reason,
        "unlikely_to_pay": decided.unlikely_to_pay,
    }
    await audit.record(connection, decided.actor.user_id, "loan.pause_interest", "loan", loan_id, facts)
    return await _post(connection, serviced, Pause(first, last), await business_date(connection), decided)


async def waive(
    connection: Connection, loan_id: UUID, component: Component, amount: Money, decided: Decided
) -> PostingResult:
    """Give up ``amount`` of what is due of ``component``; a recovery cost is then borne by the platform's fees.

    Raises WaiverExceedsDue, WaiverOfPrincipal, CurrencyMismatch, EventNotPositive, LoanClosed, and
    InsufficientAvailable where the fees do not cover a recovery cost.
    """
    _, serviced = await lock_serviced_loan(connection, loan_id)
    today = await business_date(connection)
    due = (await current_position(connection, serviced)).owed[component]
    if amount.minor > due and component is not Component.PRINCIPAL and serviced.closed_on is None:
        # What is shown is what may be waived, whatever the day's order makes of it.
        raise errors.WaiverExceedsDue(due=format_minor(due))
    if component is Component.RECOVERY_COST:
        await check_fees_cover(connection, amount)
    facts = {
        "component": component.value,
        "amount": format_minor(amount.minor),
        "currency": amount.currency.value,
        "reason": decided.reason,
        "unlikely_to_pay": decided.unlikely_to_pay,
    }
    await audit.record(connection, decided.actor.user_id, "loan.waive", "loan", loan_id, facts)
    return await _post(connection, serviced, Waiver(today, component, amount), today, decided)


async def _post(
    connection: Connection, serviced: ServicedLoan, event: Event, today: date, decided: Decided
) -> PostingResult:
    """Post the event, and with it the mark where it is new: a default by what people say."""
    new: list[Event] = [event]
    if decided.unlikely_to_pay and not serviced.unlikely_to_pay:
        await serviced_loans.set_unlikely_to_pay(connection, serviced.loan_id, True)
        new.append(Default(today, decided.reason, unlikely_to_pay=True))
    return await post_events(connection, serviced.loan_id, new, decided.actor, reason=decided.reason)
