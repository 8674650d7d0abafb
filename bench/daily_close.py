"""The daily close on many active loans, against a loop that closes one loan at a time.

    python bench/daily_close.py --loans 1000000

Stores one loan of each kind (serviced, retained, rolled up, overdue) with the engine, copies them in SQL to the wanted
number, then closes a business day with the product's own command. On the day a thirtieth of the retained loans
release interest, as with due dates spread over a month. The loop does the same arithmetic with the engine's segments,
a hundred loans in a transaction. Prints seconds, loans a second, time / limit (30 s for a million) and the ratio.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

from rich.progress import Progress

from halfpenny import servicing
from halfpenny.platform.database import Connection, Database
from halfpenny.platform.migrations import migrate
from halfpenny.platform.servers import PostgresServer
from halfpenny.primitives.day_count import DayCount
from halfpenny.primitives.ids import uuid7
from halfpenny.primitives.money import Currency, Money
from halfpenny.primitives.rate import Rate
from halfpenny.servicing.model.engine import replay
from halfpenny.servicing.model.flows import flows_of
from halfpenny.servicing.model.segments import half_up
from halfpenny.servicing.model.terms import InterestMode, LoanTerms, Repayment
from halfpenny.servicing.service.posting import store_replay
from halfpenny.servicing.store import serviced_loans

LIMIT_S_A_MILLION = 30.0
COPIED = {
    "serviced_loan": "loan_id",
    "instalment": "loan_id",
    "accrual_segment": "loan_id",
    "reserve_release": "loan_id",
}


async def make_templates(database: Database, today: date) -> list[tuple[str, int]]:
    """One serviced loan of each kind; returns its id and how many of a thousand loans are like it."""
    kinds = [
        (InterestMode.SERVICED, today - timedelta(days=20), 380),
        (InterestMode.RETAINED, today - timedelta(days=20), 290),
        # Its interest falls due on the day that is closed.
        (InterestMode.RETAINED, _month_before(today), 10),
        (InterestMode.ROLLED_UP, today - timedelta(days=100), 300),
        # The first instalment is a fortnight overdue.
        (InterestMode.SERVICED, _month_before(today) - timedelta(days=14), 20),
    ]
    made = []
    for mode, advanced_on, share in kinds:
        terms = LoanTerms(
            principal=Money(25_000_000, Currency.EUR),
            rate=Rate.parse_annual("10.2"),
            repayment=Repayment.BULLET,
            interest_mode=mode,
            periods=12,
            advanced_on=advanced_on,
            day_count=DayCount.ACT_365F,
            default_rate=Rate.parse_annual("12"),
        )
        async with database.unit_of_work() as connection:
            serviced = await serviced_loans.insert(connection, uuid7(), uuid7(), terms)
            position = replay(terms, (), today - timedelta(days=1))
            await store_replay(connection, serviced, position, flows_of(terms, position))
        made.append((str(serviced.loan_id), share))
    return made


def _month_before(day: date) -> date:
    last = day.replace(day=1) - timedelta(days=1)
    return last.replace(day=min(day.day, last.day))


async def multiply(connection: Connection, templates: list[tuple[str, int]], loans: int, progress: Progress) -> None:
    """Copy each template under new ids; a retained loan gets a funded reserve account so that it can release."""
    task = progress.add_task("copying", total=len(templates))
    for template, share in templates:
        await connection.execute("DROP TABLE IF EXISTS copies")
        await connection.execute(
            "CREATE TEMP TABLE copies AS SELECT uuidv7() AS id, n FROM generate_series(1, $1::int) AS n",
            loans * share // 1000,
        )
        for table, key in COPIED.items():
            columns = await connection.fetch(
                "SELECT column_name FROM information_schema.columns WHERE table_name = $1 AND column_name <> $2",
                table,
                key,
            )
            names = [row["column_name"] for row in columns]
            accounts = {name: f"md5(c.id::text || t.{name}::text)::uuid" for name in names if "_account_" in name}
            values = ", ".join(accounts.get(name, f't."{name}"') for name in names)
            quoted = ", ".join(f'"{name}"' for name in names)
            await connection.execute(
                f"INSERT INTO {table} ({key}, {quoted}) SELECT c.id, {values} FROM copies c, {table} t "
                f"WHERE t.{key} = '{template}'",
                timeout=1200,
            )
        progress.advance(task)
    await connection.execute(
        "INSERT INTO account (id, kind, owner_id, currency, credits, version) "
        "SELECT reserve_account_id, 'interest_reserve', loan_id, currency, 10000000, 0 FROM serviced_loan l "
        "WHERE EXISTS (SELECT FROM reserve_release r WHERE r.loan_id = l.loan_id) ON CONFLICT DO NOTHING",
        timeout=1200,
    )
    await connection.execute("ANALYZE", timeout=1200)


async def loop(connection: Connection, day: date, sample: int) -> float:
    """Close ``sample`` loans one at a time, the way that systems without segments do; returns loans a second."""
    ids = [row["loan_id"] for row in await connection.fetch("SELECT loan_id FROM serviced_loan LIMIT $1", sample)]
    started = time.perf_counter()
    for first in range(0, len(ids), 100):
        async with connection.transaction():
            for loan_id in ids[first : first + 100]:
                await _close_one(connection, loan_id, day)
    return sample / (time.perf_counter() - started)


async def _close_one(connection: Connection, loan_id: object, day: date) -> None:
    await connection.fetchrow("SELECT * FROM serviced_loan WHERE loan_id = $1 FOR UPDATE", loan_id)
    segment = await connection.fetchrow(
        "SELECT * FROM accrual_segment WHERE loan_id = $1 AND kind = 'contract' AND starts_on < $2 AND $2 <= ends_on",
        loan_id,
        day,
    )
    accrued = 0
    if segment is not None:
        days = (day - segment["starts_on"]).days
        accrued = half_up(int(segment["accrued_before"] + segment["per_day"] * days), int(segment["scale"]))
    await connection.execute(
        "INSERT INTO accrual (business_date, loan_id, interest_minor, default_interest_minor) VALUES ($1, $2, $3, 0)",
        day + timedelta(days=400),
        loan_id,
        accrued,
    )
    oldest = await connection.fetchval(
        "SELECT min(due_on) FROM instalment WHERE loan_id = $1 AND unpaid_minor > 0 AND due_on <= $2", loan_id, day
    )
    if oldest is not None:
        await connection.execute(
            "UPDATE serviced_loan SET days_past_due = $2 WHERE loan_id = $1", loan_id, (day - oldest).days
        )


async def run(url: str, owner_url: str, loans: int) -> None:
    owner = await Database.connect(owner_url, role=None, timeout_s=1200, max_size=2)
    async with owner.reading() as connection:
        await connection.execute("""UPDATE business_clock SET "offset" = interval '1 day'""")
        day = await connection.fetchval("SELECT business_date() - 1")
        templates = await make_templates(owner, day)
        with Progress() as progress:
            await multiply(connection, templates, loans, progress)
        await connection.execute("INSERT INTO business_day (business_date) VALUES ($1)", day - timedelta(days=1))
        count = await connection.fetchval("SELECT count(*) FROM serviced_loan")
    database = await Database.connect(url, timeout_s=600)
    with Progress() as progress:
        task = progress.add_task("closing", total=count)
        started = time.perf_counter()
        closed = await servicing.close_day(
            database, day, progress=lambda _, done, whole: progress.update(task, completed=done, total=whole)
        )
        took = time.perf_counter() - started
    assert closed is not None
    again = await servicing.close_days(database)
    async with owner.reading() as connection:
        per_loan = await loop(connection, day, min(3_000, count))
    await database.close()
    await owner.close()
    rate = count / took
    limit = LIMIT_S_A_MILLION * count / 1_000_000
    print(f"{count:,} loans closed in {took:.1f} s ({rate:,.0f} a second), {closed.released:,} released interest, "
          f"{closed.late:,} past due; closing again: {len(again)} days")  # fmt: skip
    print(f"time / limit = {took / limit:.2f} (limit {limit:.1f} s)")
    print(f"one loan at a time: {per_loan:,.0f} a second; the close is {rate / per_loan:.0f} times as fast")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--loans", type=int, default=1_000_000)
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="halfpenny-bench-"))
    folder.chmod(0o755)
    server = PostgresServer(folder / "postgres")
    server.start()
    try:
        migrate(server.url)
        asyncio.run(run(server.url, server.url, arguments.loans))
    finally:
        server.stop()
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
