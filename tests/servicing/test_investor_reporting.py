"""What an investor is shown: every cent of it a transfer, nothing that a spreadsheet would run."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest

from halfpenny import loans, servicing
from halfpenny.ledger import Account, AccountKind
from halfpenny.platform.database import Database
from halfpenny.primitives.ids import uuid7
from halfpenny.primitives.money import Currency
from halfpenny.servicing import errors
from halfpenny.servicing.model.flows import Withholding
from halfpenny.servicing.model.investor import CashFlows, expected_shares, safe_cell, tax_csv
from halfpenny.servicing.service import distributing, investor_reporting
from halfpenny.servicing.store import distributions, serviced_loans
from servicing import world

STAKES = [400_000, 600_000]


async def paid_first_interest(database: Database, *, withholding_millionths: int = 0) -> world.Drawn:
    made = await world.drawn(database, STAKES)
    first = next(iter(made.stakes))
    async with database.unit_of_work() as connection:
        await distributions.set_tax_profile(connection, first, "PL", True, withholding_millionths)
        due = (await serviced_loans.instalments(connection, made.loan.id))[0]["due_on"]
    await world.go_to(database, due)
    await world.repay(database, made, 8_542)
    await servicing.pay_distributions(database)
    return made


async def test_nineteen_percent_is_withheld_posted_and_on_the_statement(database: Database) -> None:
    made = await paid_first_interest(database, withholding_millionths=19_000_000)
    taxed, untaxed = await world.wallets(database, list(made.stakes))
    # 40 % of 85.42 is 34.17; 19 % of that is 6.49.
    assert (taxed, untaxed) == (3_417 - 649, 5_125)
    investor = next(iter(made.stakes))
    async with database.reading() as connection:
        year = (await serviced_loans.instalments(connection, made.loan.id))[0]["due_on"].year
        answer = await investor_reporting.year_statement(connection, investor, year)
        tax = Account(AccountKind.TAX_PAYABLE, None, Currency.EUR)
        posted = await connection.fetchval("SELECT credits - debits FROM account WHERE id = $1", tax.id)
        journals = {row["journal_id"] for row in await connection.fetch("SELECT journal_id FROM transfer")}
    assert posted == 649
    (line,) = answer.totals
    assert (line.interest, line.withheld, line.paid) == (3_417, 649, 2_768)
    assert {payment.journal_id for payment in answer.payments} <= journals
    assert all(entry.journal_id in journals for wallet in answer.wallets for entry in wallet.entries)
    assert tax_csv(answer.payments).splitlines()[1].split(",")[3:5] == ["34.17", "6.49"]
    assert await world.problems(database) == []


async def test_the_statement_is_a_pdf_and_takes_a_name_literally(database: Database) -> None:
    made = await paid_first_interest(database)
    async with database.reading() as connection:
        answer = await investor_reporting.year_statement(connection, next(iter(made.stakes)), made.drawn_on.year)
    pdf = investor_reporting.statement_pdf(answer, '#panic("no") *Ines* $x$ "quoted" \\')
    assert pdf.startswith(b"%PDF-")
    assert len(pdf) > 5_000


async def test_cash_flows_received_and_expected_give_the_loans_yield(database: Database) -> None:
    made = await paid_first_interest(database)
    investor = next(iter(made.stakes))
    async with database.reading() as connection:
        found = await investor_reporting.cash_flows(connection, investor, made.loan.id)
    assert [amount for _, amount in found.received] == [3_417]
    assert sum(amount for _, amount in found.expected) == 400_000 + 11 * 3_417
    # 10.25 % paid monthly is about 10.7 % a year, effective.
    assert found.xirr_percent is not None
    assert Decimal("10.3") < found.xirr_percent < Decimal("11.2")
    with pytest.raises(loans.LoanNotFound):
        async with database.reading() as connection:
            await investor_reporting.cash_flows(connection, uuid7(), made.loan.id)


async def test_a_proof_shows_cent_in_rule_cent_out(database: Database) -> None:
    made = await paid_first_interest(database)
    async with database.reading() as connection:
        (row,) = await distributions.page_of_loan(connection, made.loan.id, 0, 10)
        whole = await distributing.proof(connection, row["id"], None, None, 50)
        own = await distributing.proof(connection, row["id"], next(iter(made.stakes)), None, 50)
    assert whole["money_in"]["total"] == "85.42"
    assert sorted(share["paid"] for share in whole["money_out"]) == ["34.17", "51.25"]
    assert [share["paid"] for share in own["money_out"]] == ["34.17"]
    with pytest.raises(errors.UnknownDistribution):
        async with database.reading() as connection:
            await distributing.proof(connection, row["id"], uuid7(), None, 50)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\tx", "\rx"])
def test_a_cell_never_runs_as_a_formula(text: str) -> None:
    assert safe_cell(text) == f"'{text}"


def test_an_ordinary_cell_stays_as_it_is() -> None:
    assert safe_cell("34.17") == "34.17"


def test_withholding_goes_by_country_and_form() -> None:
    rules = Withholding((("PL", 19_000_000, 19_000_000), ("IL", 25_000_000, 10_000_000)))
    asked = [("PL", False), ("IL", False), ("IL", True), ("DE", True), (None, False)]
    assert [rules.rate_millionths(*one) for one in asked] == [19_000_000, 25_000_000, 10_000_000, 0, 0]


def test_expected_shares_follow_the_holdings() -> None:
    day = date(2026, 5, 1)
    assert expected_shares([(day, 100), (day + timedelta(1), 0)], 1, 3) == ((day, 33),)
    assert expected_shares([(day, 100)], 0, 3) == ()


def test_no_yield_without_money_back() -> None:
    flows = CashFlows(100, date(2026, 1, 1), (), ())
    assert (flows.xirr_percent, flows.money_multiple) == (None, Decimal("0.0000"))
