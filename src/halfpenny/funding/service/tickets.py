"""Taking a ticket back, waiting for a full loan, and returning everyone's money when a loan does not come about."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from halfpenny import ledger, loans
from halfpenny.funding import events
from halfpenny.funding.desk.batch import decide_and_write, state_of
from halfpenny.funding.errors import InvestmentUnknown, LoanNotFull
from halfpenny.funding.model import (
    FULL,
    AcceptedTicket,
    Investment,
    LoanState,
    Ticket,
    WaitingTicket,
    check_revocable,
)
from halfpenny.funding.statuses import InvestmentStatus, WaitingStatus
from halfpenny.funding.store import tickets as store
from halfpenny.ledger import Account, AccountKind, Journal, Transfer
from halfpenny.platform import outbox
from halfpenny.platform.clock import business_now, market_date
from halfpenny.platform.database import Connection, Database
from halfpenny.primitives.errors import HalfpennyError
from halfpenny.primitives.ids import JournalId, LoanId, UserId, uuid7, uuid7_of, whole_milliseconds
from halfpenny.primitives.money import Currency, CurrencyMismatch, Money, format_minor
from halfpenny.realtime import Notice, NotificationKind, notify_many

# One release serves at most so many of those who wait; whoever is left has the next release.
_WAITING_LIST_BATCH_SIZE = 50
_RETURN_BATCH_SIZE = 2_000


async def revoke(connection: Connection, investor_id: UserId, investment_id: UUID) -> Investment:
    """Take one's own ticket back in full while its days of reflection run; returns it as it is then.

    What is released is offered to the waiting list in the same transaction. Raises InvestmentUnknown,
    NotRevocable, ReflectionOver.
    """
    seen = await store.find(connection, investment_id)
    if seen is None or seen.investor_id != investor_id:
        raise InvestmentUnknown()
    locked = await loans.lock_funding(connection, [seen.loan_id])
    state = state_of(locked[LoanId(seen.loan_id)])
    investment = await store.find(connection, investment_id, lock=True)
    now = whole_milliseconds(await business_now(connection))
    if investment is None:
        raise InvestmentUnknown()
    check_revocable(investment, state.status, now)
    queue = await store.next_waiting(connection, investment.loan_id, _WAITING_LIST_BATCH_SIZE)
    # Everyone whose money may move is locked at once: the order of ids is the order of every writer.
    people = {investment.investor_id, *(waiting.investor_id for waiting in queue)}
    await ledger.lock(connection, [escrow(state), *(wallet(person, state.currency) for person in people)])
    await ledger.post(connection, _back(investment, "revoke", now))
    await store.end(connection, [investment_id], InvestmentStatus.REVOKED, now)
    left = await store.shrink_position(connection, state.loan_id, investor_id, investment.amount_minor)
    added = (state.loan_id, -investment.amount_minor, -1 if left == 0 else 0, 1)
    state = state_of((await loans.add_funded(connection, [added]))[LoanId(state.loan_id)])
    await _record_events(connection, events.INVESTMENT_REVOKED, state, [investment], "revoked by the investor")
    await _serve(connection, state, queue)
    await _reopen_if_short(connection, LoanId(state.loan_id))
    return replace(investment, status=InvestmentStatus.REVOKED)


async def _serve(connection: Connection, state: LoanState, queue: list[WaitingTicket]) -> None:
    """Give what was released to those who wait, in their order, each at most what they still want."""
    remaining = state.target_minor - state.funded_minor
    title = (await loans.get(connection, state.loan_id)).title if queue else ""
    for waiting in queue:
        if remaining == 0:
            return
        now = await business_now(connection)
        amount = min(waiting.wanted_minor, remaining)
        decision = (await decide_and_write(connection, [_ticket_for(waiting, amount)]))[0]
        if isinstance(decision, HalfpennyError):
            await store.end_waiting(connection, waiting.id, WaitingStatus.REFUSED, decision.code, now)
            await notify_many(connection, [_waiting_ended(waiting, title, decision.code)])
        elif isinstance(decision, AcceptedTicket):
            await store.serve_waiting(connection, waiting.id, amount, now)
            await notify_many(connection, [_waiting_served(waiting, title, amount)])
            remaining -= amount


def _waiting_served(waiting: WaitingTicket, title: str, amount_minor: int) -> Notice:
    """What came out of the wallet for a loan that one waited for, and how much one still waits for."""
    data = {
        **_waiting_data(waiting, title),
        "amount": format_minor(amount_minor),
        "still_wanted": format_minor(waiting.wanted_minor - amount_minor),
    }
    # What was served before distinguishes the parts of one waiting ticket.
    key = f"waiting:{waiting.id}:{waiting.served_minor}"
    return Notice(waiting.investor_id, NotificationKind.WAITING_LIST_SERVED, data, key)


def _waiting_ended(waiting: WaitingTicket, title: str, code: str) -> Notice:
    """Nothing more will come of it: ``code`` is why, as the waiting list has it."""
    data = {**_waiting_data(waiting, title), "amount": format_minor(waiting.wanted_minor), "reason": code}
    return Notice(waiting.investor_id, NotificationKind.WAITING_LIST_ENDED, data, f"waiting:{waiting.id}:ended")


def _waiting_data(waiting: WaitingTicket, title: str) -> dict[str, str]:
    return {"loan_id": str(waiting.loan_id), "title": title, "currency": waiting.currency}


def _ticket_for(waiting: WaitingTicket, amount_minor: int) -> Ticket:
    # A blank cannot occur in a key that a client sends, so this one belongs to the waiting list alone.
    key = f"waiting {waiting.id} {waiting.served_minor}"
    return Ticket(waiting.loan_id, waiting.investor_id, amount_minor, waiting.currency, key, waiting.id.bytes)


async def _reopen_if_short(connection: Connection, loan_id: LoanId) -> None:
    loan = await loans.get(connection, loan_id)
    full = loan.funding is not None and loan.funding.remaining_minor == 0
    if not full and loan.status in (loans.Status.FUNDED, loans.Status.CONDITIONS_MET):
        await loans.transition(connection, loan_id, loans.TransitionName.REOPEN_FUNDING, loans.SYSTEM)


async def join_waiting_list(connection: Connection, investor_id: UserId, loan_id: UUID, amount: Money) -> WaitingTicket:
    """Wait for up to ``amount`` of a full loan. No money is reserved meanwhile.

    Raises LoanNotFound, CurrencyMismatch, LoanNotFull while one can simply invest, LoanNotOpen otherwise.
    """
    locked = await loans.lock_funding(connection, [loan_id])
    now = await business_now(connection)
    if LoanId(loan_id) not in locked:
        # Never offered, or not there at all: which is not disclosed.
        raise loans.LoanNotFound()
    state = state_of(locked[LoanId(loan_id)])
    if amount.currency != state.currency:
        raise CurrencyMismatch(loan=state.currency, request=amount.currency.value)
    if state.status != FULL:
        raise LoanNotFull()
    waiting = WaitingTicket(
        uuid7(), loan_id, investor_id, amount.minor, 0, state.currency, WaitingStatus.WAITING, None, now
    )
    await store.join_waiting_list(connection, waiting)
    return waiting


async def cancel(connection: Connection, loan_id: UUID, actor: loans.Actor, reason: str | None) -> loans.Loan:
    """End a loan before drawdown; every ticket goes back. Raises what the transition table refuses."""
    return await _end(connection, loan_id, loans.TransitionName.CANCEL, actor, reason)


async def expire(database: Database, limit: int = 20) -> int:
    """End the loans whose deadline has passed, each in a transaction of its own; returns how many."""
    async with database.reading() as connection:
        due = await loans.past_deadline(connection, limit)
    ended = 0
    for loan_id in due:
        async with database.unit_of_work() as connection:
            ended += await _expire_one(connection, loan_id)
    return ended


async def _expire_one(connection: Connection, loan_id: LoanId) -> bool:
    loan = await loans.lock(connection, loan_id)
    # Another worker may have been here, and the deadline may have been moved since it was read.
    if loan.funding is None or await business_now(connection) < loan.funding.deadline:
        return False
    if loan.status in (loans.Status.OFFERED, loans.Status.ACCEPTED):
        await loans.transition(connection, loan_id, loans.TransitionName.LAPSE, loans.SYSTEM)
    elif loan.status is loans.Status.FUNDING:
        await _end(connection, loan_id, loans.TransitionName.EXPIRE, loans.SYSTEM, None)
    else:
        return False
    return True


async def _end(
    connection: Connection, loan_id: UUID, transition: loans.TransitionName, actor: loans.Actor, reason: str | None
) -> loans.Loan:
    """Make the transition and send every ticket's money back to the wallet that it came from."""
    locked = await loans.lock_funding(connection, [loan_id])
    loan = await loans.transition(connection, loan_id, transition, actor, reason=reason)
    if LoanId(loan_id) not in locked:
        return loan
    now = whole_milliseconds(await business_now(connection))
    tickets = await store.committed(connection, loan_id)
    state = state_of(locked[LoanId(loan_id)])
    if tickets:
        people = {ticket.investor_id for ticket in tickets}
        await ledger.lock(connection, [escrow(state), *(wallet(person, state.currency) for person in people)])
        for start in range(0, len(tickets), _RETURN_BATCH_SIZE):
            part = tickets[start : start + _RETURN_BATCH_SIZE]
            await ledger.post_many(connection, [_back(ticket, transition, now) for ticket in part])
            await store.end(connection, [ticket.id for ticket in part], InvestmentStatus.RETURNED, now)
        investors = await store.empty_positions(connection, loan_id)
        total = sum(ticket.amount_minor for ticket in tickets)
        state = state_of((await loans.add_funded(connection, [(loan_id, -total, -investors, 1)]))[LoanId(loan_id)])
        await _record_events(connection, events.INVESTMENT_RETURNED, state, tickets, loan.status.value)
    await end_waiting_list(connection, loan)
    return loan


async def end_waiting_list(connection: Connection, loan: loans.Loan) -> None:
    """Nobody waits for a loan that ended or was drawn down; each is notified, with the loan's status as the reason."""
    now = await business_now(connection)
    ended = await store.end_all_waiting(connection, loan.id, f"loan_{loan.status.value}", now)
    await notify_many(
        connection, [_waiting_ended(waiting, loan.title, f"loan_{loan.status.value}") for waiting in ended]
    )


async def _record_events(
    connection: Connection, name: str, state: LoanState, tickets: list[Investment], why: str
) -> None:
    await outbox.append_many(connection, [events.tickets_ended(name, state, tickets, why)])


def wallet(owner_id: UUID, currency: str) -> Account:
    return Account(AccountKind.WALLET, owner_id, Currency(currency))


def escrow(state: LoanState) -> Account:
    return Account(AccountKind.ESCROW, state.loan_id, Currency(state.currency))


def _back(investment: Investment, event: str, now: datetime) -> Journal:
    """Escrow to wallet. The id carries the moment at which the investment ended; the ledger reverses it only once."""
    currency = Currency(investment.currency)
    return Journal(
        id=JournalId(uuid7_of(now, b"back " + investment.id.bytes)),
        event=event,
        transfers=(
            Transfer(
                debit=Account(AccountKind.ESCROW, investment.loan_id, currency),
                credit=Account(AccountKind.WALLET, investment.investor_id, currency),
                amount=investment.amount_minor,
            ),
        ),
        effective_date=market_date(now),
        reference=investment.loan_id,
        # The way in has the investment's own id as its journal: whoever checks finds the way back by it.
        reverses=JournalId(investment.id),
    )
