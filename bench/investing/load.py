"""The load generators: wrk with invest.lua for both sides, pgbench for the database alone."""

from __future__ import annotations

import os
import re
import shutil
import statistics
import subprocess
from dataclasses import dataclass
from pathlib import Path

BENCH = Path(__file__).resolve().parents[1]
_UNITS_MS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}


@dataclass(frozen=True)
class Run:
    """One run of a load generator. ``refused`` counts answers that were not 2xx, and errors of the socket."""

    per_second: float
    p50_ms: float
    p99_ms: float
    refused: int


@dataclass(frozen=True)
class Side:
    """One side of a comparison: where it listens and what it is driven with."""

    name: str
    port: int
    path: str
    tokens: Path
    loans: Path


def wrk(side: Side, connections: int, seconds: int, hot: Path | None = None) -> Run:
    """One run; ``hot`` is a file with a single loan's id."""
    environment = {
        **os.environ,
        "TOKENS": str(side.tokens),
        "LOANS": str(hot or side.loans),
        "PATH_TEMPLATE": side.path,
    }
    command = ["wrk", "-t", str(min(2, connections)), "-c", str(connections), "-d", f"{seconds}s", "--latency"]
    command += ["--timeout", "30s", "-s", str(BENCH / "invest.lua"), f"http://127.0.0.1:{side.port}"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return read_wrk(done.stdout)


def read_wrk(text: str) -> Run:
    """The figures of wrk's report."""
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
    lost = int(refused[1]) if refused else 0
    lost += sum(int(part) for part in errors.groups()) if errors else 0
    found = re.search(r"Requests/sec:\s+([\d.]+)", text)
    if found is None:
        raise RuntimeError(f"wrk said something else than usual: {text}")
    return Run(float(found[1]), _percentile(text, "50%"), _percentile(text, "99%"), lost)


def _percentile(text: str, name: str) -> float:
    found = re.search(rf"{name}\s+([\d.]+)(us|ms|s|m)\b", text)
    return float(found[1]) * _UNITS_MS[found[2]] if found else float("nan")


def pgbench(url: str, script: str, clients: int, seconds: int, loans: int) -> Run:
    """One conventional transaction an investment, without a network protocol of ours in front."""
    program = shutil.which("pgbench")
    if program is None:
        raise RuntimeError("pgbench is not installed (Debian: postgresql-contrib)")
    command = [program, "--no-vacuum", "--client", str(clients), "--jobs", "2", "--time", str(seconds)]
    command += ["--protocol", "prepared", "--define", f"loans={loans}", "--file", str(BENCH / script), url]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"pgbench: {done.stderr.strip()[-2000:]}")
    per_second = re.search(r"tps = ([\d.]+)", done.stdout)
    average = re.search(r"latency average = ([\d.]+) ms", done.stdout)
    failed = re.search(r"number of failed transactions: (\d+)", done.stdout)
    if per_second is None or average is None:
        raise RuntimeError(f"pgbench said something else than usual: {done.stdout}")
    return Run(float(per_second[1]), float(average[1]), float("nan"), int(failed[1]) if failed else 0)


def median(runs: list[Run]) -> Run:
    """The median of each figure by itself; refusals are added up."""
    return Run(
        statistics.median(run.per_second for run in runs),
        statistics.median(run.p50_ms for run in runs),
        statistics.median(run.p99_ms for run in runs),
        sum(run.refused for run in runs),
    )
