"""Amounts of quotes: level instalments, interest rounded once, advances that add up, and an end to figures."""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from halfpenny.primitives.errors import HalfpennyError
from halfpenny.primitives.money import format_minor, parse_minor
from halfpenny.servicing.errors import AmountOutOfRange, NothingLeftToAdvance
from support.quotes import ask

ANNUITY = {"repayment": "annuity", "interest_mode": "serviced", "advanced_on": "2025-03-10"}


def totals(quote: dict[str, Any]) -> list[int]:
    return [parse_minor(row["total"]) for row in quote["instalments"]]


def test_interest_above_the_level_instalment_is_the_instalment() -> None:
    """Six months to the first due date at 9 %: 450.00 of interest, more than the level of 48 periods."""
    quote = ask(**ANNUITY, principal="10000.00", annual_rate="9", periods=48, first_due_on="2025-09-10")
    first, *level, last = totals(quote)
    assert (first, quote["instalments"][0]["interest"]) == (45_000, "450.00")
    assert quote["instalments"][0]["balance"] == "10000.00"
    # 10,000.00 over the 47 periods left: r / (1 - (1 + r) ** -47) of 0.75 % a period.
    rate = Fraction(75, 10_000)
    exact = 1_000_000 * rate / (1 - (1 + rate) ** -47)
    assert set(level) == {round(exact)}
    assert abs(last - level[0]) <= 47


@given(
    st.integers(1, 3_000_000),
    st.integers(0, 30_000_000),
    st.integers(2, 120),
    st.integers(0, 300),
    st.sampled_from(["annuity", "equal_principal"]),
)
def test_no_instalment_is_empty_and_no_interest_waits(
    principal: int, rate: int, periods: int, days: int, repayment: str
) -> None:
    first_due = (date(2025, 4, 10) + timedelta(days=days)).isoformat()
    body = ANNUITY | {"repayment": repayment, "first_due_on": first_due}
    quote = ask(**body, principal=format_minor(principal), annual_rate=f"{rate / 10**6:.6f}", periods=periods)
    rows = totals(quote)
    assert min(rows) > 0
    assert len(rows) == periods or principal < periods
    assert sum(parse_minor(row["principal"]) for row in quote["instalments"]) == principal
    if repayment == "annuity" and len(rows) > 3:
        interest = parse_minor(quote["instalments"][0]["interest"])
        level = rows[1:-1] if rows[0] == interest else rows[:-1]
        assert len(set(level)) == 1


@given(st.integers(1, 10**9), st.integers(0, 30_000_000), st.integers(1, 700), st.integers(0, 27))
def test_simple_rolled_up_interest_is_rounded_once(principal: int, rate: int, days: int, day: int) -> None:
    """principal x rate x days / 365, however many months lie between: nothing falls due before the redemption."""
    advanced = date(2023, 2, 1) + timedelta(days=day)
    quote = ask(
        principal=format_minor(principal),
        annual_rate=f"{rate / 10**6:.6f}",
        repayment="bullet",
        interest_mode="rolled_up",
        day_count="ACT_365F",
        advanced_on=advanced.isoformat(),
        redeemed_on=(advanced + timedelta(days=days)).isoformat(),
    )
    exact = Fraction(principal * rate * days, 10**8 * 365)
    assert parse_minor(quote["totals"]["interest"]) == (exact + Fraction(1, 2)).__floor__()


TRANCHES = st.lists(st.tuples(st.integers(1, 300), st.integers(1, 10**7)), max_size=3)
PRODUCTS = st.sampled_from(
    [("bullet", mode) for mode in ("serviced", "retained", "rolled_up", "mixed")]
    + [("annuity", "serviced"), ("equal_principal", "serviced")]
)


def body_of(product: tuple[str, str], rate: int, percent: int, fixed: int, tranches: list[tuple[int, int]]) -> Any:
    repayment, mode = product
    return {
        "repayment": repayment,
        "interest_mode": mode,
        "retained_months": 4 if mode == "mixed" else 0,
        "monthly_rate": f"{rate / 10**6:.6f}",
        "periods": 12,
        "advanced_on": "2025-01-31",
        "day_count": "ACT_ACT",
        "fees": [
            {"kind": "arrangement", "when": "advance", "percent": f"{percent / 10**6:.6f}"},
            {"kind": "legal", "when": "advance", "amount": format_minor(fixed)},
        ],
        "drawdowns": [
            {"on": (date(2025, 1, 31) + timedelta(days=after)).isoformat(), "amount": format_minor(amount)}
            for after, amount in tranches
        ],
    }


@given(PRODUCTS, st.integers(0, 2_000_000), st.integers(0, 4_000_000), st.integers(0, 5_000), TRANCHES, st.data())
def test_every_advance_and_all_of_them_add_up_and_the_net_advance_round_trips(
    product: tuple[str, str], rate: int, percent: int, fixed: int, tranches: list[tuple[int, int]], data: st.DataObject
) -> None:
    body = body_of(product, rate, percent, fixed, tranches)
    net = data.draw(st.one_of(st.integers(1, 99), st.integers(1, 10**8))) + sum(amount for _, amount in tranches)
    quote = ask(**body, net_advance=format_minor(net))
    assert parse_minor(quote["net_advance"]) == net
    for advance in quote["advances"]:
        parts = [parse_minor(advance[name]) for name in ("net", "fees", "retained_interest", "gross")]
        assert sum(parts[:3]) == parts[3] and parts[0] > 0
    for total, part in (
        ("net_advance", "net"),
        ("fees", "fees"),
        ("retained_interest", "retained_interest"),
        ("gross_loan", "gross"),
    ):
        assert parse_minor(quote[total]) == sum(parse_minor(advance[part]) for advance in quote["advances"])
    assert quote["gross_loan"] == quote["totals"]["principal"]


def test_a_tranche_pays_the_percentage_fee_of_itself_when_it_is_drawn() -> None:
    body = body_of(("bullet", "retained"), 1_000_000, 2_000_000, 0, []) | {"day_count": "THIRTY_360", "periods": 10}
    body |= {"advanced_on": "2025-01-15", "drawdowns": [{"on": "2025-06-15", "amount": "40000.00"}]}
    quote = ask(**body, principal="60000.00")
    assert [(a["on"], a["gross"], a["fees"], a["retained_interest"], a["net"]) for a in quote["advances"]] == [
        ("2025-01-15", "60000.00", "1200.00", "6000.00", "52800.00"),
        ("2025-06-15", "40000.00", "800.00", "2000.00", "37200.00"),
    ]
    assert [quote[name] for name in ("gross_loan", "net_advance", "fees", "retained_interest")] == [
        "100000.00",
        "90000.00",
        "2000.00",
        "8000.00",
    ]


@given(st.integers(1, 5_000), st.integers(1, 12), st.integers(0, 200))
def test_a_net_advance_round_trips_with_minimum_interest(net: int, months: int, days: int) -> None:
    body: dict[str, Any] = {
        "repayment": "bullet",
        "interest_mode": "retained",
        "monthly_rate": "0.93",
        "advanced_on": "2025-01-31",
        "redeemed_on": (date(2025, 2, 1) + timedelta(days=days)).isoformat(),
        "minimum_interest_months": months,
    }
    quote = ask(**body, net_advance=format_minor(net))
    assert parse_minor(quote["net_advance"]) == net


def test_an_advance_that_leaves_nothing_is_refused() -> None:
    body = body_of(("bullet", "retained"), 1_000_000, 95_000_000, 0, [(30, 10_000)])
    with pytest.raises(HalfpennyError) as refused:
        ask(**body, principal="100.00")
    assert refused.value.code == NothingLeftToAdvance.code


@pytest.mark.parametrize("compounding", ["none", "monthly"])
def test_amounts_end_at_what_a_ledger_can_hold(compounding: str) -> None:
    body = {
        "repayment": "bullet",
        "interest_mode": "rolled_up",
        "compounding": compounding,
        "advanced_on": "2025-01-31",
    }
    with pytest.raises(AmountOutOfRange) as refused:
        ask(**body, principal="500000000000.00", annual_rate="987.654321", periods=300)
    assert (refused.value.kind, refused.value.code) == ("malformed", "amount_out_of_range")
    small = ask(**body, principal="5.00", annual_rate="9", periods=300)
    assert parse_minor(small["redemption"]) > 500
