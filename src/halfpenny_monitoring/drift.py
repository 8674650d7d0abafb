"""Drift: whether those who apply now are still those whom the models and the policy were held against.

The reference is the booked population: loans that were drawn down, assessed before the window. The window is the
applications of the last half year, at most the latest WINDOW. Amounts are compared in euros at the rate that the
outcomes state, so that the same loans drift alike in every currency.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from decimal import Decimal

from msgspec import Struct

from halfpenny_monitoring.backtest import Signal
from halfpenny_monitoring.measures import Stability, mix_stability, population_stability
from halfpenny_monitoring.money import cents
from halfpenny_monitoring.outcomes import LoanOutcome, OutcomesHeader

WINDOW = 1_000
WINDOW_DAYS = 183
# The customary limits.
PSI_WATCH, PSI_ACT = 0.10, 0.25
# What is asked of each segment: a segment with too few loans on either side says so.
SEGMENTS: tuple[tuple[str, Callable[[LoanOutcome], str]], ...] = (
    ("currency", lambda o: o.currency),
    ("country", lambda o: o.country),
    ("property_kind", lambda o: o.property_kind),
    ("charge_rank", lambda o: str(o.charge_rank)),
)


class Drift(Struct, frozen=True, kw_only=True):
    """One figure's population stability index; None, with ``too_few``, where either side has too few loans.

    ``by_chance`` is what so few loans would show on average if nothing had moved.
    """

    name: str
    reference: int
    window: int
    psi: float | None
    by_chance: float | None
    signal: Signal


class SegmentDrift(Struct, frozen=True, kw_only=True):
    """How far the share of each value has moved (``mix``), and the score within each value (``scores``)."""

    segment: str
    mix: Drift
    scores: tuple[Drift, ...]


def populations(outcomes: Sequence[LoanOutcome], header: OutcomesHeader) -> tuple[list[LoanOutcome], list[LoanOutcome]]:
    """(reference, window) as the module describes them."""
    start = header.as_of - timedelta(days=WINDOW_DAYS)
    recent = sorted(
        (outcome for outcome in outcomes if outcome.submitted_on > start), key=lambda o: (o.submitted_on, o.loan_id)
    )[-WINDOW:]
    begins = recent[0].submitted_on if recent else header.as_of
    return [outcome for outcome in outcomes if outcome.booked and outcome.submitted_on < begins], recent


def features(outcome: LoanOutcome, header: OutcomesHeader) -> dict[str, float | None]:
    """The figures whose drift is watched, amounts in euros to the cent; None where the application is silent."""

    def euro(amount: Decimal | None) -> float | None:
        if amount is None:
            return None
        return float(cents(header.in_euro(amount, outcome.currency)))

    records = outcome.adverse_records
    return {
        "score": outcome.score,
        "ltv": float(outcome.ltv),
        "amount": euro(outcome.amount),
        "term_months": float(outcome.term_months),
        "income": euro(outcome.income),
        "adverse_records": None if records is None else float(records),
    }


def feature_drift(outcomes: Sequence[LoanOutcome], header: OutcomesHeader) -> list[Drift]:
    """The drift of each watched figure."""
    reference, recent = populations(outcomes, header)
    before, after = ([features(outcome, header) for outcome in some] for some in (reference, recent))
    names = ("score", "ltv", "amount", "term_months", "income", "adverse_records")
    return [
        _drift(name, len(before), len(after), population_stability([b[name] for b in before], [a[name] for a in after]))
        for name in names
    ]


def segment_drift(outcomes: Sequence[LoanOutcome], header: OutcomesHeader) -> list[SegmentDrift]:
    """The drift of each segment's mix, and of the score within it."""
    reference, recent = populations(outcomes, header)
    found = []
    for segment, value_of in SEGMENTS:
        before, after = ([value_of(outcome) for outcome in some] for some in (reference, recent))
        within = []
        for value in sorted({*before, *after}):
            old, new = ([o.score for o in some if value_of(o) == value] for some in (reference, recent))
            within.append(_drift(value, len(old), len(new), population_stability(old, new)))
        mix = _drift(segment, len(before), len(after), mix_stability(before, after))
        found.append(SegmentDrift(segment=segment, mix=mix, scores=tuple(within)))
    return found


def _drift(name: str, reference: int, recent: int, found: Stability | None) -> Drift:
    psi = None if found is None else found.psi
    return Drift(
        name=name,
        reference=reference,
        window=recent,
        psi=psi,
        by_chance=None if found is None else found.by_chance,
        signal=signal_of_psi(psi),
    )


def signal_of_psi(psi: float | None) -> Signal:
    """Up to PSI_WATCH steady, above PSI_ACT act."""
    if psi is None:
        return Signal.TOO_FEW
    return Signal.ACT if psi > PSI_ACT else Signal.WATCH if psi > PSI_WATCH else Signal.STEADY
