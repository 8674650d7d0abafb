"""What the security is worth: the stated figure, the model's where there is one, and the one to lend on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Protocol

from halfpenny_messages import PropertyKind, Valuation, ValuationSource
from halfpenny_risk.application import Application
from halfpenny_risk.policy import DAYS_A_MONTH, Policy, ValuationPolicy

CONFIDENCE = 0.90
# Half of the 90 % interval of a normal variable, in standard deviations.
NORMAL_90 = 1.6448536269514722
_HOUSES = (PropertyKind.HOUSE, PropertyKind.TOWNHOUSE)
# No model that is of this day stands beside the stated value.
UNCHECKED_FLAGS = frozenset({"outside_market", "market_stale"})


@dataclass(frozen=True)
class ComparableSale:
    """A sale near by. Prices are in the loan's currency; ``adjusted_price`` is for the subject, at the level of the
    market's index today; ``age_months`` counts from the day of the application."""

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
    """A market model's estimate with its 90 % interval, in the loan's currency.

    The model's sales end on ``as_of``; its prices are carried on to ``index_as_of`` by the index, which stood at
    ``index_level`` then, and the interval is as wide as all the time since ``as_of`` makes it.
    """

    market: str
    value: float
    low: float
    high: float
    volatility: float
    comparables: tuple[ComparableSale, ...]
    assumed: tuple[str, ...]
    as_of: date
    index_as_of: date
    index_level: float
    index_name: str


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

    ``used`` is the lowest of the stated value, as far as the price that was paid lets it stand, and the model's
    estimate. ``low`` and ``high`` are the 90 % interval around it; ``sd`` its standard deviation in logs. ``bound`` is
    what a model says of the place's houses, for a property of a kind that it does not value.
    """

    used: float
    low: float
    high: float
    sd: float
    volatility: float
    source: str
    model: ModelValue | None
    flags: tuple[str, ...]
    bound: ModelValue | None = None


def kept_security(application: Application, valuation: Valuation, policy: Policy) -> Security:
    """The security with the model's estimate of an earlier answer, for re-scoring without valuing anew."""
    if valuation.market is None or valuation.as_of is None or valuation.index_as_of is None:
        return secured(application, None, policy)
    bounds = valuation.houses_value is not None
    index = policy.market_indices.get(valuation.market)
    model = ModelValue(
        market=valuation.market,
        value=float(valuation.houses_value or valuation.value),
        low=float(valuation.low),
        high=float(valuation.high),
        volatility=float(valuation.index_volatility),
        comparables=(),
        assumed=(),
        as_of=valuation.as_of,
        index_as_of=valuation.index_as_of,
        index_level=float(valuation.index_level or 1.0),
        index_name="" if index is None else index.name,
    )
    return secured(application, None if bounds else model, policy, bound=model if bounds else None)


def appraise(application: Application, markets: Sequence[Market], policy: Policy) -> Security:
    """Bring together what was stated, what is paid and what a market model estimates: the lowest is lent on.

    Each source has an interval of its own (``ValuationPolicy``), wider with the age of the valuation, and the narrowest
    of them counts. Where no model knows the market as it is today, a value that no surveyor stands behind is taken down
    first, and a verified report is not lowered to a model of another day. No kind is better off for being outside of a
    model: the lowest that the model says of the place's houses bounds every other kind, unless a verified report stands
    behind it.
    """
    model = _first_value(application, markets, policy)
    if model is not None:
        return secured(application, model, policy)
    as_houses = [_first_value(replace(application, kind=kind), markets, policy) for kind in _HOUSES]
    bound = min((value for value in as_houses if value is not None), key=lambda value: value.value, default=None)
    return secured(application, None, policy, bound=bound)


def _first_value(application: Application, markets: Sequence[Market], policy: Policy) -> ModelValue | None:
    return next((value for market in markets if (value := market.value(application, policy)) is not None), None)


def secured(
    application: Application, model: ModelValue | None, policy: Policy, *, bound: ModelValue | None = None
) -> Security:
    """The security where the market model's estimate is known already: it depends on the building alone."""
    reached = model or bound
    rules = policy.valuation.sources[application.valuation_source]
    volatility = policy.exit.index_volatility if model is None else model.volatility
    sd = _age_adjusted_sd(rules.sd, application.valuation_age_months, volatility, policy.valuation)
    flags: list[str] = []
    stated = application.valuation
    surveyed = application.valuation_source is ValuationSource.SURVEY
    checked = model is not None and not _is_stale(model, application, policy)
    if not checked:
        flags.append("outside_market" if model is None else "market_stale")
        if application.valuation_source is ValuationSource.OWNER:
            flags.append("owner_value_unchecked")
        if stated is not None:
            stated *= 1.0 - rules.haircut_outside_market
    if model is not None:
        flags.extend(f"assumed_{name}" for name in model.assumed)
        if checked and model.high > model.low > 0.0:
            sd = min(sd, math.log(model.high / model.low) / (2.0 * NORMAL_90))
    if (
        reached is not None
        and application.valuation is not None
        and (application.valuation > (1.0 + policy.valuation.refer_above_model) * reached.value)
    ):
        # However old the model and whoever reports it: so large a gap is explained to a person first.
        flags.append("valuation_above_model")
    if application.valuation_age_months > policy.valuation.refer_after_months:
        flags.append("valuation_stale")
    # An old market is no reason to doubt who was there; it is one to doubt who was not.
    estimate = None if reached is None or (surveyed and not checked) else reached.value
    known = [value for value in (_within_price(stated, application), estimate) if value is not None]
    if application.valuation is None:
        # A stated value of nothing: it is lent on as if worth next to nothing.
        flags.append("value_unknown")
        known = [0.01 * application.amount]
    used = max(min(known), 1e-3 * application.amount)
    half = math.exp(NORMAL_90 * sd)
    source = "valuer" if model is None else "both"
    sd = max(sd, policy.exit.least_sd)
    return Security(used, used / half, used * half, sd, volatility, source, model, tuple(flags), bound)


def price_lowers(application: Application, haircut: float) -> bool:
    """Whether the price paid brings the stated value, less what is taken off it, further down."""
    price, stated = application.purchase_price, application.valuation
    return price is not None and stated is not None and price < stated * (1.0 - haircut)


def _within_price(stated: float | None, application: Application) -> float | None:
    """The stated value, brought down towards the price paid by the weight that the price still has.

    In logs, so that nothing jumps from one day to the next and a lower price never leaves a higher value.
    """
    price, weight = application.purchase_price, application.price_weight
    if price is None or stated is None or stated <= price:
        return stated
    return price if weight == 1.0 else stated * math.exp(weight * math.log(price / stated))


def stated_for(used: float, application: Application) -> float:
    """The stated value that the price paid brings down to ``used``: ``_within_price`` backwards, at most today's."""
    price, weight, stated = application.purchase_price, application.price_weight, application.valuation
    if price is None or stated is None or used <= price or weight == 1.0:
        return used
    return price * math.exp(min(math.log(used / price) / (1.0 - weight), math.log(max(stated, used) / price)))


def _is_stale(model: ModelValue, application: Application, policy: Policy) -> bool:
    age_months = (application.applied_on - model.index_as_of).days / DAYS_A_MONTH
    return age_months > policy.valuation.market_limit_months


def _age_adjusted_sd(sd: float, age_months: float, volatility: float, rules: ValuationPolicy) -> float:
    """The standard deviation of a valuation that is ``age_months`` old: the market has moved since.

    Nothing for the first months of the policy; then by the index's volatility, and half as wide again by the time
    that it is referred.
    """
    late = max(0.0, age_months - rules.fresh_months)
    ramp = min(1.0, late / (rules.refer_after_months - rules.fresh_months))
    return math.hypot(sd * (1.0 + rules.stale_widening * ramp), volatility * math.sqrt(late / 12.0))
