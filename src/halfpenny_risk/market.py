"""Market models: the automated valuation of one place, as a plug-in made of two artefacts.

``avm_<market>.json`` holds what the market is and how it was calibrated; ``avm_<market>.npz`` holds its trees
and its sales.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cached_property
from typing import Any

import msgspec
import numpy as np

from halfpenny_messages import Condition
from halfpenny_risk.application import Application
from halfpenny_risk.artefacts import ArtefactFolder
from halfpenny_risk.errors import BadArtefact
from halfpenny_risk.market_features import (
    DAYS_A_MONTH,
    NEAREST,
    PREVIOUS_AFTER_DAYS,
    WIDE,
    Attributes,
    Ints,
    Neighbours,
    Sales,
    feature_names,
    feature_rows,
    hedonic_design,
    nearest,
    plane_of,
)
from halfpenny_risk.normal import Floats
from halfpenny_risk.policy import Policy
from halfpenny_risk.trees import ObliviousTrees
from halfpenny_risk.valuation import NORMAL_90, ComparableSale, ModelValue

PREFIX = "avm_"
SQUARE_METRES_PER_SQUARE_FOOT = 0.09290304
SHOWN_COMPARABLES = 6
DAYS_A_YEAR = 365.25
# A sale this near, of a home this alike in size, is a sale of the same home.
SAME_HOME_KM, SAME_HOME_LOG_AREA = 0.01, 0.03
# What an assessor's grade of construction is in an application's words.
GRADE_OF_CONDITION = {
    Condition.POOR: 5.0,
    Condition.FAIR: 6.0,
    Condition.AVERAGE: 7.0,
    Condition.GOOD: 8.0,
    Condition.EXCELLENT: 10.0,
}


class MarketSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a market is. Distances are in km, areas of the data in square feet; ``last_day`` is the last sale's.

    ``conformal``: the multiples of the predicted error that covered 90 % of the calibration sales, one for each segment
    of that error (parted at ``segment_edges``), when the attributes were known and when some had to be assumed.
    """

    name: str
    country: str
    currency: str
    centre: tuple[float, float]
    epoch: date
    last_day: date
    reach_km: float
    kinds: dict[str, float]
    attributes: tuple[str, ...]
    similarity: dict[str, float]
    volatility: float
    drift: float
    segment_edges: tuple[float, ...]
    conformal: tuple[float, ...]
    conformal_assumed: tuple[float, ...]
    least_error: float


@dataclass(frozen=True)
class MarketModel:
    """A trained market: hedonic regression, residual trees, error trees, and the sales to compare with."""

    spec: MarketSpec
    version: str
    hedonic: Floats
    zone: Ints
    residual_trees: ObliviousTrees
    error_trees: ObliviousTrees
    sales: Sales
    price: Floats

    @property
    def name(self) -> str:
        return self.spec.name

    @cached_property
    def _ground(self) -> Floats:
        return self.sales.homes.ground_plane()

    @cached_property
    def _similar(self) -> Floats:
        return self.sales.homes.similarity_plane(self.spec.similarity)

    def value(self, application: Application, policy: Policy) -> ModelValue | None:
        """The value in the loan's currency, carried on to today by the market's index (``Policy.market_indices``).

        The interval is widened by the index's volatility over all the time since the last sale that the model knows.

        None where the property is not of this market: another country or kind, no position, no size, or too far
        from the nearest sales.
        """
        spec = self.spec
        index = policy.market_indices.get(spec.name)
        rate = self._rate(application, policy)
        if (
            index is None
            or rate is None
            or application.lat is None
            or application.lon is None
            or application.area_m2 is None
        ):
            return None
        detached = spec.kinds.get(application.kind)
        if detached is None or application.country != spec.country:
            return None
        x, y = plane_of(application.lat, application.lon, spec.centre)
        here = np.array([[float(x), float(y)]])
        near = nearest(self._ground, here, WIDE)
        if near.distance[0, NEAREST - 1] > spec.reach_km:
            return None
        subject, previous, assumed = self._subject(application, detached, here, near)
        log_usd, error = self.estimate(subject, previous)
        for better in self._better(application, subject):
            # A home in a worse condition is worth no more, and no surer, than the trees find it in a better one.
            other, other_error = self.estimate(better, previous)
            log_usd, error = min(log_usd, other), max(error, other_error)
        multiples = spec.conformal_assumed if assumed else spec.conformal
        width = error * multiples[int(np.searchsorted(spec.segment_edges, error))]
        index_as_of, level = index.at(application.applied_on)
        rate *= level
        years = max(0, (application.applied_on - spec.last_day).days) / DAYS_A_YEAR
        width = math.hypot(width, NORMAL_90 * spec.volatility * math.sqrt(years))
        middle = math.exp(log_usd) * rate
        return ModelValue(
            market=spec.name,
            value=middle,
            low=middle * math.exp(-width),
            high=middle * math.exp(width),
            volatility=spec.volatility,
            comparables=self._comparables(subject, rate, rate / level, application.applied_on),
            assumed=assumed,
            as_of=spec.last_day,
            index_as_of=index_as_of,
            index_level=level,
            index_name=index.name,
        )

    def _better(self, application: Application, subject: Attributes) -> Iterator[Attributes]:
        """The same home in each better condition, where its condition is stated and not the register's."""
        if "grade" not in subject.names:
            return
        grade = subject.names.index("grade")
        if subject.values[0, grade] != GRADE_OF_CONDITION[application.condition or Condition.POOR]:
            return
        for better in sorted(value for value in GRADE_OF_CONDITION.values() if value > subject.values[0, grade]):
            values = subject.values.copy()
            values[0, grade] = better
            yield replace(subject, values=values)

    def estimate(self, subject: Attributes, previous: Neighbours) -> tuple[float, float]:
        """Log price in the data's currency on the day after the last sale, and its predicted absolute error in logs."""
        here = subject.ground_plane()
        wide = nearest(self._ground, here, WIDE)
        near = Neighbours(wide.index[:, :NEAREST], wide.distance[:, :NEAREST], wide.good[:, :NEAREST])
        similar = nearest(self._similar, subject.similarity_plane(self.spec.similarity), NEAREST)
        zone = self.zone[near.index[:, 0]]
        zones = int(self.zone.max()) + 1
        hedonic = self.hedonic[0] + hedonic_design(subject, zone, zones) @ self.hedonic[1:]
        day = np.array([float((self.spec.last_day - self.spec.epoch).days + 1)])
        rows = feature_rows(subject, day, hedonic, self.sales, near, similar, wide, previous)
        value = float(hedonic[0] + self.residual_trees.predict(rows)[0])
        error = float(self.error_trees.predict(rows)[0])
        return value, max(error, self.spec.least_error)

    def _rate(self, application: Application, policy: Policy) -> float | None:
        """Loan currency for one unit of the data's; None where the policy does not know the data's currency.

        Raises UnknownCurrency for the loan's.
        """
        if self.spec.currency not in policy.exchange_rates:
            return None
        return policy.units_per_euro(application.currency) / policy.units_per_euro(self.spec.currency)

    def _subject(
        self, application: Application, detached: float, here: Floats, near: Neighbours
    ) -> tuple[Attributes, Neighbours, tuple[str, ...]]:
        """The home as a row of attributes: what was applied with, then the register, then what its neighbours have."""
        area = math.log((application.area_m2 or 1.0) / SQUARE_METRES_PER_SQUARE_FOOT)
        homes = self.sales.homes
        candidates = near.index[0]
        same = (near.distance[0] < SAME_HOME_KM) & (
            np.abs(homes.column("log_area")[candidates] - area) < SAME_HOME_LOG_AREA
        )
        own = candidates[same]
        # The latest sale of this very home, if it was ever sold, has the register's attributes.
        last = own[np.argmax(self.sales.day[own])] if len(own) else None
        days = float((self.spec.last_day - self.spec.epoch).days + 1)
        older = own[self.sales.day[own] <= days - PREVIOUS_AFTER_DAYS]
        paid = older[np.argmax(self.sales.day[older])] if len(older) else None
        previous = Neighbours(
            np.array([[0 if paid is None else paid]]), np.zeros((1, 1)), np.array([[paid is not None]])
        )
        known: dict[str, float] = {"log_area": area, "detached": detached}
        if application.beds is not None:
            known["beds"] = float(application.beds)
        if application.year_built is not None:
            age = max(0.0, float(self.spec.last_day.year - application.year_built))
            known["age"] = age
        values, assumed = [], []
        for name in homes.names:
            column = homes.column(name)
            if name in known:
                values.append(known[name])
            elif last is not None:
                values.append(float(column[last]))
            elif name == "grade":
                # What nobody states is no better than the worst of what could be stated.
                values.append(GRADE_OF_CONDITION[application.condition or Condition.POOR])
                if application.condition is None:
                    assumed.append(name)
            else:
                values.append(float(np.median(column[candidates[:NEAREST]])))
                assumed.append(name)
        return Attributes(homes.names, np.array([values]), here[:, 0], here[:, 1]), previous, tuple(assumed)

    def _comparables(
        self, subject: Attributes, rate_today: float, rate_then: float, today: date
    ) -> tuple[ComparableSale, ...]:
        """The most similar sales, each price brought to the subject by the hedonic regression and the index.

        Prices are at ``rate_then``, adjusted ones at ``rate_today``; ages count from ``today``.
        """
        spec, sales = self.spec, self.sales
        similar = nearest(self._similar, subject.similarity_plane(spec.similarity), SHOWN_COMPARABLES)
        zones = int(self.zone.max()) + 1
        zone = self.zone[nearest(self._ground, subject.ground_plane(), 1).index[:, 0]]
        hedonic = float((self.hedonic[0] + hedonic_design(subject, zone, zones) @ self.hedonic[1:])[0])
        found = []
        for place, index in enumerate(similar.index[0]):
            x, y = sales.homes.x_km[index], sales.homes.y_km[index]
            sold_on = spec.epoch + timedelta(days=int(sales.day[index]))
            age = self._known(index, "age")
            beds = self._known(index, "beds")
            found.append(
                ComparableSale(
                    id=f"{spec.name}-{index}",
                    distance_m=1000.0 * math.hypot(x - subject.x_km[0], y - subject.y_km[0]),
                    age_months=(today - sold_on).days / DAYS_A_MONTH,
                    similarity=math.exp(-float(similar.distance[0, place]) / 3.0),
                    price=float(self.price[index]) * rate_then,
                    adjusted_price=math.exp(hedonic + float(sales.residual[index])) * rate_today,
                    sold_on=sold_on,
                    area_m2=math.exp(sales.homes.column("log_area")[index]) * SQUARE_METRES_PER_SQUARE_FOOT,
                    beds=None if beds is None else int(beds),
                    year_built=None if age is None else sold_on.year - int(age),
                )
            )
        return tuple(found)

    def _known(self, index: int, name: str) -> float | None:
        return float(self.sales.homes.column(name)[index]) if name in self.spec.attributes else None


def load_markets(artefacts: ArtefactFolder) -> tuple[MarketModel, ...]:
    """Every market model among the artefacts."""
    names = sorted(name for name in artefacts.hashes if name.startswith(PREFIX) and name.endswith(".npz"))
    return tuple(load_market(artefacts, name.removesuffix(".npz")) for name in names)


def load_market(artefacts: ArtefactFolder, stem: str) -> MarketModel:
    """One market model; raises ``BadArtefact``."""
    try:
        spec = msgspec.json.decode(artefacts.read(f"{stem}.json"), type=MarketSpec)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise BadArtefact(f"{stem}.json: {error}") from None
    if not len(spec.conformal) == len(spec.conformal_assumed) == len(spec.segment_edges) + 1:
        raise BadArtefact(f"{stem}.json needs one multiple for each segment")
    arrays = artefacts.arrays(f"{stem}.npz")
    try:
        homes = Attributes(
            spec.attributes,
            arrays["homes"].astype(np.float64),
            arrays["x_km"].astype(np.float64),
            arrays["y_km"].astype(np.float64),
        )
        sales = Sales(
            homes,
            arrays["day"].astype(np.float64),
            arrays["level"].astype(np.float64),
            arrays["residual"].astype(np.float64),
        )
        features = feature_names(spec.attributes)
        return MarketModel(
            spec=spec,
            version=f"{stem}-{artefacts.version_of(f'{stem}.npz')}",
            hedonic=arrays["hedonic"],
            zone=arrays["zone"].astype(np.int64),
            residual_trees=trees_from_arrays(arrays, "value", features),
            error_trees=trees_from_arrays(arrays, "error", features),
            sales=sales,
            price=arrays["price"].astype(np.float64),
        )
    except (KeyError, IndexError) as error:
        raise BadArtefact(f"{stem}.npz lacks {error}") from None


def trees_from_arrays(arrays: dict[str, Any], prefix: str, features: tuple[str, ...]) -> ObliviousTrees:
    """The trees kept as arrays under a prefix."""
    leaves = arrays[f"{prefix}_leaves"].astype(np.float64)
    feature = arrays[f"{prefix}_feature"].astype(np.int32)
    if feature.size and feature.max() >= len(features):
        raise BadArtefact(f"the {prefix} trees ask about a feature that is not computed")
    return ObliviousTrees(
        features, feature, arrays[f"{prefix}_border"], leaves, np.ones_like(leaves), float(arrays[f"{prefix}_bias"])
    )


def trees_to_arrays(trees: ObliviousTrees, prefix: str) -> dict[str, Any]:
    """The same trees as arrays; covers are left out, since nobody asks a valuation for Shapley values."""
    return {
        f"{prefix}_feature": trees.split_feature.astype(np.int16),
        f"{prefix}_border": trees.split_border,
        f"{prefix}_leaves": trees.leaves,
        f"{prefix}_bias": np.array(trees.bias),
    }
