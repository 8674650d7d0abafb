"""Tables for a terminal: what was measured, how sure it is, and what it had to reach."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from halfpenny_training.metrics import Estimate


@dataclass(frozen=True)
class Line:
    """One figure. ``reach`` is the target in words; ``reached`` is None where nothing was."""

    measure: str
    estimate: Estimate
    reach: str = ""
    reached: bool | None = None
    unit: str = ""

    def text(self) -> str:
        scale = 100.0 if self.unit == "%" else 1.0
        places = 2 if self.unit == "%" else 4
        estimate = self.estimate
        value, low, high = (f"{scale * part:.{places}f}" for part in (estimate.value, estimate.low, estimate.high))
        figure = f"{value} [{low}, {high}]"
        verdict = "" if self.reached is None else ("reached" if self.reached else "NOT REACHED")
        return f"{self.measure:<58} {figure + self.unit:<30} {self.reach:<18} {verdict}".rstrip()

    def as_json(self) -> dict[str, object]:
        estimate = self.estimate
        figures = {"value": estimate.value, "low": estimate.low, "high": estimate.high}
        return {
            "measure": self.measure,
            **{name: round(value, 6) for name, value in figures.items()},
            "unit": self.unit,
            "to_reach": self.reach,
            "reached": self.reached,
        }


def at_most(measure: str, estimate: Estimate, limit: float, unit: str = "") -> Line:
    """A figure that is to stay at or below a limit."""
    shown = f"at most {100 * limit:g}%" if unit == "%" else f"at most {limit:g}"
    return Line(measure, estimate, shown, estimate.value <= limit, unit)


def at_least(measure: str, estimate: Estimate, limit: float, unit: str = "") -> Line:
    """A figure that is to reach a limit."""
    shown = f"at least {100 * limit:g}%" if unit == "%" else f"at least {limit:g}"
    return Line(measure, estimate, shown, estimate.value >= limit, unit)


def between(measure: str, estimate: Estimate, low: float, high: float, unit: str = "") -> Line:
    """A figure that is to lie in a range."""
    scale, sign = (100.0, "%") if unit == "%" else (1.0, "")
    shown = f"{scale * low:g}-{scale * high:g}{sign}"
    return Line(measure, estimate, shown, low <= estimate.value <= high, unit)


def print_lines(title: str, lines: list[Line], progress: Callable[[str], None]) -> None:
    """One table."""
    progress(f"\n{title}")
    progress(f"{'measure':<58} {'value [95 % bootstrap]':<30} {'to reach':<18} verdict")
    for line in lines:
        progress(line.text())
