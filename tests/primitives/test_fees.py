"""Fees of an offer: every kind is whole, and what is charged is what was set."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from halfpenny.primitives.fees import FeeKind, FeeTime, OfferedFee, offered_fees

percents = st.decimals(0, 50, places=6)


@pytest.mark.parametrize("kind", FeeKind)
def test_every_kind_of_fee_is_whole(kind: FeeKind) -> None:
    assert FeeKind(kind.value) is kind
    assert kind.when in FeeTime and 0 <= kind.usual_percent <= 50
    assert kind.english and kind.polish and kind.english != kind.polish


@given(st.dictionaries(st.sampled_from(FeeKind), percents))
def test_a_fee_is_offered_once_and_only_where_something_is_charged(named: dict[FeeKind, Decimal]) -> None:
    found = {fee.kind: fee.percent for fee in offered_fees(named)}
    assert len(found) == len(offered_fees(named))
    for kind in FeeKind:
        assert found.get(kind, Decimal(0)) == named.get(kind, kind.usual_percent)


@given(st.sampled_from(FeeKind), percents, st.integers(1, 10**12))
def test_a_fee_is_the_nearest_cent_and_never_more_than_its_share(kind: FeeKind, percent: Decimal, minor: int) -> None:
    charged = OfferedFee(kind, percent).charge_minor(minor)
    assert abs(charged - minor * percent / 100) <= Decimal("0.5")
