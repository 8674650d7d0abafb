"""One batch, one transaction: lock, read, decide, write. Six round trips, however many tickets there are.

The order of the locks is the order of every writer in the system: loans by id, then accounts by id.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from uuid import UUID

from halfpenny import ledger, loans
from halfpenny.funding import events
from halfpenny.funding.model import AcceptedTicket, BatchState, Decision, LoanState, Ticket, decide
from halfpenny.funding.store import desk as store
from halfpenny.ledger import Account, AccountKind, Journal, Transfer
from halfpenny.platform.clock import MARKET_ZONE, market_date
from halfpenny.platform.database import Connection, Record
from halfpenny.primitives.ids import JournalId, LoanId, whole_milliseconds
from halfpenny.primitives.money import Currency


async def decide_and_write(connection: Connection, tickets: Sequence[Ticket]) -> list[Decision]:
    """Answer every ticket in order, and write what was taken in the caller's transaction.

    The answers count only once that transaction has committed. Nothing is written for refused or
    repeated tickets.
    """
    locked = await loans.lock_funding(connection, {ticket.loan_id for ticket in tickets})
    states: dict[UUID, LoanState] = {loan_id: state_of(one) for loan_id, one in locked.items()}
    rows = await store.facts(connection, tickets)
    state = _batch_state(tickets, states, rows)
    accounts = _accounts(tickets, rows, states)
    if accounts:
        for account, balance in (await ledger.lock(connection, list(accounts))).items():
            if account.kind is AccountKind.WALLET and account.owner_id is not None:
                state.available[account.owner_id, account.currency.value] = balance.available
    before = {loan_id: loan.funded_minor for loan_id, loan in states.items()}
    decisions = decide(state, tickets)
    taken = [
        (ticket, decision)
        for ticket, decision in zip(tickets, decisions, strict=True)
        if isinstance(decision, AcceptedTicket)
    ]
    if taken:
        await _write(connection, whole_milliseconds(state.now), taken, states, before)
    return decisions


def has_no_effect(decisions: Iterable[Decision]) -> bool:
    """Whether the transaction holds no effect, so that it can be rolled back without a flush."""
    return not any(isinstance(decision, AcceptedTicket) for decision in decisions)


def state_of(funding: loans.FundingState) -> LoanState:
    """The hot row as the decision moves it."""
    return LoanState(
        loan_id=funding.loan_id,
        borrower_id=funding.borrower_id,
        currency=funding.currency.value,
        status=funding.status,
        target_minor=funding.target_minor,
        funded_minor=funding.funded_minor,
        investors=funding.investors,
        version=funding.version,
        deadline=funding.deadline,
        minimum_minor=funding.minimum_minor,
        step_minor=funding.step_minor,
        maximum_minor=funding.maximum_minor,
    )


def _batch_state(tickets: Sequence[Ticket], states: dict[UUID, LoanState], rows: Sequence[Record]) -> BatchState:
    state = BatchState(now=rows[0]["now"], zone=MARKET_ZONE, loans=states, investors={})
    related, used, claimed = set(), set(), set()
    for ticket, row in zip(tickets, rows, strict=True):
        if row["known"] and ticket.investor_id not in state.investors:
            state.investors[ticket.investor_id] = store.investor_facts(row)
        if row["related"]:
            related.add((ticket.loan_id, ticket.investor_id))
        if row["invested_minor"]:
            state.positions[ticket.loan_id, ticket.investor_id] = row["invested_minor"]
        if row["investment_id"] is not None:
            answer = store.stored_answer(row, ticket.investor_id)
            state.stored[ticket.investor_id, ticket.key] = (row["fingerprint"], answer)
        if row["key_is_used"]:
            used.add((ticket.investor_id, ticket.key))
        if row["key_is_claimed"]:
            claimed.add((ticket.investor_id, ticket.key))
    state.related = frozenset(related)
    state.used_keys, state.claimed_keys = frozenset(used), frozenset(claimed)
    return state


def _accounts(tickets: Sequence[Ticket], rows: Sequence[Record], states: dict[UUID, LoanState]) -> set[Account]:
    """The wallets and escrows that the batch may move. Locking opens an account, so hopeless tickets open none."""
    accounts = set()
    for ticket, row in zip(tickets, rows, strict=True):
        state = states.get(ticket.loan_id)
        if state is not None and row["known"] and state.currency == ticket.currency:
            currency = Currency(ticket.currency)
            accounts.add(Account(AccountKind.WALLET, ticket.investor_id, currency))
            accounts.add(Account(AccountKind.ESCROW, ticket.loan_id, currency))
    return accounts


async def _write(
    connection: Connection,
    now: datetime,
    taken: Sequence[tuple[Ticket, AcceptedTicket]],
    states: dict[UUID, LoanState],
    before: dict[UUID, int],
) -> None:
    moved = [state for loan_id, state in states.items() if state.funded_minor != before[loan_id]]
    await store.write(
        connection,
        now,
        taken,
        events.of_batch(taken, moved, before),
    )
    today = market_date(now)
    await ledger.post_many(connection, [_journal(ticket, decision, today) for ticket, decision in taken])
    await loans.add_funded(connection, _totals(taken))
    for state in moved:
        if state.funded_minor == state.target_minor:
            await _complete(connection, LoanId(state.loan_id))


async def _complete(connection: Connection, loan_id: LoanId) -> None:
    """Move a full loan on. One that a waiting investor has filled again never left its status."""
    loan = await loans.get(connection, loan_id)
    if loan.status is loans.Status.FUNDING:
        await loans.transition(connection, loan_id, loans.TransitionName.COMPLETE_FUNDING, loans.SYSTEM)


def _journal(ticket: Ticket, decision: AcceptedTicket, today: date) -> Journal:
    """Wallet to escrow. The journal's id is the investment's: one investment can move money in only once."""
    currency = Currency(ticket.currency)
    wallet = Account(AccountKind.WALLET, ticket.investor_id, currency)
    escrow = Account(AccountKind.ESCROW, ticket.loan_id, currency)
    return Journal(
        id=JournalId(decision.answer.investment_id),
        event="invest",
        transfers=(Transfer(debit=wallet, credit=escrow, amount=ticket.amount_minor),),
        effective_date=today,
        reference=ticket.loan_id,
    )


def _totals(taken: Sequence[tuple[Ticket, AcceptedTicket]]) -> list[tuple[UUID, int, int, int]]:
    """A row a loan: minor units added, investors added, steps of its version (one a ticket)."""
    totals: dict[UUID, tuple[int, int, int]] = {}
    for ticket, decision in taken:
        added, investors, steps = totals.get(ticket.loan_id, (0, 0, 0))
        totals[ticket.loan_id] = (added + ticket.amount_minor, investors + decision.first, steps + 1)
    return [(loan_id, *total) for loan_id, total in totals.items()]
