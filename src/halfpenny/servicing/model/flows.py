"""Cumulative cash flows of a replay: what has to be posted is the difference of two.

The totals of a position are computed from scratch each time; what has been posted so far is kept with the loan.
The journal of any event, backdated or not, moves exactly the difference, so a replay can never post twice.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, fields
from datetime import date

from halfpenny.primitives.money import percent_of
from halfpenny.servicing.model.position import Allocation, LoanPosition, MoneySource
from halfpenny.servicing.model.reserve import ReserveMoveKind
from halfpenny.servicing.model.terms import LoanTerms
from halfpenny.servicing.model.waterfall import WATERFALLS


@dataclass(frozen=True, slots=True)
class Flows:
    """Cumulative minor units since the advance.

    In: ``received`` from outside, ``released`` from the interest reserve. ``held`` waits as an advance payment, a
    balance that comes and goes. Out: ``returned`` and ``rebated`` to the borrower, ``fees`` and ``default_income`` to
    the platform, ``costs`` against its recovery advances, and to the investors ``principal``, ``interest``,
    ``default_interest``, ``recovered``. ``lost`` moves no money. ``costs_waived`` are recovery advances that the
    platform bears itself.
    """

    retained: int = 0
    received: int = 0
    released: int = 0
    held: int = 0
    rebated: int = 0
    returned: int = 0
    fees: int = 0
    default_income: int = 0
    costs: int = 0
    principal: int = 0
    interest: int = 0
    default_interest: int = 0
    recovered: int = 0
    lost: int = 0
    costs_waived: int = 0

    def since(self, before: Flows) -> Flows:
        """What has to be posted to come from ``before`` to here."""
        return Flows(*(getattr(self, f.name) - getattr(before, f.name) for f in fields(self)))

    @property
    def to_investors(self) -> int:
        return self.principal + self.interest + self.default_interest + self.recovered

    @property
    def collected(self) -> int:
        return self.received + self.released

    @property
    def spent(self) -> int:
        """All that leaves the collections; equals ``collected``, always."""
        return self.held + self.returned + self.fees + self.default_income + self.costs + self.to_investors


@dataclass(frozen=True, slots=True)
class Distributable:
    """What a receipt leaves for each purpose. ``platform_income`` is its fees, penalties, servicing fee and share
    of default interest; ``recovery_costs`` give back what it advanced; ``held`` waits. All of them add up to the
    receipt."""

    principal: int
    interest: int
    default_interest: int
    platform_income: int
    recovery_costs: int
    returned: int
    held: int = 0

    @property
    def to_investors(self) -> int:
        return self.principal + self.interest + self.default_interest


def distributable_of(terms: LoanTerms, receipt: Allocation) -> Distributable:
    """Divide an allocated receipt between investors, platform and borrower, by the loan's waterfall."""
    waterfall = WATERFALLS[terms.waterfall]
    servicing_fee = percent_of(receipt.interest, waterfall.servicing_fee.percent)
    kept = percent_of(receipt.default_interest, waterfall.default_interest_share.percent)
    return Distributable(
        principal=receipt.principal,
        interest=receipt.interest - servicing_fee,
        default_interest=receipt.default_interest - kept,
        platform_income=receipt.fee + receipt.penalty + servicing_fee + kept,
        recovery_costs=receipt.recovery_cost,
        returned=receipt.returned,
        held=receipt.held,
    )


def flows_of(terms: LoanTerms, position: LoanPosition) -> Flows:
    """The sums of everything that has happened to the loan by ``position.as_of``."""
    moved = {kind: 0 for kind in ReserveMoveKind}
    for move in position.reserve_moves:
        moved[move.kind] += move.amount
    distributables = [(allocation, distributable_of(terms, allocation)) for allocation in position.allocations]
    interest_fee = percent_of(moved[ReserveMoveKind.RELEASED], WATERFALLS[terms.waterfall].servicing_fee.percent)
    default_kept = sum(a.default_interest - distributable.default_interest for a, distributable in distributables)
    return Flows(
        retained=moved[ReserveMoveKind.RETAINED],
        received=sum(a.amount for a, _ in distributables if a.source is MoneySource.RECEIPT),
        released=moved[ReserveMoveKind.RELEASED] + moved[ReserveMoveKind.APPLIED],
        held=position.advance_held,
        rebated=moved[ReserveMoveKind.REBATED],
        returned=sum(distributable.returned for _, distributable in distributables),
        fees=sum(distributable.platform_income for _, distributable in distributables) - default_kept + interest_fee,
        default_income=default_kept,
        costs=sum(distributable.recovery_costs for _, distributable in distributables),
        principal=sum(distributable.principal for a, distributable in distributables if not a.recovery),
        interest=sum(distributable.interest for _, distributable in distributables)
        + moved[ReserveMoveKind.RELEASED]
        - interest_fee,
        default_interest=sum(distributable.default_interest for _, distributable in distributables),
        recovered=sum(distributable.principal for a, distributable in distributables if a.recovery),
        lost=position.written_off,
        costs_waived=position.recovery_costs_waived,
    )


@dataclass(frozen=True, slots=True)
class Withholding:
    """Tax held back from interest: percent in millionths, by country, without and with a treaty form on file."""

    rates: tuple[tuple[str, int, int], ...] = (("PL", 19_000_000, 19_000_000),)

    def rate_millionths(self, country: str | None, treaty_form: bool) -> int:
        """Zero where the country is unknown or not listed: its investors declare the interest themselves."""
        for listed, without_form, with_form in self.rates:
            if listed == country:
                return with_form if treaty_form else without_form
        return 0


@dataclass(frozen=True, slots=True)
class DistributionPart:
    """What one day brings for the holders, in minor units, and what of the principal was lost on it."""

    effective_date: date
    principal: int = 0
    interest: int = 0
    default_interest: int = 0
    recovered: int = 0
    lost: int = 0

    @property
    def total(self) -> int:
        return self.principal + self.interest + self.default_interest + self.recovered


def parts_by_day(terms: LoanTerms, position: LoanPosition) -> tuple[DistributionPart, ...]:
    """What each day has brought for the investors, oldest first: ``flows_of`` day by day."""
    days: dict[date, Counter[str]] = {}
    for allocation in position.allocations:
        found = distributable_of(terms, allocation)
        day = days.setdefault(allocation.effective_date, Counter())
        day["recovered" if allocation.recovery else "principal"] += found.principal
        day["interest"] += found.interest
        day["default_interest"] += found.default_interest
    fee = WATERFALLS[terms.waterfall].servicing_fee.percent
    released = 0
    for move in position.reserve_moves:
        if move.kind is ReserveMoveKind.RELEASED:
            before, released = released, released + move.amount
            kept = percent_of(released, fee) - percent_of(before, fee)
            days.setdefault(move.on, Counter())["interest"] += move.amount - kept
    if position.written_off_on is not None:
        days.setdefault(position.written_off_on, Counter())["lost"] += position.written_off
    return tuple(DistributionPart(on, **day) for on, day in sorted(days.items()) if any(day.values()))
