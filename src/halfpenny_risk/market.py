"""Market models: the automated valuation of one place, as a plug-in made of two artefacts.

``avm_<market>.json`` holds what the market is and how it was calibrated; ``avm_<market>.npz`` holds its trees
and its sales.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
# What an attribute that is not known may be: each of the market's values, or these quantiles of more than so many.
MOST_DISTINCT = 200
QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
# Attributes that every application for a dwelling states. Of a home without one of them the model is no surer than
# anybody's word: half of an interval in logs, wider than that of every source in the policy.
STATED = frozenset({"log_area", "beds", "age"})
UNKNOWN_WIDTH = NORMAL_90
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

        None where the property is not of this market: another country or kind, no position, or too far from the nearest
        sales.
        """
        spec = self.spec
        index = policy.market_indices.get(spec.name)
        rate = self._rate(application, policy)
        if index is None or rate is None or application.lat is None or application.lon is None:
            return None
        detached = spec.kinds.get(application.kind)
        if detached is None or application.country != spec.country:
            return None
        x, y = plane_of(application.lat, application.lon, spec.centre)
        here = np.array([[float(x), float(y)]])
        near = nearest(self._ground, here, WIDE)
        if near.distance[0, NEAREST - 1] > spec.reach_km:
            return None
        subject, previous, assumed, others = self._subject(application, detached, here, near)
        log_usd, width = self._least_sure(subject, previous, others, assumed=bool(assumed))
        if STATED & set(assumed):
            width = max(width, UNKNOWN_WIDTH)
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

    def _least_sure(
        self, subject: Attributes, previous: Neighbours, others: Mapping[str, Sequence[float]], *, assumed: bool
    ) -> tuple[float, float]:
        """The lowest estimate and the widest interval (half of it, in logs) of the home as stated and with ``others``.

        What makes a home no better, or is not known of it, makes it worth no more and no surer. One attribute after the
        other, each beside the values of those before it that gave the lowest estimate.
        """
        values, errors = self.estimates(subject, previous)
        lowest, widest = float(values[0]), self._width(float(errors[0]), assumed=assumed)
        for name, others_of in others.items():
            if not others_of:
                continue
            variants = _with(subject, name, others_of)
            values, errors = self.estimates(variants, previous)
            widest = max(widest, *(self._width(error, assumed=assumed) for error in errors.tolist()))
            least = int(np.argmin(values))
            if values[least] < lowest:
                lowest, subject = float(values[least]), variants.rows(np.array([least]))
        return lowest, widest

    def _width(self, error: float, *, assumed: bool) -> float:
        """Half of the 90 % interval, in logs, for a predicted error: wider where attributes had to be assumed."""
        multiples = self.spec.conformal_assumed if assumed else self.spec.conformal
        return error * multiples[int(np.searchsorted(self.spec.segment_edges, error))]

    def estimates(self, subjects: Attributes, previous: Neighbours) -> tuple[Floats, Floats]:
        """Log prices in the data's currency on the day after the last sale, and their predicted absolute errors.

        The subjects are one home with different attributes: they stand at one place.
        """
        count = len(subjects.values)
        every = np.zeros(count, dtype=np.int64)
        wide = nearest(self._ground, subjects.ground_plane()[:1], WIDE).rows(every)
        near = Neighbours(wide.index[:, :NEAREST], wide.distance[:, :NEAREST], wide.good[:, :NEAREST])
        similar = nearest(self._similar, subjects.similarity_plane(self.spec.similarity), NEAREST)
        zone = self.zone[near.index[:, 0]]
        zones = int(self.zone.max()) + 1
        hedonic = self.hedonic[0] + hedonic_design(subjects, zone, zones) @ self.hedonic[1:]
        day = np.full(count, float((self.spec.last_day - self.spec.epoch).days + 1))
        rows = feature_rows(subjects, day, hedonic, self.sales, near, similar, wide, previous.rows(every))
        values = hedonic + self.residual_trees.predict(rows)
        return values, np.maximum(self.error_trees.predict(rows), self.spec.least_error)

    def _rate(self, application: Application, policy: Policy) -> float | None:
        """Loan currency for one unit of the data's; None where the policy does not know the data's currency.

        Raises UnknownCurrency for the loan's.
        """
        if self.spec.currency not in policy.exchange_rates:
            return None
        return policy.units_per_euro(application.currency) / policy.units_per_euro(self.spec.currency)

    def _subject(
        self, application: Application, detached: float, here: Floats, near: Neighbours
    ) -> tuple[Attributes, Neighbours, tuple[str, ...], dict[str, tuple[float, ...]]]:
        """The home as a row of attributes: what was applied with, then the register, then what its neighbours have.

        With it what was paid for it before, the names of what had to be assumed, and the other values that attributes
        may have as well (``_stated``).
        """
        area = math.log(application.area_m2 / SQUARE_METRES_PER_SQUARE_FOOT)
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
        known, others = self._stated(application, area, near, last)
        known["detached"] = detached
        assumed = ["grade"] if application.condition is None and "grade" in known else []
        values = []
        for name in homes.names:
            column = homes.column(name)
            if name in known:
                values.append(known[name])
                continue
            if name in others:
                values.append(others[name][0])
            elif last is not None:
                values.append(float(column[last]))
                continue
            else:
                values.append(float(np.median(column[candidates[:NEAREST]])))
            assumed.append(name)
        return Attributes(homes.names, np.array([values]), here[:, 0], here[:, 1]), previous, tuple(assumed), others

    def _stated(
        self, application: Application, area: float, near: Neighbours, last: np.int64 | None
    ) -> tuple[dict[str, float], dict[str, tuple[float, ...]]]:
        """The attributes that the application states, and the other values that each of them may have as well.

        What is left out, or lies outside of what the market's sales have, is not known and may be anything that was
        sold. Where the register knows the home (``last``, a sale of it), what it says counts beside what is stated. A
        home larger than every one that was sold at its place, or near by where none was, may be as large as those only.
        A condition is the worst that nobody stated, and no worse than a better one.
        """
        homes, end = self.sales.homes, self.spec.last_day
        year = application.year_built
        stated = {
            "log_area": area,
            "beds": None if application.beds is None else float(application.beds),
            "age": None if year is None else max(0.0, float(end.year - year)),
        }
        known: dict[str, float] = {}
        others: dict[str, tuple[float, ...]] = {}
        for name, value in stated.items():
            column = homes.column(name)
            register = () if last is None or name == "log_area" else (float(column[last]),)
            if value is None or not column.min() <= value <= column.max():
                others[name] = (*register, *_possible(column))
            else:
                known[name] = value
                others[name] = register
        here = near.index[0][near.distance[0] < SAME_HOME_KM]
        largest = float(homes.column("log_area")[here if len(here) else near.index[0]].max())
        if area > largest + SAME_HOME_LOG_AREA and "log_area" in known:
            others["log_area"] = (largest,)
        if "grade" in homes.names and last is None:
            known["grade"] = GRADE_OF_CONDITION[application.condition or Condition.POOR]
            others["grade"] = tuple(sorted(grade for grade in GRADE_OF_CONDITION.values() if grade > known["grade"]))
        return known, others

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


def _possible(column: Floats) -> tuple[float, ...]:
    """The values that an attribute has in a market's sales: all of them where they are few, else their quantiles."""
    distinct = np.unique(column)
    few = distinct if len(distinct) <= MOST_DISTINCT else np.quantile(column, QUANTILES)
    return tuple(few.tolist())


def _with(subject: Attributes, name: str, values: Sequence[float]) -> Attributes:
    """The home once for each of the values of one attribute."""
    variants = subject.rows(np.zeros(len(values), dtype=np.int64))
    variants.values[:, subject.names.index(name)] = values
    return variants


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
