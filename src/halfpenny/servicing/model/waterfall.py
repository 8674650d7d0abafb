"""Waterfalls: in which order a receipt pays what a loan owes. Named, versioned, and run exactly as shown.

A published version is never edited: a change of order is a new version, and each loan keeps the one that its
investors saw.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple

from halfpenny.primitives.rate import NO_RATE, Rate


class Component(StrEnum):
    """What a loan can owe. Within one component the oldest due date is paid first."""

    RECOVERY_COST = "recovery_cost"
    FEE = "fee"
    PENALTY = "penalty"
    DEFAULT_INTEREST = "default_interest"
    INTEREST = "interest"
    PRINCIPAL = "principal"


# What pays these is the investors', less what a waterfall lets the platform keep; all else is the platform's.
INVESTORS_COMPONENTS: Final = frozenset({Component.PRINCIPAL, Component.INTEREST, Component.DEFAULT_INTEREST})


class WaivedComponent(StrEnum):
    """What can be waived: all that a loan can owe but its principal, which is written off."""

    RECOVERY_COST = Component.RECOVERY_COST.value
    FEE = Component.FEE.value
    PENALTY = Component.PENALTY.value
    DEFAULT_INTEREST = Component.DEFAULT_INTEREST.value
    INTEREST = Component.INTEREST.value


@dataclass(frozen=True, slots=True)
class Waterfall:
    """Two orders, and what the platform keeps: ``servicing_fee`` is percent of the interest received,
    ``default_interest_share`` percent of the default interest received; the rest is the investors'."""

    name: str
    version: int
    before_default: tuple[Component, ...]
    after_default: tuple[Component, ...]
    servicing_fee: Rate = NO_RATE
    default_interest_share: Rate = NO_RATE

    def __post_init__(self) -> None:
        for order in (self.before_default, self.after_default):
            if sorted(order) != sorted(Component):
                raise ValueError("a waterfall names every component once")

    @property
    def key(self) -> str:
        return f"{self.name}/{self.version}"

    def order(self, *, defaulted: bool) -> tuple[Component, ...]:
        return self.after_default if defaulted else self.before_default


HALFPENNY_1: Final = Waterfall(
    name="halfpenny",
    version=1,
    before_default=(
        Component.FEE,
        Component.PENALTY,
        Component.DEFAULT_INTEREST,
        Component.INTEREST,
        Component.PRINCIPAL,
        Component.RECOVERY_COST,
    ),
    # After default the platform is not paid ahead of the investors' principal: only what it advanced to recover.
    after_default=(
        Component.RECOVERY_COST,
        Component.PRINCIPAL,
        Component.INTEREST,
        Component.DEFAULT_INTEREST,
        Component.FEE,
        Component.PENALTY,
    ),
    default_interest_share=Rate(20_000_000),
)

# The order of the published case F-B7 (tests/acceptance/servicing.json); no product of ours uses it.
_F_B7_ORDER: Final = (
    Component.PENALTY,
    Component.FEE,
    Component.INTEREST,
    Component.PRINCIPAL,
    Component.DEFAULT_INTEREST,
    Component.RECOVERY_COST,
)
F_B7: Final = Waterfall(name="F-B7", version=1, before_default=_F_B7_ORDER, after_default=_F_B7_ORDER)

WATERFALLS: Final[Mapping[str, Waterfall]] = MappingProxyType({w.key: w for w in (HALFPENNY_1, F_B7)})
DEFAULT_WATERFALL: Final = HALFPENNY_1.key


class WaterfallLine(NamedTuple):
    component: Component
    owed: int
    paid: int


def simulate(
    waterfall: Waterfall, owed: Mapping[Component, int], amount: int, *, defaulted: bool
) -> tuple[tuple[WaterfallLine, ...], int]:
    """What ``amount`` would pay of what is ``owed`` (minor units), line by line, and what would be left over.

    The engine pays receipts with the same order, so this is the simulator that borrowers and investors see.
    """
    if amount < 0 or any(value < 0 for value in owed.values()):
        raise ValueError("a waterfall takes amounts that are not negative")
    lines = []
    for component in waterfall.order(defaulted=defaulted):
        due = owed.get(component, 0)
        paid = min(due, amount)
        amount -= paid
        lines.append(WaterfallLine(component, due, paid))
    return tuple(lines), amount
