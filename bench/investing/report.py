"""The figures as people read them: on the screen and in RESULTS.md."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from investing.load import Run

# What issue 3 asks for: (against, loans, connections): (least throughput ratio, most p99 ratio, most p50 ratio).
WANTED: dict[tuple[str, int, int], tuple[float | None, float | None, float | None]] = {
    ("Express peer", 1, 256): (15.0, 0.25, None),
    ("Express peer", 1_000, 256): (6.0, None, None),
    ("Express peer", 1, 1): (None, None, 1.15),
    ("Express peer", 1_000, 1): (None, None, 1.15),
    ("pgbench, 64 clients", 1, 256): (8.0, None, None),
    ("pgbench, 64 clients", 1_000, 256): (1.5, None, None),
    ("the same without watchers", 1, 256): (0.8, None, None),
}


@dataclass(frozen=True)
class Figure:
    """One comparison: ours beside the other side's, each the median of its rounds."""

    against: str
    loans: int
    connections: int
    ours: Run
    theirs: Run

    @property
    def ratio(self) -> float:
        return self.ours.per_second / self.theirs.per_second

    def verdict(self) -> str:
        least, most_p99, most_p50 = WANTED.get((self.against, self.loans, self.connections), (None, None, None))
        output = []
        if least is not None:
            output.append(f"at least {least:g}x: {'reached' if self.ratio >= least else 'MISSED'}")
        if most_p99 is not None:
            share = self.ours.p99_ms / self.theirs.p99_ms
            output.append(
                f"p99 at most {most_p99:g} of theirs ({share:.2f}): {'reached' if share <= most_p99 else 'MISSED'}"
            )
        if most_p50 is not None:
            share = self.ours.p50_ms / self.theirs.p50_ms
            output.append(
                f"p50 at most {most_p50:g} of theirs ({share:.2f}): {'reached' if share <= most_p50 else 'MISSED'}"
            )
        return "; ".join(output)

    def line(self) -> str:
        refused = (
            f", refused {self.ours.refused}/{self.theirs.refused}" if self.ours.refused or self.theirs.refused else ""
        )
        return (
            f"{self.against:27} {self.loans:5} loans {self.connections:4} connections: "
            f"{self.ours.per_second:8,.0f}/s against {self.theirs.per_second:7,.0f}/s = {self.ratio:5.2f}x, "
            f"p50 {self.ours.p50_ms:.2f}/{self.theirs.p50_ms:.2f} ms, "
            f"p99 {self.ours.p99_ms:.1f}/{self.theirs.p99_ms:.1f} ms"
            f"{refused}  {self.verdict()}"
        )

    def row(self) -> str:
        return (
            f"| {self.against} | {self.loans:,} | {self.connections} | {self.ours.per_second:,.0f} | "
            f"{self.theirs.per_second:,.0f} | **{self.ratio:.2f}** | "
            f"{self.ours.p50_ms:.2f} / {self.theirs.p50_ms:.2f} | "
            f"{self.ours.p99_ms:.1f} / {self.theirs.p99_ms:.1f} | {self.ours.refused} / {self.theirs.refused} | "
            f"{self.verdict()} |"
        )


def write_results(
    path: Path,
    figures: Sequence[Figure],
    memory_mb: tuple[float, float, float],
    books: str,
    versions: Sequence[str],
    when: datetime,
) -> None:
    """Replace the measured part of RESULTS.md; what people wrote below it stays."""
    marker = "<!-- written by make bench; what is below this line is written by hand -->"
    by_hand = path.read_text().partition(marker)[2] if path.exists() else "\n"
    before, loaded, after = memory_mb
    lines = [
        "# Measured: investing",
        "",
        f"Written by `make bench` on {when:%Y-%m-%d %H:%M} UTC. Only ratios count: absolutes swing with the machine.",
        "",
        *(f"- {one}" for one in versions),
        "",
        "| against | loans | connections | ours / s | theirs / s | ratio | p50 ms | p99 ms | not 2xx | wanted |",
        "|---|---|---|---|---|---|---|---|---|---|",
        *(figure.row() for figure in figures),
        "",
        "For pgbench the p50 is its average latency, and it reports no p99.",
        "",
        f"Memory of the API process: {before:.0f} MB before, {loaded:.0f} MB at the end of the load, {after:.0f} MB "
        f"60 seconds after (wanted: at most 300, and within 10 % of the start).",
        "",
        f"Books afterwards: {books}.",
        "",
        marker,
    ]
    path.write_text("\n".join(lines) + by_hand)
