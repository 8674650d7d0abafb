"""XIRR, APR and money multiple on flows whose answer is known."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from halfpenny.servicing.model.returns import money_multiple, xirr_percent

START = date(2023, 1, 1)
YEAR_LATER = date(2024, 1, 1)


def test_one_year_one_payment() -> None:
    assert xirr_percent([(START, -10_000), (YEAR_LATER, 11_000)]) == Decimal("10.0000")
    assert xirr_percent([(START, 10_000), (YEAR_LATER, -11_000)]) == Decimal("10.0000")


def test_the_example_of_the_spreadsheets_manual() -> None:
    """Microsoft's documentation of XIRR: 37.34 % (0.373362535)."""
    flows = [
        (date(2008, 1, 1), -1_000_000),
        (date(2008, 3, 1), 275_000),
        (date(2008, 10, 30), 425_000),
        (date(2009, 2, 15), 325_000),
        (date(2009, 4, 1), 275_000),
    ]
    assert xirr_percent(flows) == Decimal("37.3363")


def test_a_loss_is_a_negative_return() -> None:
    assert xirr_percent([(START, -10_000), (YEAR_LATER, 9_000)]) == Decimal("-10.0000")


def test_flows_without_a_rate_have_none() -> None:
    assert xirr_percent([(START, -100), (START, 100)]) is None
    assert xirr_percent([(START, -100), (YEAR_LATER, -100)]) is None
    assert xirr_percent([(START, 100), (YEAR_LATER, 100)]) is None


def test_money_multiple() -> None:
    assert money_multiple([(START, -10_000), (YEAR_LATER, 7_000), (YEAR_LATER, 5_500)]) == Decimal("1.2500")
    assert money_multiple([(START, 10)]) is None
