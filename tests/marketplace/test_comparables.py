"""What the public sees of comparables: figures that name no sale, so that the sales cannot name the property."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from halfpenny.marketplace.assessments import assessment_document
from halfpenny.marketplace.assessments.model import DISTANCE_STEP_M, PRICE_STEP
from halfpenny_messages import LoanAssessed, PropertyKind, to_builtins
from halfpenny_messages.assessed import Comparable
from halfpenny_risk.artefacts import DEFAULT_FOLDER, ArtefactFolder
from halfpenny_risk.assess import assess
from halfpenny_risk.market import MarketModel, load_market
from halfpenny_risk.models import load_models
from halfpenny_risk.policy import load_policies
from marketplace.test_assessments import SALE, current, kept, whole
from support.risk_applications import changed

SEED_FILE = Path(__file__).parents[2] / "src" / "halfpenny_demo" / "seeding" / "properties.json"
# Every so manieth sale of the market stands for the homes that an address could be one of.
HOME_STEP: Final = 100
SHOWN: Final = {"distance_m", "adjusted_price", "sold_on"}


def public_and_staff(*sales: dict[str, Any]) -> tuple[list[Any], list[Any]]:
    """The comparables of an answer with these sales, as the public and as staff see them."""
    answered = kept(whole(UUID(int=1), 3))
    answered["valuation"]["comparables"] = list(sales)
    document = assessment_document(replace(current(), answer=answered))
    return document["shared"]["valuation"]["comparables"], document["staff"]["valuation"]["comparables"]


def two(values: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(values, min_size=2, max_size=2, unique=True)


@st.composite
def twins(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any]]:
    """Two sales that differ in every field: in distance, year and adjusted price within a step of what is shown."""
    amounts = two(st.integers(1, 10**9).map("{}.00".format))
    both: dict[str, list[Any]] = {
        "id": draw(two(st.text("0123456789", min_size=1).map("lucas-{}".format))),
        "age_months": draw(two(st.integers(0, 400))),
        "similarity": draw(two(st.decimals("0.001", 1, places=3).map(str))),
        "price": draw(amounts),
        "area_m2": draw(two(st.decimals(10, 900, places=1).map(str))),
        "beds": draw(two(st.none() | st.integers(0, 12))),
        "year_built": draw(two(st.none() | st.integers(1850, 2026))),
    }
    steps = draw(st.integers(0, 20)) * DISTANCE_STEP_M
    # The first step begins at 0: an earlier sale of the property itself.
    within = st.integers(1 if steps else 0, DISTANCE_STEP_M)
    both["distance_m"] = [steps + metres for metres in draw(two(within))]
    thousands = draw(st.integers(1, 90_000)) * PRICE_STEP
    both["adjusted_price"] = [f"{thousands + units}.00" for units in draw(two(st.integers(-499, 499)))]
    first = date(draw(st.integers(1990, 2026)), 1, 1)
    both["sold_on"] = [(first + timedelta(days=day)).isoformat() for day in draw(two(st.integers(0, 364)))]
    one, other = ({name: values[place] for name, values in both.items()} for place in (0, 1))
    return one, other


@given(twins())
def test_no_field_of_a_sale_follows_from_what_the_public_sees_of_it(
    pair: tuple[dict[str, Any], dict[str, Any]],
) -> None:
    # A field that is added to comparables needs twins here, or it could be shown as it is.
    assert set(pair[0]) == set(Comparable.__struct_fields__)
    assert all(pair[0][name] != pair[1][name] for name in pair[0])
    ([one], [exact]), ([other], [different]) = public_and_staff(pair[0]), public_and_staff(pair[1])
    assert one == other
    assert one.keys() == exact.keys()
    assert all(exact[name] != different[name] for name in exact)
    assert {name for name, shown in one.items() if shown is not None} == SHOWN
    price, distance = Decimal(one["adjusted_price"]["amount"]), one["distance_m"]
    assert price % PRICE_STEP == 0 and abs(price - Decimal(pair[0]["adjusted_price"])) <= PRICE_STEP / 2
    assert distance % DISTANCE_STEP_M == 0 and 0 <= distance - pair[0]["distance_m"] <= DISTANCE_STEP_M


@given(st.permutations(range(6)))
def test_the_order_of_comparables_does_not_show_the_public_which_is_the_most_similar(order: list[int]) -> None:
    sales = [SALE | {"id": str(n), "adjusted_price": f"{400 + n}000.00", "sold_on": f"201{n // 2}-05-0{n + 1}"}
             for n in order]  # fmt: skip
    public, staff = public_and_staff(*sales)
    assert [sale["sold_on"] for sale in public] == ["2012", "2012", "2011", "2011", "2010", "2010"]
    assert [sale["adjusted_price"]["amount"] for sale in public] == [f"{400 + n}000.00" for n in (4, 5, 2, 3, 0, 1)]
    assert [sale["id"] for sale in staff] == [str(n) for n in order]


def steps_of(distance_m: Any) -> Any:
    return np.maximum(np.ceil(distance_m / DISTANCE_STEP_M), 1)


class Register:
    """Everything that was sold in a market, with its day, price and place: what anybody can look up."""

    def __init__(self, market: MarketModel) -> None:
        homes, spec = market.sales.homes, market.spec
        days = [spec.epoch + timedelta(days=int(day)) for day in market.sales.day]
        self.sold_on = np.array([day.isoformat() for day in days])
        self.price = market.price
        distance_km = np.hypot(
            homes.x_km[::HOME_STEP, None] - homes.x_km[None, :], homes.y_km[::HOME_STEP, None] - homes.y_km[None, :]
        )
        self.steps = steps_of(1000.0 * distance_km)

    def homes_that_fit(self, shown: list[Any]) -> float:
        """The share of homes that have, for each comparable, a sale like it as far away as it says."""
        fits = np.ones(len(self.steps), bool)
        for sale in shown:
            like = np.char.startswith(self.sold_on, sale["sold_on"])
            if sale["price"] is not None:
                like &= np.abs(self.price - float(sale["price"]["amount"])) < 1.0
            fits &= (self.steps[:, like] == steps_of(sale["distance_m"])).any(axis=1)
        return float(fits.mean())


@pytest.fixture(scope="module")
def register() -> Register:
    return Register(load_market(ArtefactFolder.open(DEFAULT_FOLDER), "avm_seattle"))


def assessed(item: dict[str, Any]) -> LoanAssessed:
    names = ("lat", "lon", "area_m2", "beds", "year_built")
    stated = {name: item[name] for name in names} | {"kind": PropertyKind(item["kind"]), "currency": "USD"}
    return assess(UUID(int=1), changed(**stated), load_models("champion"), load_policies())


def test_the_register_of_sales_does_not_find_the_property(register: Register) -> None:
    for item in json.loads(SEED_FILE.read_text(encoding="utf-8"))[::5]:
        sales = to_builtins(assessed(item).valuation.comparables)
        assert len(sales) == 6
        public, staff = public_and_staff(*sales)
        # The control: the same search finds the neighbourhood once the sales are named.
        assert register.homes_that_fit(staff) < 0.02
        assert register.homes_that_fit(public) > 0.9
