"""Expected credit losses as IFRS 9 sets them out: stage, allowance of each loan, and the journal that they would make.

Stage 1 carries the losses of defaults within twelve months (5.5.5), stage 2 those of the whole life because the risk
has risen significantly since the loan was made (5.5.3), stage 3 is credit-impaired (Appendix A). Losses are discounted
at the loan's own rate from its maturity (5.5.17(b), B5.5.44). The losses given default are those of the assessment. So
are the probabilities in stage 1; in stage 2 the days past due raise them, since what has happened counts (5.5.17(c)).
The platform holds no loan: the journal is for whoever does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Decimal, localcontext
from enum import IntEnum

from msgspec import Struct

from halfpenny_monitoring.portfolio import Exposure

# More than so many days past due is a significant increase (the presumption of 5.5.11).
SIGNIFICANT_DAYS = 30
# So is a probability of default that has at least doubled, by at least a point.
SIGNIFICANT_RATIO = Decimal(2)
SIGNIFICANT_RISE = Decimal("0.01")
# From so many days past due, the part of loans that go on to default: an assumption until the platform has defaults of
# its own to measure. Of arrears that are older than 90 days and no default the amount is not material, which rebuts the
# presumption of B5.5.37: they keep the rate of the last part.
ROLL_RATES = ((1, Decimal("0.20")), (31, Decimal("0.40")), (61, Decimal("0.70")))
_YEAR_DAYS = 365
IMPAIRMENT_LOSS = "impairment_loss"


class Stage(IntEnum):
    """The stages of IFRS 9's general approach."""

    TWELVE_MONTHS = 1
    LIFETIME = 2
    IMPAIRED = 3


class Allowance(Struct, frozen=True, kw_only=True):
    """The loss allowance of one loan: principal times probability, loss given default and discount.

    ``probability`` is the one that the stage takes: of a year or of the life.
    """

    loan_id: str
    currency: str
    stage: Stage
    why: str
    principal_minor: int
    probability: Decimal
    loss_given_default: Decimal
    discount: Decimal
    allowance_minor: int
    lifetime_minor: int


class StageTotal(Struct, frozen=True, kw_only=True):
    """All loans of one currency in one stage, minor units."""

    currency: str
    stage: Stage
    loans: int
    principal_minor: int
    allowance_minor: int


class JournalLine(Struct, frozen=True, kw_only=True):
    """One line of the journal, minor units; one of debit and credit is zero."""

    currency: str
    account: str
    debit_minor: int
    credit_minor: int


def stage_of(exposure: Exposure, day: date) -> tuple[Stage, str]:
    """The stage and the reason for it, as a word."""
    if exposure.defaulted:
        return Stage.IMPAIRED, "defaulted"
    if exposure.days_past_due > SIGNIFICANT_DAYS:
        return Stage.LIFETIME, "past_due"
    if exposure.matures_on < day:
        return Stage.LIFETIME, "past_maturity"
    now, first = exposure.probability_of_default, exposure.first_probability
    if now >= SIGNIFICANT_RATIO * first and now - first >= SIGNIFICANT_RISE:
        return Stage.LIFETIME, "probability_risen"
    return Stage.TWELVE_MONTHS, "no_significant_increase"


def days_late(exposure: Exposure, day: date) -> int:
    """Days past due, a day past maturity being one: no principal was due before, all of it is now."""
    return max(exposure.days_past_due, (day - exposure.matures_on).days, 0)


def roll_rate(exposure: Exposure, day: date) -> Decimal:
    """The part of such loans that defaults now: by the days past due from stage 2 on, 1 in default."""
    stage, _ = stage_of(exposure, day)
    if stage is not Stage.LIFETIME:
        return Decimal(int(stage is Stage.IMPAIRED))
    late = days_late(exposure, day)
    return max((rate for least, rate in ROLL_RATES if late >= least), default=Decimal(0))


def lifetime_probability(exposure: Exposure, day: date) -> Decimal:
    """The probability of default over the rest of the life, given what has happened; 1 in default.

    Of loans that would not have defaulted by the assessment the roll rate does so now: never below the assessment's,
    nor below that of fewer days.
    """
    return 1 - (1 - exposure.probability_of_default) * (1 - roll_rate(exposure, day))


def twelve_month_probability(probability: Decimal, matures_on: date, day: date) -> Decimal:
    """The part of a loan's probability of default that falls within a year.

    All of it where the loan is due within the year: a bridge loan defaults at its exit. Of a longer one the part that a
    constant hazard has by then.
    """
    days = (matures_on - day).days
    if days <= _YEAR_DAYS:
        return probability
    with localcontext() as context:
        context.prec = 40
        return 1 - (1 - probability) ** (Decimal(_YEAR_DAYS) / Decimal(days))


def discount_factor(annual_rate_percent: Decimal, matures_on: date, day: date) -> Decimal:
    """What a unit that is lost at maturity is worth today; 1 from maturity on."""
    days = max((matures_on - day).days, 0)
    with localcontext() as context:
        context.prec = 40
        return (1 + annual_rate_percent / 100) ** -(Decimal(days) / _YEAR_DAYS)


def allowance(exposure: Exposure, day: date) -> Allowance:
    """The allowance of one loan, rounded half up to the minor unit once.

    Only what is expected to be lost at the maturity is discounted from there: what defaults now is not.
    """
    stage, why = stage_of(exposure, day)
    life = lifetime_probability(exposure, day)
    now = roll_rate(exposure, day)
    year = twelve_month_probability(life, exposure.matures_on, day)
    used = year if stage is Stage.TWELVE_MONTHS else life
    discount = discount_factor(exposure.annual_rate_percent, exposure.matures_on, day)
    loss = exposure.principal_minor * exposure.loss_given_default
    return Allowance(
        loan_id=exposure.loan_id,
        currency=exposure.currency,
        stage=stage,
        why=why,
        principal_minor=exposure.principal_minor,
        probability=used,
        loss_given_default=exposure.loss_given_default,
        discount=(now + (used - now) * discount) / used if used else discount,
        allowance_minor=_minor(loss * (now + (used - now) * discount)),
        lifetime_minor=_minor(loss * (now + (life - now) * discount)),
    )


def stage_totals(allowances: Sequence[Allowance]) -> list[StageTotal]:
    """Sums by currency and stage; a stage without loans is left out."""
    together: dict[tuple[str, Stage], list[Allowance]] = {}
    for each in allowances:
        together.setdefault((each.currency, each.stage), []).append(each)
    return [
        StageTotal(
            currency=currency,
            stage=stage,
            loans=len(some),
            principal_minor=sum(each.principal_minor for each in some),
            allowance_minor=sum(each.allowance_minor for each in some),
        )
        for (currency, stage), some in sorted(together.items())
    ]


def journal(opening: Sequence[StageTotal], closing: Sequence[StageTotal]) -> list[JournalLine]:
    """What would be posted to bring the allowances from the last report to this one: one entry a currency, balanced.

    An increase is charged to profit or loss (5.5.8) and credited to the stage's allowance; a decrease the other way.
    """
    before, after = (_by_stage(totals) for totals in (opening, closing))
    lines = []
    for currency in sorted({currency for currency, _ in (*before, *after)}):
        moves = {stage: after.get((currency, stage), 0) - before.get((currency, stage), 0) for stage in Stage}
        charge = sum(moves.values())
        if charge:
            lines.append(_line(currency, IMPAIRMENT_LOSS, charge))
        lines += [_line(currency, f"loss_allowance_stage_{stage}", -moved) for stage, moved in moves.items() if moved]
    return lines


def _by_stage(totals: Sequence[StageTotal]) -> Mapping[tuple[str, Stage], int]:
    return {(total.currency, total.stage): total.allowance_minor for total in totals}


def _line(currency: str, account: str, debit: int) -> JournalLine:
    return JournalLine(currency=currency, account=account, debit_minor=max(debit, 0), credit_minor=max(-debit, 0))


def _minor(amount: Decimal) -> int:
    return int(amount.quantize(Decimal(1), ROUND_HALF_UP))
