"""An application read for the models: numbers where there are numbers, and a flag for whatever is odd.

Nothing here refuses an application for being odd. What is missing or absurd is left out of the models, named in
``flags``, and priced by the policy; only an amount of zero has no score at all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date

from halfpenny_messages import (
    Condition,
    ExitStrategy,
    LoanInterestMode,
    LoanPurpose,
    LoanSubmitted,
    PropertyKind,
    ValuationSource,
    lies_in,
)
from halfpenny_risk.errors import BadApplication
from halfpenny_risk.policy import Policy

EARLIEST_YEAR = 1000
STALE_AFTER_DAYS = 183
MAX_LTV = 9.99


@dataclass(frozen=True)
class Application:
    """One loan for the models. Amounts are floats in the loan's currency: models estimate, the ledger counts.

    ``None`` is "not known". ``refinance`` is True, False or None; ``rolled_up`` says that interest is owed at the end.
    """

    kind: PropertyKind
    country: str
    lat: float | None
    lon: float | None
    area_m2: float | None
    beds: int | None
    year_built: int | None
    condition: Condition | None
    purchase_price: float | None
    valuation: float | None
    valued_on: date
    valuation_source: ValuationSource
    renovation_cost: float
    gdv: float | None
    income: float | None
    assets: float | None
    debts: float | None
    adverse_records: int | None
    amount: float
    prior_debt: float
    charge_rank: int
    currency: str
    term_months: int
    purpose: LoanPurpose
    refinance: bool | None
    rolled_up: bool
    flags: tuple[str, ...]


def read_application(loan: LoanSubmitted, policy: Policy) -> Application:
    """The models' view of ``loan``; raises ``BadApplication`` for an amount of zero."""
    amount = float(loan.amount)
    if amount <= 0.0:
        raise BadApplication("the amount is zero: there is nothing to score")
    flags: list[str] = []
    security, borrower = loan.property, loan.borrower
    today = loan.submitted_at.date()
    lat: float | None = security.lat
    lon: float | None = security.lon
    if not lies_in(security.country, security.lat, security.lon):
        flags.append("position_absurd")
        lat = lon = None
    valuation = _positive(security.valuation)
    if valuation is None:
        flags.append("valuation_absurd")
    prior_debt = float(loan.prior_debt)
    if loan.charge_rank == 1 and prior_debt > 0.0:
        flags.append("first_charge_with_prior_debt")
    elif loan.charge_rank > 1 and prior_debt == 0.0:
        flags.append("junior_charge_without_prior_debt")
    gdv = _positive(security.gdv)
    if gdv is not None and valuation is not None and gdv < valuation:
        flags.append("gdv_below_valuation")
        gdv = None
    if loan.currency not in policy.currencies.per_euro:
        flags.append("currency_unknown")
    for name, value in (
        ("income", borrower.income),
        ("assets", borrower.assets),
        ("debts", borrower.debts),
        ("adverse_records", borrower.adverse_records),
    ):
        if value is None:
            flags.append(f"{name}_missing")
    return Application(
        kind=security.kind,
        country=security.country,
        lat=lat,
        lon=lon,
        area_m2=_within(security.area_m2, 5.0, 100_000.0, "area_absurd", flags),
        beds=_whole(_within(security.beds, 0, 100, "beds_absurd", flags)),
        year_built=_whole(_within(security.year_built, EARLIEST_YEAR, today.year + 3, "year_built_absurd", flags)),
        condition=security.condition,
        purchase_price=_positive(security.purchase_price),
        valuation=valuation,
        valued_on=_valued_on(security.valued_on, today, flags),
        valuation_source=security.valuation_source,
        renovation_cost=_positive(security.renovation_cost) or 0.0,
        gdv=gdv,
        income=_number(borrower.income),
        assets=_number(borrower.assets),
        debts=_number(borrower.debts),
        adverse_records=borrower.adverse_records,
        amount=amount,
        prior_debt=prior_debt,
        charge_rank=loan.charge_rank,
        currency=loan.currency,
        term_months=loan.term_months,
        purpose=loan.purpose,
        refinance=_exit_by_refinancing(loan.exit_strategy, flags),
        rolled_up=loan.interest_mode is LoanInterestMode.ROLLED_UP,
        flags=tuple(flags),
    )


def _valued_on(valued_on: date, today: date, flags: list[str]) -> date:
    if valued_on > today:
        flags.append("valued_in_the_future")
    if (today - valued_on).days > STALE_AFTER_DAYS:
        flags.append("valuation_stale")
    return valued_on


def _within(value: float | None, low: float, high: float, flag: str, flags: list[str]) -> float | None:
    if value is None:
        return None
    if math.isfinite(value) and low <= value <= high:
        return value
    flags.append(flag)
    return None


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)


def _positive(amount: str | None) -> float | None:
    number = _number(amount)
    return number if number else None


def _number(amount: str | None) -> float | None:
    return None if amount is None else float(amount)


def _exit_by_refinancing(strategy: ExitStrategy, flags: list[str]) -> bool | None:
    if strategy is ExitStrategy.OTHER:
        flags.append("exit_unknown")
        return None
    return strategy is ExitStrategy.REFINANCE
