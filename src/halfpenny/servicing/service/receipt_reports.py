"""Receipts at the bank as staff report them: matched to their line, or waiting for it or for a second person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from halfpenny import approvals, funding, loans
from halfpenny.approvals import ActOutcome, Acts
from halfpenny.funding import BankReceipt
from halfpenny.identity import Principal
from halfpenny.platform.database import Connection
from halfpenny.primitives.money import Money
from halfpenny.servicing.model.events import Apply
from halfpenny.servicing.receipt_acts import MATCH, POST_AHEAD, LineMatch, PostAhead
from halfpenny.servicing.service import bank_receipts
from halfpenny.servicing.service.bank_receipts import LinePart
from halfpenny.servicing.service.posting import serviced_loan

MATCHED = "A statement shows it."
_ANNOUNCED = "A receipt at the bank."


@dataclass(frozen=True, slots=True)
class ReceiptReport:
    """What staff know of a credit: ``line_id`` where a statement shows it, ``loan_id`` where it is known what for."""

    amount: Money
    received_on: date
    payer: str
    reference: str
    loan_id: UUID | None = None
    line_id: UUID | None = None
    apply: Apply | None = None


@dataclass(frozen=True, slots=True)
class Reported:
    """``outcome`` is that of the act, None where nothing is to be done yet.

    ``receipt`` is what was announced, None where the report names its line; ``line_id`` is the line, if there is one.
    """

    outcome: ActOutcome | None
    receipt: BankReceipt | None = None
    line_id: UUID | None = None


async def report(
    connection: Connection, acts: Acts, principal: Principal, reported: ReceiptReport, lines: list[UUID]
) -> Reported:
    """Match the report with its line, the one that it names or is found to be; without one it waits.

    ``lines`` gets the line that was found, also where the loan then refuses it. Locks the loan, then the bank. Raises
    StatementLineExists where a line may be the receipt, LineUnknown, LineSpent, CurrencyMismatch, and what the acts and
    the loan refuse.
    """
    if reported.loan_id is not None:
        await loans.bar_interested(connection, principal.user_id, await loans.get(connection, reported.loan_id))
        await bank_receipts.lock_loans(connection, [reported.loan_id])
        reported.amount.check_currency((await serviced_loan(connection, reported.loan_id)).currency)
    await funding.lock_bank(connection, reported.amount.currency.value)
    if reported.line_id is not None:
        lines.append(reported.line_id)
        return Reported(await _match(connection, acts, principal, reported, reported.line_id), None, reported.line_id)
    receipt = await funding.announce(
        connection,
        principal.user_id,
        reported.amount,
        reported.received_on,
        reported.payer,
        reported.reference,
        reported.loan_id,
    )
    line = await funding.line_of_receipt(connection, receipt)
    if line is not None:
        lines.append(line.id)
        await funding.join_line(connection, receipt.id, line.id, principal.user_id)
        return Reported(await _match(connection, acts, principal, reported, line.id), receipt, line.id)
    if receipt.loan_id is None:
        return Reported(None, receipt)
    ahead = PostAhead(reported.apply)
    return Reported(
        await approvals.perform(connection, acts, POST_AHEAD, principal, receipt.id, ahead, _ANNOUNCED), receipt
    )


async def _match(
    connection: Connection, acts: Acts, principal: Principal, reported: ReceiptReport, line_id: UUID
) -> ActOutcome | None:
    """A statement shows it: one person posts it, and what names no loan goes on standing in suspense."""
    if reported.loan_id is None:
        await funding.check_remaining(connection, line_id, reported.amount.minor)
        return None
    payload = LineMatch((LinePart(reported.loan_id, reported.amount.minor, reported.apply),))
    return await approvals.perform(connection, acts, MATCH, principal, line_id, payload, MATCHED)
