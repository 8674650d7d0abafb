"""What every holder of a loan should have received, recomputed from the first day: the rule of distributions, replayed.

The shares of an ordinary distribution are worked out in SQL, over holdings as they stand (``SHARE_OUT``). Where an
event is recorded late, what has been shared out may be wrong in amount, in kind or in weight; then the whole loan is
shared out again from its first day, and each holder's difference is what they are still to get or have had too much.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from halfpenny.primitives.money import split
from halfpenny.primitives.rate import WHOLE
from halfpenny.servicing.model.flows import DistributionPart


@dataclass(slots=True)
class HolderTotals:
    """One holding and all that its loan's money up to a day comes to for it; minor units. ``withheld`` is the tax.

    ``principal_days`` sums principal times days since interest was last shared, up to ``counted_to``.
    """

    position_id: UUID
    stake: int
    counted_to: date
    principal: int = 0
    interest: int = 0
    default_interest: int = 0
    recovered: int = 0
    lost: int = 0
    withheld: int = 0
    principal_days: int = 0

    @property
    def outstanding(self) -> int:
        return self.stake - self.principal - self.lost


def no_tax(_: UUID, __: date) -> int:
    """For holders from whom nothing is withheld."""
    return 0


def share_from_the_first_day(
    stakes: Iterable[tuple[UUID, int]],
    advanced_on: date,
    days: Sequence[DistributionPart],
    tax_millionths: Callable[[UUID, date], int] = no_tax,
) -> list[HolderTotals]:
    """Share each day's money over the (position, stake) pairs, oldest day first; a loss comes after its day's money.

    Largest remainder to the cent, ties by position id; what a day brings after its loss recovers it. Tax is withheld
    from each day's interest, half up, at the rate that ``tax_millionths`` gives for (position, day): so it comes to the
    same in whatever order the days were reported.
    """
    holders = [HolderTotals(position_id, stake, advanced_on) for position_id, stake in sorted(stakes)]
    for day in sorted(days, key=lambda part: part.effective_date):
        for holder in holders:
            holder.principal_days += holder.outstanding * max((day.effective_date - holder.counted_to).days, 0)
            holder.counted_to = max(holder.counted_to, day.effective_date)
        _share_day(holders, day, tax_millionths)
    return holders


def withheld_minor(interest: int, rate_millionths: int) -> int:
    """Tax on the interest of a day, which is never below zero; the rate is millionths of a percent."""
    return (2 * interest * rate_millionths + WHOLE) // (2 * WHOLE)


def _share_day(
    holders: Sequence[HolderTotals], day: DistributionPart, tax_millionths: Callable[[UUID, date], int]
) -> None:
    principal = _split(day.principal, holders, (_outstanding,))
    interest = _split(day.interest, holders, (_principal_days, _outstanding, _stake))
    default_interest = _split(day.default_interest, holders, (_outstanding, _stake))
    for place, holder in enumerate(holders):
        holder.principal += principal[place]
        holder.interest += interest[place]
        holder.default_interest += default_interest[place]
        if taxed := interest[place] + default_interest[place]:
            holder.withheld += withheld_minor(taxed, tax_millionths(holder.position_id, day.effective_date))
        if day.interest:
            holder.principal_days = 0
    for holder, lost in zip(holders, _split(day.lost, holders, (_outstanding,)), strict=True):
        holder.lost += lost
    for holder, recovered in zip(holders, _split(day.recovered, holders, (_loss,)), strict=True):
        holder.recovered += recovered


def _split(
    amount: int, holders: Sequence[HolderTotals], weights_by: Sequence[Callable[[HolderTotals], int]]
) -> list[int]:
    """By the first of the weights that anybody has."""
    for by in weights_by:
        weights = [by(holder) for holder in holders]
        if any(weights):
            return split(amount, weights)
    return split(amount, [0] * len(holders))


def _outstanding(holder: HolderTotals) -> int:
    return holder.outstanding


def _principal_days(holder: HolderTotals) -> int:
    return holder.principal_days


def _stake(holder: HolderTotals) -> int:
    return holder.stake


def _loss(holder: HolderTotals) -> int:
    return holder.lost - holder.recovered
