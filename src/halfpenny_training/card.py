"""``halfpenny-training card``: one page a model, its figures taken from the last evaluation and from nowhere else."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from halfpenny_risk.artefacts import EVALUATION, ArtefactFolder
from halfpenny_risk.errors import BadArtefact
from halfpenny_risk.market import PREFIX
from halfpenny_risk.models import CHAMPION_FILE, SCORECARD_FILE

Progress = Callable[[str], None]
TEXTS = Path(__file__).with_name("cards")


def write_cards(folder: Path, out: Path, progress: Progress) -> None:
    """Write the cards of every model that was evaluated; raises ``BadArtefact`` before the first evaluation."""
    path = folder / EVALUATION
    if not path.exists():
        raise BadArtefact(f"{path} is not there: run halfpenny-training evaluate first")
    evaluation = json.loads(path.read_text(encoding="utf-8"))
    artefacts = ArtefactFolder.open(folder)
    out.mkdir(parents=True, exist_ok=True)
    for name, content in cards(evaluation, artefacts).items():
        (out / f"{name}.md").write_text(content, encoding="utf-8")
        progress(f"written {out / name}.md")


def cards(evaluation: Mapping[str, Any], artefacts: ArtefactFolder) -> dict[str, str]:
    """The text of each card."""
    found = {}
    for market in ("seattle", "lucas"):
        if market in evaluation and artefacts.has(f"{PREFIX}{market}.npz"):
            files = (f"{PREFIX}{market}.json", f"{PREFIX}{market}.npz")
            extra = _by_price(evaluation[market])
            found[f"valuation-{market}"] = _card(f"valuation-{market}", files, artefacts, evaluation[market], extra)
    if "borrower" in evaluation:
        extra = _fairness(evaluation["borrower"]) + _reliability(evaluation["borrower"])
        if "monotone" in evaluation:
            extra = _table(evaluation["monotone"]["lines"]) + "\n" + extra
        files = (CHAMPION_FILE, SCORECARD_FILE)
        found["borrower-strength"] = _card("borrower-strength", files, artefacts, evaluation["borrower"], extra)
    if {"borrower", "monotone", "seattle", "lucas"} <= set(evaluation):
        found["validation"] = _validation(evaluation)
    return found


def _validation(evaluation: Mapping[str, Any]) -> str:
    """The validator's report: every figure of the last evaluation in one place."""
    text = (TEXTS / "validation.md").read_text(encoding="utf-8")
    for part in ("borrower", "seattle", "lucas", "monotone"):
        text = text.replace("{" + part + "}", _table(evaluation[part]["lines"]).rstrip())
    trials = evaluation["seattle"]["interval_trials"]
    rows = ["| way | covered | hardest fifth | median half-width | |", "|---|---|---|---|---|"]
    rows += [
        f"| {one['way']} | {100 * one['covered']:.2f} % | {100 * one['covered_hardest']:.2f} % | "
        f"{100 * one['median_half_width']:.1f} % | {'chosen' if one['chosen'] else ''} |"
        for one in trials["tried"]
    ]
    return text.replace("{trials}", "\n".join(rows)).replace("{trial_year}", str(trials["year"]))


def _card(
    name: str, files: tuple[str, ...], artefacts: ArtefactFolder, evaluation: Mapping[str, Any], extra: str
) -> str:
    text = (TEXTS / f"{name}.md").read_text(encoding="utf-8")
    hashes = "\n".join(f"- `{file}` sha256 `{artefacts.hashes[file]}`" for file in files)
    return text.replace("{files}", hashes).replace("{figures}", _table(evaluation["lines"])).replace("{more}", extra)


def _table(lines: list[Mapping[str, Any]]) -> str:
    rows = ["| measure | value [95 % bootstrap] | to reach | |", "|---|---|---|---|"]
    for line in lines:
        scale, places = (100.0, 2) if line["unit"] == "%" else (1.0, 4)
        value, low, high = (f"{scale * line[part]:.{places}f}" for part in ("value", "low", "high"))
        verdict = {None: "", True: "reached", False: "not reached"}[line["reached"]]
        rows.append(f"| {line['measure']} | {value} [{low}, {high}] {line['unit']} | {line['to_reach']} | {verdict} |")
    return "\n".join(rows) + "\n"


def _by_price(evaluation: Mapping[str, Any]) -> str:
    rows = ["| fifth by price, up to | median of estimate / price | median error |", "|---|---|---|"]
    rows += [
        f"| {part['price_to']:,.0f} | {part['median_ratio']:.3f} | {100 * part['median_error']:.1f} % |"
        for part in evaluation["by_price_fifth"]
    ]
    half = f"Median half-width of the 90 % interval: {100 * evaluation['median_half_width']:.1f} %.\n"
    return half + "\n" + "\n".join(rows) + "\n"


def _fairness(evaluation: Mapping[str, Any]) -> str:
    rows = ["| group (never scored) | rows | observed | predicted | AUC |", "|---|---|---|---|---|"]
    rows += [
        f"| {row['group']} | {row['rows']} | {row['observed']:.3f} | {row['predicted']:.3f} | {row['auc']:.3f} |"
        for row in evaluation["fairness"]
    ]
    return "\n".join(rows) + "\n"


def _reliability(evaluation: Mapping[str, Any]) -> str:
    rows = ["\n| tenth | predicted | observed | rows |", "|---|---|---|---|"]
    rows += [
        f"| {i} | {predicted:.3f} | {observed:.3f} | {count} |"
        for i, (predicted, observed, count) in enumerate(evaluation["reliability"], start=1)
    ]
    return "\n".join(rows) + "\n"
