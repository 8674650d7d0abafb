"""The book as a whole on generated exposures: each figure against a table that an independent library sums."""

from __future__ import annotations

import re
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from halfpenny_monitoring.impairment import (
    Stage,
    StageTotal,
    allowance,
    journal,
    lifetime_probability,
    stage_of,
    stage_totals,
    twelve_month_probability,
)
from halfpenny_monitoring.money import cents, in_euro
from halfpenny_monitoring.portfolio import Exposure, StressedLoss, concentrations, related_groups, stress
from halfpenny_monitoring.report import PortfolioReport, portfolio
from halfpenny_risk.policy import load_policies
from support.generated_outcomes import HEADER

DAY = HEADER.as_of
RATES = HEADER.units_per_euro
shares = st.decimals("0.000001", "0.999999", places=6)


def exposure(**changes: Any) -> Exposure:
    plain: dict[str, Any] = {
        "loan_id": "one",
        "group": "g1",
        "currency": "EUR",
        "principal_minor": 20_000_000,
        "country": "PL",
        "city": "Gdynia",
        "charge_rank": 1,
        "property_kind": "flat",
        "grade": "B",
        "probability_of_default": Decimal("0.05"),
        "loss_given_default": Decimal("0.2"),
        "first_probability": Decimal("0.05"),
        "matures_on": DAY + timedelta(days=200),
        "annual_rate_percent": Decimal("9.5"),
        "days_past_due": 0,
        "defaulted": False,
        "stress": {},
    }
    return Exposure(**plain | changes)


exposures = st.builds(
    exposure,
    loan_id=st.uuids().map(str),
    group=st.sampled_from(["g1", "g2", "g3"]),
    currency=st.sampled_from(["EUR", "PLN", "USD"]),
    principal_minor=st.integers(1, 10**11),
    city=st.sampled_from(["Gdynia", "Cork"]),
    charge_rank=st.integers(1, 3),
    probability_of_default=shares,
    first_probability=shares,
    loss_given_default=shares,
    matures_on=st.integers(-400, 900).map(lambda days: DAY + timedelta(days=days)),
    annual_rate_percent=st.decimals("0.5", "25", places=2),
    days_past_due=st.integers(0, 120),
    defaulted=st.booleans(),
    stress=st.fixed_dictionaries(
        {(price, months): st.builds(StressedLoss, shares, shares) for price in (-10, -40) for months in (3, 18)}
    ),
)
books = st.lists(exposures, max_size=12)


def table(book: list[Exposure]) -> pd.DataFrame:
    rows = [
        {name: getattr(each, name) for name in Exposure.__struct_fields__}
        | {"euro": each.principal_minor / 100 / float(RATES[each.currency])}
        for each in book
    ]
    return pd.DataFrame(rows)


@given(books)
def test_a_shock_costs_the_sum_of_its_loans(book: list[Exposure]) -> None:
    found, left = stress(book, RATES)
    assert left == 0
    if not book:
        assert found == []
        return
    rows = table(book)
    for result in found[1:]:
        cells = rows["stress"].map(lambda grid, r=result: grid[r.price_change_percent, r.extra_months])
        used = [
            float(cell.loss_given_default if bad else cell.expected_loss)
            for cell, bad in zip(cells, rows["defaulted"], strict=True)
        ]
        assert float(result.expected_loss) == pytest.approx((rows["euro"] * used).sum(), abs=0.01, rel=1e-9)
        assert result.share == pytest.approx((rows["euro"] * used).sum() / rows["euro"].sum())
    assert [(r.price_change_percent, r.extra_months) for r in found] == [
        (0, 0),
        (-10, 3),
        (-10, 18),
        (-40, 3),
        (-40, 18),
    ]


def test_a_loan_without_a_grid_is_named_and_an_old_grid_counts_at_its_worst() -> None:
    grid = {
        (-10, 3): StressedLoss(Decimal("0.02"), Decimal("0.3")),
        (-30, 3): StressedLoss(Decimal("0.07"), Decimal("0.4")),
    }
    old = exposure(stress={(-10, 3): StressedLoss(Decimal("0.01"), Decimal("0.2"))}, principal_minor=100_000)
    found, left = stress([exposure(stress=grid), old, exposure(principal_minor=500_000)], RATES)
    assert left == Decimal("5000.00")
    assert [str(result.expected_loss) for result in found] == ["2010.00", "4010.00", "14010.00"]


@given(books)
def test_concentrations_are_those_of_a_grouped_table(book: list[Exposure]) -> None:
    found = {each.kind: each for each in concentrations(book, RATES)}
    if not book:
        assert all(each.clusters == 0 for each in found.values())
        return
    rows = table(book)
    rows["place"] = rows["city"] + ", " + rows["country"]
    for kind, column in (("borrower_group", "group"), ("place", "place"), ("charge_rank", "charge_rank")):
        sums = rows.groupby(rows[column].astype(str))["euro"].sum()
        assert found[kind].herfindahl == pytest.approx(((sums / sums.sum()) ** 2).sum())
        assert {c.name: float(c.exposure) for c in found[kind].largest} == pytest.approx(sums.to_dict(), abs=0.01)
        assert found[kind].largest[0].share == pytest.approx(sums.max() / sums.sum())


def test_related_people_are_one_group_also_through_others() -> None:
    related = {"ann": ["holding"], "ben": ["holding"], "cid": [], "dan": ["eva"], "eva": ["dan"]}
    groups = related_groups(["ann", "ben", "cid", "dan", "eva"], related)
    assert groups["ann"] == groups["ben"] != groups["cid"]
    assert groups["dan"] == groups["eva"] not in (groups["ann"], groups["cid"])


@pytest.mark.parametrize(
    ("changes", "stage", "why"),
    [
        ({}, Stage.TWELVE_MONTHS, "no_significant_increase"),
        ({"days_past_due": 30}, Stage.TWELVE_MONTHS, "no_significant_increase"),
        ({"days_past_due": 31}, Stage.LIFETIME, "past_due"),
        ({"matures_on": DAY - timedelta(days=1)}, Stage.LIFETIME, "past_maturity"),
        ({"probability_of_default": Decimal("0.1")}, Stage.LIFETIME, "probability_risen"),
        ({"probability_of_default": Decimal("0.099")}, Stage.TWELVE_MONTHS, "no_significant_increase"),
        (
            {"first_probability": Decimal("0.004"), "probability_of_default": Decimal("0.013")},
            Stage.TWELVE_MONTHS,
            "no_significant_increase",
        ),
        ({"defaulted": True, "days_past_due": 200}, Stage.IMPAIRED, "defaulted"),
    ],
)
def test_stages(changes: dict[str, Any], stage: Stage, why: str) -> None:
    assert stage_of(exposure(**changes), DAY) == (stage, why)


def test_an_allowance_by_hand() -> None:
    """200,000.00 at 5 % and 20 %, due in 200 days, 9.5 % a year: 2,000.00 less the discount."""
    found = allowance(exposure(), DAY)
    assert found.allowance_minor == round(200_000 * 1.095 ** (-200 / 365)) == 190_298
    long = exposure(matures_on=DAY + timedelta(days=730))
    assert float(twelve_month_probability(Decimal("0.05"), long.matures_on, DAY)) == pytest.approx(1 - 0.95**0.5)
    assert allowance(long, DAY).allowance_minor == round(20_000_000 * (1 - 0.95**0.5) * 0.2 * 1.095**-2)
    assert allowance(exposure(defaulted=True), DAY).allowance_minor == 4_000_000
    late = allowance(exposure(days_past_due=43), DAY)
    assert late.allowance_minor == round(4_000_000 * (0.4 + 0.6 * 0.05 * 1.095 ** (-200 / 365)))


def test_arrears_of_more_than_90_days_without_default_are_not_material() -> None:
    loan = exposure(days_past_due=400)
    assert lifetime_probability(loan, DAY) == 1 - Decimal("0.95") * Decimal("0.3")


@given(exposures, st.integers(0, 200), st.integers(0, 200))
def test_more_days_past_due_never_lower_the_allowance(loan: Exposure, days: int, more: int) -> None:
    some, later = (msgspec.structs.replace(loan, days_past_due=late) for late in (days, days + more))
    first, second = (allowance(each, DAY) for each in (some, later))
    assert first.allowance_minor <= second.allowance_minor
    for each in (first, second):
        expected = each.principal_minor * each.probability * each.loss_given_default * each.discount
        assert abs(each.allowance_minor - expected) <= Decimal("0.5001")


@given(exposures)
def test_an_allowance_lies_between_nothing_and_the_principal(loan: Exposure) -> None:
    found = allowance(loan, DAY)
    assert 0 <= found.allowance_minor <= found.lifetime_minor <= loan.principal_minor
    worse = allowance(msgspec.structs.replace(loan, defaulted=True), DAY)
    late = allowance(msgspec.structs.replace(loan, days_past_due=max(loan.days_past_due, 40)), DAY)
    assert found.allowance_minor <= late.allowance_minor <= worse.allowance_minor


@given(exposures, st.integers(0, 200), st.integers(0, 200))
def test_what_has_happened_raises_the_lifetime_probability(loan: Exposure, days: int, more: int) -> None:
    some, later = (msgspec.structs.replace(loan, days_past_due=late) for late in (days, days + more))
    first, second = (lifetime_probability(each, DAY) for each in (some, later))
    assert loan.probability_of_default <= first <= second <= 1
    if loan.matures_on < DAY:
        overdue = msgspec.structs.replace(loan, days_past_due=(DAY - loan.matures_on).days, matures_on=DAY)
        in_two = stage_of(overdue, DAY)[0] is not Stage.TWELVE_MONTHS
        assert not in_two or lifetime_probability(msgspec.structs.replace(loan, days_past_due=0), DAY) == (
            lifetime_probability(overdue, DAY)
        )


GRADES = load_policies().policies[-1].grades


@pytest.mark.parametrize(
    "happened", [{"days_past_due": 31}, {"days_past_due": 75}, {"matures_on": DAY - timedelta(days=1)}]
)
def test_a_late_loan_is_never_surer_than_one_of_its_grade_in_stage_one(happened: dict[str, Any]) -> None:
    least = Decimal("0.0001")
    for grade, end in msgspec.structs.asdict(GRADES).items():
        surest = exposure(grade=grade, probability_of_default=least, first_probability=least, **happened)
        assert lifetime_probability(surest, DAY) >= Decimal(str(end))
        least = Decimal(str(end))


def test_a_loan_43_days_late_has_more_than_its_first_probability() -> None:
    sure = {"probability_of_default": Decimal("0.0035"), "first_probability": Decimal("0.0035")}
    assert allowance(exposure(**sure, days_past_due=43), DAY).probability == 1 - Decimal("0.9965") * Decimal("0.6")
    assert allowance(exposure(**sure, matures_on=DAY - timedelta(days=2)), DAY).probability > Decimal("0.2")
    assert allowance(exposure(**sure, days_past_due=12), DAY).probability == Decimal("0.0035")


@given(books, books)
def test_the_journal_balances_and_leads_from_one_report_to_the_next(
    before: list[Exposure], after: list[Exposure]
) -> None:
    opening = portfolio(HEADER, before, None)
    closing = portfolio(HEADER, after, opening)
    balances: dict[tuple[str, str], int] = {}
    for line in (*opening.journal, *closing.journal):
        assert (line.debit_minor == 0) != (line.credit_minor == 0)
        key = line.currency, line.account
        balances[key] = balances.get(key, 0) + line.credit_minor - line.debit_minor
    for report in (opening, closing):
        for currency in {line.currency for line in report.journal}:
            lines = [line for line in report.journal if line.currency == currency]
            assert sum(line.debit_minor for line in lines) == sum(line.credit_minor for line in lines)
    posted = {key: amount for key, amount in balances.items() if amount and key[1] != "impairment_loss"}
    assert posted == {
        (total.currency, f"loss_allowance_stage_{total.stage}"): total.allowance_minor
        for total in closing.stages
        if total.allowance_minor
    }
    assert closing.loans == len(after) == sum(total.loans for total in closing.stages)
    assert msgspec.json.decode(msgspec.json.encode(closing), type=PortfolioReport) == closing


def test_stage_totals_are_sums() -> None:
    made = [allowance(exposure(loan_id=str(n), principal_minor=n * 1_000_000, defaulted=n > 2), DAY) for n in (1, 2, 3)]
    assert stage_totals(made) == [
        StageTotal(currency="EUR", stage=Stage.TWELVE_MONTHS, loans=2, principal_minor=3_000_000,
                   allowance_minor=made[0].allowance_minor + made[1].allowance_minor),
        StageTotal(currency="EUR", stage=Stage.IMPAIRED, loans=1, principal_minor=3_000_000, allowance_minor=600_000),
    ]  # fmt: skip
    assert journal([], []) == []
    assert date(2029, 7, 2) == DAY


def test_the_guides_example_is_what_the_code_computes() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "guides" / "risk-monitoring.md").read_text()
    found = [int(whole.replace(",", "") + cents) for whole, cents in re.findall(r"allowance ([\d,]+)\.(\d\d)", guide)]
    examples = (
        exposure(),
        exposure(matures_on=DAY + timedelta(days=730)),
        exposure(days_past_due=43),
        exposure(defaulted=True),
    )
    assert found == [allowance(example, DAY).allowance_minor for example in examples]


@given(st.decimals(min_value=-(10**9), max_value=10**9, places=5), st.sampled_from(["EUR", "PLN"]))
def test_amounts_are_converted_exactly_and_rounded_once_half_up(amount: Decimal, currency: str) -> None:
    rates = {"EUR": Decimal(1), "PLN": Decimal("4.25")}
    assert in_euro(amount, currency, rates) * rates[currency] == pytest.approx(amount)
    rounded = cents(amount)
    assert rounded.as_tuple().exponent == -2
    away = abs(rounded) - abs(amount)
    assert -Decimal("0.005") < away <= Decimal("0.005")
    assert cents(-amount) == -rounded
