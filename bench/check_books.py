"""How long `check books` takes on large books: fills a private PostgreSQL and runs the command's own checks.

    python bench/check_books.py --transfers 10000000

Three transfers of five are investments, written in bulk as the desk would have left them; the others pay shares of
distributions, through the product itself. Prints seconds for each part, the limit (300 s for ten million) as a ratio,
and the peak memory of the checking process and of its server process. The server is our own, started for this run
on loopback and removed afterwards.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import resource
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import psycopg

from halfpenny import identity, ledger, loans, servicing
from halfpenny.entrypoints.books import CHECKS
from halfpenny.funding.service.payments import settle_pending
from halfpenny.ledger import AccountKind
from halfpenny.platform import audit, clock, row_history
from halfpenny.platform.consistency import Check, Finding, find_in_parallel, no_progress
from halfpenny.platform.database import Connection, Database
from halfpenny.platform.migrations import migrate
from halfpenny.platform.servers import PostgresServer
from halfpenny.primitives.ids import LoanId, UserId, uuid7
from halfpenny.primitives.money import Currency, Money

LIMIT_S_FOR_TEN_MILLION = 300.0
LIMIT_MB = 300
INVESTORS = 20_000
STAKE = 5_000
_EUR = Currency.EUR
_ZONE = clock.MARKET_ZONE.key

PEOPLE = """
INSERT INTO app_user (id, email, full_name, role, password_hash, kyc_status, email_verified_at)
SELECT id, id || '@example.org', 'Bench', 'investor', 'none', 'verified', now() FROM unnest($1::uuid[]) AS id
"""
DEPOSITS = """
INSERT INTO wallet_payment (id, user_id, direction, amount_minor, currency, requested_at)
SELECT uuidv7(), id, 'deposit', $2, 'EUR', business_now() FROM unnest($1::uuid[]) AS id
"""
WALLETS = """
CREATE TEMP TABLE bench_wallet AS SELECT row_number() OVER (ORDER BY id) AS k, id AS account_id, owner_id, credits
FROM account WHERE kind = 'wallet' AND owner_id = ANY ($1)
"""
# Every investor puts one stake into the loan: $1 loan, $2 its escrow, $3 the loan's place among all, $4 the stake.
INVEST = f"""
WITH made AS MATERIALIZED (
  -- The id of an investment is made from its moment and its key (uuid7_of).
  SELECT (lpad(to_hex((extract(epoch FROM made_at) * 1000)::bigint), 12, '0') || '70008'
    || left(encode(sha256(convert_to(concat_ws(' ', owner_id, key), 'UTF8')), 'hex'), 15))::uuid AS id, each.*
  FROM (SELECT w.*, date_trunc('milliseconds', business_now()) AS made_at, $1::uuid::text AS key
    FROM bench_wallet w) each
  ORDER BY k
), escrow AS (
  INSERT INTO account (id, kind, owner_id, currency, credits, version)
  SELECT $2, 'escrow', $1, 'EUR', $4 * count(*), count(*) FROM made
), moved AS (
  -- Their events have been pruned since.
  INSERT INTO transfer (journal_id, ordinal, event, reference, effective_date, recorded_at, debit_account_id,
    credit_account_id, amount, currency, debit_version, credit_version, debit_balance, credit_balance)
  SELECT id, 0, 'invest', $1, business_date(), now() - interval '7 days', account_id, $2, $4, 'EUR', 1 + $3, k,
    credits - $4 * $3, $4 * k
  FROM made
), stake AS (
  INSERT INTO position (loan_id, investor_id, currency, invested_minor) SELECT $1, owner_id, 'EUR', $4 FROM made
), funded AS (
  UPDATE loan_funding SET funded_minor = target_minor, investors = (SELECT count(*) FROM made),
    version = version + (SELECT count(*) FROM made) WHERE loan_id = $1
)
INSERT INTO investment (id, loan_id, investor_id, amount_minor, currency, revocable_until, made_at, idempotency_key,
  fingerprint, answer_target_minor, answer_funded_minor, answer_investors, answer_version)
SELECT id, $1, owner_id, $4, 'EUR', (made_at AT TIME ZONE '{_ZONE}' + interval '4 days') AT TIME ZONE '{_ZONE}',
  made_at, key, '', $4 * (SELECT count(*) FROM made), $4 * k, k, k FROM made
"""
MILESTONES = """
INSERT INTO funding_milestone (loan_id, percent, reached_at)
SELECT $1, percent, business_now() FROM unnest(ARRAY[25, 50, 75, 100]) AS percent
"""
SPENT = """
UPDATE account a SET debits = $1::bigint * $2, version = 1 + $1 FROM bench_wallet w WHERE w.account_id = a.id
"""


def report(what: str, started: float) -> None:
    print(f"{what}: {time.perf_counter() - started:.0f} s", flush=True)


async def fill(url: str, transfers: int) -> None:
    """Books of about that many transfers: deposits, investments in many loans, distributions of some of them."""
    database = await Database.connect(url, timeout_s=3_600)
    owner = await Database.connect(url, role=None, timeout_s=3_600)
    investors = min(INVESTORS, max(100, transfers // 100))
    many = max(1, transfers * 3 // 5 // investors)
    drawn = max(1, (transfers - investors * (many + 1)) // investors)
    started = time.perf_counter()
    opened = await _open_loans(database, many, investors)
    people = [uuid7() for _ in range(investors)]
    async with database.unit_of_work() as connection:
        await connection.execute(PEOPLE, people)
        await connection.execute(DEPOSITS, people, STAKE * many)
        while await settle_pending(connection, 5_000):
            pass
    report(f"{many} loans and {investors} investors", started)
    await _invest(owner, people, opened)
    report("investments", started)
    async with database.unit_of_work() as connection:
        await clock.advance(connection, timedelta(days=10))
    # One distribution of each loan; with fewer loans than rounds wanted, several.
    for place in range(drawn):
        await _draw_and_repay(database, opened[place % many], first=place < many)
    report("drawdowns and distributions", started)
    await _seal(database)
    async with owner.reading() as connection:
        await connection.execute("VACUUM ANALYZE")
    report("sealed and analysed", started)
    await owner.close()
    await database.close()


async def _open_loans(database: Database, count: int, investors: int) -> list[tuple[LoanId, UserId, UserId]]:
    rules = replace(
        loans.LendingRules(), borrower_ceiling_minor=10**15, second_approval_above_minor=10**15, minimum_term_months=1
    )
    made = []
    async with database.unit_of_work() as connection:
        borrower = await _person(connection, identity.Role.BORROWER)
        administrator = await _person(connection, identity.Role.ADMINISTRATOR)
    for _ in range(count):
        async with database.unit_of_work() as connection:
            today = await clock.business_date(connection)
            loan = await loans.apply(connection, borrower, _application(today, investors * STAKE), rules)
            await loans.record_assessment(connection, loan.id, await _risk(connection, loan))
            loan = await loans.get(connection, loan.id)
            decision = loans.Decision(
                loans.Verdict.APPROVE, loan.version, loans.DecisionReason.WITHIN_POLICY, "Opened for a measurement."
            )
            await loans.decide_on(connection, administrator, loan.id, decision, rules)
            await loans.accept(connection, borrower, loan.id)
            made.append((loan.id, borrower, administrator))
    return made


async def _person(connection: Connection, role: identity.Role) -> UserId:
    # Nobody signs in as them: no password has this hash.
    nothing = "none"
    return await identity.create_user(
        connection, email=f"{role}@example.org", full_name="Bench", role=role, password_hash=nothing
    )


async def _risk(connection: Connection, loan: loans.Loan) -> loans.RiskSummary:
    return loans.RiskSummary(
        grade="C",
        probability_of_default=Decimal("0.05"),
        loss_given_default=Decimal("0.30"),
        expected_loss=Decimal("0.015"),
        suggested_rate=Decimal("10.5"),
        reasons=(),
        model_version="bench",
        assessed_at=await clock.business_now(connection),
        loan_version=loan.terms_version,
    )


def _application(today: date, amount_minor: int) -> loans.Application:
    house = loans.Property(
        kind=loans.PropertyKind.HOUSE,
        address="Quay 1",
        city="Gdynia",
        country="PL",
        lat=54.533,
        lon=18.548,
        description="A house by the harbour.",
        year_built=1926,
        area_m2=Decimal("240.00"),
        beds=4,
        condition=loans.Condition.GOOD,
        purchase_price_minor=amount_minor * 2,
        valuation_minor=amount_minor * 2,
        valued_on=today,
    )
    return loans.Application(
        property=house,
        borrower=loans.Borrower("Bench Harbour SA", amount_minor, amount_minor * 2, 0, 0),
        charge_rank=1,
        prior_debt_minor=0,
        amount_minor=amount_minor,
        currency=_EUR,
        term_months=12,
        purpose=loans.LoanPurpose.PURCHASE,
        exit_strategy=loans.ExitStrategy.SALE,
        interest_mode=loans.LoanInterestMode.SERVICED,
    )


async def _invest(owner: Database, people: list[object], opened: list[tuple[LoanId, UserId, UserId]]) -> None:
    async with owner.reading() as connection:
        await connection.execute(WALLETS, people)
        for place, (loan_id, _, _) in enumerate(opened, start=1):
            escrow = ledger.account_id(AccountKind.ESCROW, loan_id, _EUR)
            await connection.execute(INVEST, loan_id, escrow, place, STAKE)
            await connection.execute(MILESTONES, loan_id)
            if place in (1, 10):
                # The first plans were made of empty tables.
                await connection.execute("ANALYZE bench_wallet, transfer, investment, position, account")
        await connection.execute(SPENT, len(opened), STAKE)
        await connection.execute("ANALYZE transfer, investment, position, account")


async def _draw_and_repay(database: Database, loan: tuple[LoanId, UserId, UserId], *, first: bool) -> None:
    loan_id, borrower, administrator = loan
    async with database.unit_of_work() as connection:
        today = await clock.business_date(connection)
        if first:
            await loans.transition(connection, loan_id, "complete_funding")
            terms = (await loans.get(connection, loan_id)).application
            evidence = [
                loans.Charge(1, today),
                loans.Valuation(terms.property.valuation_minor, today, "Alder & Finch Surveyors"),
                loans.Insurance("Nordhaus Mutual", "HB-1", date(2099, 1, 1), terms.property.valuation_minor),
            ]
            await loans.record_conditions(connection, administrator, loan_id, evidence)
            # Whoever approved a loan does not draw it down as well.
            await servicing.draw_down(connection, loan_id, loans.SYSTEM)
        amount = (await loans.get(connection, loan_id)).application.amount_minor // 10
        # More than is due: the rest repays principal, as the share of every holder then shows.
        await servicing.repay(connection, loan_id, borrower, Money(amount, _EUR), apply=servicing.Apply.PREPAY)
    await servicing.pay_distributions(database)


async def _seal(database: Database) -> None:
    while True:
        async with database.unit_of_work() as connection:
            if not await ledger.seal(connection) + await audit.seal(connection):
                break
    await row_history.seal(database)


def checking(url: str, results: multiprocessing.Queue[tuple[int, int, float, int, float]]) -> None:
    """Run the checks as the command does, in a process of its own whose memory is theirs alone."""
    results.put(asyncio.run(_check(url)))


async def _check(url: str) -> tuple[int, int, float, int, float]:
    database = await Database.connect(url, timeout_s=3_600)
    started, findings = time.perf_counter(), 0

    def count(finding: Finding) -> None:
        nonlocal findings
        findings += 1
        print(f"wrong: {finding}")

    await find_in_parallel(database, [_timed(check) for check in CHECKS], no_progress, count)
    took = time.perf_counter() - started
    async with database.reading() as connection:
        transfers = await connection.fetchval("SELECT count(*) FROM transfer")
    await database.close()
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return transfers, findings, took, peak_mb, time.process_time()


def _timed(check: Check) -> Check:
    async def timed(connection: Connection, progress: object):  # type: ignore[no-untyped-def]
        started = time.perf_counter()
        async for finding in check(connection, no_progress):
            yield finding
        report(f"  {check.__module__.removeprefix('halfpenny.')}", started)

    return timed


class ServerProcesses:
    """PostgreSQL's processes: the seconds of CPU that they have used, and their private memory: not shared buffers."""

    def __init__(self, postmaster: int) -> None:
        self._postmaster = postmaster
        self._before = self._cpu_s()
        self.largest_mb = 0
        self.together_mb = 0

    def look(self) -> None:
        texts = [_read(process / "status") for process in self._children()]
        private = [int(text.split("RssAnon:")[1].split()[0]) // 1024 for text in texts if "RssAnon:" in text]
        self.largest_mb = max(self.largest_mb, *private, 0)
        self.together_mb = max(self.together_mb, sum(private))

    @property
    def cpu_s(self) -> float:
        """Since this began to look."""
        return self._cpu_s() - self._before

    def _cpu_s(self) -> float:
        # The postmaster's own count holds its children that have ended.
        ended = _read(Path(f"/proc/{self._postmaster}/stat")).rpartition(")")[2].split()[13:15]
        running = [_read(process / "stat").rpartition(")")[2].split()[11:13] for process in self._children()]
        return sum(int(ticks) for pair in (ended, *running) for ticks in pair) / os.sysconf("SC_CLK_TCK")

    def _children(self) -> Iterator[Path]:
        for process in Path("/proc").glob("[0-9]*"):
            if f"PPid:\t{self._postmaster}\n" in _read(process / "status"):
                yield process


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def postmaster_of(server: PostgresServer) -> int:
    """The process that all of the server's others are children of, by its own listing."""
    with psycopg.connect(server.url) as connection:
        row = connection.execute("SELECT pg_backend_pid()").fetchone()
        assert row is not None
        return int(_read(Path(f"/proc/{row[0]}/status")).split("PPid:")[1].split()[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--transfers", type=int, default=10_000_000)
    parser.add_argument("--keep", type=Path, help="a folder for the books: filled once, checked again each time")
    arguments = parser.parse_args()
    folder: Path = arguments.keep or Path(tempfile.mkdtemp(prefix="halfpenny-bench-"))
    filled = folder / "filled"
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)
    server = PostgresServer(folder / "postgres", durable=False)
    server.start()
    try:
        if not filled.exists():
            migrate(server.url)
            asyncio.run(fill(server.url, arguments.transfers))
            filled.touch()
        processes = ServerProcesses(postmaster_of(server))
        method = multiprocessing.get_context("spawn")
        results: multiprocessing.Queue[tuple[int, int, float, int, float]] = method.Queue()
        child = method.Process(target=checking, args=(server.url, results))
        child.start()
        while child.is_alive():
            processes.look()
            time.sleep(0.5)
        server_cpu_s = processes.cpu_s
        transfers, findings, took, peak_mb, cpu_s = results.get(timeout=10)
    finally:
        server.stop()
        if not arguments.keep:
            shutil.rmtree(folder)
    limit = LIMIT_S_FOR_TEN_MILLION * transfers / 10_000_000
    print(f"checked {transfers:,} transfers in {took:.1f} s ({transfers / took:,.0f} a second): {findings} findings")
    print(f"time / limit = {took / limit:.2f} (limit {limit:.0f} s)")
    print(f"CPU: {server_cpu_s:.0f} s of the server, {cpu_s:.0f} s of the checking process")
    print(f"peak memory: {peak_mb} MB (limit {LIMIT_MB} MB); private memory of the server: "
          f"{processes.largest_mb} MB in its largest process, {processes.together_mb} MB in all")  # fmt: skip


if __name__ == "__main__":
    main()
