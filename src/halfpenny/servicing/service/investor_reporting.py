"""Investor reporting: cash flows and a year's figures. Every payment names the transfer that it rests on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID

from halfpenny import ledger, loans
from halfpenny.ledger import Account, AccountKind, AccountStatement
from halfpenny.platform.clock import business_date
from halfpenny.platform.database import Connection, Record
from halfpenny.primitives.ids import LoanId
from halfpenny.primitives.money import Currency
from halfpenny.servicing.model.investor import (
    CashFlows,
    InvestorLoss,
    InvestorPayment,
    YearTotals,
    expected_shares,
    totals_by_currency,
    totals_by_loan,
)
from halfpenny.servicing.model.position import LoanStanding
from halfpenny.servicing.store import distributions, investors


@dataclass(frozen=True, slots=True)
class InvestorTax:
    """What is withheld of an investor's interest: percent, by the country of the tax profile."""

    country: str
    percent: Decimal


@dataclass(frozen=True, slots=True)
class YearStatement:
    """A calendar year: what each wallet did, and what each loan paid, lost and still owed at its end; minor units."""

    year: int
    wallets: tuple[AccountStatement, ...]
    payments: tuple[InvestorPayment, ...]
    losses: tuple[InvestorLoss, ...]
    loans: tuple[YearTotals, ...]
    titles: Mapping[UUID, str]
    tax: InvestorTax | None

    @property
    def totals(self) -> list[YearTotals]:
        return totals_by_currency(self.loans)


def _payment(row: Record) -> InvestorPayment:
    return InvestorPayment(
        loan_id=row["loan_id"],
        currency=Currency(row["currency"]),
        effective_date=row["effective_date"],
        distribution_id=row["distribution_id"],
        journal_id=row["journal_id"],
        principal=row["principal_minor"],
        interest=row["interest_minor"],
        default_interest=row["default_interest_minor"],
        recovered=row["recovered_minor"],
        withheld=row["withheld_minor"],
        netted=row["netted_minor"],
    )


def _loss(row: Record) -> InvestorLoss:
    return InvestorLoss(row["loan_id"], Currency(row["currency"]), row["effective_date"], row["lost_minor"])


async def cash_flows(connection: Connection, investor_id: UUID, loan_id: UUID) -> CashFlows:
    """What one loan has paid an investor and is expected to. Raises LoanNotFound where they hold nothing in it."""
    held = await investors.holding(connection, investor_id, loan_id)
    if held is None:
        raise loans.LoanNotFound()
    today = await business_date(connection)
    paid = await investors.received(connection, investor_id, loan_id, date.min, date.max)
    lost = await investors.losses(connection, investor_id, loan_id, date.min, date.max)
    due = [
        # A date that has passed is expected today: a cash flow cannot lie behind us and still be to come.
        (max(row["due_on"], today), row["expected_minor"])
        for row in await investors.expected(connection, loan_id)
    ]
    return CashFlows(
        stake=held["stake_minor"],
        since=held["advanced_on"],
        received=tuple((payment.effective_date, payment.paid) for payment in map(_payment, paid)),
        expected=expected_shares(due, held["outstanding_minor"], held["principal_outstanding_minor"]),
        lost=tuple((loss.effective_date, loss.lost) for loss in map(_loss, lost)),
        standing=LoanStanding(held["standing"]),
        days_past_due=held["days_past_due"],
    )


async def year_statement(connection: Connection, investor_id: UUID, year: int) -> YearStatement:
    """Every wallet's movements in a calendar year, and the payments of the loans."""
    first, last = date(year, 1, 1), date(year, 12, 31)
    accounts = [Account(AccountKind.WALLET, investor_id, currency) for currency in Currency]
    moved = [await ledger.statement(connection, account, first, last) for account in accounts]
    payments = [_payment(row) for row in await investors.received(connection, investor_id, None, first, last)]
    losses = [_loss(row) for row in await investors.losses(connection, investor_id, None, first, last)]
    lent = await investors.outstanding_at(connection, investor_id, last)
    by_loan = totals_by_loan(
        payments, losses, {row["loan_id"]: (Currency(row["currency"]), row["outstanding_minor"]) for row in lent}
    )
    known = await loans.get_many(connection, [LoanId(line.loan_id) for line in by_loan if line.loan_id is not None])
    tax = await distributions.tax_profile(connection, investor_id)
    return YearStatement(
        year,
        tuple(one for one in moved if one.entries or one.opening),
        tuple(payments),
        tuple(losses),
        tuple(by_loan),
        {loan_id: loan.title for loan_id, loan in known.items()},
        None if tax is None else InvestorTax(tax["country"], Decimal(tax["withholding_millionths"]) / 1_000_000),
    )
