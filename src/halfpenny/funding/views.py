"""How funding reads in JSON. Amounts are decimal strings; moments are ISO 8601 in UTC."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from halfpenny.funding.bank import StatementLine
from halfpenny.funding.model import Investment, InvestmentConfirmation, WaitingTicket, WalletPayment
from halfpenny.funding.receipts import BankReceipt
from halfpenny.funding.reconciliation import ReconciliationItem
from halfpenny.ledger import Balance, Entry
from halfpenny.platform.database import Record
from halfpenny.primitives.money import Currency, format_minor


def moment(when: datetime | None) -> str | None:
    return None if when is None else when.isoformat()


def invest_answer(answer: InvestmentConfirmation) -> bytes:
    """The body of a 201. Put together by hand: every value is an id, digits or a date, so nothing needs escaping."""
    until = "null" if answer.revocable_until is None else f'"{answer.revocable_until.isoformat()}"'
    return (
        f'{{"investment":{{"id":"{answer.investment_id}","loan_id":"{answer.loan_id}",'
        f'"amount":"{format_minor(answer.amount_minor)}","currency":"{answer.currency}",'
        f'"status":"committed","revocable_until":{until}}},'
        f'"funding":{{"target":"{format_minor(answer.target_minor)}","funded":"{format_minor(answer.funded_minor)}",'
        f'"remaining":"{format_minor(answer.target_minor - answer.funded_minor)}",'
        f'"investors":{answer.investors},"version":{answer.version}}}}}'
    ).encode()


def investment(one: Investment) -> dict[str, Any]:
    return {
        "id": str(one.id),
        "loan_id": str(one.loan_id),
        "amount": format_minor(one.amount_minor),
        "currency": one.currency,
        "status": one.status,
        "revocable_until": moment(one.revocable_until),
        "made_at": moment(one.made_at),
    }


def wallet(currency: Currency, balance: Balance) -> dict[str, Any]:
    return {
        "currency": currency.value,
        "balance": format_minor(balance.posted),
        "available": format_minor(balance.available),
    }


def entry(one: Entry) -> dict[str, Any]:
    """``amount`` carries a minus sign when money left the wallet; ``balance`` is what stood there after it."""
    return {
        "id": str(one.journal_id),
        "event": one.event,
        "reference": None if one.reference is None else str(one.reference),
        "counterparty": one.counterparty.value,
        "amount": format_minor(one.amount),
        "balance": format_minor(one.balance),
        "effective_date": one.effective_date.isoformat(),
        "recorded_at": moment(one.recorded_at),
    }


def payment(one: WalletPayment) -> dict[str, Any]:
    return {
        "id": str(one.id),
        "direction": one.direction,
        "amount": format_minor(one.amount_minor),
        "currency": one.currency,
        "status": one.status,
        "requested_at": moment(one.requested_at),
    }


def waiting(one: WaitingTicket) -> dict[str, Any]:
    return {
        "id": str(one.id),
        "loan_id": str(one.loan_id),
        "amount": format_minor(one.amount_minor),
        "served": format_minor(one.served_minor),
        "currency": one.currency,
        "status": one.status,
        "refusal": one.refusal,
        "joined_at": moment(one.joined_at),
    }


def finding(one: ReconciliationItem) -> dict[str, Any]:
    """``expected`` is our books' figure, ``found`` the bank statement's."""
    return {
        "id": str(one.id),
        "kind": one.kind.value,
        "reference": one.reference,
        "account": one.account,
        "direction": one.direction.value,
        "currency": one.currency,
        "expected": format_minor(one.expected_minor),
        "found": format_minor(one.found_minor),
        "suspense": format_minor(one.suspense_minor),
        "remaining": format_minor(one.remaining_minor),
        "line_id": None if one.line_id is None else str(one.line_id),
        "question": one.question,
        "question_data": one.question_data,
        "action": one.action,
    }


def bank_statement(row: Record) -> dict[str, Any]:
    """An accepted statement; ``remarks`` list what of it was not understood or not booked."""
    return {
        "id": str(row["id"]),
        "account": row["account"],
        "currency": row["currency"],
        "number": row["number"],
        "message_id": row["message_id"],
        "day": row["statement_date"].isoformat(),
        "opening": format_minor(row["opening_minor"]),
        "closing": format_minor(row["closing_minor"]),
        "lines": row["lines"],
        "remarks": list(row["remarks"]),
        "received_at": moment(row["received_at"]),
    }


def statement_line(one: StatementLine, currency: str) -> dict[str, Any]:
    """A line as staff read it: payer in full."""
    return {
        "id": str(one.id),
        "direction": one.direction.value,
        "amount": format_minor(one.amount_minor),
        "currency": currency,
        "booked_on": one.booked_on.isoformat(),
        "value_on": one.value_on.isoformat(),
        "received_on": one.received_on.isoformat(),
        "payer": one.payer,
        "payer_account": one.payer_account,
        "reference": one.remittance or one.end_to_end_id or one.bank_reference,
        "bank_reference": one.bank_reference,
        "end_to_end_id": one.end_to_end_id,
        "remittance": one.remittance,
        "remark": one.remark,
    }


def bank_receipt(one: BankReceipt) -> dict[str, Any]:
    """An announced receipt as staff read it."""
    return {
        "id": str(one.id),
        "status": one.status.value,
        "amount": format_minor(one.amount_minor),
        "currency": one.currency,
        "received_on": one.received_on.isoformat(),
        "payer": one.payer,
        "reference": one.reference,
        "loan_id": None if one.loan_id is None else str(one.loan_id),
        "line_id": None if one.line_id is None else str(one.line_id),
        "announced_by": str(one.announced_by),
        "posted_by": None if one.posted_by is None else str(one.posted_by),
        "posted_at": moment(one.posted_at),
    }
