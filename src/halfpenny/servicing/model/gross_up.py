"""Gross-up: the loan that leaves a wanted net advance once fees and retained interest are kept back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from halfpenny.primitives.money import MAX_MINOR, Money
from halfpenny.primitives.rate import WHOLE
from halfpenny.servicing import errors
from halfpenny.servicing.model.events import Event
from halfpenny.servicing.model.schedule import build_schedule
from halfpenny.servicing.model.segments import BASE_UNITS
from halfpenny.servicing.model.terms import Fee, FeeTime, LoanTerms


def gross_up(terms: LoanTerms, net_minor: int, pauses: Sequence[Event]) -> LoanTerms:
    """``terms`` with the principal whose net advance is ``net_minor``; their own principal counts for nothing.

    gross = (net + costs) / (1 - monthly_rate x months - fee_rate), rounded half up: the published formula, with
    monthly_rate x months the retained interest per unit of loan by the terms' own day count. The cents that
    rounding each period's interest leaves fall in the last retained interest (or else in the last percentage
    fee), so the net advance is the one that was wanted. Raises GrossUpImpossible where the share that is kept
    back is the whole.
    """
    fees = [fee for fee in terms.fees if fee.when is FeeTime.ADVANCE]
    costs = sum(fee.amount_minor or 0 for fee in fees)
    fee_share = sum((Fraction(fee.percent_millionths or 0, WHOLE) for fee in fees), Fraction(0))
    left = 1 - _retained_share(terms, pauses) - fee_share
    if left <= 0:
        raise errors.GrossUpImpossible()
    exact = (net_minor + costs) / left
    if exact > MAX_MINOR:
        raise errors.GrossUpImpossible()
    gross = (2 * exact.numerator + exact.denominator) // (2 * exact.denominator)
    grossed = replace(terms, principal=Money(gross, terms.currency))
    reserved = [row.interest for row in build_schedule(grossed, pauses).instalments if row.reserved]
    retained = sum(reserved)
    residue = gross - grossed.advance_fees_minor() - retained - net_minor
    # Half a cent for each rounding; more means a charge that the formula does not know (minimum interest).
    if abs(residue) > terms.periods + len(fees) + 1:
        raise errors.GrossUpImpossible()
    if reserved and reserved[-1] + residue >= 0:
        return replace(grossed, retained_residue_minor=residue)
    return replace(grossed, fees=_with_residue(terms.fees, gross, residue))


def _retained_share(terms: LoanTerms, pauses: Sequence[Event]) -> Fraction:
    """Retained interest per unit of loan, unrounded."""
    if not terms.periods_retained:
        return Fraction(0)
    segments = build_schedule(terms, pauses).segments
    parts = sum(
        segment.rate * segment.weight * (segment.end - segment.start).days
        for segment in segments
        if segment.period <= terms.periods_retained
    )
    return Fraction(parts * BASE_UNITS, segments[0].scale) if segments else Fraction(0)


def _with_residue(fees: tuple[Fee, ...], gross: int, residue: int) -> tuple[Fee, ...]:
    """The last percentage fee takes the cents; of a loan so small that none can, the net advance misses them."""
    for place in reversed(range(len(fees))):
        fee = fees[place]
        if fee.when is FeeTime.ADVANCE and fee.amount_minor is None and fee.charge(gross) + residue >= 0:
            adjusted = Fee(fee.kind, FeeTime.ADVANCE, amount_minor=fee.charge(gross) + residue)
            return (*fees[:place], adjusted, *fees[place + 1 :])
    return fees
