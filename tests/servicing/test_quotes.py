"""Quotes of bridge products: what is paid out, what falls due, what redemption takes; and terms no loan can have."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from halfpenny.primitives.errors import HalfpennyError
from halfpenny.primitives.money import parse_minor
from support.quotes import ask

BULLET = {
    "principal": "100000.00",
    "monthly_rate": "1",
    "repayment": "bullet",
    "interest_mode": "serviced",
    "periods": 12,
    "advanced_on": "2025-01-15",
}


def bullet(**changes: Any) -> dict[str, Any]:
    body = {**BULLET, **changes}
    return {name: value for name, value in body.items() if value is not None}


def sums_up(quote: dict[str, Any]) -> None:
    """What holds for every quote: rows add up, the balance runs down to nothing."""
    rows = quote["instalments"]
    cents = {name: sum(parse_minor(row[name]) for row in rows) for name in ("principal", "interest", "fees", "total")}
    totals = {name: parse_minor(amount) for name, amount in quote["totals"].items()}
    assert cents["principal"] == totals["principal"]
    assert cents["interest"] == totals["interest"]
    assert totals["total"] == totals["principal"] + totals["interest"] + totals["fees"]
    assert cents["total"] == cents["principal"] + cents["interest"] + cents["fees"]
    assert [row["number"] for row in rows] == list(range(1, len(rows) + 1))
    assert [row["due_on"] for row in rows] == sorted(row["due_on"] for row in rows)
    assert rows[-1]["balance"] == "0.00"


def test_serviced_redeemed_between_due_dates_owes_the_interest_since_the_last() -> None:
    quote = ask(**bullet(redeemed_on="2025-04-25"))
    sums_up(quote)
    # 10 of the 30 days from 15 April to 15 May: a third of 1,000.00.
    assert quote["redemption"] == "100333.33"
    assert [row["interest"] for row in quote["instalments"]] == ["1000.00"] * 3 + ["333.33"]
    assert quote["net_advance"] == "100000.00"


def test_serviced_redeemed_on_a_due_date_owes_the_principal() -> None:
    quote = ask(**bullet(redeemed_on="2025-04-15"))
    sums_up(quote)
    assert quote["redemption"] == "100000.00"
    assert quote["instalments"][-1]["total"] == "101000.00"
    assert len(quote["instalments"]) == 3


def test_redemption_of_an_annuity_on_a_due_date_comes_after_that_instalment() -> None:
    annuity = bullet(repayment="annuity")
    plan = ask(**annuity)
    quote = ask(**{**annuity, "redeemed_on": "2025-04-15"})
    sums_up(quote)
    assert quote["redemption"] == plan["instalments"][2]["balance"]
    assert quote["instalments"][-1]["interest"] == plan["instalments"][2]["interest"]


def test_retained_interest_not_yet_earned_is_given_back() -> None:
    plan = ask(**bullet(interest_mode="retained"))
    assert (plan["retained_interest"], plan["net_advance"], plan["redemption"]) == (
        "12000.00",
        "88000.00",
        "100000.00",
    )
    early = ask(**bullet(interest_mode="retained", redeemed_on="2025-04-25"))
    sums_up(early)
    # 12,000.00 was kept; 3,333.33 is earned by then.
    assert early["retained_interest"] == "12000.00"
    assert early["redemption"] == "91333.33"
    assert early["totals"]["interest"] == "3333.33"


def test_minimum_interest_is_charged_whatever_was_earned() -> None:
    for mode, redemption in (("retained", "94000.00"), ("rolled_up", "106000.00"), ("serviced", "103000.00")):
        quote = ask(**bullet(interest_mode=mode, redeemed_on="2025-04-15", minimum_interest_months=6))
        sums_up(quote)
        assert quote["redemption"] == redemption, mode
        assert quote["totals"]["interest"] == "6000.00"
    late = ask(**bullet(redeemed_on="2025-09-15", minimum_interest_months=6))
    assert late["totals"]["interest"] == "8000.00"


def test_minimum_interest_without_a_number_of_periods() -> None:
    body = bullet(periods=None, interest_mode="rolled_up", redeemed_on="2025-02-01", minimum_interest_months=3)
    quote = ask(**body)
    sums_up(quote)
    assert quote["redemption"] == "103000.00"
    compound = ask(**{**body, "compounding": "monthly"})
    assert compound["redemption"] == "103030.10"


def test_rolled_up_falls_due_in_one_sum() -> None:
    simple = ask(**bullet(interest_mode="rolled_up"))
    sums_up(simple)
    assert [(row["due_on"], row["total"]) for row in simple["instalments"]] == [("2026-01-15", "112000.00")]
    compound = ask(**bullet(interest_mode="rolled_up", compounding="monthly"))
    assert compound["redemption"] == "112682.50"  # 100,000 x 1.01^12 = 112,682.503...
    early = ask(**bullet(interest_mode="rolled_up", compounding="monthly", redeemed_on="2025-04-25"))
    # 1.01^3, then a third of a month on what has joined the base.
    assert early["redemption"] == "103373.53"  # 103,030.10 x (1 + 0.01 / 3) = 103,373.5336...


def test_mixed_interest_is_retained_then_serviced() -> None:
    quote = ask(**bullet(interest_mode="mixed", retained_months=4))
    sums_up(quote)
    assert quote["retained_interest"] == "4000.00"
    assert quote["net_advance"] == "96000.00"
    assert quote["redemption"] == "100000.00"
    early = ask(**bullet(interest_mode="mixed", retained_months=4, redeemed_on="2025-03-15"))
    assert early["redemption"] == "98000.00"
    later = ask(**bullet(interest_mode="mixed", retained_months=4, redeemed_on="2025-07-25"))
    assert later["redemption"] == "100322.58"  # 10 of 31 days


def test_fees_at_advance_and_at_redemption() -> None:
    fees = [
        {"kind": "arrangement", "percent": "2", "when": "advance"},
        {"kind": "legal", "amount": "750.00", "when": "advance"},
        {"kind": "exit", "percent": "1", "when": "redemption"},
    ]
    quote = ask(**bullet(fees=fees))
    assert quote["net_advance"] == "97250.00"
    assert quote["instalments"][-1]["fees"] == "1000.00"
    assert quote["redemption"] == "101000.00"
    assert quote["totals"]["fees"] == "3750.00"
    assert quote["totals"]["total"] == "115750.00"


def test_drawdowns_bear_interest_from_the_next_day_on() -> None:
    quote = ask(**bullet(periods=6, drawdowns=[{"on": "2025-03-15", "amount": "50000.00"}]))
    sums_up(quote)
    assert [row["interest"] for row in quote["instalments"]] == ["1000.00"] * 2 + ["1500.00"] * 4
    assert [advance["gross"] for advance in quote["advances"]] == ["100000.00", "50000.00"]
    assert quote["gross_loan"] == quote["totals"]["principal"] == "150000.00"
    middle = ask(**bullet(periods=6, drawdowns=[{"on": "2025-03-25", "amount": "31000.00"}]))
    # 21 of the 31 days to 15 April on the tranche: 210.00.
    assert middle["instalments"][2]["interest"] == "1210.00"


def test_an_annuity_after_a_drawdown_inside_a_period_is_level_to_the_end() -> None:
    """The published figures of ProgressiveEMICalculatorTest (apache/fineract): 37.53 from the period of the
    drawdown on, and 51.33 where it falls in the first period."""
    loan = {
        "principal": "100.00",
        "annual_rate": "9.4822",
        "repayment": "annuity",
        "interest_mode": "serviced",
        "periods": 6,
        "advanced_on": "2024-01-01",
    }
    later = ask(**loan, drawdowns=[{"on": "2024-02-15", "amount": "100.00"}])
    assert [row["total"] for row in later["instalments"]] == ["17.13"] + ["37.53"] * 5
    first = ask(**loan, drawdowns=[{"on": "2024-01-08", "amount": "200.00"}])
    assert [row["total"] for row in first["instalments"]][:5] == ["51.33"] * 5
    sums_up(first)


def test_each_tranche_retains_its_own_interest() -> None:
    body = bullet(interest_mode="retained", periods=6, drawdowns=[{"on": "2025-03-15", "amount": "50000.00"}])
    quote = ask(**body)
    sums_up(quote)
    assert quote["retained_interest"] == "8000.00"
    # The first advance keeps back its own six months, the tranche its four.
    assert [(part["net"], part["retained_interest"]) for part in quote["advances"]] == [
        ("94000.00", "6000.00"),
        ("48000.00", "2000.00"),
    ]
    assert quote["net_advance"] == "142000.00"
    assert quote["redemption"] == "150000.00"


def test_pauses_are_paused_once_and_keep_the_instalment() -> None:
    once = ask(**bullet(pauses=[{"from": "2025-03-01", "to": "2025-03-07"}]))
    twice = ask(
        **bullet(
            pauses=[{"from": "2025-03-01", "to": "2025-03-05"}, {"from": "2025-03-04", "to": "2025-03-07"}],
        )
    )
    assert once == twice
    assert once["instalments"][1]["interest"] == "750.00"  # 7 of the 28 days to 15 March
    whole = ask(**bullet(pauses=[{"from": "2025-01-16", "to": "2026-01-15"}]))
    assert whole["totals"]["interest"] == "0.00"
    outside = ask(
        **bullet(pauses=[{"from": "2024-01-01", "to": "2025-01-15"}, {"from": "2026-01-16", "to": "2027-01-01"}])
    )
    assert outside == ask(**bullet())


def test_a_planned_pause_needs_no_retained_interest() -> None:
    quote = ask(**bullet(interest_mode="retained", pauses=[{"from": "2025-01-16", "to": "2025-02-15"}]))
    assert quote["retained_interest"] == "11000.00"
    assert quote["redemption"] == "100000.00"


@pytest.mark.parametrize(
    ("rounding", "first", "last"),
    [
        ("cent", "17159.13", "17159.16"),
        ("whole_unit", "17159.00", "17159.84"),
        ("whole_unit_up", "17160.00", "17154.65"),
    ],
)
def test_instalment_rounding_moves_the_residue_to_the_last(rounding: str, first: str, last: str) -> None:
    loan = bullet(
        repayment="annuity", principal="98765.43", periods=6, monthly_rate="1.2", instalment_rounding=rounding
    )
    rows = ask(**loan)["instalments"]
    assert {row["total"] for row in rows[:-1]} == {first}
    assert rows[-1]["total"] == last


def test_whole_unit_up_never_rounds_down() -> None:
    loan = bullet(repayment="annuity", principal="1000.00", monthly_rate="0", periods=3)
    assert [row["total"] for row in ask(**loan, instalment_rounding="whole_unit")["instalments"]] == [
        "333.00",
        "333.00",
        "334.00",
    ]
    assert [row["total"] for row in ask(**loan, instalment_rounding="whole_unit_up")["instalments"]] == [
        "334.00",
        "334.00",
        "332.00",
    ]


def test_equal_principal() -> None:
    quote = ask(**bullet(repayment="equal_principal", principal="1000.00", periods=3))
    sums_up(quote)
    assert [row["total"] for row in quote["instalments"]] == ["343.33", "340.00", "336.67"]
    assert [row["principal"] for row in quote["instalments"]] == ["333.33", "333.33", "333.34"]


def test_month_ends_are_counted_from_the_advance() -> None:
    clamp = ask(**bullet(advanced_on="2025-01-31", periods=4))
    rolled = ask(**bullet(advanced_on="2025-01-31", periods=4, month_end="roll_forward"))
    assert [row["due_on"] for row in clamp["instalments"]] == ["2025-02-28", "2025-03-31", "2025-04-30", "2025-05-31"]
    assert [row["due_on"] for row in rolled["instalments"]] == ["2025-03-01", "2025-03-31", "2025-05-01", "2025-05-31"]
    assert {row["interest"] for row in rolled["instalments"]} == {"1000.00"}


def test_a_chosen_first_due_date() -> None:
    quote = ask(**bullet(first_due_on="2025-03-01", periods=3))
    assert [row["due_on"] for row in quote["instalments"]] == ["2025-03-01", "2025-04-01", "2025-05-01"]
    # A whole month and 14 of the 28 days of the next.
    assert [row["interest"] for row in quote["instalments"]] == ["1500.00", "1000.00", "1000.00"]
    usual = ask(**bullet(first_due_on="2025-02-15"))
    assert usual == ask(**bullet())


def test_apr_of_known_loans() -> None:
    """One payment after a year is its own rate; 1 % a month serviced is 1.01^12 - 1 but for the days of months."""
    year = ask(**bullet(interest_mode="rolled_up", monthly_rate=None, annual_rate="10"))
    assert year["apr"] == "10.0000"
    serviced = ask(**bullet())
    assert abs(float(serviced["apr"]) - 12.6825) < 0.01
    costly = ask(**bullet(fees=[{"kind": "arrangement", "percent": "2", "when": "advance"}]))
    assert float(costly["apr"]) > float(serviced["apr"]) + 2
    assert ask(**bullet(redeemed_on="2025-01-15"))["apr"] is None


def test_today_is_the_advance_unless_named() -> None:
    quote = ask(**bullet(advanced_on=None, periods=1))
    assert quote["instalments"][0]["due_on"] == "2026-04-02"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"principal": None}, "principal_or_net_advance"),
        ({"net_advance": "1.00"}, "principal_or_net_advance"),
        ({"annual_rate": "12"}, "annual_or_monthly_rate"),
        ({"monthly_rate": None}, "annual_or_monthly_rate"),
        ({"monthly_rate": "-1"}, "negative_rate"),
        ({"monthly_rate": "1e3"}, "malformed_rate"),
        ({"monthly_rate": "0.1234567"}, "malformed_rate"),
        ({"monthly_rate": "500"}, "rate_out_of_range"),
        ({"periods": None}, "periods_or_redeemed_on"),
        ({"periods": None, "redeemed_on": "2025-06-01", "repayment": "annuity"}, "periods_missing"),
        ({"principal": "0.00"}, "principal_not_positive"),
        ({"principal": None, "net_advance": "0.00"}, "principal_not_positive"),
        ({"redeemed_on": "2025-01-14"}, "redemption_before_advance"),
        ({"periods": None, "redeemed_on": "2025-01-14"}, "redemption_before_advance"),
        ({"redeemed_on": "2026-01-16"}, "redemption_after_maturity"),
        ({"periods": None, "redeemed_on": "2190-01-16"}, "periods_out_of_range"),
        ({"first_due_on": "2025-01-15"}, "first_due_before_advance"),
        ({"first_due_on": "2026-06-15"}, "first_due_before_advance"),
        ({"interest_mode": "retained", "repayment": "annuity"}, "interest_mode_needs_bullet"),
        ({"interest_mode": "rolled_up", "repayment": "equal_principal"}, "interest_mode_needs_bullet"),
        ({"compounding": "monthly"}, "compounding_needs_rolled_up"),
        ({"interest_mode": "mixed"}, "retained_months_out_of_range"),
        ({"interest_mode": "mixed", "retained_months": 12}, "retained_months_out_of_range"),
        ({"retained_months": 3}, "retained_months_out_of_range"),
        ({"minimum_interest_months": 13}, "minimum_interest_exceeds_term"),
        ({"drawdowns": [{"on": "2025-01-14", "amount": "1.00"}]}, "drawdown_outside_term"),
        ({"drawdowns": [{"on": "2026-01-15", "amount": "1.00"}]}, "drawdown_outside_term"),
        ({"drawdowns": [{"on": "2025-05-01", "amount": "1.00"}], "redeemed_on": "2025-04-01"}, "drawdown_outside_term"),
        ({"drawdowns": [{"on": "2025-05-01", "amount": "0.00"}]}, "event_amount_not_positive"),
        ({"pauses": [{"from": "2025-03-02", "to": "2025-03-01"}]}, "pause_ends_before_it_starts"),
        ({"fees": [{"kind": "x", "when": "advance"}]}, "malformed_fee"),
        ({"fees": [{"kind": "x", "when": "advance", "amount": "1.00", "percent": "1"}]}, "malformed_fee"),
        ({"fees": [{"kind": "x", "when": "advance", "amount": "100000.00"}]}, "nothing_left_to_advance"),
        ({"interest_mode": "retained", "monthly_rate": "9"}, "nothing_left_to_advance"),
        (
            {"principal": None, "net_advance": "1.00", "interest_mode": "retained", "monthly_rate": "9"},
            "gross_up_impossible",
        ),
        ({"advanced_on": "1899-12-31"}, "date_out_of_range"),
        ({"pauses": [{"from": "2025-03-02", "to": "9999-12-31"}]}, "date_out_of_range"),
    ],
)
def test_impossible_terms_have_names(changes: dict[str, Any], code: str) -> None:
    with pytest.raises(HalfpennyError) as refused:
        ask(**bullet(**changes))
    assert refused.value.code == code
    assert refused.value.kind == "malformed"


@pytest.mark.parametrize(
    "changes",
    [
        {"principal": 100000},
        {"principal": "100000.001"},
        {"principal": "-1.00"},
        {"monthly_rate": 1},
        {"periods": "12"},
        {"periods": 12.0},
        {"periods": True},
        {"periods": 0},
        {"periods": 361},
        {"currency": "XXX"},
        {"repayment": "balloon"},
        {"interest_mode": None},
        {"day_count": "ACT_364"},
        {"advanced_on": "2025-02-30"},
        {"advanced_on": 20250101},
        {"note": "hello"},
        {"fees": [{"kind": "x", "when": "never", "amount": "1.00"}]},
        {"fees": [{"kind": "x", "when": "advance", "amount": "1.00", "note": ""}]},
        {"pauses": [{"from": "2025-03-02"}]},
        {"drawdowns": [{"on": "2025-05-01", "amount": 1}]},
        {"drawdowns": [{"on": "2025-05-01", "amount": "1.00"}] * 25},
        {"minimum_interest_months": -1},
    ],
)
def test_bodies_are_strict(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ask(**bullet(**changes))


def test_a_redemption_after_maturity_is_named_before_what_lies_between() -> None:
    body = bullet(redeemed_on="2026-03-01", drawdowns=[{"on": "2026-02-01", "amount": "1.00"}])
    with pytest.raises(HalfpennyError) as refused:
        ask(**body)
    assert (refused.value.code, refused.value.kind) == ("redemption_after_maturity", "malformed")


def test_an_absurd_apr_is_not_shown() -> None:
    fees = [{"kind": "exit", "amount": "2.50", "when": "redemption"}]
    quote = ask(**bullet(principal="0.01", periods=1, fees=fees))
    assert quote["apr"] is None
    assert quote["redemption"] == "2.51"


def test_the_cents_of_a_gross_up_never_make_interest_negative() -> None:
    """On loans of a few euros a month's interest is a cent: the residue of rounding can be more."""
    for net, rate in (("1.00", "7.25"), ("3.00", "0.5"), ("0.07", "11")):
        body = bullet(principal=None, net_advance=net, monthly_rate=None, annual_rate=rate, interest_mode="retained")
        quote = ask(**body)
        sums_up(quote)
        assert not [row for row in quote["instalments"] if row["interest"].startswith("-")]
        assert abs(parse_minor(quote["net_advance"]) - parse_minor(net)) <= 6
