"""What was predicted against what came true: by grade, by vintage, for both models, and where people overruled them.

A loan is in a back-test once its outcome window is over (``LoanOutcome.is_observed``): whether it defaulted early or
was repaid early does not decide whether it counts. The tests take defaults as independent, which loans on one market
are not: a small p-value is a reason to look, a large one is no proof.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from decimal import Decimal
from enum import StrEnum

from msgspec import Struct

from halfpenny_monitoring.measures import (
    area_under_curve,
    binomial_p_value,
    brier,
    jeffreys_interval,
    jeffreys_p_value,
    paired_difference,
)
from halfpenny_monitoring.money import cents
from halfpenny_monitoring.outcomes import LoanOutcome, OutcomesHeader

# Below the first a back-test is amber, below the second red: the levels of a one-sided test.
WATCH_BELOW, ACT_BELOW = 0.05, 0.01
# A rate that differs by less was only rounded.
RATE_TOLERANCE_POINTS = Decimal("0.05")
_LEAST_PROBABILITY = 1e-6


class Signal(StrEnum):
    """What a figure of the monitor asks for."""

    STEADY = "steady"
    WATCH = "watch"
    ACT = "act"
    TOO_FEW = "too_few"


class Backtest(Struct, frozen=True, kw_only=True):
    """One group of loans. ``expected`` is the sum of their predicted probabilities; rates are fractions of one.

    ``interval`` holds the true rate with 95 %; ``p_value`` (Jeffreys) and ``binomial_p_value`` are small where the
    prediction is too low. Losses are in euros.
    """

    name: str
    loans: int
    defaults: int
    expected: float
    predicted_rate: float
    observed_rate: float
    interval: tuple[float, float]
    p_value: float
    binomial_p_value: float
    expected_loss: Decimal
    observed_loss: Decimal
    signal: Signal


class Vintage(Struct, frozen=True, kw_only=True):
    """The loans drawn down in one quarter. ``test`` is over those whose outcome is known, None where there is none."""

    quarter: str
    booked: int
    observed: int
    defaults_so_far: int
    test: Backtest | None


class ModelQuality(Struct, frozen=True, kw_only=True):
    """One model on loans whose outcome is known; the smaller Brier score and log loss are better."""

    name: str
    expected: float
    area_under_curve: float | None
    brier: float
    log_loss: float


class ModelComparison(Struct, frozen=True, kw_only=True):
    """Champion and challenger on the same loans: the differences are champion less challenger, with 95 % intervals."""

    loans: int
    defaults: int
    champion: ModelQuality
    challenger: ModelQuality
    brier_difference: tuple[float, float, float]
    log_loss_difference: tuple[float, float, float]


class Override(Struct, frozen=True, kw_only=True):
    """Decisions of one kind, of all assessed loans, with a back-test of those whose outcome is known."""

    name: str
    decisions: int
    share: float
    test: Backtest | None


def backtest(name: str, loans: Sequence[LoanOutcome], header: OutcomesHeader) -> Backtest | None:
    """The back-test of a group; None where it is empty. All of ``loans`` must have been observed."""
    if not loans:
        return None
    count, defaults = len(loans), sum(loan.defaulted_on is not None for loan in loans)
    expected = math.fsum(float(loan.probability_of_default) for loan in loans)
    predicted = expected / count
    p_value = jeffreys_p_value(defaults, count, predicted)
    return Backtest(
        name=name,
        loans=count,
        defaults=defaults,
        expected=expected,
        predicted_rate=predicted,
        observed_rate=defaults / count,
        interval=jeffreys_interval(defaults, count),
        p_value=p_value,
        binomial_p_value=binomial_p_value(defaults, count, predicted),
        expected_loss=cents(sum(header.in_euro(loan.amount * loan.expected_loss, loan.currency) for loan in loans)),
        observed_loss=cents(sum(header.in_euro(loan.lost, loan.currency) for loan in loans)),
        signal=signal_of_p_value(p_value),
    )


def signal_of_p_value(p_value: float) -> Signal:
    """Whether a prediction that is this believable needs a look."""
    return Signal.ACT if p_value < ACT_BELOW else Signal.WATCH if p_value < WATCH_BELOW else Signal.STEADY


def observed(outcomes: Iterable[LoanOutcome], day: date) -> list[LoanOutcome]:
    """The booked loans whose outcome window is over by ``day``."""
    return [loan for loan in outcomes if loan.booked and loan.is_observed(day)]


def by_grade(outcomes: Sequence[LoanOutcome], header: OutcomesHeader) -> list[Backtest]:
    """A back-test for each grade that has loans, and one for all of them."""
    loans = observed(outcomes, header.as_of)
    groups = [(grade, [loan for loan in loans if loan.grade == grade]) for grade in "ABCDE"]
    return [test for name, some in [*groups, ("all", loans)] if (test := backtest(name, some, header))]


def by_vintage(outcomes: Sequence[LoanOutcome], header: OutcomesHeader) -> list[Vintage]:
    """The quarters of drawdown, oldest first."""
    quarters: dict[str, list[LoanOutcome]] = {}
    for loan in outcomes:
        if loan.drawn_down_on is not None:
            day = loan.drawn_down_on
            quarters.setdefault(f"{day.year} Q{(day.month + 2) // 3}", []).append(loan)
    found = []
    for quarter, loans in sorted(quarters.items()):
        known = observed(loans, header.as_of)
        found.append(
            Vintage(
                quarter=quarter,
                booked=len(loans),
                observed=len(known),
                defaults_so_far=sum(loan.defaulted_on is not None for loan in loans),
                test=backtest(quarter, known, header),
            )
        )
    return found


def compare_models(outcomes: Sequence[LoanOutcome], header: OutcomesHeader) -> ModelComparison | None:
    """Champion against challenger on the loans that both have answered for; None where there is none."""
    loans = [loan for loan in observed(outcomes, header.as_of) if loan.challenger_probability is not None]
    if not loans:
        return None
    bad = [loan.defaulted_on is not None for loan in loans]
    ours = [float(loan.probability_of_default) for loan in loans]
    theirs = [float(loan.challenger_probability or 0) for loan in loans]
    champion, challenger = (_quality(name, bad, p) for name, p in (("champion", ours), ("challenger", theirs)))
    squared = [[(p - is_bad) ** 2 for p, is_bad in zip(each, bad, strict=True)] for each in (ours, theirs)]
    logs = [[_log_loss(p, is_bad) for p, is_bad in zip(each, bad, strict=True)] for each in (ours, theirs)]
    return ModelComparison(
        loans=len(loans),
        defaults=sum(bad),
        champion=champion,
        challenger=challenger,
        brier_difference=paired_difference(*squared),
        log_loss_difference=paired_difference(*logs),
    )


def _quality(name: str, bad: Sequence[bool], predicted: Sequence[float]) -> ModelQuality:
    return ModelQuality(
        name=name,
        expected=math.fsum(predicted),
        area_under_curve=area_under_curve(bad, predicted),
        brier=brier(bad, predicted),
        log_loss=math.fsum(_log_loss(p, is_bad) for p, is_bad in zip(predicted, bad, strict=True)) / len(bad),
    )


def _log_loss(predicted: float, bad: bool) -> float:
    kept = min(max(predicted, _LEAST_PROBABILITY), 1.0 - _LEAST_PROBABILITY)
    return -math.log(kept if bad else 1.0 - kept)


# Each kind of decision and whether an outcome is one: the model's advice beside what people made of it.
OVERRIDES: tuple[tuple[str, Callable[[LoanOutcome], bool]], ...] = (
    ("approved_as_recommended", lambda o: o.recommendation == "approve" and o.verdict == "approve"),
    ("approved_after_referral", lambda o: o.recommendation == "refer" and o.verdict == "approve"),
    ("approved_against_model", lambda o: o.recommendation == "decline" and o.verdict == "approve"),
    ("declined_as_recommended", lambda o: o.recommendation == "decline" and o.verdict == "decline"),
    ("declined_after_referral", lambda o: o.recommendation == "refer" and o.verdict == "decline"),
    ("declined_against_model", lambda o: o.recommendation == "approve" and o.verdict == "decline"),
    ("rate_below_suggested", lambda o: rate_difference(o) < -RATE_TOLERANCE_POINTS),
    ("rate_above_suggested", lambda o: rate_difference(o) > RATE_TOLERANCE_POINTS),
)


def rate_difference(outcome: LoanOutcome) -> Decimal:
    """Points a year by which the offered rate lies above the suggested one; 0 where nothing was offered."""
    if outcome.offered_rate_percent is None:
        return Decimal(0)
    return outcome.offered_rate_percent - outcome.suggested_rate_percent


def overrides(outcomes: Sequence[LoanOutcome], header: OutcomesHeader) -> list[Override]:
    """Every kind of decision, also those that never occurred: a zero is news too."""
    decided = [outcome for outcome in outcomes if outcome.verdict is not None]
    found = []
    for name, holds in OVERRIDES:
        chosen = [outcome for outcome in decided if holds(outcome)]
        test = backtest(name, observed(chosen, header.as_of), header)
        share = len(chosen) / len(decided) if decided else 0.0
        found.append(Override(name=name, decisions=len(chosen), share=share, test=test))
    return found
