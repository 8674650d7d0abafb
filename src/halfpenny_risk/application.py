"""An application read for the models: numbers where there are numbers, the worst where somebody left a fact out.

What contradicts itself, or lies outside of ``halfpenny_messages.bounds``, is refused by name (``BadApplication``): the
platform refuses the same when it is applied for. What is odd is left out of the models and named in ``flags``. A fact
that is not known counts as the worst that it could be, so that nothing is gained by withholding it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date

from halfpenny_messages import (
    EARLIEST_YEAR_BUILT,
    PRICE_DISREGARDED_DAYS,
    RESIDENTIAL_KINDS,
    YEARS_AHEAD_BUILT,
    Condition,
    ExitStrategy,
    LoanInterestMode,
    LoanPurpose,
    LoanSubmitted,
    Premises,
    Property,
    PropertyKind,
    ValuationSource,
    lies_in,
    purchase_price_counts,
)
from halfpenny_messages.bounds import (
    LEAST_AREA_M2,
    LEAST_AREA_PER_BED_M2,
    MOST_AREA_M2,
    MOST_EUROS,
    MOST_YEARS_TRADING,
)
from halfpenny_risk.errors import BadApplication
from halfpenny_risk.policy import DAYS_A_MONTH, Policy

MAX_LTV = 9.99
# The platform's limit on amounts is by its own exchange rates, of another day than the policy's.
RATES_MAY_DIFFER = 2
_AMOUNTS = frozenset(
    {"amount", "prior_debt", "purchase_price", "valuation", "renovation_cost", "gdv"}
    | {"income", "assets", "debts", "yearly_costs"}
)
# What an unknown fact counts as: no income, no assets, and more debts, costs and records than anybody may have.
UNKNOWN_DEBTS = UNKNOWN_COSTS = 1e13
UNKNOWN_RECORDS = 10_000


@dataclass(frozen=True)
class Application:
    """One loan for the models. Amounts are floats in the loan's currency: models estimate, the ledger counts.

    ``purchase_price`` is the price that counts against the valuation, or None where none does, and ``price_weight`` how
    far it counts, from one down to zero. ``valuation_source`` is what the valuation is worth as evidence: the owner's
    word wherever no report was verified. ``gdv`` is the value after the works, None without works. ``refinance`` is
    True, False or None (another exit); ``rolled_up`` means that interest is owed at the end. Ages count to
    ``applied_on``, the day of the application.
    """

    applied_on: date
    kind: PropertyKind
    country: str
    lat: float | None
    lon: float | None
    area_m2: float
    beds: int | None
    year_built: int | None
    condition: Condition | None
    purchase_price: float | None
    price_weight: float
    valuation: float | None
    valuation_source: ValuationSource
    valuation_age_months: float
    renovation_cost: float
    gdv: float | None
    income: float
    assets: float
    debts: float
    adverse_records: int
    yearly_costs: float
    years_trading: float
    premises_owned: bool
    amount: float
    prior_debt: float
    charge_rank: int
    currency: str
    term_months: int
    refinance: bool | None
    rolled_up: bool
    flags: tuple[str, ...]

    def knows(self, fact: str) -> bool:
        """Whether the borrower stated a fact, by its name in the message: ``income`` or the optional ``premises``."""
        return f"{fact}_missing" not in self.flags


def read_application(loan: LoanSubmitted, policy: Policy) -> Application:
    """The models' view of ``loan``; raises ``BadApplication`` for absurd facts, and as ``read_changed`` does."""
    _check_bounds(loan, policy)
    return read_changed(loan, policy)


def read_changed(loan: LoanSubmitted, policy: Policy) -> Application:
    """The models' view of an application in bounds with facts changed, whatever they were changed to.

    Raises ``BadApplication`` where it contradicts itself or asks for nothing; ``UnknownCurrency``, one of those, is for
    a currency that the policy has no rate of.
    """
    amount, prior_debt = float(loan.amount), float(loan.prior_debt)
    if amount <= 0.0:
        raise BadApplication("the amount is zero: there is nothing to score")
    if (loan.charge_rank > 1) != (prior_debt > 0.0):
        raise BadApplication("a charge behind the first, and no other, has a debt that ranks before it")
    flags: list[str] = []
    security, borrower = loan.property, loan.borrower
    today = loan.submitted_at.date()
    _check_dwelling(security)
    position = _position(loan, flags)
    weight = _price_weight(loan, policy, today)
    valuation = _positive(security.valuation)
    if valuation is None:
        flags.append("valuation_absurd")
    if (today - policy.reference_rate(loan.currency).as_of).days > policy.reference_rate_limit_months * DAYS_A_MONTH:
        flags.append("reference_rate_stale")
    for name in ("income", "assets", "debts", "adverse_records", "yearly_costs", "years_trading", "premises"):
        if getattr(borrower, name) is None:
            flags.append(f"{name}_missing")
    works = float(security.renovation_cost)
    return Application(
        applied_on=today,
        kind=security.kind,
        country=security.country,
        lat=None if position is None else position[0],
        lon=None if position is None else position[1],
        area_m2=security.area_m2,
        beds=security.beds,
        year_built=security.year_built,
        condition=security.condition,
        purchase_price=_price_that_counts(loan, weight),
        price_weight=weight,
        valuation=valuation,
        valuation_source=_proven_source(loan, position, flags),
        valuation_age_months=_age_months(security.valued_on, today, flags),
        renovation_cost=works,
        gdv=_gdv(security.gdv, valuation, flags) if works > 0.0 else None,
        income=_amount_or(borrower.income, 0.0),
        assets=_amount_or(borrower.assets, 0.0),
        debts=_amount_or(borrower.debts, UNKNOWN_DEBTS),
        adverse_records=UNKNOWN_RECORDS if borrower.adverse_records is None else borrower.adverse_records,
        yearly_costs=_amount_or(borrower.yearly_costs, UNKNOWN_COSTS),
        years_trading=0.0 if borrower.years_trading is None else float(borrower.years_trading),
        premises_owned=borrower.premises is Premises.OWNED,
        amount=amount,
        prior_debt=prior_debt,
        charge_rank=loan.charge_rank,
        currency=loan.currency,
        term_months=loan.term_months,
        refinance=_exit_by_refinancing(loan.exit_strategy, flags),
        rolled_up=loan.interest_mode is LoanInterestMode.ROLLED_UP,
        flags=tuple(flags),
    )


def _position(loan: LoanSubmitted, flags: list[str]) -> tuple[float, float] | None:
    security = loan.property
    if not (math.isfinite(security.lat) and math.isfinite(security.lon)) or not lies_in(
        security.country, security.lat, security.lon
    ):
        flags.append("position_absurd")
        return None
    return security.lat, security.lon


def _check_bounds(loan: LoanSubmitted, policy: Policy) -> None:
    """Refuse by name what no property, business or loan has."""
    security, borrower = loan.property, loan.borrower
    if not LEAST_AREA_M2 <= security.area_m2 <= MOST_AREA_M2:
        raise BadApplication(f"an area lies between {LEAST_AREA_M2} and {MOST_AREA_M2} m2")
    if security.beds is not None and not 0 <= security.beds * LEAST_AREA_PER_BED_M2 <= security.area_m2:
        raise BadApplication("so many bedrooms do not fit into the area")
    latest = loan.submitted_at.year + YEARS_AHEAD_BUILT
    if security.year_built is not None and not EARLIEST_YEAR_BUILT <= security.year_built <= latest:
        raise BadApplication(f"a year of construction lies between {EARLIEST_YEAR_BUILT} and {latest}")
    if not 0 <= (borrower.years_trading or 0) <= MOST_YEARS_TRADING:
        raise BadApplication(f"no business is older than {MOST_YEARS_TRADING} years")
    most = RATES_MAY_DIFFER * MOST_EUROS * policy.units_per_euro(loan.currency)
    for holder in (loan, security, borrower):
        for name in _AMOUNTS & set(holder.__struct_fields__):
            amount = getattr(holder, name)
            if amount is not None and float(amount) > most:
                raise BadApplication(f"{name} is larger than any amount of this market")


def _check_dwelling(security: Property) -> None:
    """A model would have to assume what is left out of a dwelling, and could assume too well."""
    if security.kind not in RESIDENTIAL_KINDS:
        return
    if security.condition is None or security.beds is None or security.year_built is None:
        raise BadApplication("a dwelling has a condition, bedrooms and a year of construction")


def _proven_source(loan: LoanSubmitted, position: tuple[float, float] | None, flags: list[str]) -> ValuationSource:
    """What the valuation counts as. A report that nobody has verified is the word of whoever sent the application."""
    stated = loan.property.valuation_source
    if stated is not ValuationSource.OWNER and not loan.property.report_verified:
        flags.append("report_unverified")
        return ValuationSource.OWNER
    # A figure for a place that is not in its country is nobody's report of this property.
    return ValuationSource.OWNER if position is None else stated


def _price_weight(loan: LoanSubmitted, policy: Policy, today: date) -> float:
    """How far the price paid counts against the valuation: wholly at first, then less from day to day, at last not.

    Wholly as well where the property is being bought, whatever date stands beside it, and where nobody knows when.
    """
    bought = loan.property.purchased_on
    if not purchase_price_counts(loan.purpose, bought, today):
        return 0.0
    if loan.purpose is LoanPurpose.PURCHASE or bought is None:
        return 1.0
    wholly_days = policy.valuation.price_counts_months * DAYS_A_MONTH
    return min(1.0, (PRICE_DISREGARDED_DAYS - (today - bought).days) / (PRICE_DISREGARDED_DAYS - wholly_days))


def _price_that_counts(loan: LoanSubmitted, weight: float) -> float | None:
    """The purchase price as long as it counts at all: then it must be known."""
    if weight == 0.0:
        return None
    price = _positive(loan.property.purchase_price)
    if price is None:
        raise BadApplication("the price is missing of what is being bought, or was bought not long enough ago")
    return price


def _age_months(valued_on: date, today: date, flags: list[str]) -> float:
    if valued_on > today:
        flags.append("valued_in_the_future")
    return max((today - valued_on).days, 0) / DAYS_A_MONTH


def _gdv(amount: str | None, valuation: float | None, flags: list[str]) -> float | None:
    gdv = _positive(amount)
    if gdv is not None and valuation is not None and gdv < valuation:
        flags.append("gdv_below_valuation")
        return None
    return gdv


def _positive(amount: str | None) -> float | None:
    return float(amount) if amount is not None and float(amount) > 0.0 else None


def _amount_or(amount: str | None, unknown: float) -> float:
    return unknown if amount is None else float(amount)


def _exit_by_refinancing(strategy: ExitStrategy, flags: list[str]) -> bool | None:
    if strategy is ExitStrategy.OTHER:
        flags.append("exit_unknown")
        return None
    return strategy is ExitStrategy.REFINANCE
