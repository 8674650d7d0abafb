"""Record what CatBoost itself predicts, for the tests of trees, which run without it.

Run in the training environment: `.venv-train/bin/python tests/risk/data/record_catboost.py`.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from catboost import CatBoostClassifier, CatBoostRegressor, Pool

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[2] / "src"))

from halfpenny_training.borrower import saved_json  # noqa: E402


def main() -> None:
    random = np.random.default_rng(20160101)
    rows = random.normal(size=(2000, 5)).round(3)
    rows[random.random(rows.shape) < 0.1] = np.nan
    known = np.nan_to_num(rows)
    noise = random.normal(size=len(rows))
    target = known[:, 0] + known[:, 1] * known[:, 2] + 0.3 * noise
    common: dict[str, Any] = {"random_seed": 1, "verbose": False, "allow_writing_files": False, "thread_count": 1}
    models = {
        "classifier": CatBoostClassifier(
            iterations=40, depth=4, learning_rate=0.1, monotone_constraints=[1, 0, 0, 0, -1], **common
        ).fit(rows, (target > 0).astype(int)),
        "regressor": CatBoostRegressor(iterations=30, depth=6, learning_rate=0.1, loss_function="MAE", **common).fit(
            rows, target
        ),
    }
    some = rows[:40]
    recorded = {}
    with tempfile.TemporaryDirectory() as scratch:
        for name, model in models.items():
            recorded[name] = {
                "model": saved_json(model, Path(scratch)),
                "rows": [[None if np.isnan(cell) else cell for cell in row] for row in some.tolist()],
                "predictions": model.predict(some, prediction_type="RawFormulaVal").tolist(),
                # With all of the training rows CatBoost weighs the leaves as it did in training.
                "shapley": model.get_feature_importance(Pool(rows), type="ShapValues")[:40].tolist(),
            }
    (HERE / "catboost.json").write_text(json.dumps(recorded, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
