"""Investor reporting: positions, cash flows, a year's statement. Every line names the transfer that it rests on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from importlib.resources import files
from uuid import UUID

from halfpenny import ledger, loans
from halfpenny.ledger import Account, AccountKind, AccountStatement
from halfpenny.platform import papers
from halfpenny.platform.clock import business_date
from halfpenny.platform.database import Connection, Record
from halfpenny.primitives.money import Currency, format_minor
from halfpenny.servicing.model.investor import (
    CashFlows,
    InvestorPayment,
    YearTotals,
    expected_shares,
    totals_by_currency,
)
from halfpenny.servicing.store import investors

_TEMPLATE = files("halfpenny.servicing").joinpath("templates", "statement.typ")


@dataclass(frozen=True, slots=True)
class YearStatement:
    """A calendar year: what each wallet did, and what the loans paid. Amounts are minor units."""

    year: int
    wallets: tuple[AccountStatement, ...]
    payments: tuple[InvestorPayment, ...]

    @property
    def totals(self) -> list[YearTotals]:
        return totals_by_currency(self.payments)


def _payment(row: Record) -> InvestorPayment:
    return InvestorPayment(
        loan_id=row["loan_id"],
        currency=Currency(row["currency"]),
        effective_date=row["effective_date"],
        distribution_id=row["distribution_id"],
        journal_id=row["journal_id"],
        principal=row["principal_minor"],
        interest=row["interest_minor"] + row["default_interest_minor"],
        recovered=row["recovered_minor"],
        withheld=row["withheld_minor"],
        netted=row["netted_minor"],
    )


async def cash_flows(connection: Connection, investor_id: UUID, loan_id: UUID) -> CashFlows:
    """What one loan has paid an investor and is expected to. Raises LoanNotFound where they hold nothing in it."""
    held = await investors.holding(connection, investor_id, loan_id)
    if held is None:
        raise loans.LoanNotFound()
    today = await business_date(connection)
    paid = await investors.received(connection, investor_id, loan_id, date.min, date.max)
    due = [
        # A date that has passed is expected today: a cash flow cannot lie behind us and still be to come.
        (
            max(row["due_on"], today),
            row["interest_minor"] + row["principal_minor"] if row["reserved"] else row["unpaid_minor"],
        )
        for row in await investors.expected(connection, loan_id, today)
    ]
    return CashFlows(
        stake=held["stake_minor"],
        since=held["advanced_on"],
        received=tuple((payment.effective_date, payment.paid) for payment in map(_payment, paid)),
        expected=expected_shares(due, held["outstanding_minor"], held["principal_outstanding_minor"]),
    )


async def year_statement(connection: Connection, investor_id: UUID, year: int) -> YearStatement:
    """Every wallet's movements in a calendar year, and the payments of the loans."""
    first, last = date(year, 1, 1), date(year, 12, 31)
    accounts = [Account(AccountKind.WALLET, investor_id, currency) for currency in Currency]
    moved = [await ledger.statement(connection, account, first, last) for account in accounts]
    paid = await investors.received(connection, investor_id, None, first, last)
    return YearStatement(
        year,
        tuple(one for one in moved if one.entries or one.opening),
        tuple(_payment(row) for row in paid),
    )


def statement_pdf(statement: YearStatement, name: str) -> bytes:
    """The statement as PDF, typeset from a template that gets its texts as data and never as markup."""
    data = {
        "year": statement.year,
        "name": name,
        "totals": [
            {
                "currency": line.currency.value,
                "interest": format_minor(line.interest),
                "withheld": format_minor(line.withheld),
                "principal": format_minor(line.principal),
                "recovered": format_minor(line.recovered),
                "netted": format_minor(line.netted),
                "paid": format_minor(line.paid),
            }
            for line in statement.totals
        ],
        "wallets": [
            {
                "currency": wallet.account.currency.value,
                "opening": format_minor(wallet.opening),
                "closing": format_minor(wallet.closing),
                "entries": [
                    {
                        "date": entry.effective_date.isoformat(),
                        "event": entry.event.replace("_", " "),
                        "amount": format_minor(entry.amount),
                        "journal": str(entry.journal_id),
                    }
                    for entry in wallet.entries
                ],
            }
            for wallet in statement.wallets
        ],
    }
    return papers.render_pdf(_TEMPLATE, data)
