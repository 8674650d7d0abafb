"""An investor's figures, pure: cash flows and their yield, a year's sums, and rows for a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID

from halfpenny.primitives.money import Currency, format_minor, split
from halfpenny.servicing.model.returns import money_multiple, xirr_percent

# A spreadsheet runs a cell that begins with one of these as a formula.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class InvestorPayment:
    """One share of a distribution that was paid, in minor units; ``journal_id`` is its transfer."""

    loan_id: UUID
    currency: Currency
    effective_date: date
    distribution_id: UUID
    journal_id: UUID
    principal: int
    interest: int
    recovered: int
    withheld: int
    netted: int = 0

    @property
    def paid(self) -> int:
        """Into the wallet: after tax, and after what was had too much before (``netted``; below zero, now)."""
        return self.principal + self.interest + self.recovered - self.withheld - self.netted


@dataclass(frozen=True, slots=True)
class CashFlows:
    """``received`` and ``expected`` are (date, minor units) into the wallet; the stake left it on ``since``."""

    stake: int
    since: date
    received: tuple[tuple[date, int], ...]
    expected: tuple[tuple[date, int], ...]

    @property
    def flows(self) -> tuple[tuple[date, int], ...]:
        return ((self.since, -self.stake), *self.received, *self.expected)

    @property
    def xirr_percent(self) -> Decimal | None:
        """Effective percent a year over what was received and what is still to come."""
        return xirr_percent(self.flows)

    @property
    def money_multiple(self) -> Decimal | None:
        return money_multiple(self.flows)


def expected_shares(
    due: Iterable[tuple[date, int]], outstanding: int, outstanding_of_all: int
) -> tuple[tuple[date, int], ...]:
    """An investor's part of what the loan still owes, by the holdings of today; before tax."""
    if not outstanding:
        return ()
    weights = [outstanding, outstanding_of_all - outstanding]
    return tuple((on, split(amount, weights)[0]) for on, amount in due if amount)


@dataclass(frozen=True, slots=True)
class YearTotals:
    """Sums of a calendar year in one currency, minor units."""

    currency: Currency
    principal: int
    interest: int
    recovered: int
    withheld: int
    netted: int = 0

    @property
    def paid(self) -> int:
        return self.principal + self.interest + self.recovered - self.withheld - self.netted


def totals_by_currency(payments: Sequence[InvestorPayment]) -> list[YearTotals]:
    """One line a currency, in the order of their codes."""
    return [
        YearTotals(
            currency,
            *(
                sum(getattr(p, part) for p in payments if p.currency is currency)
                for part in ("principal", "interest", "recovered", "withheld", "netted")
            ),
        )
        for currency in sorted({payment.currency for payment in payments})
    ]


def tax_csv(payments: Sequence[InvestorPayment]) -> str:
    """The year's payments as CSV (RFC 4180), one row each, with the transfer that proves it."""
    header = (
        "effective_date", "loan_id", "currency", "interest", "withheld", "principal", "recovered", "netted", "paid",
        "distribution_id", "journal_id",
    )  # fmt: skip
    rows = [
        (
            payment.effective_date.isoformat(),
            str(payment.loan_id),
            payment.currency.value,
            format_minor(payment.interest),
            format_minor(payment.withheld),
            format_minor(payment.principal),
            format_minor(payment.recovered),
            format_minor(payment.netted),
            format_minor(payment.paid),
            str(payment.distribution_id),
            str(payment.journal_id),
        )
        for payment in payments
    ]
    return write_csv([header, *rows])


def write_csv(rows: Iterable[Sequence[str]]) -> str:
    """Rows as CSV in which no cell can run as a formula."""
    sheet = io.StringIO()
    writer = csv.writer(sheet)
    for row in rows:
        writer.writerow([safe_cell(cell) for cell in row])
    return sheet.getvalue()


def safe_cell(text: str) -> str:
    """The text, with an apostrophe before it where a spreadsheet would take it for a formula."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text
