"""The risk policy: every judgement that is not estimated from data, in one file with effective dates.

``policy.json`` is a list of policies; the one in force on a day is the last whose ``effective_from`` is not
after it. A file of the operator's own (``HALFPENNY_RISK_POLICY``) replaces the one in the package. The names
and the reasons of the figures are in docs/algorithms/exit-risk.md and docs/algorithms/pricing.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from halfpenny_messages import PRICE_DISREGARDED_DAYS, ValuationSource
from halfpenny_messages.exchange_rates import UNITS_PER_EUR
from halfpenny_risk.errors import BadSettings, UnknownCurrency

DEFAULT_POLICY_FILE = Path(__file__).with_name("policy.json")
DAYS_A_MONTH = 30.4375


class ExitPolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the structural model assumes of sales, refinancing, works and enforcement.

    ``*_margin`` are points a year above the reference rate of the loan's currency, ``drift_percent`` is a year;
    ``*_sd`` and ``index_volatility`` are in logs; costs, discounts and the floor are fractions of one.
    ``delay_weights`` has one weight for each of ``delay_months`` and adds up to one.

    Works cost ``works_overrun`` of their price more than planned, which somebody must pay before the exit, and delay it
    by up to ``works_delay_months``: wholly where they cost ``works_full_share`` of the value. The loss given default is
    that of a downturn: of exits in the worst ``downturn_share`` of their prices. Each rank behind the first adds
    ``rank_months`` to an enforcement. ``least_sd`` is the smallest uncertainty that any value has.
    """

    interest_margin: float
    default_margin: float
    prior_debt_margin: float
    drift_percent: float
    index_volatility: float
    least_sd: float
    completion_sd: float
    works_overrun: float
    works_delay_months: float
    works_full_share: float
    sale_cost: float
    refinance_ltv: float
    forced_sale_discount: float
    enforcement_months: int
    enforcement_cost: float
    rank_months: float
    downturn_share: float
    lgd_floor: float
    delay_months: tuple[int, ...]
    delay_weights: dict[str, tuple[float, ...]]


class Ramp(Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing below ``from_``, ``points`` above ``to``, a straight line between."""

    from_: float = msgspec.field(name="from")
    to: float
    points: float


class Overlays(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Log-odds added by rule, where the models have no data to learn from."""

    ltgdv: Ramp
    works_to_value: Ramp
    outside_market: float
    unknown_exit: float
    valuation_age_months: Ramp
    missing_fact: float


class Grades(Struct, frozen=True, forbid_unknown_fields=True):
    """The highest probability of default of each grade; above D is E."""

    A: float
    B: float
    C: float
    D: float


class SourceRules(Struct, frozen=True, forbid_unknown_fields=True):
    """One kind of valuation: its standard deviation in logs, and what is taken off where no model can check it."""

    sd: float
    haircut_outside_market: float


class ValuationPolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How far a stated value is trusted: by its source, and by its age in months.

    A price that was paid counts wholly for ``price_counts_months`` and no more from ``PRICE_DISREGARDED_DAYS`` on,
    which the platform knows as well; its weight falls in a straight line between them. A value that is more than the
    share ``refer_above_model`` above a market model's, however old that is, is looked at by a person, whoever stated
    it.

    A market model whose prices are known no later than ``market_limit_months`` ago makes no value surer: the surveyor's
    report counts, and without one the lower of what is stated and what the model says.
    """

    sources: dict[ValuationSource, SourceRules]
    fresh_months: float
    refer_after_months: float
    stale_widening: float
    market_limit_months: float
    price_counts_months: float
    refer_above_model: float


class Limit(Struct, frozen=True, forbid_unknown_fields=True):
    """Above ``refer`` a person decides before anything is approved; above ``decline`` it is not recommended."""

    refer: float
    decline: float


# What has a limit, each as a number that rises as the loan gets worse.
LIMITED = (
    "ltv",
    "ltgdv",
    "works_to_value",
    "pd",
    "lgd",
    "expected_loss",
    "adverse_records",
    "debts_to_assets",
    "charge_rank",
    "valuation_age_months",
)


# The levels that an anchor or a judgement must stand behind.
LEVELS = (
    "central_tendency",
    "grades",
    "limits",
    "overlays",
    "exit.lgd_floor",
    "exit.forced_sale_discount",
    "exit.enforcement_months",
    "exit.delay_weights",
    "exit.index_volatility",
    "exit.interest_margin",
    "exit.default_margin",
    "exit.prior_debt_margin",
    "exit.works_overrun",
    "valuation.sources",
    "price.cost_of_funds_margin",
    "price.operating_cost_percent",
    "price.capital_fraction",
    "price.hurdle_margin",
    "price.bands",
    "borrower_scale",
)


class PriceBand(Struct, frozen=True, forbid_unknown_fields=True):
    """The floor and the cap of the rate up to a loan-to-value, in points above the currency's reference rate."""

    ltv_to: float
    floor_margin: float
    cap_margin: float


class PricePolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What money, work and capital cost a year: margins are points above the reference rate of the loan's currency."""

    cost_of_funds_margin: float
    operating_cost_percent: float
    capital_fraction: float
    hurdle_margin: float
    step_percent: float
    bands: tuple[PriceBand, ...]


class ReferenceRate(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A central bank's rate in percent a year: since when it is known to have stood there, and who says so."""

    name: str
    percent: float
    as_of: date
    source: str


class IndexPoint(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The level of a published index on a day, in any unit that its other points share."""

    on: date
    level: float
    source: str


class MarketIndex(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What carries a market's prices on from the end of its data: the first point is that end, in order of days."""

    name: str
    points: tuple[IndexPoint, ...]

    def at(self, day: date) -> tuple[date, float]:
        """The day of the last point that is not after ``day``, and its level over the first point's."""
        known = [point for point in self.points if point.on <= day] or [self.points[0]]
        return known[-1].on, known[-1].level / self.points[0].level


class Anchor(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A published figure that levels of this policy are held against: which levels, and what follows for them."""

    name: str
    figure: str
    source: str
    read_on: date
    used_for: tuple[str, ...]
    reading: str


class ReferenceLoan(Struct, frozen=True, forbid_unknown_fields=True):
    """The loan whose probability of default is the central tendency: a first charge repaid by a sale."""

    ltv: float
    term_months: int


class BorrowerScale(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the median borrower of this market has: the unit that the borrower model measures in."""

    income_euro_a_year: float
    assets_euro: float
    debts_euro: float
    amount_euro: float
    costs_euro_a_year: float


class StatedPolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, dict=True):
    """One policy as its file states it, in force from ``effective_from``.

    ``market_indices``: the published index that carries a market model's prices on from the end of its data. A market
    that is not named here is not used: prices of another decade must not be lent on by oversight. ``anchors`` are the
    published figures behind the levels; ``judgements`` says of every other level why it is what it is.
    """

    effective_from: date
    # Published as a Word, with what stands behind it where an operator replaces rates.
    version: Annotated[str, Meta(min_length=1, max_length=40)]
    central_tendency: float
    borrower_weight: float
    exit_weight: float
    reference_borrower_pd: float
    reference_loan: ReferenceLoan
    exit: ExitPolicy
    overlays: Overlays
    grades: Grades
    limits: dict[str, Limit]
    valuation: ValuationPolicy
    price: PricePolicy
    reference_rates: dict[str, ReferenceRate]
    reference_rate_limit_months: float
    market_indices: dict[str, MarketIndex]
    anchors: tuple[Anchor, ...]
    judgements: dict[str, str]
    borrower_scale: BorrowerScale

    @cached_property
    def fault(self) -> str | None:
        """The first thing that is wrong with the figures, or None."""
        shares = {
            "central_tendency": self.central_tendency,
            "reference_borrower_pd": self.reference_borrower_pd,
            "exit.sale_cost": self.exit.sale_cost,
            "exit.forced_sale_discount": self.exit.forced_sale_discount,
            "exit.refinance_ltv": self.exit.refinance_ltv,
        }
        faults = [f"{name} must lie between 0 and 1" for name, share in shares.items() if not 0.0 < share < 1.0]
        for name, weights in self.exit.delay_weights.items():
            if len(weights) != len(self.exit.delay_months) or abs(sum(weights) - 1.0) > 1e-9:
                faults.append(f"exit.delay_weights.{name} must have one weight a delay and add up to 1")
        if set(self.exit.delay_weights) != {"sale", "refinance", "unknown"}:
            faults.append("exit.delay_weights must have sale, refinance and unknown")
        faults += self._limit_faults()
        if self.exit.drift_percent > 0.0:
            faults.append("exit.drift_percent must not be above 0: a longer loan would be a safer one")
        if self.borrower_weight < 0 or self.exit_weight < 0:
            faults.append("the weights must not be negative: a worse part would make a better whole")
        bands = self.price.bands
        if not bands or list(bands) != sorted(bands, key=lambda band: band.ltv_to):
            faults.append("price.bands must rise with ltv_to")
        if any(band.floor_margin > band.cap_margin for band in bands):
            faults.append("a price band has its floor above its cap")
        faults += self._market_faults()
        if not self.grades.A < self.grades.B < self.grades.C < self.grades.D:
            faults.append("grades must rise from A to D")
        return faults[0] if faults else None

    def reference_rate(self, currency: str) -> ReferenceRate:
        """The currency's reference rate. Raises UnknownCurrency."""
        rate = self.reference_rates.get(currency)
        if rate is None:
            raise UnknownCurrency(f"the policy {self.version} has no reference rate of {currency}")
        return rate

    def _market_faults(self) -> list[str]:
        faults = []
        read = max(anchor.read_on for anchor in self.anchors)
        if self.effective_from < read:
            faults.append(f"effective_from is before {read}, when a figure that it rests on was read")
        for name, index in self.market_indices.items():
            days = [point.on for point in index.points]
            if not days or days != sorted(set(days)) or min(point.level for point in index.points) <= 0.0:
                faults.append(f"market_indices.{name} must have points in order of days, with levels above 0")
        if set(self.reference_rates) != set(UNITS_PER_EUR):
            faults.append(f"reference_rates must be those of {', '.join(UNITS_PER_EUR)}")
        explained = {name for anchor in self.anchors for name in anchor.used_for} | set(self.judgements)
        if missing := [name for name in LEVELS if name not in explained]:
            faults.append(f"neither an anchor nor a judgement stands behind {', '.join(missing)}")
        return faults

    def _limit_faults(self) -> list[str]:
        faults = []
        if set(self.limits) != set(LIMITED):
            faults.append(f"limits must be those of {', '.join(LIMITED)}")
        if any(limit.refer > limit.decline for limit in self.limits.values()):
            faults.append("a limit declines before it refers")
        if set(self.valuation.sources) != set(ValuationSource):
            faults.append(f"valuation.sources must be those of {', '.join(ValuationSource)}")
        if not 0.0 < self.valuation.price_counts_months * DAYS_A_MONTH < PRICE_DISREGARDED_DAYS:
            faults.append(f"valuation.price_counts_months must be above 0 and end before {PRICE_DISREGARDED_DAYS} days")
        return faults


class Policy(StatedPolicy, frozen=True, kw_only=True, forbid_unknown_fields=True, dict=True):
    """A policy with the units of each currency in a euro that the marketplace compares amounts by as well."""

    exchange_rates: dict[str, float]

    def units_per_euro(self, currency: str) -> float:
        """Units of ``currency`` in a euro. Raises UnknownCurrency: whatever rate one took would better something."""
        rate = self.exchange_rates.get(currency)
        if rate is None:
            raise UnknownCurrency(f"there is no rate of {currency}")
        return rate


class PolicyVersions(Struct, frozen=True):
    """All policies, oldest first."""

    policies: tuple[Policy, ...]

    def on(self, day: date) -> Policy:
        """The policy in force on ``day``; before the first, the first."""
        in_force = [policy for policy in self.policies if policy.effective_from <= day]
        return in_force[-1] if in_force else self.policies[0]


def load_policies(path: Path | None = None, units_per_eur: Mapping[str, Decimal] | None = None) -> PolicyVersions:
    """Read and check a policy file; raises ``BadSettings`` naming the file and the fault.

    ``units_per_eur`` replaces rates of ``exchange_rates``; the policies' versions then say so, since they decide
    otherwise.
    """
    source = path or DEFAULT_POLICY_FILE
    try:
        policies = msgspec.json.decode(source.read_bytes(), type=list[StatedPolicy])
    except (OSError, msgspec.DecodeError, msgspec.ValidationError) as error:
        raise BadSettings(f"HALFPENNY_RISK_POLICY {source}: {error}") from None
    if not policies:
        raise BadSettings(f"HALFPENNY_RISK_POLICY {source}: no policy in it")
    for policy in policies:
        if policy.fault:
            raise BadSettings(f"HALFPENNY_RISK_POLICY {source}, {policy.version}: {policy.fault}")
    in_order = sorted(policies, key=lambda policy: policy.effective_from)
    return PolicyVersions(tuple(_with_rates(policy, {**UNITS_PER_EUR, **(units_per_eur or {})}) for policy in in_order))


def _with_rates(stated: StatedPolicy, units_per_eur: Mapping[str, Decimal]) -> Policy:
    fields = msgspec.structs.asdict(stated)
    if units_per_eur != UNITS_PER_EUR:
        rates = sorted((currency, float(rate)) for currency, rate in units_per_eur.items())
        fields["version"] += f"+rates-{sha256(msgspec.json.encode(rates)).hexdigest()[:8]}"
    return Policy(**fields, exchange_rates={currency: float(rate) for currency, rate in units_per_eur.items()})
