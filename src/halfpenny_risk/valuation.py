"""What the security is worth: the valuer's figure, the model's where there is one, and the one to lend on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from halfpenny_messages import LoanPurpose, Valuation
from halfpenny_risk.application import Application
from halfpenny_risk.policy import Policy

CONFIDENCE = 0.90
# Half of the 90 % interval of a normal variable, in standard deviations.
NORMAL_90 = 1.6448536269514722


@dataclass(frozen=True)
class ComparableSale:
    """A sale near by. Prices are in the loan's currency; ``adjusted_price`` is for the subject, on the
    valuation's date."""

    id: str
    distance_m: float
    age_months: float
    similarity: float
    price: float
    adjusted_price: float
    sold_on: date
    area_m2: float
    beds: int | None
    year_built: int | None


@dataclass(frozen=True)
class ModelValue:
    """A market model's estimate with its 90 % interval, in the loan's currency."""

    market: str
    value: float
    low: float
    high: float
    volatility: float
    comparables: tuple[ComparableSale, ...]
    assumed: tuple[str, ...]


class Market(Protocol):
    """A market model: a plug-in for one place. It answers None for a property that is not its own."""

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    def value(self, application: Application, policy: Policy) -> ModelValue | None:
        """The estimate, or None outside the market."""


@dataclass(frozen=True)
class Security:
    """The value to lend on and what stands behind it; amounts in the loan's currency.

    ``used`` is the lowest of the valuer's figure, the price being paid and the model's estimate. ``low`` and
    ``high`` are the 90 % interval around it; ``sd`` its standard deviation in logs.
    """

    used: float
    low: float
    high: float
    sd: float
    volatility: float
    source: str
    model: ModelValue | None
    flags: tuple[str, ...]


def kept_security(application: Application, valuation: Valuation) -> Security:
    """The security as an earlier answer valued it, for re-scoring with new models but no new valuation."""
    used, low, high = float(valuation.used), float(valuation.low), float(valuation.high)
    flags = () if valuation.market is not None else ("outside_market",)
    if valuation.market is not None and application.valuation is not None and application.valuation > high:
        flags = ("valuation_above_model",)
    sd = math.log(high / low) / (2.0 * NORMAL_90) if 0.0 < low < high else 0.0
    half = math.exp(NORMAL_90 * sd)
    volatility = float(valuation.index_volatility)
    return Security(max(used, 1.0), used / half, used * half, max(sd, 0.01), volatility, valuation.source, None, flags)


def appraise(application: Application, markets: Sequence[Market], policy: Policy) -> Security:
    """Bring the valuer and the model together.

    Where a model knows the market, the interval is the model's own, moved to the value used. Elsewhere it is as
    wide as the valuer's error in the policy, wider still when the valuation is old; a reason says so.
    """
    model = next((value for market in markets if (value := market.value(application, policy)) is not None), None)
    flags: list[str] = []
    candidates = [application.valuation]
    if application.purpose is LoanPurpose.PURCHASE:
        candidates.append(application.purchase_price)
    if model is not None:
        candidates.append(model.value)
        flags.extend(f"assumed_{name}" for name in model.assumed)
        if application.valuation is not None and application.valuation > model.high:
            flags.append("valuation_above_model")
    else:
        flags.append("outside_market")
    known = [value for value in candidates if value is not None]
    if not known:
        # Nothing says what the security is worth: it is lent on as if worth next to nothing.
        flags.append("value_unknown")
        known = [0.01 * application.amount]
    used = min(known)
    if model is not None:
        sd = math.log(model.high / model.low) / (2.0 * NORMAL_90)
        volatility = model.volatility
    else:
        sd = policy.exit.valuer_sd * (1.5 if "valuation_stale" in application.flags else 1.0)
        volatility = policy.exit.index_volatility
    if "valuation_absurd" in application.flags:
        sd *= 1.5
    half = math.exp(NORMAL_90 * sd)
    by_model = "model" if application.valuation is None else "both"
    source = "valuer" if model is None else by_model
    return Security(used, used / half, used * half, sd, volatility, source, model, tuple(flags))
