"""The monitor's report: everything that outcomes say about the models, as data and as text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal

from msgspec import Struct

from halfpenny_monitoring.backtest import (
    ACT_BELOW,
    WATCH_BELOW,
    Backtest,
    ModelComparison,
    Override,
    Vintage,
    by_grade,
    by_vintage,
    compare_models,
    overrides,
)
from halfpenny_monitoring.drift import PSI_ACT, PSI_WATCH, Drift, SegmentDrift, feature_drift, segment_drift
from halfpenny_monitoring.impairment import JournalLine, StageTotal, allowance, journal, stage_totals
from halfpenny_monitoring.money import cents
from halfpenny_monitoring.outcomes import DAYS_AFTER_MATURITY, LoanOutcome, OutcomesHeader
from halfpenny_monitoring.portfolio import (
    Concentration,
    Exposure,
    StressResult,
    concentrations,
    euro,
    expected_loss,
    stress,
)


class MonitoringLimits(Struct, frozen=True, kw_only=True):
    """Where a figure asks for a look: a p-value below, a PSI above. They are kept with the report that used them.

    ``days_after_due`` is when a loan's outcome window is over.
    """

    days_after_due: int = DAYS_AFTER_MATURITY
    p_watch: float = WATCH_BELOW
    p_act: float = ACT_BELOW
    psi_watch: float = PSI_WATCH
    psi_act: float = PSI_ACT


class MonitoringReport(Struct, frozen=True, kw_only=True):
    """``outcomes`` counts the assessed loans by what became of them; the rest is as its own types describe."""

    as_of: date
    limits: MonitoringLimits = MonitoringLimits()
    assessed: int
    booked: int
    outcomes: dict[str, int]
    units_per_euro: dict[str, Decimal]
    rates_source: str
    grades: tuple[Backtest, ...]
    vintages: tuple[Vintage, ...]
    models: ModelComparison | None
    overrides: tuple[Override, ...]
    drift: tuple[Drift, ...]
    segments: tuple[SegmentDrift, ...]


def monitor(header: OutcomesHeader, outcomes: Sequence[LoanOutcome]) -> MonitoringReport:
    """The report of these outcomes; the same outcomes give the same report, wherever it is made."""
    counted = Counter(outcome.outcome.value for outcome in outcomes)
    return MonitoringReport(
        as_of=header.as_of,
        assessed=len(outcomes),
        booked=sum(outcome.booked for outcome in outcomes),
        outcomes=dict(sorted(counted.items())),
        units_per_euro=header.units_per_euro,
        rates_source=header.rates_source,
        grades=tuple(by_grade(outcomes, header)),
        vintages=tuple(by_vintage(outcomes, header)),
        models=compare_models(outcomes, header),
        overrides=tuple(overrides(outcomes, header)),
        drift=tuple(feature_drift(outcomes, header)),
        segments=tuple(segment_drift(outcomes, header)),
    )


def report_lines(report: MonitoringReport) -> Iterator[str]:
    """The report as plain text, a line at a time."""
    yield f"Outcomes of {report.assessed} assessed loans, {report.booked} booked, as of {report.as_of}"
    yield "  " + ", ".join(f"{name} {count}" for name, count in report.outcomes.items())
    yield ""
    yield f"{'grade':<8}{'loans':>7}{'defaults':>10}{'expected':>10}{'predicted':>11}{'observed':>10}" + _TESTS
    yield from (_test_line(test) for test in report.grades)
    yield ""
    yield f"{'quarter':<8}{'booked':>7}{'observed':>10}{'defaults so far':>17}"
    for vintage in report.vintages:
        line = f"{vintage.quarter:<8}{vintage.booked:>7}{vintage.observed:>10}{vintage.defaults_so_far:>17}"
        yield line + (f"  p {vintage.test.p_value:.3f} {vintage.test.signal}" if vintage.test else "")
    yield ""
    yield from _model_lines(report.models)
    yield ""
    yield "decisions"
    for kind in report.overrides:
        tested = f", {kind.test.defaults} of {kind.test.loans} defaulted" if kind.test else ""
        yield f"  {kind.name:<26}{kind.decisions:>6} ({kind.share:.1%}){tested}"
    yield ""
    limits = report.limits
    yield f"drift against the booked population (PSI: above {limits.psi_watch:g} watch, above {limits.psi_act:g} act)"
    yield from (_drift_line(drift) for drift in report.drift)
    for segment in report.segments:
        yield _drift_line(segment.mix)
        yield from (_drift_line(each, f"score, {segment.segment} {each.name}") for each in segment.scores)


_TESTS = f"{'95 % interval':>18}{'Jeffreys':>10}{'binomial':>10}"


def _test_line(test: Backtest) -> str:
    low, high = test.interval
    return (
        f"{test.name:<8}{test.loans:>7}{test.defaults:>10}{test.expected:>10.2f}{test.predicted_rate:>11.2%}"
        f"{test.observed_rate:>10.2%}{f'{low:.2%}-{high:.2%}':>18}{test.p_value:>10.4f}"
        f"{test.binomial_p_value:>10.4f}  {test.signal}"
    )


def _model_lines(models: ModelComparison | None) -> Iterator[str]:
    if models is None:
        yield "champion and challenger: no loan yet whose outcome is known and that both answered for"
        return
    yield f"champion and challenger on {models.loans} loan{'s' * (models.loans != 1)}, {models.defaults} defaulted"
    for each in (models.champion, models.challenger):
        area = "-" if each.area_under_curve is None else f"{each.area_under_curve:.4f}"
        yield (
            f"  {each.name:<12}expected {each.expected:.2f}, AUC {area}, Brier {each.brier:.5f}, "
            f"log loss {each.log_loss:.5f}"
        )
    mean, low, high = models.brier_difference
    yield f"  Brier, champion less challenger: {mean:+.5f} [{low:+.5f}, {high:+.5f}]"


def _drift_line(drift: Drift, name: str = "") -> str:
    figure = "too few" if drift.psi is None else f"{drift.psi:.4f} (by chance {drift.by_chance:.4f})"
    return f"  {name or drift.name:<28}{drift.reference:>6} before, {drift.window:>6} now: {figure}  {drift.signal}"


class PortfolioReport(Struct, frozen=True, kw_only=True):
    """The drawn loans with principal outstanding, as one book. Exposures, losses and stress are in euros, the stages
    in minor units of their own currencies; ``opening_as_of`` is the report that the journal starts from."""

    as_of: date
    loans: int
    exposure: Decimal
    expected_loss: Decimal
    units_per_euro: dict[str, Decimal]
    rates_source: str
    stress: tuple[StressResult, ...]
    not_stressed: Decimal
    concentrations: tuple[Concentration, ...]
    stages: tuple[StageTotal, ...]
    opening_as_of: date | None
    journal: tuple[JournalLine, ...]


def portfolio(
    header: OutcomesHeader, exposures: Sequence[Exposure], opening: PortfolioReport | None
) -> PortfolioReport:
    """The report of these exposures; ``opening`` is the last one before it, None for a first."""
    rates = header.units_per_euro
    stressed, left = stress(exposures, rates)
    stages = stage_totals([allowance(exposure, header.as_of) for exposure in exposures])
    return PortfolioReport(
        as_of=header.as_of,
        loans=len(exposures),
        exposure=cents(sum((euro(exposure, rates) for exposure in exposures), Decimal(0))),
        expected_loss=cents(sum((expected_loss(exposure, rates) for exposure in exposures), Decimal(0))),
        units_per_euro=rates,
        rates_source=header.rates_source,
        stress=tuple(stressed),
        not_stressed=left,
        concentrations=tuple(concentrations(exposures, rates)),
        stages=tuple(stages),
        opening_as_of=opening.as_of if opening else None,
        journal=tuple(journal(opening.stages if opening else (), stages)),
    )
