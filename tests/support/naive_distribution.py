"""The naive reference of how a distribution is shared out, which production does in SQL: plain loops, no tables.

Largest remainder over the positions, ties by position id. Principal and losses go by outstanding principal, interest
by outstanding principal times the days it was held. The parts add up to the whole, and no position is ever repaid more
than it has outstanding: so after redemption every position has received exactly its stake. The rules with worked
tables: ``docs/algorithms/distribution.md``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from halfpenny.primitives.money import percent_of, split
from halfpenny.primitives.rate import Rate
from halfpenny.servicing.model.flows import Distributable


@dataclass(frozen=True, slots=True)
class Holding:
    """A position at the time of a distribution. ``outstanding`` is its principal in minor units, and
    ``principal_days`` the sum of its principal times the days it was held since interest was last shared;
    ``stake`` is what it was at first, and decides only where nothing is outstanding any more."""

    position_id: UUID
    outstanding: int
    principal_days: int
    stake: int = 0


@dataclass(frozen=True, slots=True)
class Share:
    """What one position receives, in minor units, before withholding tax."""

    position_id: UUID
    principal: int
    interest: int
    default_interest: int

    @property
    def total(self) -> int:
        return self.principal + self.interest + self.default_interest


def share_out(pot: Distributable, holdings: Sequence[Holding]) -> tuple[Share, ...]:
    """One share a holding, by position id. Raises ValueError where there is something to share and nobody to."""
    ordered = sorted(holdings, key=_by_id)
    principal = _split(pot.principal, ordered, (_outstanding,))
    interest = _split(pot.interest, ordered, (_principal_days, _outstanding, _stake))
    default_interest = _split(pot.default_interest, ordered, (_outstanding, _stake))
    return tuple(
        Share(holding.position_id, *parts)
        for holding, *parts in zip(ordered, principal, interest, default_interest, strict=True)
    )


def share_loss(lost: int, holdings: Sequence[Holding]) -> tuple[tuple[UUID, int], ...]:
    """Split a loss of principal as its repayment would have been. Raises ValueError."""
    ordered = sorted(holdings, key=_by_id)
    parts = _split(lost, ordered, (_outstanding,))
    return tuple((holding.position_id, part) for holding, part in zip(ordered, parts, strict=True))


def principal_days(changes: Iterable[tuple[date, int]], since: date, until: date) -> int:
    """Principal times days over (since, until] for a position whose principal became ``amount`` on each date.

    ``changes`` are (effective date, principal from then on), oldest first.
    """
    total, held, start = 0, 0, since
    for on, amount in changes:
        if on > until:
            break
        if on > start:
            total += held * (on - start).days
            start = on
        held = amount
    return total + held * (until - start).days


def withholding_minor(interest: int, rate: Rate) -> int:
    """Tax held back from an investor's interest, half up to the cent (Poland: 19 % by default)."""
    return percent_of(interest, rate.percent)


def _by_id(holding: Holding) -> UUID:
    return holding.position_id


def _outstanding(holding: Holding) -> int:
    return holding.outstanding


def _principal_days(holding: Holding) -> int:
    return holding.principal_days


def _split(amount: int, ordered: Sequence[Holding], weights_by: Sequence[Callable[[Holding], int]]) -> list[int]:
    """Split by the first of the weights that anybody has.

    Interest of a loan redeemed on its first day has no days to go by, and late interest may follow the last
    principal; principal itself only ever goes to whom it is owed.
    """
    for by in weights_by:
        weights = [by(holding) for holding in ordered]
        if any(weights):
            return split(amount, weights)
    if amount:
        raise ValueError("nobody holds a position to distribute to")
    return [0] * len(ordered)


def _stake(holding: Holding) -> int:
    return holding.stake
