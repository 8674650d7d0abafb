"""What the desk would answer to a ticket, before anybody sends one."""

from __future__ import annotations

from halfpenny import ledger, loans
from halfpenny.funding.desk.batch import state_of
from halfpenny.funding.errors import AmountNotPositive
from halfpenny.funding.model import amount_refusal, loan_refusal
from halfpenny.funding.service.tickets import wallet
from halfpenny.funding.store import tickets as store
from halfpenny.platform.clock import business_now
from halfpenny.platform.database import Connection
from halfpenny.primitives.errors import HalfpennyError
from halfpenny.primitives.ids import UserId


async def free_to_invest(connection: Connection, investor_id: UserId, funding: loans.FundingState) -> int:
    """What this person's wallet may spend in the loan's currency, minor units."""
    account = wallet(investor_id, funding.currency.value)
    return (await ledger.balances(connection, [account]))[account].available


async def refusal_of(
    connection: Connection, investor_id: UserId, funding: loans.FundingState, amount_minor: int | None
) -> HalfpennyError | None:
    """Why the loan would take no ticket, or not one of this amount, as things are now; None where it would.

    The desk's own rules, without its locks: what it answers later counts.
    """
    state = state_of(funding)
    refusal = loan_refusal(state, state.currency, await business_now(connection))
    if refusal is not None or amount_minor is None:
        return refusal
    if amount_minor == 0:
        return AmountNotPositive()
    available = await free_to_invest(connection, investor_id, funding)
    held = await store.position_of(connection, investor_id, funding.loan_id)
    return amount_refusal(state, amount_minor, held, available)
