"""Whatever is asked, a quote adds up or is refused by a name: never a crash, never a negative amount."""

from __future__ import annotations

from datetime import date
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from halfpenny.primitives.errors import HalfpennyError
from halfpenny.primitives.money import MAX_MINOR, format_minor, parse_minor
from support.quotes import ask

amounts = st.one_of(st.integers(0, 500), st.integers(0, 10**9), st.integers(0, MAX_MINOR)).map(format_minor)
rates = st.integers(0, 40_000_000).map(lambda millionths: f"{millionths / 10**6:.6f}")
dates = st.dates().map(lambda day: day.isoformat())
near = st.dates(date(2024, 1, 1), date(2026, 12, 31)).map(lambda day: day.isoformat())
some_dates = st.one_of(near, near, near, dates)
fees = st.fixed_dictionaries(
    {"kind": st.just("fee"), "when": st.sampled_from(["advance", "redemption"])},
    optional={"amount": amounts, "percent": rates},
)
bodies = st.fixed_dictionaries(
    {
        "repayment": st.sampled_from(["bullet", "bullet", "annuity", "equal_principal"]),
        "interest_mode": st.sampled_from(["serviced", "retained", "rolled_up", "mixed"]),
        "advanced_on": st.one_of(st.just("2024-01-31"), some_dates),
        "monthly_rate": rates,
        "periods": st.integers(1, 30),
        "day_count": st.sampled_from(["ACT_365F", "ACT_360", "ACT_ACT", "THIRTY_360"]),
    },
    optional={
        "redeemed_on": some_dates,
        "first_due_on": some_dates,
        "month_end": st.sampled_from(["clamp", "roll_forward"]),
        "instalment_rounding": st.sampled_from(["cent", "whole_unit", "whole_unit_up"]),
        "compounding": st.sampled_from(["none", "monthly"]),
        "retained_months": st.integers(0, 4),
        "minimum_interest_months": st.integers(0, 12),
        "drawdowns": st.lists(st.fixed_dictionaries({"on": some_dates, "amount": amounts}), max_size=2),
        "pauses": st.lists(st.fixed_dictionaries({"from": some_dates, "to": some_dates}), max_size=2),
        "fees": st.lists(fees, max_size=3),
    },
)


@settings(max_examples=400)
@given(bodies, st.sampled_from(["principal", "principal", "net_advance"]), amounts)
def test_any_body_adds_up_or_is_refused_by_name(body: dict[str, Any], size: str, amount: str) -> None:
    try:
        quote = ask(**body, **{size: amount})
    except HalfpennyError as refused:
        assert refused.kind == "malformed"
        assert refused.code != "malformed"
        return
    rows = quote["instalments"]
    for name in ("principal", "interest"):
        cents = [int(row[name].replace(".", "")) for row in rows]
        assert min(cents) >= 0
        assert sum(cents) == int(quote["totals"][name].replace(".", ""))
    assert rows[-1]["balance"] == "0.00"
    assert quote["gross_loan"] == quote["totals"]["principal"]
    assert quote[{"principal": "gross_loan", "net_advance": "net_advance"}[size]] == (
        amount if size == "net_advance" else quote["gross_loan"]
    )
    for whole in (quote, *quote["advances"]):
        names = ("net_advance", "gross_loan") if whole is quote else ("net", "gross")
        net, fees, retained, gross = (
            parse_minor(whole[name]) for name in (names[0], "fees", "retained_interest", names[1])
        )
        assert net + fees + retained == gross
    for total, part in (("gross_loan", "gross"), ("net_advance", "net"), ("fees", "fees")):
        assert parse_minor(quote[total]) == sum(parse_minor(advance[part]) for advance in quote["advances"])
    if body["repayment"] != "bullet":
        assert min(parse_minor(row["total"]) for row in rows) > 0
