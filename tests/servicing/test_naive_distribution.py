"""The naive reference of sharing out holds to its rules: the parts add up, ties go by position id, and more.

Nobody gets more or less than their stake.
"""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from halfpenny.primitives.rate import Rate
from halfpenny.servicing.model.flows import Distributable
from support.naive_distribution import Holding, principal_days, share_loss, share_out, withholding_minor

stakes = st.lists(st.integers(1, 10**7), min_size=1, max_size=40)


def holdings(amounts: list[int], days: int = 30) -> list[Holding]:
    return [Holding(UUID(int=place + 1), amount, amount * days) for place, amount in enumerate(amounts)]


def pot(principal: int = 0, interest: int = 0, default_interest: int = 0) -> Distributable:
    return Distributable(principal, interest, default_interest, 0, 0, 0)


@given(stakes, st.data())
def test_shares_add_up_to_the_pot(amounts: list[int], data: st.DataObject) -> None:
    principal = data.draw(st.integers(0, sum(amounts)))
    interest = data.draw(st.integers(0, 10**8))
    default_interest = data.draw(st.integers(0, 10**8))
    shares = share_out(pot(principal, interest, default_interest), holdings(amounts))
    assert sum(share.principal for share in shares) == principal
    assert sum(share.interest for share in shares) == interest
    assert sum(share.default_interest for share in shares) == default_interest
    assert [share.position_id.int for share in shares] == list(range(1, len(amounts) + 1))
    # Largest remainder is within one cent of the exact share.
    for share, amount in zip(shares, amounts, strict=True):
        assert abs(share.principal * sum(amounts) - principal * amount) < sum(amounts)


@given(stakes, st.lists(st.integers(0, 99), max_size=8))
def test_after_redemption_every_position_has_its_stake(amounts: list[int], parts_percent: list[int]) -> None:
    """However the principal comes in, the last distribution leaves nobody a cent short or over."""
    outstanding = list(amounts)
    for percent in parts_percent:
        shares = share_out(pot(sum(outstanding) * percent // 100), holdings(outstanding))
        outstanding = [left - share.principal for left, share in zip(outstanding, shares, strict=True)]
        assert min(outstanding) >= 0
    last = share_out(pot(sum(outstanding)), holdings(outstanding))
    assert [share.principal for share in last] == outstanding


@given(stakes, st.randoms())
def test_the_order_of_holdings_does_not_matter(amounts: list[int], random_: object) -> None:
    shuffled = holdings(amounts)
    random_.shuffle(shuffled)  # type: ignore[attr-defined]
    assert share_out(pot(interest=99), shuffled) == share_out(pot(interest=99), holdings(amounts))


def test_ties_go_to_the_lower_position_id() -> None:
    shares = share_out(pot(principal=2), holdings([100, 100, 100]))
    assert [share.principal for share in shares] == [1, 1, 0]


def test_interest_goes_by_principal_times_days() -> None:
    """One held 100.00 for thirty days, the other 300.00 for ten: the same interest."""
    early, late = Holding(UUID(int=1), 10_000, 10_000 * 30), Holding(UUID(int=2), 30_000, 30_000 * 10)
    shares = share_out(pot(principal=40, interest=40), [late, early])
    assert [(share.principal, share.interest) for share in shares] == [(10, 20), (30, 20)]


def test_principal_days_follow_each_change() -> None:
    bought = date(2025, 1, 10)
    changes = [(bought, 10_000), (date(2025, 1, 20), 4_000), (date(2025, 2, 9), 0)]
    assert principal_days(changes, date(2025, 1, 1), date(2025, 2, 28)) == 10_000 * 10 + 4_000 * 20
    assert principal_days(changes, date(2025, 1, 15), date(2025, 1, 25)) == 10_000 * 5 + 4_000 * 5
    assert principal_days(changes, date(2024, 1, 1), date(2025, 1, 5)) == 0


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(0, 10**6)), max_size=6), st.integers(0, 300))
def test_principal_days_add_up(changes: list[tuple[int, int]], middle: int) -> None:
    first = date(2025, 1, 1)
    history = [(first + timedelta(days=day), amount) for day, amount in sorted(changes)]
    cut, last = first + timedelta(days=middle), first + timedelta(days=300)
    whole = principal_days(history, first, last)
    assert principal_days(history, first, cut) + principal_days(history, cut, last) == whole


def test_a_distribution_without_holders_is_refused() -> None:
    for holders in ([], [Holding(UUID(int=1), 0, 0)]):
        for what in (pot(principal=1), pot(interest=1), pot(default_interest=1)):
            with pytest.raises(ValueError, match="nobody holds"):
                share_out(what, holders)
    assert share_out(pot(), []) == ()


def test_interest_of_a_loan_redeemed_on_its_first_day_goes_by_principal() -> None:
    shares = share_out(pot(interest=4), [Holding(UUID(int=1), 100, 0), Holding(UUID(int=2), 300, 0)])
    assert [share.interest for share in shares] == [1, 3]


def test_interest_that_follows_the_last_principal_goes_by_stake() -> None:
    redeemed = [Holding(UUID(int=1), 0, 0, stake=100), Holding(UUID(int=2), 0, 0, stake=300)]
    shares = share_out(pot(interest=4, default_interest=8), redeemed)
    assert [(share.interest, share.default_interest) for share in shares] == [(1, 2), (3, 6)]
    with pytest.raises(ValueError, match="nobody holds"):
        share_out(pot(principal=1), redeemed)


@given(stakes, st.data())
def test_losses_are_shared_as_principal_would_have_been(amounts: list[int], data: st.DataObject) -> None:
    lost = data.draw(st.integers(0, sum(amounts)))
    losses = share_loss(lost, holdings(amounts))
    shares = share_out(pot(principal=lost), holdings(amounts))
    assert [part for _, part in losses] == [share.principal for share in shares]
    assert all(part <= amount for (_, part), amount in zip(losses, amounts, strict=True))


def test_withholding_at_nineteen_percent() -> None:
    tax = Rate.parse_annual("19")
    assert [withholding_minor(minor, tax) for minor in (0, 1, 100, 1_050, 250)] == [0, 0, 19, 200, 48]
