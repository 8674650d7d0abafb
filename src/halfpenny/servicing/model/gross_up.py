"""Gross-up: the loan that leaves a wanted net advance once fees and retained interest are taken from it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction

from halfpenny.primitives.fees import FeeTime
from halfpenny.primitives.money import MAX_MINOR, Money
from halfpenny.primitives.rate import WHOLE
from halfpenny.servicing import errors
from halfpenny.servicing.model.events import Event
from halfpenny.servicing.model.schedule import build_schedule
from halfpenny.servicing.model.segments import BASE_UNITS
from halfpenny.servicing.model.terms import Fee, LoanTerms


def gross_up(terms: LoanTerms, net_minor: int, pauses: Sequence[Event]) -> LoanTerms:
    """``terms`` with the principal whose net advance is ``net_minor``; their own principal counts for nothing.

    gross = (net + costs) / (1 - monthly_rate x months - fee_rate), rounded half up: the published formula, with
    monthly_rate x months the retained interest per unit of loan by the terms' own day count. The cents that
    rounding each period's interest leaves fall in the last retained interest (or else in the last percentage
    fee), so the net advance is the one that was wanted. Where neither can take them (a loan of a few cents), or
    where the formula does not know a charge (minimum interest), the principal itself is searched for. Raises
    GrossUpImpossible where the share that is taken is the whole.
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
    gross = max(1, (2 * exact.numerator + exact.denominator) // (2 * exact.denominator))
    grossed = replace(terms, principal=Money(gross, terms.currency))
    reserved = [row.interest for row in build_schedule(grossed, pauses).instalments if row.reserved]
    residue = gross - grossed.advance_fees_minor() - sum(reserved) - net_minor
    # Half a cent for each rounding; more means a charge that the formula does not know.
    if abs(residue) <= terms.periods + len(fees) + 1:
        if reserved and reserved[-1] + residue >= 0:
            return replace(grossed, retained_residue_minor=residue)
        with_residue = _with_residue(terms.fees, gross, residue)
        if with_residue is not None:
            return replace(grossed, fees=with_residue)
    return search_principal(terms, net_minor, lambda sized: _net_of(sized, pauses))


def search_principal(terms: LoanTerms, net_minor: int, net_of: Callable[[LoanTerms], int]) -> LoanTerms:
    """``terms`` with a principal that leaves exactly ``net_minor`` by ``net_of``. Raises GrossUpImpossible.

    A cent more of loan never leaves more than a cent more of net, as fees and interest do not fall with the loan. So
    where halving ends between a loan that leaves too little and one that leaves enough, the latter leaves it exactly.
    """

    def sized(principal: int) -> LoanTerms:
        return replace(terms, principal=Money(principal, terms.currency))

    enough = max(net_minor, 1)
    while net_of(sized(enough)) < net_minor:
        if enough > MAX_MINOR:
            raise errors.GrossUpImpossible()
        enough *= 2
    short = 0
    while enough - short > 1:
        middle = (short + enough) // 2
        if net_of(sized(middle)) < net_minor:
            short = middle
        else:
            enough = middle
    found = sized(enough)
    if net_of(found) != net_minor:
        raise errors.GrossUpImpossible()
    return found


def _net_of(terms: LoanTerms, pauses: Sequence[Event]) -> int:
    retained = build_schedule(terms, pauses).reserved_interest
    return terms.principal.minor - terms.advance_fees_minor() - retained


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


def _with_residue(fees: tuple[Fee, ...], gross: int, residue: int) -> tuple[Fee, ...] | None:
    """The fees with the last percentage fee taking the cents; None where none can."""
    if not residue:
        return fees
    for place in reversed(range(len(fees))):
        fee = fees[place]
        if fee.when is FeeTime.ADVANCE and fee.amount_minor is None and fee.charge(gross) + residue >= 0:
            adjusted = Fee(fee.kind, FeeTime.ADVANCE, amount_minor=fee.charge(gross) + residue)
            return (*fees[:place], adjusted, *fees[place + 1 :])
    return None
