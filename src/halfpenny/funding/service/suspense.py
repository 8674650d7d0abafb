"""Credits in suspense that go to loans: what waits of them, and what was allocated. The bank's side.

What a loan does with the money is servicing's. It calls these with the loan locked; the bank's lock comes after
loans and before ledger accounts.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import msgspec

from halfpenny.funding import errors
from halfpenny.funding.bank import StatementLine
from halfpenny.funding.receipts import may_be
from halfpenny.funding.reconciliation import ReconciliationItem, Resolution
from halfpenny.funding.service.reconciling import resolve
from halfpenny.funding.store import bank_receipts as store
from halfpenny.funding.store import reconciliation, statements
from halfpenny.funding.store.statements import lock_bank
from halfpenny.platform.clock import business_now
from halfpenny.platform.database import Connection
from halfpenny.primitives.errors import HalfpennyError
from halfpenny.primitives.ids import UserId, uuid7
from halfpenny.primitives.money import Currency, Money, format_minor


@dataclass(frozen=True, slots=True)
class CreditInSuspense:
    """A credit line and what of it still waits: ``remaining`` is zero once it has gone somewhere."""

    line: StatementLine
    item: ReconciliationItem

    @property
    def remaining(self) -> Money:
        return Money(self.item.remaining_minor, Currency(self.item.currency))


async def find_credit(connection: Connection, line_id: UUID, *, lock: bool = False) -> CreditInSuspense | None:
    """A credit that stands, or stood, in suspense; None where the line never did."""
    item = await reconciliation.credit_of_line(connection, line_id, lock=lock)
    line = await statements.line(connection, line_id)
    return None if item is None or line is None else CreditInSuspense(line, item)


async def credit_in_suspense(connection: Connection, line_id: UUID, *, lock: bool = True) -> CreditInSuspense:
    """A credit that stands, or stood, in suspense, with its currency's bank locked before it. Raises LineUnknown."""
    credit = await find_credit(connection, line_id)
    if credit is not None and lock:
        await lock_bank(connection, credit.item.currency)
        credit = await find_credit(connection, line_id, lock=True)
    if credit is None:
        raise errors.LineUnknown()
    return credit


async def check_remaining(connection: Connection, line_id: UUID, wanted_minor: int) -> None:
    """Raise LineSpent unless so much of a credit, and more than nothing, stands in suspense. Raises LineUnknown."""
    credit = await credit_in_suspense(connection, line_id)
    if not 0 < wanted_minor <= credit.remaining.minor:
        raise errors.LineSpent(remaining=format_minor(credit.remaining.minor), currency=credit.item.currency)


async def allocate(
    connection: Connection, credit: CreditInSuspense, loan_id: UUID, amount: Money, by: UserId | None
) -> UUID:
    """Write down that so much of a credit goes to a loan; returns the allocation's id. The loan posts the money.

    ``by`` is None where the platform found the loan by an announced receipt. Raises LineSpent.
    """
    item = await reconciliation.credit_of_line(connection, credit.line.id, lock=True)
    if item is None:
        raise errors.LineUnknown()
    left = item.remaining_minor
    if amount.currency is not credit.remaining.currency or amount.minor > left:
        raise errors.LineSpent(remaining=format_minor(left), currency=item.currency)
    allocation_id, now = uuid7(), await business_now(connection)
    await store.insert_allocation(connection, allocation_id, item.id, loan_id, amount.minor, now, by)
    if amount.minor == left:
        await reconciliation.resolve(connection, item, by, now)
    elif item.question is not None:
        await reconciliation.set_question(connection, item.id, None)
    await _join_expected(connection, credit.line, loan_id, amount)
    return allocation_id


async def _join_expected(connection: Connection, line: StatementLine, loan_id: UUID, amount: Money) -> None:
    """A receipt of the same amount that this loan waited for is what the line was: it does not wait any more."""
    if amount.minor != line.amount_minor:
        return
    waiting = await store.without_line(connection, amount.currency.value, [amount.minor])
    same = [each for each in waiting if each.loan_id == loan_id and not each.in_the_books and may_be(line, each)]
    if same and not await store.receipt_of_line(connection, line.id):
        await store.has_its_line(connection, same[0].id, line.id)


async def return_credit(connection: Connection, line_id: UUID, by: UserId) -> Money:
    """Send what is left of a credit back to its bank; returns how much. Raises LineUnknown, FindingUnknown."""
    credit = await credit_in_suspense(connection, line_id)
    await resolve(connection, by, credit.item.id, Resolution.RETURNED)
    return credit.remaining


async def leave_question(connection: Connection, line_id: UUID, refusal: HalfpennyError) -> None:
    """Keep with a credit in suspense why the loan that it was meant for did not take it."""
    item = await reconciliation.credit_of_line(connection, line_id, lock=True)
    if item is not None and item.remaining_minor:
        data = msgspec.to_builtins(dict(refusal.data), str_keys=True)
        await reconciliation.set_question(connection, item.id, refusal.code, data)
