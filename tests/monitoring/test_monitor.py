"""The monitor on generated books whose truth is known: back-tests, vintages, models, overrides, drift; and its file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import msgspec
import numpy as np
import pandas as pd
import pytest

from halfpenny_monitoring.backtest import Signal, backtest, by_grade, by_vintage, compare_models, overrides
from halfpenny_monitoring.drift import PSI_ACT, feature_drift, populations, segment_drift
from halfpenny_monitoring.outcomes import (
    DAYS_AFTER_MATURITY,
    LoanOutcome,
    OutcomeKind,
    OutcomesUnreadable,
    read_outcomes,
    write_outcomes,
)
from halfpenny_monitoring.report import monitor, report_lines
from support.generated_outcomes import HEADER, TODAY, Book, outcome


def frame(outcomes: Sequence[LoanOutcome]) -> pd.DataFrame:
    """The outcomes as a table of an independent library, with what every test needs."""
    table = pd.DataFrame(msgspec.to_builtins(outcomes))
    for name in ("probability_of_default", "expected_loss", "amount", "lost", "challenger_probability"):
        table[name] = pd.to_numeric(table[name])
    for name in ("drawn_down_on", "due_on", "defaulted_on"):
        table[name] = pd.to_datetime(table[name])
    table["bad"] = table["defaulted_on"].notna()
    table["observed"] = table["due_on"] + pd.Timedelta(days=DAYS_AFTER_MATURITY) <= pd.Timestamp(TODAY)
    return table


def test_grades_are_counted_as_a_table_counts_them() -> None:
    outcomes = Book().outcomes()
    table = frame(outcomes)
    seen = table[table["drawn_down_on"].notna() & table["observed"]]
    found = {test.name: test for test in by_grade(outcomes, HEADER)}
    assert found.keys() == {*seen["grade"].unique(), "all"}
    for name, some in [*seen.groupby("grade"), ("all", seen)]:
        test = found[str(name)]
        assert (test.loans, test.defaults) == (len(some), some["bad"].sum())
        assert test.expected == pytest.approx(some["probability_of_default"].sum())
        rate = some["currency"].map({code: float(rate) for code, rate in HEADER.units_per_euro.items()})
        assert float(test.observed_loss) == pytest.approx((some["lost"] / rate).sum(), abs=0.01)
        assert float(test.expected_loss) == pytest.approx(
            (some["amount"] * some["expected_loss"] / rate).sum(), abs=0.01
        )


@pytest.mark.parametrize(("truth", "signal"), [(0.6, Signal.STEADY), (1.0, Signal.STEADY), (1.7, Signal.ACT)])
def test_a_model_that_is_too_kind_is_found_and_a_strict_one_is_not(truth: float, signal: Signal) -> None:
    *_, whole = by_grade(Book(truth=truth, size=6_000, seed=23).outcomes(), HEADER)
    assert (whole.name, whole.signal) == ("all", signal)


def test_false_alarms_are_as_rare_as_the_level_promises() -> None:
    """Sixty books of a model that is right: about one in twenty is amber or worse."""
    alarms = 0
    for seed in range(60):
        *_, whole = by_grade(Book(size=400, seed=seed).outcomes(), HEADER)
        alarms += whole.signal is not Signal.STEADY
    assert alarms <= 8


def test_a_default_before_the_window_is_over_does_not_count_yet() -> None:
    """Counting loans as they end would count defaults, which come early, before repayments."""
    drawn = {"drawn_down_on": date(2029, 2, 1), "verdict": "approve"}
    last = TODAY - timedelta(days=DAYS_AFTER_MATURITY)
    early = outcome(due_on=last + timedelta(days=1), defaulted_on=date(2029, 5, 5), **drawn)
    over = outcome(due_on=last, defaulted_on=date(2029, 5, 5), **drawn)
    unsold = outcome(due_on=None, verdict="approve")
    [test, _] = by_grade([early, over, unsold], HEADER)
    assert (test.loans, test.defaults) == (1, 1)
    assert backtest("none", [], HEADER) is None


def test_vintages_are_quarters_of_drawdown() -> None:
    outcomes = Book(size=900).outcomes()
    table = frame(outcomes)
    booked = table[table["drawn_down_on"].notna()]
    quarters = booked["drawn_down_on"].dt.to_period("Q").astype(str).str.replace("Q", " Q")
    found = by_vintage(outcomes, HEADER)
    assert [v.quarter for v in found] == sorted(quarters.unique())
    for vintage in found:
        some = booked[quarters == vintage.quarter]
        assert (vintage.booked, vintage.defaults_so_far) == (len(some), some["bad"].sum())
        assert vintage.observed == some["observed"].sum() == (vintage.test.loans if vintage.test else 0)
    assert found[-1].test is None and found[0].test is not None


def test_champion_and_challenger_are_held_against_the_same_loans() -> None:
    outcomes = Book(size=5_000).outcomes()
    silent = [msgspec.structs.replace(one, challenger_probability=None) for one in outcomes[:1_000]]
    found = compare_models(silent + outcomes[1_000:], HEADER)
    assert found is not None
    table = frame(outcomes[1_000:])
    seen = table[table["drawn_down_on"].notna() & table["observed"]]
    assert (found.loans, found.defaults) == (len(seen), seen["bad"].sum())
    for quality, column in ((found.champion, "probability_of_default"), (found.challenger, "challenger_probability")):
        p, bad = seen[column].to_numpy(), seen["bad"].to_numpy()
        assert quality.brier == pytest.approx(np.mean((p - bad) ** 2))
        assert quality.log_loss == pytest.approx(-np.mean(np.where(bad, np.log(p), np.log(1 - p))))
    mean, low, high = found.brier_difference
    assert mean == pytest.approx(found.champion.brier - found.challenger.brier)
    # The challenger is the same score with noise and the wrong spread: worse, and not by chance.
    assert low < mean < high < 0.0
    assert compare_models(silent, HEADER) is None


def test_overrides_are_the_decisions_that_differ_from_the_advice() -> None:
    outcomes = Book(size=2_000).outcomes()
    found = {kind.name: kind for kind in overrides(outcomes, HEADER)}
    pairs = Counter((one.recommendation, one.verdict) for one in outcomes)
    assert found["approved_as_recommended"].decisions == pairs["approve", "approve"]
    assert found["approved_after_referral"].decisions == pairs["refer", "approve"] > 0
    assert found["approved_against_model"].decisions == pairs["decline", "approve"] > 0
    assert found["declined_against_model"].decisions == pairs["approve", "decline"] == 0
    assert sum(kind.decisions for name, kind in found.items() if not name.startswith("rate_")) == len(outcomes)
    below = [
        one for one in outcomes if (one.offered_rate_percent or one.suggested_rate_percent) < one.suggested_rate_percent
    ]
    assert found["rate_below_suggested"].decisions == len(below)
    assert found["rate_below_suggested"].share == len(below) / len(outcomes)
    tested = found["approved_against_model"].test
    assert tested is not None and tested.loans <= found["approved_against_model"].decisions


def test_row_19_the_same_loans_drift_alike_in_every_currency() -> None:
    """In euros, in zlotys at the stated rate, and half and half."""
    euros = [msgspec.structs.replace(one, currency="EUR") for one in Book(size=2_500).outcomes()]

    def in_zloty(one: LoanOutcome) -> LoanOutcome:
        rate = HEADER.units_per_euro["PLN"]
        cents = Decimal("0.01")
        income = None if one.income is None else (one.income * rate).quantize(cents)
        return msgspec.structs.replace(one, currency="PLN", amount=(one.amount * rate).quantize(cents), income=income)

    zloty = [in_zloty(one) for one in euros]
    mixed = [z if number % 2 else e for number, (e, z) in enumerate(zip(euros, zloty, strict=True))]
    recent = [one for one in zloty if one.submitted_on > TODAY - timedelta(days=200)]
    moved = [one for one in euros if one.submitted_on <= TODAY - timedelta(days=200)] + recent
    first = feature_drift(euros, HEADER)
    assert all(drift.psi is not None for drift in first)
    for other in (zloty, mixed, moved):
        assert feature_drift(other, HEADER) == first
    # Unconverted amounts would be a drift of everything.
    wrong = msgspec.structs.replace(HEADER, units_per_euro={**HEADER.units_per_euro, "PLN": Decimal(1)})
    assert max(drift.psi or 0.0 for drift in feature_drift(moved, wrong)) > PSI_ACT


def test_row_19_the_reference_is_the_booked_population_before_the_window() -> None:
    outcomes = Book(size=1_500).outcomes()
    reference, window = populations(outcomes, HEADER)
    assert all(one.booked for one in reference) and any(not one.booked for one in window)
    assert max(one.submitted_on for one in reference) < min(one.submitted_on for one in window)
    assert min(one.submitted_on for one in window) > TODAY - timedelta(days=184)
    steady = {drift.name: drift for drift in feature_drift(outcomes, HEADER)}
    assert {steady[name].signal for name in ("ltv", "amount", "term_months", "adverse_records")} == {Signal.STEADY}
    start = min(one.submitted_on for one in window)
    shifted = [
        msgspec.structs.replace(one, ltv=one.ltv + Decimal("0.15")) if one.submitted_on >= start else one
        for one in outcomes
    ]
    moved = {drift.name: drift for drift in feature_drift(shifted, HEADER)}
    assert moved["ltv"].signal is Signal.ACT and moved["amount"] == steady["amount"]


def test_segments_show_their_mix_and_the_score_within_them() -> None:
    outcomes = Book(size=3_000).outcomes()
    [currency, country, kind, rank] = segment_drift(outcomes, HEADER)
    assert (currency.segment, country.segment, kind.segment, rank.segment) == (
        "currency", "country", "property_kind", "charge_rank",
    )  # fmt: skip
    assert [drift.name for drift in country.scores] == ["PL", "US"]
    reference, window = populations(outcomes, HEADER)
    assert country.scores[0].reference == sum(one.country == "PL" for one in reference)
    assert country.scores[0].window == sum(one.country == "PL" for one in window)
    start = min(one.submitted_on for one in window)
    abroad = [
        msgspec.structs.replace(one, country="US", score=one.score + 1.0) if one.submitted_on >= start else one
        for one in outcomes
    ]
    [_, country, *_] = segment_drift(abroad, HEADER)
    assert country.mix.signal is Signal.ACT
    assert [drift.signal for drift in country.scores] == [Signal.TOO_FEW, Signal.ACT]


def test_a_file_gives_the_report_of_what_was_written(tmp_path: Path) -> None:
    outcomes = Book(size=700).outcomes()
    path = tmp_path / "outcomes.jsonl"
    with path.open("wb") as file:
        assert write_outcomes(file, HEADER, outcomes) == 700
    header, read = read_outcomes(path)
    assert (header, read) == (HEADER, outcomes)
    report = monitor(header, read)
    assert msgspec.json.decode(msgspec.json.encode(report))["assessed"] == 700
    assert sum(report.outcomes.values()) == 700
    text = "\n".join(report_lines(report))
    assert f"{report.grades[-1].defaults}" in text and "declined_against_model" in text


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (b"", "line 1"),
        (b'{"format": "another", "as_of": "2029-07-02", "units_per_euro": {}, "rates_source": ""}\n', "another"),
        (b'{"as_of": "2029-07-02", "units_per_euro": {"PLN": "0"}, "rates_source": ""}\n', "above 0"),
        (b'{"as_of": "2029-07-02", "units_per_euro": {}, "rates_source": ""}\n{"loan_id": 1}\n', "line 2"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_with_its_line(tmp_path: Path, lines: bytes, message: str) -> None:
    path = tmp_path / "wrong.jsonl"
    path.write_bytes(lines)
    with pytest.raises(OutcomesUnreadable, match=message):
        read_outcomes(path)
    with pytest.raises(OutcomesUnreadable, match="missing"):
        read_outcomes(tmp_path / "missing.jsonl")


def test_a_probability_beyond_one_and_a_currency_without_a_rate_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "wrong.jsonl"
    with path.open("wb") as file:
        write_outcomes(file, HEADER, [outcome(probability_of_default=Decimal("1.2"))])
    with pytest.raises(OutcomesUnreadable, match="between 0 and 1"):
        read_outcomes(path)
    unknown = outcome(
        currency="CZK", drawn_down_on=date(2027, 4, 1), due_on=date(2028, 4, 1), outcome=OutcomeKind.REPAID
    )
    with pytest.raises(OutcomesUnreadable, match="CZK"):
        monitor(HEADER, [unknown])
