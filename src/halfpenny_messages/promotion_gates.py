"""The gates that a borrower model passes before it may become the champion: one definition for judge and platform.

The judge (``halfpenny-training judge``) measures and holds them; the platform holds the figures of a proposal to them
again, before two people read them.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from halfpenny_messages.promotion import Judgement, MeasuredFigure

MONOTONE_TRIALS: Final = 10_000
"""Applications that are made worse; none of them may score better."""
LOWEST_SLOPE: Final = 0.9
HIGHEST_SLOPE: Final = 1.1
"""Calibration on unseen rows: the 95 % interval of the slope has to meet these."""
MOST_INTERCEPT: Final = 0.1
"""Log-odds either way: the 95 % interval of the intercept has to meet them."""


class Gate(StrEnum):
    """What a candidate may fail."""

    INTERVALS = "intervals"
    MONOTONE_TRIALS = "monotone_trials"
    MONOTONE_BREAKS = "monotone_breaks"
    SLOPE = "slope"
    INTERCEPT = "intercept"
    BRIER_DIFFERENCE = "brier_difference"


def failed_gates(judgement: Judgement) -> tuple[Gate, ...]:
    """The gates that the figures fail, in the order of ``Gate``; empty where the candidate may be proposed.

    ``INTERVALS`` is failed by figures that no measurement gives: a value outside of its interval, or a Brier score
    outside of 0 to 1. A candidate is worse than the champion where the whole interval of the difference is above 0.
    """
    figures = (judgement.brier, judgement.brier_difference, judgement.slope, judgement.intercept)
    ordered = all(float(figure.low) <= float(figure.value) <= float(figure.high) for figure in figures)
    passed = {
        Gate.INTERVALS: ordered and float(judgement.brier.low) >= 0.0 and float(judgement.brier.high) <= 1.0,
        Gate.MONOTONE_TRIALS: judgement.monotone_trials >= MONOTONE_TRIALS,
        Gate.MONOTONE_BREAKS: judgement.monotone_breaks == 0,
        Gate.SLOPE: _meets(judgement.slope, LOWEST_SLOPE, HIGHEST_SLOPE),
        Gate.INTERCEPT: _meets(judgement.intercept, -MOST_INTERCEPT, MOST_INTERCEPT),
        Gate.BRIER_DIFFERENCE: float(judgement.brier_difference.low) <= 0.0,
    }
    return tuple(gate for gate in Gate if not passed[gate])


def _meets(figure: MeasuredFigure, lowest: float, highest: float) -> bool:
    return float(figure.low) <= highest and float(figure.high) >= lowest
