"""Ten thousand pushes the worse way, and the score never gets better."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from halfpenny_risk.assess import ModelSet
from halfpenny_risk.models import load_models
from halfpenny_risk.normal import Floats
from halfpenny_training.perturb import monotone_breaks


def test_no_break_in_ten_thousand_perturbations() -> None:
    assert monotone_breaks(10_000) == {"champion": 0, "scorecard": 0}


def test_the_count_sees_a_model_that_breaks() -> None:
    honest = load_models("scorecard")

    class Perverse:
        """More income is worse here, which the count must notice."""

        version = "perverse"

        def log_odds(self, rows: Floats) -> Floats:
            return np.asarray(-honest.borrower.log_odds(rows))

        def explain(self, row: Floats) -> tuple[float, Floats]:
            return 0.0, np.zeros_like(row)

    models: ModelSet = replace(honest, borrower=Perverse())
    assert monotone_breaks(1_000, models=models)["perverse"] > 0
