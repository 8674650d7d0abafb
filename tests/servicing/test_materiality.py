"""Row 8: only a material amount, past due for more than ninety days without a break, ends in a default."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings

from halfpenny import loans, servicing
from halfpenny.platform.database import Database
from halfpenny.primitives.money import Currency, Money
from halfpenny.primitives.rate import Rate
from halfpenny.servicing.model.engine import replay
from halfpenny.servicing.model.events import Event, Receipt
from halfpenny.servicing.model.materiality import days_material
from halfpenny.servicing.model.terms import EVERY_AMOUNT, InterestMode, LoanTerms, Materiality, Repayment
from servicing import world
from support import lending
from support.lending_strategies import loan_histories

LIMIT = Materiality(500_00, Rate.parse_annual("1"))


@pytest.mark.parametrize(
    ("past_due", "exposure", "material"),
    [
        (50_000, 100_000, False),
        (50_001, 100_000, True),
        (50_001, 5_000_100, False),
        (50_001, 5_000_099, True),
        (1, 1, False),
    ],
)
def test_both_thresholds_are_exceeded(past_due: int, exposure: int, material: bool) -> None:
    assert LIMIT.is_material(past_due, exposure) is material


@pytest.mark.parametrize(("currency", "minor"), [(Currency.EUR, 50_000), (Currency.PLN, 212_500)])
def test_an_offer_has_the_threshold_in_its_own_currency(currency: Currency, minor: int) -> None:
    product = loans.ProductSettings(materiality_above_eur_minor=50_000)
    rules = loans.LendingRules(product=product, units_per_eur={Currency.EUR: Decimal(1), Currency.PLN: Decimal("4.25")})
    assert rules.product_terms(lending.application(currency=currency)).materiality_above_minor == minor


LOAN = LoanTerms(
    principal=Money(10_000_000, Currency.EUR),
    rate=Rate.parse_annual("9"),
    repayment=Repayment.BULLET,
    interest_mode=InterestMode.SERVICED,
    periods=12,
    advanced_on=date(2027, 1, 1),
    materiality=LIMIT,
)


def test_the_second_count_begins_where_the_amount_becomes_material_and_anew_after_a_break() -> None:
    """750.00 a month of 100,000.00: one month is less than a hundredth, two are more."""
    second, fifth = date(2027, 3, 1), date(2027, 6, 1)
    assert days_material(LOAN, [], second - timedelta(days=1)) == 0
    assert days_material(LOAN, [], second + timedelta(days=91)) == 91
    paid: list[Event] = [Receipt(date(2027, 5, 9), Money(210_000, Currency.EUR))]
    on = fifth + timedelta(days=10)
    assert replay(LOAN, (), on, recorded=paid).days_past_due == (on - date(2027, 4, 1)).days
    assert days_material(LOAN, paid, on) == 10


@settings(max_examples=30)
@given(loan_histories(receipts_only=True))
def test_it_never_counts_more_than_days_past_due_and_every_amount_counts_the_same(
    history: tuple[LoanTerms, list[Event], date],
) -> None:
    terms, events, as_of = history
    position = replay(terms, (), as_of, recorded=events)
    limited, unlimited = (replace(terms, materiality=one) for one in (LIMIT, EVERY_AMOUNT))
    assert days_material(limited, events, as_of) <= max(position.days_past_due, 0) + 1
    assert (days_material(unlimited, events, as_of) > 0) <= (position.days_past_due > 0)


@pytest.mark.parametrize(("above", "defaults"), [(256_25, True), (256_26, False)])
async def test_the_close_leaves_a_loan_late_whose_amount_is_not_material(
    database: Database, above: int, defaults: bool
) -> None:
    """Three instalments of 85.42 are unpaid by the ninety-first day; the count runs from the first of them."""
    product = loans.ProductSettings(materiality_above_eur_minor=above if not defaults else 85_41)
    rules = replace(lending.RULES, product=product)
    made = await world.drawn(database, [412_345, 587_655], rules=rules)
    async with database.reading() as connection:
        due_on = await connection.fetchval("SELECT min(due_on) FROM instalment WHERE loan_id = $1", made.loan.id)
    await world.go_to(database, due_on + timedelta(days=155))
    await servicing.close_days(database)
    async with database.reading() as connection:
        row = await connection.fetchrow("SELECT standing, days_past_due, defaulted_on FROM serviced_loan")
    assert row is not None and row["days_past_due"] == 154
    assert (row["standing"] == "defaulted") is defaults
    assert await world.problems(database) == []
