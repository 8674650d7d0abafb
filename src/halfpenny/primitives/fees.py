"""The fees of an offer. A new fee is one entry of ``FeeKind``: when it falls due, its usual percentage, its names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Self

from halfpenny.primitives.money import percent_of


class FeeTime(StrEnum):
    """When a fee is paid: retained from the advance, or together with the redemption."""

    ADVANCE = "advance"
    REDEMPTION = "redemption"


class FeeKind(StrEnum):
    """What a fee is for: code, when it is due, percent of the loan unless a setting names another, and its names."""

    ARRANGEMENT = "arrangement", FeeTime.ADVANCE, "2", "Arrangement fee", "Prowizja przygotowawcza"
    EXIT = "exit", FeeTime.REDEMPTION, "0", "Exit fee", "Prowizja od spłaty"

    when: FeeTime
    usual_percent: Decimal
    english: str
    polish: str

    def __new__(
        cls, code: str, when: FeeTime = FeeTime.ADVANCE, usual_percent: str = "0", english: str = "", polish: str = ""
    ) -> Self:
        kind = str.__new__(cls, code)
        kind._value_ = code
        kind.when, kind.usual_percent = when, Decimal(usual_percent)
        kind.english, kind.polish = english, polish
        return kind


@dataclass(frozen=True, slots=True)
class OfferedFee:
    """A fee as it was offered: percent of the loan."""

    kind: FeeKind
    percent: Decimal

    def charge_minor(self, amount_minor: int) -> int:
        """The fee on a loan of ``amount_minor``, rounded half up."""
        return percent_of(amount_minor, self.percent)


def offered_fees(percents: Mapping[FeeKind, Decimal]) -> tuple[OfferedFee, ...]:
    """The fees that are charged: each kind at the percentage that ``percents`` names, else at its usual one."""
    found = ((kind, percents.get(kind, kind.usual_percent)) for kind in FeeKind)
    return tuple(OfferedFee(kind, percent) for kind, percent in found if percent)
