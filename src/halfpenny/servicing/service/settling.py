"""What holders had had too much when their loan closed: nothing is left to net it from, so somebody bears it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from halfpenny import ledger
from halfpenny.ledger import Account, AccountKind, Journal, Transfer
from halfpenny.loans import Status
from halfpenny.platform import audit
from halfpenny.platform.clock import business_date
from halfpenny.platform.database import Connection
from halfpenny.primitives.ids import JournalId, UserId, uuid7
from halfpenny.primitives.money import Money, format_minor
from halfpenny.servicing import errors
from halfpenny.servicing.service import distributing
from halfpenny.servicing.service.income import check_fees_cover, fee_income
from halfpenny.servicing.service.posting import lock_serviced_loan, serviced_loan
from halfpenny.servicing.statuses import OverpaidBearer
from halfpenny.servicing.store import corrections


async def settle_overpaid(
    connection: Connection, loan_id: UUID, bearer: OverpaidBearer, decided_by: UserId, reason: str
) -> dict[str, Any]:
    """Take it from the platform's fees or from the holders' wallets, whole.

    Raises LoanNotFound, NotServiced, NothingOverpaid while the loan may still bring something to net it from, and
    InsufficientAvailable where the fees or a wallet do not cover it: then nothing moves.
    """
    loan, serviced = await lock_serviced_loan(connection, loan_id)
    if loan.status not in {Status.REPAID, Status.WRITTEN_OFF}:
        raise errors.NothingOverpaid()
    # What is declared may still net some of it.
    await distributing.share_all(connection, loan_id)
    rows = await corrections.lock_overpaid(connection, loan_id)
    if not rows:
        raise errors.NothingOverpaid()
    currency = serviced.currency
    overpaid = Account(AccountKind.OVERPAID_DISTRIBUTION, loan_id, currency)
    total = sum(row["overpaid_minor"] for row in rows)
    if bearer is OverpaidBearer.PLATFORM:
        await check_fees_cover(connection, Money(total, currency))
        transfers = [Transfer(fee_income(Money(total, currency)), overpaid, total)]
    else:
        transfers = [
            Transfer(Account(AccountKind.WALLET, row["investor_id"], currency), overpaid, row["overpaid_minor"])
            for row in rows
        ]
    today = await business_date(connection)
    await ledger.post(connection, Journal(JournalId(uuid7()), "overpaid_settled", tuple(transfers), today, loan_id))
    await corrections.settle(connection, loan_id, today, bearer)
    shown = {"bearer": bearer.value, "amount": format_minor(total), "currency": currency.value}
    await audit.record(connection, decided_by, "loan.settle_overpaid", "loan", loan_id, {**shown, "reason": reason})
    return {"loan_id": str(loan_id), **shown}


async def standing(connection: Connection, loan_id: UUID) -> dict[str, Any]:
    """What holders have had too much of a loan, and what of it was settled. Raises NotServiced."""
    serviced = await serviced_loan(connection, loan_id)
    minor, holders = await corrections.overpaid_sum(connection, loan_id)
    return {
        "loan_id": str(loan_id),
        "currency": serviced.currency.value,
        "overpaid": format_minor(minor),
        "holders": holders,
        "settlements": [
            {
                "settled_on": row["settled_on"].isoformat(),
                "bearer": row["bearer"],
                "amount": format_minor(row["amount_minor"]),
            }
            for row in await corrections.settlements(connection, loan_id)
        ],
    }
