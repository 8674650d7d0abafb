"""Quotes: what a loan on given terms would pay out and cost. The same schedule is posted when it is drawn down."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple

from halfpenny.primitives.day_count import DayCount
from halfpenny.primitives.money import Currency, Money
from halfpenny.primitives.rate import Rate
from halfpenny.servicing import errors
from halfpenny.servicing.model.due_dates import MonthEnd, due_dates
from halfpenny.servicing.model.events import Drawdown, Event, Pause, Redemption
from halfpenny.servicing.model.gross_up import gross_up, search_principal
from halfpenny.servicing.model.returns import Flow, apr_percent
from halfpenny.servicing.model.schedule import Instalment, Schedule, build_schedule
from halfpenny.servicing.model.terms import (
    MAX_PERIODS,
    Compounding,
    Fee,
    InstalmentRounding,
    InterestMode,
    LoanTerms,
    Repayment,
)


@dataclass(frozen=True, slots=True)
class QuoteRequest:
    """Exactly one of ``principal_minor`` and ``net_advance_minor``; at least one of ``periods`` and
    ``redeemed_on``. With only ``redeemed_on`` the loan is a bullet that runs to that day."""

    currency: Currency
    rate: Rate
    repayment: Repayment
    interest_mode: InterestMode
    advanced_on: date
    principal_minor: int | None = None
    net_advance_minor: int | None = None
    periods: int | None = None
    redeemed_on: date | None = None
    first_due_on: date | None = None
    day_count: DayCount = DayCount.THIRTY_360
    month_end: MonthEnd = MonthEnd.CLAMP
    instalment_rounding: InstalmentRounding = InstalmentRounding.CENT
    compounding: Compounding = Compounding.NONE
    retained_months: int = 0
    drawdowns: tuple[tuple[date, int], ...] = ()
    fees: tuple[Fee, ...] = ()
    pauses: tuple[tuple[date, date], ...] = ()
    minimum_interest_months: int = 0


class Advance(NamedTuple):
    """One advance in minor units: ``gross`` is what the borrower owes for it, ``net`` what reaches them."""

    on: date
    gross: int
    fees: int
    retained_interest: int

    @property
    def net(self) -> int:
        return self.gross - self.fees - self.retained_interest


@dataclass(frozen=True, slots=True)
class Quote:
    """All amounts in minor units. ``gross_loan``, ``net_advance``, ``fees`` and ``retained_interest`` are sums over
    ``advances``, and the first is the sum of the others, in each advance and in all. ``totals_*`` are over the loan's
    whole life, so fees taken from the advances and retained interest are in them. ``owed`` is due at maturity or on the
    day of redemption, without interest already serviced; the reserve pays ``from_reserve`` of it, and ``redemption`` is
    what the payer sends. ``apr`` is percent a year, None where none exists."""

    terms: LoanTerms
    instalments: tuple[Instalment, ...]
    advances: tuple[Advance, ...]
    owed: int
    from_reserve: int
    totals_principal: int
    totals_interest: int
    totals_fees: int
    apr: Decimal | None

    @property
    def redemption(self) -> int:
        return self.owed - self.from_reserve

    @property
    def gross_loan(self) -> int:
        return sum(advance.gross for advance in self.advances)

    @property
    def net_advance(self) -> int:
        return sum(advance.net for advance in self.advances)

    @property
    def fees(self) -> int:
        return sum(advance.fees for advance in self.advances)

    @property
    def retained_interest(self) -> int:
        return sum(advance.retained_interest for advance in self.advances)

    @property
    def totals_total(self) -> int:
        return self.totals_principal + self.totals_interest + self.totals_fees


def quote(request: QuoteRequest) -> Quote:
    """Raises a named ImpossibleTerms (or NegativeRate, CurrencyMismatch) for terms that no loan can have."""
    terms = _terms(request)
    pauses = _pauses(request)
    drawdowns = _drawdowns(request, terms)
    if request.net_advance_minor is not None:
        if drawdowns:
            terms = search_principal(
                terms, request.net_advance_minor, lambda sized: sum(a.net for a in _advances(sized, pauses, drawdowns))
            )
        else:
            terms = gross_up(terms, request.net_advance_minor, pauses)
    schedule = build_schedule(terms, [*pauses, *drawdowns, *_redemption(request, terms)])
    advances = _advances(terms, pauses, drawdowns)
    if min(advance.net for advance in advances) <= 0:
        raise errors.NothingLeftToAdvance()
    # What the reserve still holds on the final day pays that day's interest, and then of the principal.
    retained = sum(advance.retained_interest for advance in advances)
    reserve = retained - sum(row.interest for row in schedule.instalments[:-1] if row.reserved)
    return Quote(
        terms=terms,
        instalments=schedule.instalments,
        advances=advances,
        owed=schedule.redemption,
        from_reserve=reserve,
        totals_principal=schedule.drawn,
        totals_interest=schedule.interest,
        totals_fees=sum(advance.fees for advance in advances) + sum(row.fees for row in schedule.instalments),
        apr=apr_percent(_flows(schedule, advances, reserve)),
    )


def _terms(request: QuoteRequest) -> LoanTerms:
    periods, matures_on = request.periods, None
    if request.redeemed_on is not None and request.redeemed_on < request.advanced_on:
        raise errors.RedemptionBeforeAdvance()
    if periods is None:
        if request.redeemed_on is None or request.repayment is not Repayment.BULLET:
            raise errors.PeriodsMissing()
        matures_on = request.redeemed_on
        periods = _periods_until(request, matures_on)
    # A gross-up starts from one unit of loan: its principal is found from what the unit keeps back.
    principal = 1 if request.principal_minor is None else request.principal_minor
    if request.net_advance_minor == 0:
        raise errors.PrincipalNotPositive()
    return LoanTerms(
        principal=Money(principal, request.currency),
        rate=request.rate,
        repayment=request.repayment,
        interest_mode=request.interest_mode,
        periods=periods,
        advanced_on=request.advanced_on,
        first_due_on=request.first_due_on,
        matures_on=matures_on,
        day_count=request.day_count,
        month_end=request.month_end,
        instalment_rounding=request.instalment_rounding,
        compounding=request.compounding,
        retained_months=request.retained_months,
        fees=request.fees,
        minimum_interest_months=request.minimum_interest_months,
    )


def _periods_until(request: QuoteRequest, end: date) -> int:
    dates = due_dates(request.advanced_on, request.first_due_on, request.month_end, MAX_PERIODS)
    if end > dates[-1]:
        raise errors.PeriodsOutOfRange()
    return max(1, bisect_left(dates, end))


def _pauses(request: QuoteRequest) -> list[Event]:
    found: list[Event] = []
    for first, last in request.pauses:
        if last < first:
            raise errors.PauseBackwards()
        # Days up to the advance bear no interest anyway.
        if last > request.advanced_on:
            found.append(Pause(max(first, request.advanced_on), last))
    return found


def _drawdowns(request: QuoteRequest, terms: LoanTerms) -> list[Drawdown]:
    matures_on = terms.due_dates(terms.periods)[-1]
    end = request.redeemed_on or matures_on
    if end > matures_on:
        raise errors.RedemptionAfterMaturity()
    for on, _ in request.drawdowns:
        if not terms.advanced_on <= on < end:
            raise errors.DrawdownOutsideTerm(on=on.isoformat())
    return [Drawdown(on, Money(amount, request.currency)) for on, amount in sorted(request.drawdowns)]


def _redemption(request: QuoteRequest, terms: LoanTerms) -> list[Event]:
    matures_on = terms.due_dates(terms.periods)[-1]
    if request.redeemed_on is None or request.periods is None or request.redeemed_on == matures_on:
        return []
    return [Redemption(request.redeemed_on)]


def _advances(terms: LoanTerms, pauses: Sequence[Event], drawdowns: Sequence[Drawdown]) -> tuple[Advance, ...]:
    """The first advance and each tranche. Each retains its own interest and pays the percentage fees of itself."""
    needs = [0] * (1 + len(drawdowns))
    if terms.periods_retained:
        needs = [
            build_schedule(terms, [*pauses, *drawdowns[:count]]).reserved_interest
            for count in range(len(drawdowns) + 1)
        ]
    retained = [needs[0], *(after - before for before, after in pairwise(needs))]
    first = Advance(terms.advanced_on, terms.principal.minor, terms.advance_fees_minor(), retained[0])
    return (
        first,
        *(
            Advance(tranche.effective_date, tranche.amount.minor, terms.tranche_fees_minor(tranche.amount.minor), kept)
            for tranche, kept in zip(drawdowns, retained[1:], strict=True)
        ),
    )


def _flows(schedule: Schedule, advances: Sequence[Advance], reserve: int) -> list[Flow]:
    """The borrower's cash: money in is positive, and interest that the reserve pays is no payment of theirs."""
    flows: list[Flow] = [(advance.on, advance.net) for advance in advances]
    *rows, last = schedule.instalments
    flows += [(row.due_on, row.interest * row.reserved - row.total) for row in rows]
    flows.append((last.due_on, reserve - last.total))
    return flows
