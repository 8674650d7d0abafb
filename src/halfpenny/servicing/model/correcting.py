"""A correction: for each holder, what they should have had by now less what they have had, netted and taxed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from halfpenny.servicing.model.sharing import HolderTotals


@dataclass(frozen=True, slots=True)
class HolderRecord:
    """What a holding has had so far, minor units. ``overpaid`` is what it has had too much and has not given back."""

    position_id: UUID
    principal: int
    interest: int
    default_interest: int
    recovered: int
    lost: int
    withheld: int
    overpaid: int


@dataclass(frozen=True, slots=True)
class Correction:
    """One holder's share of a correction: the differences, which may be below zero, and the holding after it.

    ``netted`` is what of the share is not paid: it makes good what they had too much before, or, below zero, is what
    they have had too much now. ``paid`` is never below zero: nothing is taken out of a wallet.
    """

    position_id: UUID
    principal: int
    interest: int
    default_interest: int
    recovered: int
    lost: int
    withheld: int
    netted: int
    outstanding: int
    principal_days: int
    counted_to: date

    @property
    def total(self) -> int:
        """After tax, before netting."""
        return self.principal + self.interest + self.default_interest + self.recovered - self.withheld

    @property
    def paid(self) -> int:
        return self.total - self.netted

    @property
    def changes_something(self) -> bool:
        return any((self.principal, self.interest, self.default_interest, self.recovered, self.lost, self.withheld))


def correct(should: Sequence[HolderTotals], had: Sequence[HolderRecord]) -> list[Correction]:
    """One correction a holder, both sequences by position."""
    return [_correct(one, record) for one, record in zip(should, had, strict=True)]


def _correct(should: HolderTotals, had: HolderRecord) -> Correction:
    principal = should.principal - had.principal
    interest = should.interest - had.interest
    default_interest = should.default_interest - had.default_interest
    recovered = should.recovered - had.recovered
    withheld = should.withheld - had.withheld
    total = principal + interest + default_interest + recovered - withheld
    return Correction(
        position_id=should.position_id,
        principal=principal,
        interest=interest,
        default_interest=default_interest,
        recovered=recovered,
        lost=should.lost - had.lost,
        withheld=withheld,
        netted=min(had.overpaid, total) if total > 0 else total,
        outstanding=should.outstanding,
        principal_days=should.principal_days,
        counted_to=should.counted_to,
    )
