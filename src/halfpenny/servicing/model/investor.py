"""An investor's figures, pure: cash flows and their yield, a year's sums, and rows for a spreadsheet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID

from halfpenny.platform.spreadsheet import csv_text
from halfpenny.primitives.money import Currency, format_minor, split
from halfpenny.servicing.model.position import LoanStanding
from halfpenny.servicing.model.returns import money_multiple, xirr_percent


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
    default_interest: int
    recovered: int
    withheld: int
    netted: int = 0

    @property
    def paid(self) -> int:
        """Into the wallet: after tax, and after what was had too much before (``netted``; below zero, now)."""
        income = self.interest + self.default_interest
        return self.principal + income + self.recovered - self.withheld - self.netted


@dataclass(frozen=True, slots=True)
class InvestorLoss:
    """What was written off of the principal that an investor had lent in a loan, minor units."""

    loan_id: UUID
    currency: Currency
    effective_date: date
    lost: int


@dataclass(frozen=True, slots=True)
class CashFlows:
    """``received`` and ``expected`` are (date, minor units) into the wallet; the stake left it on ``since``.

    ``lost`` is (date, minor units) of principal that was written off. What came is kept apart from what is to come:
    there are no expected figures for a loan in default, whatever its schedule says.
    """

    stake: int
    since: date
    received: tuple[tuple[date, int], ...]
    expected: tuple[tuple[date, int], ...]
    lost: tuple[tuple[date, int], ...] = ()
    standing: LoanStanding = LoanStanding.CURRENT
    days_past_due: int = 0

    @property
    def _until_now(self) -> tuple[tuple[date, int], ...]:
        return ((self.since, -self.stake), *self.received)

    @property
    def received_xirr_percent(self) -> Decimal | None:
        """Effective percent a year over what was received alone; None where that has no rate, as at the start."""
        return xirr_percent(self._until_now)

    @property
    def received_multiple(self) -> Decimal | None:
        return money_multiple(self._until_now)

    @property
    def expected_xirr_percent(self) -> Decimal | None:
        """Effective percent a year over what was received and what is still to come; None for a loan in default."""
        return None if self.is_in_default else xirr_percent((*self._until_now, *self.expected))

    @property
    def expected_multiple(self) -> Decimal | None:
        return None if self.is_in_default else money_multiple((*self._until_now, *self.expected))

    @property
    def is_in_default(self) -> bool:
        return self.standing in {LoanStanding.DEFAULTED, LoanStanding.WRITTEN_OFF}


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
    """Sums of a calendar year in one currency, minor units: of one loan, or of all where ``loan_id`` is None.

    ``outstanding`` is what was still lent at the end of the year.
    """

    currency: Currency
    loan_id: UUID | None
    interest: int
    default_interest: int
    withheld: int
    principal: int
    recovered: int
    netted: int
    lost: int
    outstanding: int

    @property
    def paid(self) -> int:
        income = self.interest + self.default_interest
        return self.principal + income + self.recovered - self.withheld - self.netted


_PARTS = ("interest", "default_interest", "withheld", "principal", "recovered", "netted")


def totals_by_loan(
    payments: Sequence[InvestorPayment],
    losses: Sequence[InvestorLoss],
    outstanding: Mapping[UUID, tuple[Currency, int]],
) -> list[YearTotals]:
    """One line a loan that paid, lost or still owed something in the year, in the order of currencies and loans."""
    currencies = {payment.loan_id: payment.currency for payment in payments}
    currencies |= {loss.loan_id: loss.currency for loss in losses}
    currencies |= {loan_id: currency for loan_id, (currency, minor) in outstanding.items() if minor}
    lines = []
    for loan_id, currency in sorted(currencies.items(), key=lambda item: (item[1], item[0])):
        sums = {
            part: sum(getattr(payment, part) for payment in payments if payment.loan_id == loan_id) for part in _PARTS
        }
        lost = sum(loss.lost for loss in losses if loss.loan_id == loan_id)
        lent = outstanding.get(loan_id, (currency, 0))[1]
        lines.append(YearTotals(currency, loan_id, lost=lost, outstanding=lent, **sums))
    return lines


def totals_by_currency(by_loan: Sequence[YearTotals]) -> list[YearTotals]:
    """One line a currency, in the order of their codes."""
    return [
        YearTotals(
            currency,
            None,
            **{
                part: sum(getattr(line, part) for line in by_loan if line.currency is currency)
                for part in (*_PARTS, "lost", "outstanding")
            },
        )
        for currency in sorted({line.currency for line in by_loan})
    ]


def tax_csv(payments: Sequence[InvestorPayment], losses: Sequence[InvestorLoss], titles: Mapping[UUID, str]) -> str:
    """The year's payments and losses as CSV, one row each by its day, with the transfer that proves it."""
    header = (
        "effective_date", "kind", "loan_id", "loan", "currency", "interest", "default_interest", "withheld",
        "principal", "recovered", "netted", "lost", "paid", "distribution_id", "journal_id",
    )  # fmt: skip
    rows = [
        (
            payment.effective_date.isoformat(),
            "payment",
            str(payment.loan_id),
            titles[payment.loan_id],
            payment.currency.value,
            *(format_minor(getattr(payment, part)) for part in _PARTS),
            format_minor(0),
            format_minor(payment.paid),
            str(payment.distribution_id),
            str(payment.journal_id),
        )
        for payment in payments
    ]
    nothing = format_minor(0)
    rows += [
        (
            loss.effective_date.isoformat(),
            "loss",
            str(loss.loan_id),
            titles[loss.loan_id],
            loss.currency.value,
            *(nothing for _ in _PARTS),
            format_minor(loss.lost),
            nothing,
            "",
            "",
        )
        for loss in losses
    ]
    return csv_text([header, *sorted(rows)])
