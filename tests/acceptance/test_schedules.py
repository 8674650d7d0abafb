"""The published schedules of ``schedules.json``, each asked for as a quote, the way that a customer would."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from support.quotes import ask, cases

CASES = cases("schedules.json")
QUOTE_FIELDS = (
    "principal",
    "annual_rate",
    "monthly_rate",
    "day_count",
    "repayment",
    "interest_mode",
    "periods",
    "advanced_on",
    "first_due_on",
    "redeemed_on",
    "month_end",
    "instalment_rounding",
    "compounding",
    "drawdowns",
)


def quote_of(case: dict[str, Any]) -> dict[str, Any]:
    body = {name: case[name] for name in QUOTE_FIELDS if name in case}
    return ask(**{"interest_mode": "serviced", "advanced_on": "2024-01-01", **body})


@pytest.mark.parametrize("case", [pytest.param(case, id=case["id"]) for case in CASES])
def test_published_schedule(case: dict[str, Any]) -> None:
    quote = quote_of(case)
    rows = quote["instalments"]
    checks = {
        "instalments": lambda: [row["total"] for row in rows],
        "interest": lambda: [row["interest"] for row in rows],
        "due_on": lambda: [row["due_on"] for row in rows],
        "sum_interest": lambda: quote["totals"]["interest"],
        "first_instalment": lambda: rows[0]["total"],
        "last_instalment": lambda: rows[-1]["total"],
        "monthly_interest": lambda: rows[0]["interest"],
        "redemption": lambda: quote["redemption"],
        "retained_interest": lambda: quote["retained_interest"],
        "net_advance": lambda: quote["net_advance"],
        "apr": lambda: quote["apr"],
        "balance_after_drawdown": lambda: _plus(rows[1]["balance"], case["drawdowns"][0]["amount"]),
    }
    stated = [name for name in checks if name in case]
    assert stated, "the case states nothing that can be checked"
    for name in stated:
        shown, stated_value = checks[name](), case[name]
        assert (Decimal(shown) == Decimal(stated_value)) if name == "apr" else shown == stated_value, name


def _plus(left: str, right: str) -> str:
    cents = int(left.replace(".", "")) + int(right.replace(".", ""))
    return f"{cents // 100}.{cents % 100:02d}"


def test_every_case_is_here() -> None:
    assert len(CASES) == 17
    assert len({case["id"] for case in CASES}) == 17


def test_a_default_day_is_only_a_default() -> None:
    """Cases that name no date of advance give their figures from any first of a month."""
    case = next(case for case in CASES if case["id"] == "B-D2-serviced")
    for month in range(1, 13):
        quote = quote_of({**case, "advanced_on": date(2025, month, 1).isoformat()})
        assert quote["instalments"][0]["interest"] == case["monthly_interest"]
        assert quote["redemption"] == case["redemption"]
