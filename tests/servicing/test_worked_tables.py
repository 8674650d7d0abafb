"""The worked tables of docs/algorithms, executed: a page that no longer shows the truth fails here."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from fractions import Fraction

from halfpenny.primitives import legal_maximum
from halfpenny.primitives.day_count import DayCount, year_parts
from halfpenny.primitives.money import Currency, Money, format_minor, parse_minor
from halfpenny.primitives.rate import NO_RATE, Rate
from halfpenny.servicing.model.default_rates import default_rate_percent
from halfpenny.servicing.model.delinquency import bucket_of, is_regulatory_default
from halfpenny.servicing.model.due_dates import MonthEnd, due_dates, months_of
from halfpenny.servicing.model.engine import replay
from halfpenny.servicing.model.events import PRECEDENCE, Drawdown, Pause, Receipt
from halfpenny.servicing.model.legal_changes import legal_changes
from halfpenny.servicing.model.rates import rates_in_force
from halfpenny.servicing.model.schedule import build_schedule
from halfpenny.servicing.model.segments import BASE_UNITS
from halfpenny.servicing.model.terms import InterestMode, LoanTerms, Repayment
from halfpenny.servicing.model.waterfall import F_B7, HALFPENNY_1, Component, simulate
from support.quotes import ask
from support.worked_tables import worked_table

DAY_COUNTS, SCHEDULES, WATERFALL, DELINQUENCY = "day-counts.md", "schedules.md", "waterfall.md", "delinquency.md"


def day(text: str) -> date:
    return date.fromisoformat(text)


def test_parts_of_a_year() -> None:
    for row in worked_table(DAY_COUNTS, "Parts of a year"):
        day_count, start, end = DayCount(row["day count"]), day(row["from"]), day(row["to"])
        parts = year_parts(day_count, start, end, months_of(start, end, MonthEnd.CLAMP))
        expected = sum((Fraction(part) for part in row["part of a year"].split(" + ")), Fraction(0))
        assert Fraction(parts, day_count.denominator) == expected, row


def test_month_ends() -> None:
    for row in worked_table(DAY_COUNTS, "Month ends"):
        found = due_dates(day(row["advanced on"]), None, MonthEnd(row["month end"]), 3)
        assert " ".join(due.isoformat() for due in found[1:]) == row["due dates"]


def test_an_annuity() -> None:
    quote = ask(
        principal="10000.00",
        annual_rate="12",
        day_count="ACT_ACT",
        repayment="annuity",
        interest_mode="serviced",
        periods=6,
        advanced_on="2023-12-12",
    )
    columns = {"number": "number", "due on": "due_on"} | {n: n for n in ("interest", "principal", "total", "balance")}
    rows = [{column: str(row[name]) for column, name in columns.items()} for row in quote["instalments"]]
    assert rows == worked_table(SCHEDULES, "An annuity")


BRIDGE = {
    "principal": "100000.00",
    "monthly_rate": "1",
    "repayment": "bullet",
    "periods": 12,
    "advanced_on": "2025-01-15",
}


def test_bridge_products() -> None:
    for row in worked_table(SCHEDULES, "Bridge products"):
        quote = ask(
            **BRIDGE,
            interest_mode=row["interest"],
            compounding=row["compounding"],
            retained_months=int(row["retained months"]),
        )
        assert quote["net_advance"] == row["net advance"]
        assert quote["retained_interest"] == row["retained interest"]
        assert quote["redemption"] == row["redemption at maturity"]


def test_early_redemption() -> None:
    for row in worked_table(SCHEDULES, "Early redemption"):
        quote = ask(
            **BRIDGE,
            interest_mode=row["interest"],
            redeemed_on=row["redeemed on"],
            minimum_interest_months=int(row["minimum months"]),
        )
        assert quote["redemption"] == row["redemption"], row
        assert quote["totals"]["interest"] == row["interest in all"], row


def test_gross_up() -> None:
    for row in worked_table(SCHEDULES, "Gross-up"):
        quote = ask(
            net_advance=row["net advance"],
            monthly_rate=row["monthly rate"],
            repayment="bullet",
            interest_mode="retained",
            periods=int(row["months"]),
            fees=[
                {"kind": "costs", "amount": row["costs"], "when": "advance"},
                {"kind": "arrangement", "percent": row["fee percent"], "when": "advance"},
            ],
        )
        assert quote["gross_loan"] == row["gross loan"], row
        assert quote["retained_interest"] == row["retained interest"], row
        assert quote["net_advance"] == row["net advance"], row


def test_accrual_segments() -> None:
    terms = LoanTerms(
        principal=Money(30_000, Currency.EUR),
        rate=Rate.parse_annual("12"),
        repayment=Repayment.BULLET,
        interest_mode=InterestMode.SERVICED,
        periods=3,
        advanced_on=date(2024, 1, 1),
        day_count=DayCount.ACT_365F,
    )
    events = [Drawdown(date(2024, 1, 16), Money(10_000, Currency.EUR)), Pause(date(2024, 1, 21), date(2024, 1, 25))]
    segments = build_schedule(terms, events).segments
    for row in worked_table(SCHEDULES, "Accrual segments"):
        on = day(row["day"])
        (segment,) = [segment for segment in segments if segment.start < on <= segment.end]
        assert segment.base == parse_minor(row["base"]) * BASE_UNITS
        assert format_minor(segment.accrued_minor(on)) == row["accrued"], row


def test_the_waterfall_is_printed_as_it_runs() -> None:
    rows = worked_table(WATERFALL, "halfpenny/1")
    assert [row["before default"] for row in rows] == [component.value for component in HALFPENNY_1.before_default]
    assert [row["after default"] for row in rows] == [component.value for component in HALFPENNY_1.after_default]


def test_what_the_platform_keeps() -> None:
    keeps = {row["of"]: row["platform percent"] for row in worked_table(WATERFALL, "What the platform keeps")}
    assert keeps == {
        "interest": str(HALFPENNY_1.servicing_fee),
        "default_interest": str(HALFPENNY_1.default_interest_share),
    }


OWED = {
    Component.RECOVERY_COST: 250_000,
    Component.FEE: 30_000,
    Component.PENALTY: 5_000,
    Component.DEFAULT_INTEREST: 42_000,
    Component.INTEREST: 406_452,
    Component.PRINCIPAL: 10_000_000,
}


def test_a_receipt_before_and_after_default() -> None:
    for row in worked_table(WATERFALL, "A receipt, before and after default"):
        lines, left = simulate(HALFPENNY_1, OWED, parse_minor(row["receipt"]), defaulted=row["defaulted"] == "yes")
        for line in lines:
            assert format_minor(line.paid) == row[line.component.value], row
        assert format_minor(left) == row["left over"]


def test_the_published_case_f_b7() -> None:
    owed = {Component.PENALTY: 5_000, Component.FEE: 5_000, Component.PRINCIPAL: 100_000}
    for row in worked_table(WATERFALL, "The published case F-B7"):
        lines, left = simulate(F_B7, owed, parse_minor(row["receipt"]), defaulted=False)
        paid = {line.component.value: format_minor(line.paid) for line in lines}
        assert {name: paid[name] for name in ("penalty", "fee", "principal")} == {
            name: row[name] for name in ("penalty", "fee", "principal")
        }
        assert left == 0


def test_same_day_events() -> None:
    rows = worked_table(WATERFALL, "Same-day events")
    assert [row["event"] for row in rows] == [kind.__name__ for kind in PRECEDENCE]
    assert [int(row["place"]) for row in rows] == list(range(1, len(PRECEDENCE) + 1))


def loan(*, count_due_date: bool, principal: int, periods: int, advanced_on: date) -> LoanTerms:
    return LoanTerms(
        principal=Money(principal, Currency.EUR),
        rate=NO_RATE,
        repayment=Repayment.EQUAL_PRINCIPAL,
        interest_mode=InterestMode.SERVICED,
        periods=periods,
        advanced_on=advanced_on,
        default_rate=Rate.parse_annual("25"),
        count_due_date=count_due_date,
    )


def test_days_past_due() -> None:
    events = [Receipt(date(2023, 10, on), Money(minor, Currency.EUR)) for on, minor in ((5, 4_000), (9, 7_000))]
    for row in worked_table(DELINQUENCY, "Days past due"):
        for column, option in (("days past due", False), ("counting the due date", True)):
            terms = loan(count_due_date=option, principal=120_000, periods=12, advanced_on=date(2023, 9, 5))
            assert replay(terms, events, day(row["day"])).days_past_due == int(row[column]), row


def test_buckets() -> None:
    for row in worked_table(DELINQUENCY, "Buckets"):
        days = int(row["days"])
        assert bucket_of(days).value == row["bucket"]
        assert is_regulatory_default(days) is (row["regulatory default"] == "yes")


def test_default_interest() -> None:
    for row in worked_table(DELINQUENCY, "Default interest"):
        terms = loan(
            count_due_date=row["count the due date"] == "yes",
            principal=3 * 4_752_300,
            periods=3,
            advanced_on=date(2024, 4, 5),
        )
        position = replay(terms, [], day(row["as of"]))
        assert format_minor(position.default_interest_due) == row["default interest"], row
        assert position.default_interest_due == round(Fraction(4_752_300 * int(row["days"]), 4 * 365))


def test_what_the_law_leaves_of_a_rate() -> None:
    rows = worked_table(DELINQUENCY, "What the law leaves of a rate")
    law = legal_maximum.published()["PL", Currency.PLN]
    terms = replace(
        loan(count_due_date=False, principal=10_000_000, periods=1, advanced_on=date(2025, 3, 15)),
        principal=Money(10_000_000, Currency.PLN),
        rate=Rate.parse_annual("16"),
        default_rate=Rate.parse_annual("24"),
        default_interest_on_interest=law.default_interest_on_interest,
        governing_law=law.governing_law,
        legal_maximum=law.on(date(2025, 3, 15)),
    )
    for row in rows:
        changes = legal_changes(terms, [], day(row["as of"]), legal_maximum.published())
        assert str(rates_in_force(terms, changes, day(row["as of"])).default) == row["default rate"]
        position = replay(terms, (), day(row["as of"]), recorded=changes)
        assert format_minor(position.default_interest_due) == row["default interest"], row
    sums = sum(Fraction(row["default rate"]) * int(row["days at it"]) for row in rows)
    assert round(sums * 10_000_000 / 36_500) == parse_minor(rows[-1]["default interest"])


def test_default_rates() -> None:
    *windows, whole = worked_table(DELINQUENCY, "Default rates")
    pairs = [(int(row["defaulted"]), int(row["loans"])) for row in windows]
    for row, pair in zip(windows, pairs, strict=True):
        assert str(default_rate_percent([pair])) == row["percent"]
    assert str(default_rate_percent(pairs)) == whole["percent"]
