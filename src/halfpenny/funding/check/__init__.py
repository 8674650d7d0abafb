"""Funding's part of `check books`: investments and payments against the ledger, the bank's statements against both."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

from halfpenny.funding.check.bank import STATEMENTS_AND_RECEIPTS
from halfpenny.funding.check.events import EVENTS
from halfpenny.funding.check.investments import INVESTMENTS_AND_PAYMENTS
from halfpenny.funding.check.transfers import TRANSFERS
from halfpenny.platform.consistency import Finding, Progress, compare
from halfpenny.platform.database import Connection

__all__ = ["UNCHECKED", "check"]

_PERSONAL = "personal: it stays out of a history that is never erased"
UNCHECKED: Mapping[str, str] = {
    "funding_milestone.reached_at": "when investors were notified, not of what",
    "investment.answer_investors": "a count that was shown once with the answer",
    "investment.answer_version": "a count that was shown once with the answer",
    "bank_receipt.payer": _PERSONAL,
    "bank_receipt.reference": _PERSONAL,
    "bank_statement_line.payer": _PERSONAL,
    "bank_statement_line.payer_account": _PERSONAL,
    "bank_statement_line.remittance": _PERSONAL,
    "sandbox_bank_entry.payer": _PERSONAL,
    "sandbox_bank_entry.remittance": _PERSONAL,
}


async def check(connection: Connection, progress: Progress) -> AsyncIterator[Finding]:
    """Everything that funding keeps. Runs inside one view of the database."""
    every = (*INVESTMENTS_AND_PAYMENTS, *STATEMENTS_AND_RECEIPTS, *TRANSFERS, *EVENTS)
    async for finding in compare(connection, every, progress, "investments and payments"):
        yield finding
