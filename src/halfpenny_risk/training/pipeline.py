"""From data to signed artefacts, one function a model."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from halfpenny_risk.artefacts import write_json
from halfpenny_risk.borrower import FEATURES
from halfpenny_risk.models import CHAMPION_FILE, SCORECARD_FILE
from halfpenny_risk.normal import logit
from halfpenny_risk.training import borrower
from halfpenny_risk.training.metrics import calibration
from halfpenny_risk.training.table import read_csv

Progress = Callable[[str], None]
CREDIT_FILE = "credit.csv"


def train_borrower(data: Path, out: Path, say: Progress) -> None:
    """The champion and the scorecard, from the credit applications in ``data``."""
    rows, bad = borrower.credit_matrix(read_csv(data / CREDIT_FILE))
    say(f"borrower: {len(bad)} applications, {bad.mean():.1%} bad")
    write_json(out / SCORECARD_FILE, borrower.fit_scorecard(rows, bad))
    say("borrower: scorecard fitted")
    with tempfile.TemporaryDirectory() as scratch:
        checked = borrower.cross_validate(rows, bad, borrower.boosted_fitter(Path(scratch)))
        slope, intercept = calibration(bad, checked.short)
        say(f"borrower: champion cross-validated, slope {slope:.3f}")
        _, content = borrower.fit_boosted(rows, bad, Path(scratch))
    champion: dict[str, Any] = {
        "features": list(FEATURES),
        "calibration": {"slope": round(slope, 6), "intercept": round(intercept, 6)},
        "model": content,
    }
    write_json(out / CHAMPION_FILE, champion)
    reference = float(logit(bad.mean()))
    say(f"borrower: champion written, log-odds of the training data {reference:.3f}")
