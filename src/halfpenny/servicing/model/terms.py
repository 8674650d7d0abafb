"""The terms of a loan, checked once: whatever holds a LoanTerms holds terms that a loan can have."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

from halfpenny.primitives.day_count import DayCount
from halfpenny.primitives.fees import FeeTime
from halfpenny.primitives.legal_maximum import MaximumRates
from halfpenny.primitives.money import Currency, Money, percent_of
from halfpenny.primitives.rate import NO_RATE, WHOLE, Rate
from halfpenny.servicing import errors
from halfpenny.servicing.model.due_dates import MonthEnd, due_dates
from halfpenny.servicing.model.waterfall import DEFAULT_WATERFALL, WATERFALLS

MAX_PERIODS = 360
FIRST_YEAR, LAST_YEAR = 1900, 2200


class Repayment(StrEnum):
    BULLET = "bullet"
    ANNUITY = "annuity"
    EQUAL_PRINCIPAL = "equal_principal"


class InterestMode(StrEnum):
    """``mixed`` is retained for ``retained_months`` periods, then serviced."""

    SERVICED = "serviced"
    RETAINED = "retained"
    ROLLED_UP = "rolled_up"
    MIXED = "mixed"


class Compounding(StrEnum):
    NONE = "none"
    MONTHLY = "monthly"


class InstalmentRounding(StrEnum):
    CENT = "cent"
    WHOLE_UNIT = "whole_unit"
    WHOLE_UNIT_UP = "whole_unit_up"


@dataclass(frozen=True, slots=True)
class Fee:
    """``amount_minor``, or ``percent_millionths`` of the loan (millionths of a percent): exactly one of them."""

    kind: str
    when: FeeTime
    amount_minor: int | None = None
    percent_millionths: int | None = None

    def __post_init__(self) -> None:
        if (self.amount_minor is None) == (self.percent_millionths is None):
            raise errors.MalformedFee(kind=self.kind)

    def charge(self, principal_minor: int) -> int:
        """The fee on ``principal_minor``, rounded half up to the cent."""
        if self.amount_minor is not None:
            return self.amount_minor
        assert self.percent_millionths is not None  # noqa: S101 - the constructor holds this; mypy cannot see it
        return percent_of(principal_minor, Rate(self.percent_millionths).percent)


@dataclass(frozen=True, slots=True)
class Materiality:
    """When an amount past due is material: both thresholds have to be exceeded, minor units of the loan's currency and
    a share of what the loan owes (Delegated Regulations (EU) 2018/171, article 2, and 2022/2115, article 1)."""

    above_minor: int = 0
    above_share: Rate = NO_RATE

    def is_material(self, past_due_minor: int, exposure_minor: int) -> bool:
        """Whether what of instalments is unpaid, of so much that the loan owes in all, is material. Minor units."""
        share = self.above_share.millionths
        return past_due_minor > self.above_minor and past_due_minor * WHOLE > share * exposure_minor


EVERY_AMOUNT: Final = Materiality()


@dataclass(frozen=True, slots=True)
class LoanTerms:
    """What borrower and lender agreed. Dates are business dates; rates are percent a year.

    ``matures_on`` ends the last period early (a quote redeemed on a day, with no number of periods); it is None
    for a loan of whole periods. ``retained_residue_minor`` are the cents by which the last retained interest
    differs from the computed one, so that a grossed-up loan advances the net that was wanted. ``waterfall``
    names a version in ``waterfall.WATERFALLS``. ``default_rate`` is as agreed; ``legal_maximum`` is what the law
    allowed at the advance, and later changes are events. Without
    ``default_interest_on_interest`` only overdue principal bears it.
    Raises a named ImpossibleTerms for terms that no loan can have.
    """

    principal: Money
    rate: Rate
    repayment: Repayment
    interest_mode: InterestMode
    periods: int
    advanced_on: date
    first_due_on: date | None = None
    matures_on: date | None = None
    day_count: DayCount = DayCount.THIRTY_360
    month_end: MonthEnd = MonthEnd.CLAMP
    instalment_rounding: InstalmentRounding = InstalmentRounding.CENT
    compounding: Compounding = Compounding.NONE
    retained_months: int = 0
    retained_residue_minor: int = 0
    fees: tuple[Fee, ...] = ()
    minimum_interest_months: int = 0
    rebate_of_retained_interest: bool = True
    count_due_date: bool = False
    default_rate: Rate = NO_RATE
    default_day_count: DayCount = DayCount.ACT_365F
    default_interest_on_interest: bool = True
    governing_law: str = ""
    legal_maximum: MaximumRates | None = None
    waterfall: str = DEFAULT_WATERFALL
    materiality: Materiality = EVERY_AMOUNT

    def __post_init__(self) -> None:
        if self.principal.minor <= 0:
            raise errors.PrincipalNotPositive()
        if not 1 <= self.periods <= MAX_PERIODS:
            raise errors.PeriodsOutOfRange(periods=self.periods)
        # Thirty years of periods from here still end inside the calendar.
        if not FIRST_YEAR <= self.advanced_on.year <= LAST_YEAR:
            raise errors.DateOutOfRange()
        if self.first_due_on is not None and not (
            self.advanced_on < self.first_due_on <= self.advanced_on + timedelta(days=366)
        ):
            raise errors.FirstDueBeforeAdvance()
        if self.matures_on is not None and self.matures_on < self.advanced_on:
            raise errors.RedemptionBeforeAdvance()
        self._check_interest()
        if self.default_day_count not in (DayCount.ACT_365F, DayCount.ACT_360):
            raise errors.UnsupportedDefaultDayCount()
        if self.waterfall not in WATERFALLS:
            raise errors.UnknownWaterfall(waterfall=self.waterfall)

    def _check_interest(self) -> None:
        if self.interest_mode is not InterestMode.SERVICED and self.repayment is not Repayment.BULLET:
            raise errors.InterestModeNeedsBullet()
        if self.compounding is Compounding.MONTHLY and self.interest_mode is not InterestMode.ROLLED_UP:
            raise errors.CompoundingNeedsRolledUp()
        if self.interest_mode is InterestMode.MIXED:
            if not 1 <= self.retained_months < self.periods:
                raise errors.RetainedMonthsOutOfRange()
        elif self.retained_months:
            raise errors.RetainedMonthsOutOfRange("Only mixed interest names its retained months.")
        if self.minimum_interest_months < 0 or self.minimum_interest_months > MAX_PERIODS:
            raise errors.MinimumInterestOutOfRange()
        if self.matures_on is None and self.minimum_interest_months > self.periods:
            raise errors.MinimumInterestOutOfRange()

    @property
    def currency(self) -> Currency:
        return self.principal.currency

    @property
    def periods_retained(self) -> int:
        """For how many periods the interest is taken from the reserve that the advance filled."""
        if self.interest_mode is InterestMode.RETAINED:
            return self.periods
        return self.retained_months

    def due_dates(self, periods: int) -> tuple[date, ...]:
        """The advance and then the ends of ``periods`` monthly periods."""
        return due_dates(self.advanced_on, self.first_due_on, self.month_end, periods)

    def advance_fees_minor(self) -> int:
        """What the first advance pays in fees."""
        return sum(fee.charge(self.principal.minor) for fee in self.fees if fee.when is FeeTime.ADVANCE)

    def tranche_fees_minor(self, amount_minor: int) -> int:
        """What a further advance of ``amount_minor`` pays: the percentages of it; fixed fees were paid by the first."""
        return sum(
            fee.charge(amount_minor) for fee in self.fees if fee.when is FeeTime.ADVANCE and fee.amount_minor is None
        )
