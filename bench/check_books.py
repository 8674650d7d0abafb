"""How long `check books` takes on a large ledger: fills a private PostgreSQL and runs the same check.

    python bench/check_books.py --transfers 10000000

Prints seconds, rows a second, the limit from the brief (300 s for ten million) as a ratio, and the peak memory of
the checking process. The server is our own, started for this run on loopback and removed afterwards.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import shutil
import tempfile
import time
from datetime import date
from pathlib import Path

from rich.progress import Progress

from halfpenny import ledger
from halfpenny.ledger import Account, AccountKind, Journal, Transfer
from halfpenny.ledger.store import POST, postings
from halfpenny.platform.clock import business_date
from halfpenny.platform.database import Database
from halfpenny.platform.migrations import migrate
from halfpenny.platform.servers import PostgresServer
from halfpenny.primitives.ids import JournalId, uuid7
from halfpenny.primitives.money import Currency

LIMIT_S_FOR_TEN_MILLION = 300.0
CHUNK = 10_000
INVESTORS = 20_000


async def fill(database: Database, transfers: int, progress: Progress) -> None:
    """Post transfers through the ledger itself: deposits first, then tickets into a hundred escrows."""
    task = progress.add_task("filling", total=transfers)
    bank = Account(AccountKind.CLIENT_BANK, None, Currency.EUR)
    wallets = [Account(AccountKind.WALLET, uuid7(), Currency.EUR) for _ in range(INVESTORS)]
    escrows = [Account(AccountKind.ESCROW, uuid7(), Currency.EUR) for _ in range(100)]
    done = 0
    while done < transfers:
        size = min(CHUNK, transfers - done)
        async with database.unit_of_work() as connection:
            today = await business_date(connection)
            journals = [_journal(done + n, bank, wallets, escrows, today) for n in range(size)]
            await connection.fetch(POST, postings(journals), timeout=600)
        done += size
        async with database.unit_of_work() as connection:
            await ledger.seal(connection, CHUNK)
        progress.update(task, completed=done)


def _journal(n: int, bank: Account, wallets: list[Account], escrows: list[Account], today: date) -> Journal:
    event, transfer = "invest", Transfer(wallets[n % INVESTORS], escrows[n % 100], 50_00)
    if n < INVESTORS:
        event, transfer = "deposit", Transfer(bank, wallets[n], 1_000_000_00)
    return Journal(JournalId(uuid7()), event, (transfer,), today)


async def run(transfers: int, url: str) -> None:
    database = await Database.connect(url, timeout_s=600)
    with Progress() as progress:
        await fill(database, transfers, progress)
        tasks = {what: progress.add_task(what) for what in ("transfers", "seals")}
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        started = time.perf_counter()
        async with database.reading() as connection:
            problems = await ledger.check(
                connection, lambda what, done, whole: progress.update(tasks[what], completed=done, total=whole)
            )
        took = time.perf_counter() - started
    await database.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(
        f"checked {transfers:,} transfers in {took:.1f} s ({transfers / took:,.0f} a second): {len(problems)} problems"
    )
    limit = LIMIT_S_FOR_TEN_MILLION * transfers / 10_000_000
    print(
        f"time / limit = {took / limit:.2f} (limit {limit:.0f} s); peak memory {peak} MB (before the check: {before})"
    )
    for problem in problems:
        print(problem)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--transfers", type=int, default=10_000_000)
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="halfpenny-bench-"))
    folder.chmod(0o755)
    server = PostgresServer(folder / "postgres", durable=False)
    server.start()
    try:
        migrate(server.url)
        asyncio.run(run(arguments.transfers, server.url))
    finally:
        server.stop()
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
