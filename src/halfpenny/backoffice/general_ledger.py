"""The general ledger as a file that an accounting system reads."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from halfpenny.ledger import LedgerAccountPeriod
from halfpenny.platform.spreadsheet import csv_text
from halfpenny.primitives.money import format_minor

COLUMNS = ("account", "currency", "day", "row", "event", "journals", "debit", "credit", "balance")


def general_ledger_csv(accounts: Sequence[LedgerAccountPeriod], first: date, last: date) -> str:
    """CSV: per account an opening row, a row by day and event, a closing row.

    Amounts have a point and no separators; ``balance`` is debits less credits after the row.
    """
    rows: list[Sequence[str]] = [COLUMNS]
    for account in accounts:
        name = (account.kind.value, account.currency.value)
        balance = account.opening
        rows.append((*name, first.isoformat(), "opening", "", "", "", "", format_minor(balance)))
        for line in account.lines:
            balance += line.debits - line.credits
            amounts = (format_minor(line.debits), format_minor(line.credits), format_minor(balance))
            rows.append((*name, line.day.isoformat(), "movement", line.event, str(line.journals), *amounts))
        rows.append((*name, last.isoformat(), "closing", "", "", "", "", format_minor(balance)))
    return csv_text(rows)
