"""Investing while a large distribution is paid: the p99 of a ticket, quiet and meanwhile.

    PYTHONPATH=src python bench/invest_during_distribution.py --positions 100000

Eight investors invest one ticket after another through the funding desk. First nothing else happens; then another
process, as the worker does, pays a distribution to many positions on the same server, chunk by chunk. Prints both
latencies and their ratio; the product asks that the p99 at most doubles.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import shutil
import tempfile
import time
from pathlib import Path
from uuid import UUID

from distribution import make_loan

from halfpenny import ledger, servicing
from halfpenny.funding.desk.desk import DeskSettings, FundingDesk
from halfpenny.funding.model import Ticket
from halfpenny.ledger import Account, AccountKind, Journal, Transfer
from halfpenny.platform.clock import business_date
from halfpenny.platform.database import Connection, Database
from halfpenny.platform.migrations import migrate
from halfpenny.platform.servers import PostgresServer
from halfpenny.primitives.ids import JournalId, uuid7
from halfpenny.primitives.money import Currency

INVESTORS = 8
QUIET_S = 10.0


async def make_hot_loan(connection: Connection) -> tuple[UUID, list[UUID]]:
    """An open loan with a target that nobody reaches, and investors with money."""
    people = [uuid7() for _ in range(INVESTORS + 1)]
    for number, person in enumerate(people):
        await connection.execute(
            "INSERT INTO app_user (id, email, full_name, role, password_hash, kyc_status, email_verified_at, "
            "sophisticated) VALUES ($1, $2, 'Bench Person', $3, 'none', 'verified', now(), true)",
            person,
            f"{person}@example.org",
            "investor" if number else "borrower",
        )
    borrower, investors = people[0], people[1:]
    loan_id, property_id = uuid7(), uuid7()
    await connection.execute(
        "INSERT INTO property (id, kind, address, city, country, lat, lon, description, area_m2, condition, currency, "
        "purchase_price_minor, valuation_minor, valued_on, renovation_cost_minor) "
        "VALUES ($1, 'house', 'Quay 1', 'Cork', 'IE', 51.9, -8.5, 'A house.', 100, 'good', 'EUR', 1, 1, now(), 0)",
        property_id,
    )
    await connection.execute(
        "INSERT INTO loan (id, borrower_id, entered_by, property_id, status, version, terms_version, company, "
        "income_minor, assets_minor, debts_minor, adverse_records, charge_rank, prior_debt_minor, amount_minor, "
        "currency, term_months, purpose, exit_strategy, interest_mode, created_at, changed_at) "
        "VALUES ($1, $2, $2, $3, 'funding', 1, 1, 'Quay Ltd', 0, 0, 0, 0, 1, 0, 100000000000, 'EUR', 12, 'buy', "
        "'sale', 'serviced', now(), now())",
        loan_id,
        borrower,
        property_id,
    )
    await connection.execute(
        "INSERT INTO loan_funding (loan_id, borrower_id, currency, target_minor, status, deadline, minimum_minor, "
        "step_minor) VALUES ($1, $2, 'EUR', 100000000000, 'open', now() + interval '30 days', 5000, 1)",
        loan_id,
        borrower,
    )
    today = await business_date(connection)
    bank = Account(AccountKind.CLIENT_BANK, None, Currency.EUR)
    for investor in investors:
        wallet = Account(AccountKind.WALLET, investor, Currency.EUR)
        deposit = Journal(JournalId(uuid7()), "deposit", (Transfer(bank, wallet, 1_000_000_000_00),), today)
        await ledger.post(connection, deposit)
    return loan_id, investors


async def invest(desk: FundingDesk, loan_id: UUID, investors: list[UUID], until: asyncio.Event) -> list[float]:
    """Ticket after ticket, each investor for themselves; returns milliseconds."""
    took: list[float] = []

    async def one(investor: UUID) -> None:
        while not until.is_set():
            started = time.perf_counter()
            await desk.submit(Ticket(loan_id, investor, 5_000, "EUR", uuid7().hex, b"bench"))
            took.append((time.perf_counter() - started) * 1000)

    async with asyncio.TaskGroup() as group:
        for investor in investors:
            group.create_task(one(investor))
    return took


def pay(url: str, distribution_id: UUID) -> None:
    """The worker's part, in a process of its own."""

    async def go() -> None:
        database = await Database.connect(url, timeout_s=600)
        await servicing.pay_distribution(database, distribution_id)
        await database.close()

    asyncio.run(go())


def percentile(values: list[float], percent: int) -> float:
    return sorted(values)[min(len(values) - 1, len(values) * percent // 100)]


async def run(url: str, positions: int) -> None:
    database = await Database.connect(url, timeout_s=600)
    owner = await Database.connect(url, role=None, timeout_s=600)
    async with owner.unit_of_work() as connection:
        loan_id, investors = await make_hot_loan(connection)
        distribution = await make_loan(connection, positions, await business_date(connection))
    desk = FundingDesk(database, DeskSettings())
    desk.start()
    quiet_over = asyncio.Event()
    asyncio.get_running_loop().call_later(QUIET_S, quiet_over.set)
    quiet = await invest(desk, loan_id, investors, quiet_over)
    paid = asyncio.Event()
    worker = multiprocessing.get_context("spawn").Process(target=pay, args=(url, distribution))
    worker.start()

    async def watch() -> None:
        await asyncio.to_thread(worker.join)
        paid.set()

    watching = asyncio.create_task(watch())
    meanwhile = await invest(desk, loan_id, investors, paid)
    await watching
    await desk.stop()
    await owner.close()
    await database.close()
    for name, took in (("quiet", quiet), ("while it is paid", meanwhile)):
        print(f"{name}: {len(took):,} tickets, p50 {percentile(took, 50):.1f} ms, p99 {percentile(took, 99):.1f} ms")
    print(f"p99 ratio {percentile(meanwhile, 99) / percentile(quiet, 99):.2f} (at most 2), {positions:,} positions")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--positions", type=int, default=100_000)
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="halfpenny-bench-"))
    folder.chmod(0o755)
    server = PostgresServer(folder / "postgres")
    server.start()
    try:
        migrate(server.url)
        asyncio.run(run(server.url, arguments.positions))
    finally:
        server.stop()
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
