"""The risk service's path from an application to its figures, and homes to send along it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from halfpenny_messages import Condition, LoanSubmitted, PropertyKind
from halfpenny_risk.application import Application, read_application
from halfpenny_risk.assess import ModelSet, Scored, score_application, score_together
from halfpenny_risk.errors import BadApplication
from halfpenny_risk.policy import Policy, load_policies
from halfpenny_risk.valuation import Market, ModelValue, Security, appraise
from support.risk_applications import SUBMITTED_AT, changed

POLICIES = load_policies()
TODAY = SUBMITTED_AT.date()
TRIALS = 10_000
CONDITIONS = tuple(Condition)
WARSAW = {"lat": 52.23, "lon": 21.01, "country": "PL", "currency": "PLN"}
DECISIONS = ("approve", "refer", "decline")


@dataclass(frozen=True)
class Outcome:
    """Everything that a borrower could want lower, each rising as it gets worse."""

    figures: tuple[float, ...]
    above_model: bool = False

    def without_decision(self) -> Outcome:
        return Outcome(self.figures[:-1])

    def better_than(self, other: Outcome) -> bool:
        return any(mine < theirs for mine, theirs in zip(self.figures, other.figures, strict=True))


def outcomes(loans: Sequence[LoanSubmitted], models: ModelSet) -> list[Outcome | None]:
    """The figures as they are sent, in one pass; None where an application is refused."""
    policy = POLICIES.policies[-1]
    read: dict[int, tuple[Application, Security]] = {}
    for place, loan in enumerate(loans):
        try:
            application = read_application(loan, policy)
        except BadApplication:
            continue
        read[place] = (application, appraise(application, models.markets, policy))
    found = dict(zip(read, score_together(list(read.values()), models, policy), strict=True))
    return [None if place not in found else outcome(found[place]) for place in range(len(loans))]


def outcome(scored: Scored) -> Outcome:
    return Outcome(
        (
            round(scored.probability_of_default, 6),
            round(scored.loss_given_default, 6),
            round(scored.expected_loss, 6),
            float(scored.price.rate),
            float("ABCDE".index(scored.grade)),
            float(DECISIONS.index(scored.recommendation)),
        ),
        "valuation_above_model" in scored.flags,
    )


# Days since the purchase, around the days on which a price counts wholly and no more.
BOUGHT = (0, 100, 365, 366, 370, 500, 729, 731, 740, 2_500)


def money(value: float) -> str:
    return f"{max(value, 0.0):.2f}"


def _homes(count: int) -> list[dict[str, Any]]:
    """Places and buildings, a third of them in a market that a model knows."""
    dice = random.Random(5)
    kinds = tuple(PropertyKind)
    near = ((47.702138, -122.361741, "US"), (52.23, 21.01, "PL"), (53.35, -6.26, "IE"))
    homes = []
    for number in range(count):
        lat, lon, country = near[number % len(near)]
        homes.append(
            {
                "lat": lat + dice.uniform(-0.02, 0.02),
                "lon": lon + dice.uniform(-0.01, 0.01),
                "country": country,
                "kind": dice.choice(kinds),
                "area_m2": dice.uniform(50.0, 400.0),
                "beds": dice.randint(0, 6),
                "year_built": dice.randint(1900, 2024),
                "condition": dice.choice(tuple(Condition)),
            }
        )
    return homes


HOMES = _homes(180)


class CachedMarket:
    """A market model that values each home once as each kind in each condition: the rest of the building stays."""

    def __init__(self, market: Market) -> None:
        self.name, self.version = market.name, market.version
        self._market = market
        self._known: dict[Any, ModelValue | None] = {}

    def value(self, application: Application, policy: Policy) -> ModelValue | None:
        place = (application.lat, application.lon, application.currency, application.area_m2, application.applied_on)
        key = (place, application.kind, application.condition, application.beds, application.year_built)
        if key not in self._known:
            self._known[key] = self._market.value(application, policy)
        return self._known[key]


def scored(models: ModelSet, **changes: Any) -> Scored:
    """The ordinary application with changes, scored."""
    return score_application(changed(**changes), models, POLICIES)
