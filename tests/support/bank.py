"""Money that comes from outside in a test: paid to the sandbox bank, shown by its statement, matched by staff."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from halfpenny import funding
from halfpenny.funding import BankCredit
from halfpenny.loans import Actor, ActorKind
from halfpenny.platform.database import Connection, Database
from halfpenny.primitives.ids import UserId
from halfpenny.primitives.money import Currency
from halfpenny.servicing.service import bank_receipts
from halfpenny.servicing.service.bank_receipts import LinePart
from halfpenny.servicing.service.posting import PostingResult

EUR = Currency.EUR
PAYER = "Okonkwo & Daughters Ltd"


async def pay_in_from_outside(
    connection: Connection,
    amount_minor: int,
    day: date,
    *,
    payer: str = PAYER,
    reference: str = "Loan repayment",
    currency: Currency = EUR,
) -> None:
    """A credit on the sandbox bank's statement of ``day``, which has not been sent."""
    await funding.pay_from_outside(connection, BankCredit(currency, amount_minor, payer, reference, day))


async def credits_in_suspense(database: Database) -> dict[UUID, int]:
    """What remains of each credit line that nobody has been found for, in the order of the lines."""
    async with database.reading() as connection:
        rows = await funding.page_of_suspense(connection, None, 100)
    return {row["id"]: row["remaining_minor"] for row in rows}


async def receive(database: Database, loan_id: UUID, amount_minor: int, day: date, staff: UserId) -> PostingResult:
    """A receipt for a day that is over: paid from outside, shown by a statement, matched to the loan by ``staff``."""
    before = await credits_in_suspense(database)
    async with database.unit_of_work() as connection:
        await pay_in_from_outside(connection, amount_minor, day)
    await funding.reconcile_due(database)
    [line_id] = set(await credits_in_suspense(database)) - set(before)
    actor = Actor(ActorKind.ADMINISTRATOR, staff)
    async with database.unit_of_work() as connection:
        [posted] = await bank_receipts.allocate(connection, line_id, [LinePart(loan_id, amount_minor)], actor)
    return posted
