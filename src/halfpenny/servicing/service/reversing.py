"""Receipts that leave their loan again: the bank took them back, or they were matched to the wrong one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from halfpenny import funding, ledger
from halfpenny.ledger import Account
from halfpenny.loans import Actor
from halfpenny.platform import audit
from halfpenny.platform.clock import business_date
from halfpenny.platform.database import Connection
from halfpenny.primitives.ids import UserId
from halfpenny.primitives.money import format_minor
from halfpenny.servicing import errors
from halfpenny.servicing.model.events import Receipt, ReceiptReversal
from halfpenny.servicing.service import bank_receipts
from halfpenny.servicing.service.bank_receipts import LinePart
from halfpenny.servicing.service.posting import PostingResult, lock_serviced_loan, post_events
from halfpenny.servicing.store import serviced_loans


@dataclass(frozen=True, slots=True)
class _ReceiptOfLoan:
    loan_id: UUID
    receipt: Receipt
    is_reversed: bool


async def reverse_receipt(
    connection: Connection,
    named: UUID,
    reversed_on: date,
    actor: Actor,
    reason: str,
    *,
    reference: str = "",
) -> list[PostingResult]:
    """The bank took a receipt back: each loan that it went to is replayed as if it had never come.

    ``named`` is the statement's line, the announced receipt, or one allocation of a line that was split; ``reference``
    names the line that took the money. A credit that a statement shows stands in suspense again until that line is
    resolved. What investors have had of it is netted from what the loan brings them next. Raises BankReceiptUnknown,
    ReceiptReversed for a second time, ReversalBeforeReceipt, FutureEffectiveDate, InsufficientAvailable where the
    borrower has withdrawn what had gone back to them.
    """
    standing = await _standing_receipts(connection, named)
    latest = max(one.receipt.effective_date for one in standing)
    if reversed_on < latest:
        raise errors.ReversalBeforeReceipt(received_on=latest.isoformat())
    if reversed_on > await business_date(connection):
        raise ledger.FutureEffectiveDate()
    posted = []
    for one in standing:
        await _record(connection, "receipt.reverse", one, actor, {"reference": reference, "reason": reason})
        posted.append(await _take_back(connection, one, reversed_on, actor, reason, reference))
    return posted


async def unmatch(
    connection: Connection, named: UUID, amount_minor: int | None, actor: Actor, reason: str
) -> list[PostingResult]:
    """Take a matched line back into suspense, or so much of it (minor units), from the loans that it went to.

    What is left of a part goes on counting from the day of its credit. Raises BankReceiptUnknown for what no line
    shows, ReceiptReversed, LineSplit where an amount is to be taken from a line that went to several loans,
    AmountTakenBack unless it is less than what the loan has of it, and what the loan refuses.
    """
    standing = await _standing_receipts(connection, named)
    today = await business_date(connection)
    if amount_minor is None:
        posted = []
        for one in standing:
            await _record(connection, "receipt.unmatch", one, actor, {"reason": reason})
            posted.append(await _take_back(connection, one, today, actor, reason))
        return posted
    if len(standing) > 1:
        raise errors.LineSplit(parts=len(standing))
    [one] = standing
    kept = one.receipt.amount.minor - amount_minor
    if kept <= 0:
        raise errors.AmountTakenBack(amount=format_minor(one.receipt.amount.minor))
    line_id = await funding.line_of_allocation(connection, UUID(one.receipt.id))
    if line_id is None:
        raise funding.BankReceiptUnknown()
    facts = {"amount": format_minor(amount_minor), "reason": reason}
    await _record(connection, "receipt.unmatch", one, actor, facts)
    await _take_back(connection, one, today, actor, reason)
    return await bank_receipts.allocate(connection, line_id, [LinePart(one.loan_id, kept, one.receipt.apply)], actor)


async def _standing_receipts(connection: Connection, named: UUID) -> list[_ReceiptOfLoan]:
    """The receipts that loans have under this name; locks the loans, then the bank.

    Raises BankReceiptUnknown, ReceiptReversed.
    """
    ids = await funding.receipts_under(connection, named)
    found = {one: await serviced_loans.loan_of_receipt(connection, str(one)) for one in ids}
    loan_ids = sorted({loan_id for loan_id in found.values() if loan_id is not None})
    known = {}
    currencies = set()
    for loan_id in loan_ids:
        _, serviced = await lock_serviced_loan(connection, loan_id)
        currencies.add(serviced.currency.value)
        known[loan_id] = await serviced_loans.events(connection, loan_id)
    # Now, and not with the first receipt that goes back: the accounts that its loan posts to come after the bank.
    for currency in sorted(currencies):
        await funding.lock_bank(connection, currency)
    receipts = []
    for receipt_id, of_loan in found.items():
        if of_loan is None:
            continue
        events = known[of_loan]
        receipt = next(e for e in events if isinstance(e, Receipt) and e.id == str(receipt_id))
        gone = any(isinstance(e, ReceiptReversal) and e.receipt_id == receipt.id for e in events)
        receipts.append(_ReceiptOfLoan(of_loan, receipt, gone))
    if not receipts:
        raise funding.BankReceiptUnknown()
    standing = [one for one in receipts if not one.is_reversed]
    if not standing:
        raise errors.ReceiptReversed()
    return standing


async def _record(
    connection: Connection, action: str, one: _ReceiptOfLoan, actor: Actor, facts: Mapping[str, str]
) -> None:
    """One audit entry for each loan that gives money back: the whole receipt unless ``facts`` have another amount."""
    known = {"receipt_id": one.receipt.id, "amount": str(one.receipt.amount), **facts}
    await audit.record(connection, actor.user_id, action, "loan", one.loan_id, known)


async def _take_back(
    connection: Connection, one: _ReceiptOfLoan, reversed_on: date, actor: Actor, reason: str, reference: str = ""
) -> PostingResult:
    if actor.user_id is None:
        raise LookupError("who takes a receipt back")
    receipt = one.receipt
    kind = await funding.take_back(connection, UUID(receipt.id), UserId(actor.user_id))
    return await post_events(
        connection,
        one.loan_id,
        [ReceiptReversal(reversed_on, receipt.id, reference)],
        actor,
        receipts_from=Account(kind, None, receipt.amount.currency),
        reason=reason,
    )
