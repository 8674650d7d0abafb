"""Is the borrower strong? The features, the scorecard and the boosted champion, which are alike from outside.

A borrower model takes rows of ``FEATURES`` (NaN where unknown) and gives log-odds of default, and for one row what each
feature adds. Age, sex, marital status and origin are not among the features and must never be.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from halfpenny_risk.application import Application
from halfpenny_risk.errors import BadArtefact
from halfpenny_risk.normal import Floats
from halfpenny_risk.policy import Policy
from halfpenny_risk.trees import ObliviousTrees, trees_from_json

# Each feature and the direction in which it may move the probability of default: 1 up, -1 down, 0 free.
# Amounts are in units of the median borrower of their market, so that a loan in euros to a company and the training
# data's loans to shopkeepers are measured alike.
DIRECTIONS: Mapping[str, int] = {
    "ltv": 1,
    "income": -1,
    "amount_to_income": 1,
    "instalment_to_income": 1,
    "assets": -1,
    "assets_to_amount": -1,
    "debts": 1,
    "debts_to_assets": 1,
    "adverse": 1,
    "term": 0,
    "costs": 1,
    "costs_to_income": 1,
    "years_trading": -1,
    "premises_owned": -1,
}
FEATURES = tuple(DIRECTIONS)
# What an application may leave out, and what its feature counts as then: the worst, so that nothing is gained by it.
OPTIONAL_FEATURES: Mapping[str, float] = {
    "costs": 1e6,
    "costs_to_income": 1e6,
    "years_trading": 0.0,
    "premises_owned": 0.0,
}
# The training data only knows whether there are adverse records; each further one adds this much by rule.
LOG_ODDS_A_FURTHER_RECORD = 0.15
MAX_RECORDS_COUNTED = 6


@dataclass(frozen=True)
class BorrowerFacts:
    """Arrays, one element a borrower, already in units of the median borrower; an unknown fact is at its worst.

    ``term`` is the policy's reference term for every loan: what a longer term does belongs to the exit, and a model
    that sees the instalment fall with it would call the longer loan the safer one.
    """

    amount: Floats
    ltv: Floats
    income: Floats
    assets: Floats
    debts: Floats
    debts_to_assets: Floats
    adverse_records: Floats
    term: Floats
    costs: Floats
    years_trading: Floats
    premises_owned: Floats

    def rows(self) -> Floats:
        """The features in the order of ``FEATURES``."""
        with np.errstate(divide="ignore", invalid="ignore"):
            amount_to_income = self.amount / self.income
            known = {
                "ltv": self.ltv,
                "income": self.income,
                # No income at all is the largest burden, and an unknown income is unknown.
                "amount_to_income": np.where(self.income <= 0.0, 1e6, amount_to_income),
                "instalment_to_income": np.where(self.income <= 0.0, 1e6, amount_to_income / self.term),
                "assets": self.assets,
                "assets_to_amount": self.assets / self.amount,
                "debts": self.debts,
                "debts_to_assets": self.debts_to_assets,
                "adverse": np.minimum(self.adverse_records, 1.0),
                "term": self.term,
                "costs": self.costs,
                # As far above income as an unknown ratio counts, and no further.
                "costs_to_income": np.where(self.income <= 0.0, 1e6, np.minimum(self.costs / self.income, 1e6)),
                "years_trading": self.years_trading,
                "premises_owned": self.premises_owned,
            }
        return np.column_stack([known[name] for name in FEATURES])


def facts_row(application: Application, ltv: float, policy: Policy) -> tuple[float, ...]:
    """The fields of ``BorrowerFacts`` of one application, in units of the policy's median borrower."""
    scale = policy.borrower_scale
    rate = policy.units_per_euro(application.currency)
    return (
        application.amount / rate / scale.amount_euro,
        ltv,
        application.income / rate / scale.income_euro_a_year,
        application.assets / rate / scale.assets_euro,
        application.debts / rate / scale.debts_euro,
        application.debts / max(application.assets, 1.0),
        float(application.adverse_records),
        policy.reference_loan.term_months / 12.0,
        min(application.yearly_costs / rate / scale.costs_euro_a_year, OPTIONAL_FEATURES["costs"]),
        application.years_trading,
        float(application.premises_owned),
    )


class BorrowerModel(Protocol):
    """A scorecard or boosted trees."""

    @property
    def version(self) -> str: ...

    def log_odds(self, rows: Floats) -> Floats:
        """The log-odds of default of each row of ``FEATURES``."""

    def explain(self, row: Floats) -> tuple[float, Floats]:
        """The expected log-odds and what each feature adds to it, for one row."""


@dataclass(frozen=True)
class BoostedBorrower:
    """Monotone oblivious trees, with the slope and the intercept of their calibration."""

    version: str
    trees: ObliviousTrees
    slope: float
    intercept: float

    def log_odds(self, rows: Floats) -> Floats:
        return self.intercept + self.slope * self.trees.predict(rows)

    def explain(self, row: Floats) -> tuple[float, Floats]:
        expected, added = self.trees.shapley(row)
        return self.intercept + self.slope * expected, self.slope * added


@dataclass(frozen=True)
class Scorecard:
    """Points in log-odds for each bin of each feature; plain enough to compute by hand.

    ``edges[f]`` are the upper edges of all bins but the last, ``points[f]`` has one entry a bin, ``missing[f]`` the
    points of an unknown value, and ``means[f]`` the mean points in training, so that the contributions of an
    average borrower are zero.
    """

    version: str
    base: float
    edges: tuple[Floats, ...]
    points: tuple[Floats, ...]
    missing: Floats
    means: Floats

    def _added(self, rows: Floats) -> Floats:
        added = np.empty_like(rows)
        for column, (edges, points) in enumerate(zip(self.edges, self.points, strict=True)):
            values = rows[:, column]
            found = points[np.searchsorted(edges, np.nan_to_num(values), side="left")]
            added[:, column] = np.where(np.isnan(values), self.missing[column], found)
        return added - self.means

    def log_odds(self, rows: Floats) -> Floats:
        return self.base + np.asarray(self._added(rows).sum(axis=1))

    def explain(self, row: Floats) -> tuple[float, Floats]:
        return self.base, self._added(row[None, :])[0]


def boosted_from(content: Mapping[str, Any], version: str) -> BoostedBorrower:
    """The champion from its artefact; raises ``BadArtefact``."""
    if tuple(content.get("features", ())) != FEATURES:
        raise BadArtefact("the champion was trained on other features than this program computes")
    calibration = content["calibration"]
    trees = trees_from_json(content["model"], FEATURES)
    return BoostedBorrower(version, trees, float(calibration["slope"]), float(calibration["intercept"]))


def scorecard_from(content: Mapping[str, Any], version: str) -> Scorecard:
    """The scorecard from its artefact; raises ``BadArtefact``."""
    by_name = content.get("features", {})
    if set(by_name) != set(FEATURES):
        raise BadArtefact("the scorecard was made for other features than this program computes")
    cards = [by_name[name] for name in FEATURES]
    for name, card in zip(FEATURES, cards, strict=True):
        if len(card["points"]) != len(card["edges"]) + 1 or card["edges"] != sorted(card["edges"]):
            raise BadArtefact(f"the scorecard's bins of {name} do not fit together")
    return Scorecard(
        version=version,
        base=float(content["base"]),
        edges=tuple(np.asarray(card["edges"], dtype=np.float64) for card in cards),
        points=tuple(np.asarray(card["points"], dtype=np.float64) for card in cards),
        missing=np.asarray([card["missing"] for card in cards], dtype=np.float64),
        means=np.asarray([card["mean"] for card in cards], dtype=np.float64),
    )
