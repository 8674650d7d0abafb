"""What an investor is shown: every cent of it a transfer, nothing that a spreadsheet would run."""

from __future__ import annotations

import csv
import io
from datetime import date, timedelta
from decimal import Decimal

import httpx2
import pytest

from halfpenny import loans, servicing
from halfpenny.identity import Role
from halfpenny.ledger import Account, AccountKind
from halfpenny.loans import LoanInterestMode
from halfpenny.platform import clock
from halfpenny.platform.database import Database
from halfpenny.platform.figures import exact_amount
from halfpenny.platform.papers import PaperLanguage
from halfpenny.primitives.ids import uuid7
from halfpenny.primitives.money import Currency, format_minor, split
from halfpenny.servicing import errors
from halfpenny.servicing.model.flows import Withholding
from halfpenny.servicing.model.investor import CashFlows, expected_shares, tax_csv
from halfpenny.servicing.service import arrears, distributing, investor_reporting, tax_profiles
from halfpenny.servicing.statement import MOVEMENTS, StatementParties, render, statement_data
from halfpenny.servicing.store import distributions, serviced_loans
from servicing import world
from support.people import make_somebody, sign_in

STAKES = [400_000, 600_000]


async def paid_first_interest(database: Database, *, withholding_millionths: int = 0) -> world.Drawn:
    made = await world.drawn(database, STAKES)
    first = next(iter(made.stakes))
    async with database.unit_of_work() as connection:
        await tax_profiles.set_tax_profile(connection, first, "PL", True, withholding_millionths)
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
    (row,) = csv.DictReader(io.StringIO(tax_csv(answer.payments, answer.losses, answer.titles)))
    assert (row["loan"], row["interest"], row["withheld"], row["lost"]) == (made.loan.title, "34.17", "6.49", "0.00")
    assert await world.problems(database) == []


async def test_the_statement_is_a_pdf_and_takes_a_name_literally(database: Database) -> None:
    made = await paid_first_interest(database)
    async with database.reading() as connection:
        answer = await investor_reporting.year_statement(connection, next(iter(made.stakes)), made.drawn_on.year)
    parties = StatementParties("#Lender", "Street 1 *", '#panic("no") *Ines* $x$ "quoted" \\', made.drawn_on)
    for language in PaperLanguage:
        pdf = render(answer, parties, language)
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
    assert found.expected_xirr_percent is not None
    assert Decimal("10.3") < found.expected_xirr_percent < Decimal("11.2")
    assert found.received_multiple == Decimal("0.0085")
    assert not found.is_in_default
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
    assert (flows.received_xirr_percent, flows.received_multiple) == (None, Decimal("0.0000"))
    assert (flows.expected_xirr_percent, flows.expected_multiple) == (None, Decimal("0.0000"))


@pytest.mark.parametrize("days_after", [0, 1, 40])
async def test_row_21_a_matured_unpaid_loan_with_retained_interest_expects_nothing_twice(
    database: Database, days_after: int
) -> None:
    made = await world.drawn(database, STAKES, mode=LoanInterestMode.RETAINED, term_months=3)
    investor, stake = next(iter(made.stakes.items()))
    assert made.loan.matures_on is not None
    await world.go_to(database, made.loan.matures_on + timedelta(days=days_after))
    await servicing.close_days(database)
    await servicing.pay_distributions(database)
    async with database.reading() as connection:
        found = await investor_reporting.cash_flows(connection, investor, made.loan.id)
        # What the loan owes by its own schedule, and this investor's part of it.
        owed = await connection.fetchval(
            "SELECT sum(unpaid_minor) FROM instalment WHERE loan_id = $1 AND due_on <= business_date()", made.loan.id
        )
        # The last month's interest is released by the close of its day, which on the day itself is still to come.
        to_come = await connection.fetchval(
            "SELECT coalesce(sum(interest_minor), 0)::bigint FROM instalment WHERE due_on >= business_date()"
        )
    interest = sum(amount for _, amount in found.received)
    assert interest > 0
    own, _ = split(int(owed) + to_come, [stake, sum(made.stakes.values()) - stake])
    assert sum(amount for _, amount in found.expected) == own
    assert (to_come > 0) is (days_after == 0)
    # Whatever the day, all three months are received or expected, and none of them twice.
    months = round(3 * 8_542 * stake / sum(made.stakes.values()))
    default = owed * stake // sum(made.stakes.values()) - stake
    assert abs(interest + sum(amount for _, amount in found.expected) - stake - default - months) <= 3
    assert len({on for on, _ in found.expected}) == 1


async def test_row_21_a_loan_in_default_is_marked_and_promises_nothing(database: Database) -> None:
    made = await paid_first_interest(database)
    investor = next(iter(made.stakes))
    await world.advance(database, timedelta(days=160))
    await servicing.close_days(database)
    async with database.reading() as connection:
        found = await investor_reporting.cash_flows(connection, investor, made.loan.id)
    assert found.is_in_default and found.days_past_due > 90
    assert (found.expected_xirr_percent, found.expected_multiple) == (None, None)
    assert found.received_xirr_percent is not None and found.received_xirr_percent < -90
    assert [amount for _, amount in found.received] == [3_417]


async def test_row_21_losses_and_what_was_recovered_stand_in_every_statement(
    database: Database, client: httpx2.AsyncClient
) -> None:
    made = await paid_first_interest(database)
    investor, stake = next(iter(made.stakes.items()))
    async with database.unit_of_work() as connection:
        await arrears.mark_unlikely_to_pay(connection, made.loan.id, made.staff, "Insolvent.")
    await world.repay(database, made, 250_037)
    async with database.unit_of_work() as connection:
        await arrears.write_off(connection, made.loan.id, made.staff, "Nothing more will come, it seems.")
    await world.repay(database, made, 31_007)
    await servicing.pay_distributions(database)
    headers = (await sign_in(database, investor, Role.INVESTOR)).headers
    async with database.reading() as connection:
        year = (await clock.business_date(connection)).year
        lost = await connection.fetchval("SELECT lost_minor FROM holding WHERE investor_id = $1", investor)
        answer = await investor_reporting.year_statement(connection, investor, year)
    assert 0 < lost < stake
    shown = (await client.get(f"/api/v1/statements/{year}", headers=headers)).json()
    (line,) = shown["loans"]
    assert (line["title"], line["lost"], line["outstanding"]) == (made.loan.title, format_minor(lost), "0.00")
    # 40 % of 310.07 is 124.028.
    assert (line["recovered"], shown["totals"][0]["lost"]) == ("124.03", format_minor(lost))
    flows = (await client.get(f"/api/v1/portfolio/{made.loan.id}/cash-flows", headers=headers)).json()
    assert [each["amount"] for each in flows["lost"]] == [format_minor(lost)]
    assert flows["in_default"] is True and flows["expected_xirr_percent"] is None
    sheet = (await client.get(f"/api/v1/statements/{year}/tax.csv", headers=headers)).text
    rows = list(csv.DictReader(io.StringIO(sheet)))
    assert [row["lost"] for row in rows if row["kind"] == "loss"] == [format_minor(lost)]
    # Every cent of the stake is somewhere: back, or lost.
    assert sum(payment.principal for payment in answer.payments) + lost == stake
    for language, words in ((PaperLanguage.ENGLISH, "Lost"), (PaperLanguage.POLISH, "Strata")):
        data = statement_data(answer, StatementParties("L", "S 1", "Ines", made.drawn_on), language)
        cells = data["currencies"][0]["rows"][0]
        assert cells[list(data["columns"]).index(words)] == exact_amount(lost, language)
        pdf = await client.get(f"/api/v1/statements/{year}/pdf?language={language}", headers=headers)
        assert pdf.content.startswith(b"%PDF-")


@pytest.mark.parametrize(
    ("minor", "english", "polish"),
    [(0, "0.00", "0,00"), (123_456_789, "1,234,567.89", "1\u00a0234\u00a0567,89"), (-5, "-0.05", "-0,05")],
)
def test_amounts_on_papers_have_separators(minor: int, english: str, polish: str) -> None:
    assert exact_amount(minor, PaperLanguage.ENGLISH) == english
    assert exact_amount(minor, PaperLanguage.POLISH) == polish


async def test_every_movement_of_a_wallet_has_a_name_in_both_languages(database: Database) -> None:
    async with database.reading() as connection:
        rows = await connection.fetch("SELECT DISTINCT event FROM chart WHERE 'wallet' IN (debit, credit)")
    for language in PaperLanguage:
        assert set(MOVEMENTS[language]) == {row["event"] for row in rows}


async def test_whoever_changes_a_tax_profile_is_in_the_audit_trail(
    client: httpx2.AsyncClient, database: Database
) -> None:
    person = await make_somebody(database)
    for country, form in (("PL", False), ("PL", False), ("IL", True)):
        body = {"country": country, "treaty_form": form}
        answer = await client.put("/api/v1/tax-profile", json=body, headers=person.headers)
        assert answer.status_code == 200, answer.text
    async with database.reading() as connection:
        entries = await connection.fetch(
            "SELECT actor_id, data FROM audit_entry WHERE subject_id = $1 AND action = $2 ORDER BY id",
            person.user_id,
            tax_profiles.TAX_PROFILE_SET,
        )
    assert [(row["actor_id"], row["data"]["country"]) for row in entries] == [
        (person.user_id, country) for country in ("PL", "PL", "IL")
    ]
    assert [finding for finding in await world.problems(database) if finding.startswith("tax_profile")] == []
