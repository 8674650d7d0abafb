"""The servicing events of ``servicing.json``, each by its id. Figures are read from the file, never repeated."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import httpx2
import pytest

from halfpenny import funding
from halfpenny.identity import Role
from halfpenny.platform.database import Database
from halfpenny.primitives.money import Currency, Money, format_minor, parse_minor
from halfpenny.primitives.rate import NO_RATE, Rate
from halfpenny.servicing.model.default_rates import default_rate_percent
from halfpenny.servicing.model.delinquency import is_regulatory_default
from halfpenny.servicing.model.engine import replay
from halfpenny.servicing.model.events import Apply, Event, FeeDue, Pause, PenaltyDue, Receipt
from halfpenny.servicing.model.flows import Distributable
from halfpenny.servicing.model.ltv import cumulative_ltv_percent
from halfpenny.servicing.model.materiality import days_material
from halfpenny.servicing.model.payoff import payoff, receive
from halfpenny.servicing.model.position import LoanPosition, LoanStanding
from halfpenny.servicing.model.terms import InterestMode, LoanTerms, Materiality, Repayment
from halfpenny.servicing.store import serviced_loans
from servicing import world
from support import sharing
from support.bank import pay_in_from_outside
from support.naive_distribution import Holding
from support.people import make_somebody
from support.quotes import ask, cases

CASES = {case["id"]: case for case in cases("servicing.json")}
BASE_LOAN = {
    "principal": "100.00",
    "annual_rate": "7",
    "repayment": "annuity",
    "interest_mode": "serviced",
    "periods": 6,
    "advanced_on": "2024-01-01",
}


@pytest.fixture
def case(request: pytest.FixtureRequest) -> dict[str, Any]:
    """The case that the test is named after."""
    name = request.function.__name__.removeprefix("test_").replace("_", "-").upper()
    found = {key.upper(): value for key, value in CASES.items()}
    return found[name]


def eur(amount: str) -> Money:
    return Money.parse(amount, Currency.EUR)


def test_every_case_is_here() -> None:
    named = {name.removeprefix("test_").replace("_", "-").upper() for name in globals()}
    assert {key.upper() for key in CASES} <= named
    assert len(CASES) == 17


def test_base_loan() -> None:
    rows = ask(**BASE_LOAN)["instalments"]
    assert [row["total"] for row in rows] == ["17.01"] * 5 + ["17.00"]
    assert ask(**BASE_LOAN)["totals"]["interest"] == "2.05"


def test_f_b1(case: dict[str, Any]) -> None:
    quote = ask(**BASE_LOAN, redeemed_on="2024-02-15")
    last = quote["instalments"][-1]
    assert (quote["redemption"], last["principal"], last["interest"]) == (
        case["redemption"],
        case["principal"],
        case["interest"],
    )
    assert last["due_on"] == "2024-02-15"
    assert len(quote["instalments"]) == 2


def test_f_b5(case: dict[str, Any]) -> None:
    quote = ask(**BASE_LOAN, pauses=[{"from": "2024-02-05", "to": "2024-02-10"}])
    rows = quote["instalments"]
    assert rows[1]["interest"] == case["february_interest"]
    assert quote["totals"]["interest"] == case["total_interest"]
    assert rows[-1]["total"] == case["last_instalment"]
    assert [row["total"] for row in rows[:-1]] == ["17.01"] * 5


def test_f_b7(case: dict[str, Any]) -> None:
    terms = LoanTerms(
        principal=eur("3000.00"),
        rate=NO_RATE,
        repayment=Repayment.EQUAL_PRINCIPAL,
        interest_mode=InterestMode.SERVICED,
        periods=3,
        advanced_on=date(2024, 1, 1),
        waterfall="F-B7/1",
    )
    due = date(2024, 2, 1)
    events = [Receipt(due, eur("500.00")), FeeDue(due, eur("50.00"), "fee"), PenaltyDue(due, eur("50.00"), "late")]
    position = replay(terms, events, due)
    (paid,) = position.allocations
    assert [row.total for row in position.schedule.instalments] == [100_000] * 3
    assert format_minor(paid.penalty) == case["penalty"]
    assert format_minor(paid.fee) == case["fee"]
    assert format_minor(paid.principal) == case["principal"]
    assert format_minor(position.principal_outstanding) == case["principal_outstanding"]


def test_f_b8(case: dict[str, Any]) -> None:
    quote = ask(
        principal="1000.00",
        annual_rate="12",
        repayment="bullet",
        interest_mode="serviced",
        periods=6,
        fees=[{"kind": "arrangement", "percent": "1.5", "when": "advance"}],
    )
    assert quote["totals"]["fees"] == case["fee"]
    assert quote["totals"]["principal"] == case["principal"]
    assert quote["net_advance"] == "985.00"


def late_loan(*, count_due_date: bool) -> LoanTerms:
    """Three equal instalments of 47,523.00 without interest of their own."""
    return LoanTerms(
        principal=eur("142569.00"),
        rate=NO_RATE,
        repayment=Repayment.EQUAL_PRINCIPAL,
        interest_mode=InterestMode.SERVICED,
        periods=3,
        advanced_on=date(2024, 4, 5),
        default_rate=Rate.parse_annual("25"),
        count_due_date=count_due_date,
    )


def test_l_c6(case: dict[str, Any]) -> None:
    as_of = date(2024, 7, 6)
    position = replay(late_loan(**case["product_option"]), [], as_of)
    assert [row.unpaid for row in position.instalments] == [4_752_300] * 3
    assert [row.due_on.isoformat() for row in position.instalments] == ["2024-05-05", "2024-06-05", "2024-07-05"]
    assert format_minor(position.default_interest_due) == case["default_interest"]
    assert format_minor(replay(late_loan(count_due_date=False), [], as_of).default_interest_due) == "3059.70"


def test_l_c7(case: dict[str, Any]) -> None:
    terms = LoanTerms(
        principal=eur("1200.00"),
        rate=Rate.parse_annual("12"),
        repayment=Repayment.EQUAL_PRINCIPAL,
        interest_mode=InterestMode.SERVICED,
        periods=12,
        advanced_on=date(2023, 9, 5),
        **case["product_option"],
    )
    events = [Receipt(date(2023, 10, 5), eur("60.00")), Receipt(date(2023, 10, 9), eur("52.00"))]
    found = {str(day): replay(terms, events, date(2023, 10, day)).days_past_due for day in range(5, 10)}
    assert found == case["days_past_due"]


def test_b_d3(case: dict[str, Any]) -> None:
    assert case["formula"] == "gross = (net + costs) / (1 - monthly_rate * months - fee_rate)"
    for net, costs, monthly, months, fee in (
        ("1419000.00", "0.00", "0.9", 6, "0"),
        ("100000.00", "1500.00", "0.85", 9, "2"),
        ("87654.32", "0.00", "1.1", 12, "1.75"),
        ("250000.00", "999.99", "0.777", 18, "3.5"),
    ):
        quote = ask(
            net_advance=net,
            monthly_rate=monthly,
            repayment="bullet",
            interest_mode="retained",
            periods=months,
            fees=[
                {"kind": "legal", "amount": costs, "when": "advance"},
                {"kind": "arrangement", "percent": fee, "when": "advance"},
            ],
        )
        left = 1 - Decimal(monthly) / 100 * months - Decimal(fee) / 100
        gross = ((Decimal(net) + Decimal(costs)) / left).quantize(Decimal("0.01"), rounding="ROUND_HALF_UP")
        assert quote["gross_loan"] == str(gross)
        assert quote["net_advance"] == net
        assert quote["redemption"] == quote["gross_loan"]
        kept = parse_minor(quote["retained_interest"])
        assert abs(kept - round(gross * 100 * Decimal(monthly) / 100 * months)) <= 1


def test_r_d6(case: dict[str, Any]) -> None:
    for day, defaulted in case["defaulted_on_day"].items():
        assert is_regulatory_default(int(day)) is defaulted
        assert is_regulatory_default(int(day), unlikely_to_pay=True)
        assert not is_regulatory_default(int(day), material=False)


def test_r_d7(case: dict[str, Any]) -> None:
    windows = [(defaulted, loans) for defaulted, loans in case["windows"]]
    assert str(default_rate_percent(windows)) == case["default_rate_percent"]


SERVICED_BULLET = LoanTerms(
    principal=eur("100000.00"),
    rate=Rate.parse_annual("12"),
    repayment=Repayment.BULLET,
    interest_mode=InterestMode.SERVICED,
    periods=12,
    advanced_on=date(2027, 12, 23),
)


def test_h_e1_paid_a_day_early(case: dict[str, Any]) -> None:
    receipt = receive(SERVICED_BULLET, [], date(2028, 1, 22), eur("1000.00"))
    early = replay(SERVICED_BULLET, [], date(2028, 1, 22), recorded=[receipt])
    shown = {
        "advance_payment": format_minor(early.advance_held),
        "principal_outstanding": format_minor(early.principal_outstanding),
    }
    assert shown == case["on_2028-01-22"]
    later = replay(SERVICED_BULLET, [], date(2028, 1, 24), recorded=[receipt])
    assert case["on_2028-01-24"] == {
        "advance_payment": format_minor(later.advance_held),
        "total_due": format_minor(later.total_due),
        "days_past_due": later.days_past_due,
        "principal_outstanding": format_minor(later.principal_outstanding),
    }


def test_h_e2_future_pause(case: dict[str, Any]) -> None:
    pause = Pause(date(2028, 4, 27), date(2028, 5, 9))
    position = replay(SERVICED_BULLET, [pause], date(2027, 12, 27))
    assert (position.days_past_due, format_minor(position.total_due)) == (case["days_past_due"], case["total_due"])
    assert (position.standing, position.defaulted_on, case["status"]) == (LoanStanding.CURRENT, None, "active")


def test_h_e3_cent_at_maturity(case: dict[str, Any]) -> None:
    terms = LoanTerms(
        eur("112000.00"), NO_RATE, Repayment.BULLET, InterestMode.SERVICED, periods=6, advanced_on=date(2027, 1, 5)
    )
    matures_on = date(2027, 7, 5)
    for unpaid, defaults in (("0.01", case["regulatory_default"]), ("1120.01", True), ("500.00", False)):
        receipt = Receipt(matures_on, Money(terms.principal.minor - parse_minor(unpaid), Currency.EUR))
        on = matures_on + timedelta(days=case["days_past_due"])
        position = replay(terms, (), on, recorded=[receipt])
        assert position.days_past_due == case["days_past_due"]
        limited = replace(terms, materiality=Materiality(500_00, Rate.parse_annual("1")))
        days = days_material(limited, [receipt], on)
        assert is_regulatory_default(days) is defaults, unpaid


def test_h_e4_two_wires(case: dict[str, Any]) -> None:
    on = date(2028, 2, 9)
    recorded: list[Event] = [receive(SERVICED_BULLET, [], on, eur("70000.00"), apply=Apply.PREPAY)]
    rest = Money(payoff(SERVICED_BULLET, recorded, on).payable, Currency.EUR)
    recorded.append(receive(SERVICED_BULLET, recorded, on, rest))
    position = replay(SERVICED_BULLET, [], on, recorded=recorded)
    assert (position.closed_on, position.returned, case["status"]) == (on, 0, "repaid")


async def test_h_e5_line_once(case: dict[str, Any], client: httpx2.AsyncClient, database: Database) -> None:
    """Announced by hand under a reference, then stated by the day's line: the client bank moves once."""
    made = await world.drawn(database, [412_345, 587_655])
    async with database.reading() as connection:
        day = (await serviced_loans.instalments(connection, made.loan.id))[0]["due_on"]
    await world.go_to(database, day + timedelta(days=2))
    one, other = await make_somebody(database, Role.TREASURER), await make_somebody(database, Role.ADMINISTRATOR)
    reference = "RF44 first instalment"
    receipt = {"amount": "85.42", "currency": "EUR", "received_on": day.isoformat(), "payer": "O. Daughters"}
    receipt |= {"reference": reference, "loan_id": str(made.loan.id)}
    asked = await client.post("/api/v1/receipts", json=receipt, headers=one.paying())
    approve = f"/api/v1/approvals/{asked.json()['approval']['id']}/approve"
    assert (await client.post(approve, json={}, headers=other.paying())).status_code == 200
    async with database.unit_of_work() as connection:
        await pay_in_from_outside(connection, 8_542, day, reference=reference)
    await funding.reconcile_due(database)
    async with database.reading() as connection:
        moves = await connection.fetchval(
            "SELECT count(*) FROM transfer t JOIN account a ON a.id = t.debit_account_id "
            "WHERE a.kind = 'client_bank' AND t.amount = 8542"
        )
        suspense = await connection.fetchval(
            "SELECT coalesce(sum(credits - debits), 0)::bigint FROM account WHERE kind = 'suspense'"
        )
    assert (moves, format_minor(suspense)) == (case["client_bank_moves"], case["suspense"])


STAKES = [Holding(UUID(int=place), stake, 0) for place, stake in enumerate((333_333, 333_333, 333_334), 1)]


async def shares_of(database: Database, amount: str) -> list[str]:
    pot = Distributable(parse_minor(amount), 0, 0, 0, 0, 0)
    async with database.unit_of_work() as connection:
        return [format_minor(share.principal) for share, _ in await sharing.share_in_sql(connection, pot, STAKES)]


async def test_m_d8a(case: dict[str, Any], database: Database) -> None:
    assert await shares_of(database, "100.00") == case["shares"]


async def test_m_d8b(case: dict[str, Any], database: Database) -> None:
    assert await shares_of(database, "6000.00") == case["shares"]


def test_m_d9(case: dict[str, Any]) -> None:
    percent = cumulative_ltv_percent(7_500_000, 17_500_000, 40_000_000)
    assert percent == Decimal(case["cumulative_ltv_percent"])


def test_position_reads_like_the_schedule() -> None:
    """Paid on time, the base loan of these cases ends closed and owes nothing."""
    terms = LoanTerms(
        eur("100.00"), Rate.parse_annual("7"), Repayment.ANNUITY, InterestMode.SERVICED, 6, date(2024, 1, 1)
    )
    rows = replay(terms, [], date(2024, 1, 1)).schedule.instalments
    events = [Receipt(row.due_on, Money(row.total, Currency.EUR)) for row in rows]
    position: LoanPosition = replay(terms, events, date(2024, 7, 1))
    assert (position.principal_outstanding, position.total_due, position.returned) == (0, 0, 0)
    assert position.interest_repaid == 205
    assert position.closed_on == date(2024, 7, 1)
