"""``halfpenny-risk monitor``: the file that it writes is the report of the outcomes that it was given."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from halfpenny_monitoring.outcomes import write_outcomes
from halfpenny_monitoring.report import MonitoringReport, monitor, report_lines
from halfpenny_risk.cli import main
from support.generated_outcomes import HEADER, Book


def test_the_command_prints_and_writes_the_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outcomes = Book(size=400, seed=2).outcomes()
    path, out = tmp_path / "outcomes.jsonl", tmp_path / "report.json"
    with path.open("wb") as file:
        write_outcomes(file, HEADER, outcomes)
    assert main(["monitor", str(path), "--out", str(out)]) == 0
    report = monitor(HEADER, outcomes)
    assert capsys.readouterr().out == "\n".join(report_lines(report)) + "\n"
    assert msgspec.json.decode(out.read_bytes(), type=MonitoringReport) == report


def test_a_file_that_is_none_of_outcomes_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "loans.csv"
    path.write_text("loan_id,defaulted\n1,0\n")
    assert main(["monitor", str(path)]) == 2
    assert "line 1" in capsys.readouterr().err.splitlines()[-1]
