"""Paying a distribution to many positions, against a loop that pays one position at a time.

    python bench/distribution.py --positions 100000

Both sides do what the product does for a position: a share by largest remainder, tax withheld, a transfer into the
wallet, the holding brought up to date. The loop commits each payment, as a loop over positions does. Prints seconds,
positions a second, time / limit (10 s for a hundred thousand) and the ratio.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import tempfile
import time
from datetime import date
from pathlib import Path
from uuid import UUID

from halfpenny import ledger, servicing
from halfpenny.ledger import Account, AccountKind, Journal, Transfer
from halfpenny.platform.clock import business_date
from halfpenny.platform.consistency import collect
from halfpenny.platform.database import Connection, Database
from halfpenny.platform.migrations import migrate
from halfpenny.platform.servers import PostgresServer
from halfpenny.primitives.day_count import DayCount
from halfpenny.primitives.ids import JournalId, uuid7
from halfpenny.primitives.money import Currency, Money
from halfpenny.primitives.rate import Rate
from halfpenny.servicing.model.flows import DistributionPart
from halfpenny.servicing.model.terms import InterestMode, LoanTerms, Repayment
from halfpenny.servicing.store import distributions, serviced_loans

LIMIT_S = 10.0
STAKE = 5_000


async def invest(connection: Connection, loan_id: UUID, investors: list[UUID], today: date) -> None:
    """A stake of each in the escrow: the ledger pays holders by what they have put in."""
    journals = [uuid7() for _ in investors]
    bank, escrow = (
        Account(AccountKind.CLIENT_BANK, None, Currency.EUR),
        Account(AccountKind.ESCROW, loan_id, Currency.EUR),
    )
    wallets = [Account(AccountKind.WALLET, investor, Currency.EUR) for investor in investors]
    deposited = [Journal(JournalId(uuid7()), "deposit", (Transfer(bank, one, STAKE),), today) for one in wallets]
    invested = [
        Journal(JournalId(journal), "invest", (Transfer(one, escrow, STAKE),), today, loan_id)
        for journal, one in zip(journals, wallets, strict=True)
    ]
    for posted in (deposited, invested):
        for first in range(0, len(posted), 2_000):
            await ledger.post_many(connection, posted[first : first + 2_000])
    await connection.execute(
        "INSERT INTO investment (id, loan_id, investor_id, amount_minor, currency, made_at, idempotency_key, "
        "fingerprint, answer_target_minor, answer_funded_minor, answer_investors, answer_version) "
        "SELECT id, $1, investor_id, $4, 'EUR', business_now(), id::text, '', $4, $4, 1, 1 "
        "FROM unnest($2::uuid[], $3::uuid[]) AS x(id, investor_id)",
        loan_id,
        journals,
        investors,
        STAKE,
    )


async def make_loan(connection: Connection, positions: int, today: date) -> UUID:
    """A drawn loan with that many holdings, and a distribution of a fifth of the principal with interest."""
    terms = LoanTerms(
        principal=Money(positions * STAKE, Currency.EUR),
        rate=Rate.parse_annual("10.2"),
        repayment=Repayment.BULLET,
        interest_mode=InterestMode.SERVICED,
        periods=12,
        advanced_on=today,
        day_count=DayCount.ACT_365F,
    )
    loan_id = uuid7()
    await serviced_loans.insert(connection, loan_id, uuid7(), terms)
    investors = [uuid7() for _ in range(positions)]
    await invest(connection, loan_id, investors, today)
    await distributions.insert_holdings(
        connection, loan_id, [(investor, STAKE) for investor in investors], Currency.EUR, today
    )
    bank = Account(AccountKind.CLIENT_BANK, None, Currency.EUR)
    accounts = {
        kind: Account(kind, loan_id, Currency.EUR)
        for kind in (
            AccountKind.LOAN_RECEIVABLE,
            AccountKind.INVESTOR_CLAIMS,
            AccountKind.COLLECTIONS,
            AccountKind.DISTRIBUTION_PAYABLE,
        )
    }
    principal, interest = positions * STAKE // 5, positions * 43
    lent = Transfer(accounts[AccountKind.LOAN_RECEIVABLE], accounts[AccountKind.INVESTOR_CLAIMS], positions * STAKE)
    received = (
        Transfer(bank, accounts[AccountKind.COLLECTIONS], principal + interest),
        Transfer(accounts[AccountKind.COLLECTIONS], accounts[AccountKind.DISTRIBUTION_PAYABLE], principal + interest),
    )
    await ledger.post(connection, Journal(JournalId(uuid7()), "drawdown", (lent,), today, loan_id))
    await ledger.post(connection, Journal(JournalId(uuid7()), "receipt", received, today, loan_id))
    await connection.execute(
        "UPDATE serviced_loan SET principal_outstanding_minor = principal_outstanding_minor - $2 WHERE loan_id = $1",
        loan_id,
        principal,
    )
    part = DistributionPart(today, principal, interest, 0, 0)
    return await distributions.declare(connection, loan_id, Currency.EUR, part)


async def loop(database: Database, positions: int) -> float:
    """Pay ``positions`` one after another, a transaction each; returns positions a second."""
    async with database.unit_of_work() as connection:
        today = await business_date(connection)
        distribution = await make_loan(connection, positions, today)
        await distributions.share_out(connection, distribution)
    async with database.reading() as connection:
        row = await distributions.get(connection, distribution)
        shares = await distributions.shares(connection, distribution, None, positions)
    assert row is not None
    payable = Account(AccountKind.DISTRIBUTION_PAYABLE, row["loan_id"], Currency.EUR)
    started = time.perf_counter()
    for share in shares:
        async with database.unit_of_work() as connection:
            held = await connection.fetchrow(
                "SELECT * FROM holding WHERE loan_id = $1 AND position_id = $2 FOR UPDATE",
                row["loan_id"],
                share["position_id"],
            )
            assert held is not None
            wallet = Account(AccountKind.WALLET, share["investor_id"], Currency.EUR)
            amount = share["principal_minor"] + share["interest_minor"]
            journal = Journal(
                JournalId(uuid7()), "distribution", (Transfer(payable, wallet, amount),), today, row["loan_id"]
            )
            await ledger.post(connection, journal)
            await connection.execute(
                "UPDATE distribution_share SET paid = true WHERE distribution_id = $1 AND position_id = $2",
                distribution,
                share["position_id"],
            )
    return positions / (time.perf_counter() - started)


async def run(url: str, positions: int) -> None:
    database = await Database.connect(url, timeout_s=600)
    async with database.unit_of_work() as connection:
        distribution = await make_loan(connection, positions, await business_date(connection))
    async with database.reading() as connection:
        await connection.execute("ANALYZE holding, account")
    started = time.perf_counter()
    paid = await servicing.pay_distribution(database, distribution)
    took = time.perf_counter() - started
    async with database.reading() as connection:
        row = await connection.fetchrow(
            "SELECT a.credits - a.debits AS left_over FROM account a WHERE a.kind = 'distribution_payable'"
        )
        problems = await collect(connection, ledger.check)
    assert row is not None
    per_position = await loop(database, 500)
    await database.close()
    rate = paid / took
    print(f"{paid:,} positions paid in {took:.1f} s ({rate:,.0f} a second); left on the payable account: "
          f"{row['left_over']}; problems in the books: {len(problems)}")  # fmt: skip
    limit = LIMIT_S * positions / 100_000
    print(f"time / limit = {took / limit:.2f} (limit {limit:.1f} s)")
    print(
        f"one position at a time: {per_position:,.0f} a second; the chunks are {rate / per_position:.0f} times as fast"
    )


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
