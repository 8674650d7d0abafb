"""A loan that takes investments, and investors with money: what the tests of funding start from."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from halfpenny import loans
from halfpenny.funding.desk.desk import DeskSettings, FundingDesk
from halfpenny.funding.model import InvestmentConfirmation, Ticket
from halfpenny.ledger import Account, AccountKind
from halfpenny.platform.database import Connection, Database
from halfpenny.primitives.errors import HalfpennyError
from halfpenny.primitives.ids import UserId, uuid7
from halfpenny.primitives.money import Currency
from support import lending
from support.money import pay_in

EUR = Currency.EUR


@dataclass(frozen=True)
class World:
    """One loan in funding; ``investors`` have wallets with the same balance."""

    loan: loans.Loan
    borrower: UserId
    administrator: UserId
    investors: list[UserId]

    def ticket(self, investor: int, amount_minor: int, key: str | None = None, **changes: Any) -> Ticket:
        return make_ticket(changes.pop("loan_id", self.loan.id), self.investors[investor], amount_minor, key, **changes)


def make_ticket(
    loan_id: UUID, investor_id: UUID, amount_minor: int, key: str | None = None, currency: str = "EUR"
) -> Ticket:
    return Ticket(
        loan_id=loan_id,
        investor_id=investor_id,
        amount_minor=amount_minor,
        currency=currency,
        key=key or uuid7().hex,
        fingerprint=hashlib.sha256(f"{loan_id} {amount_minor} {currency}".encode()).digest(),
    )


async def make_world(
    database: Database, *, target_minor: int = 1_000_000, investors: int = 3, balance_minor: int = 1_000_000
) -> World:
    async with database.unit_of_work() as connection:
        borrower = await lending.person(connection, "borrower")
        administrator = await lending.person(connection, "administrator")
        loan = await lending.funding(connection, borrower, administrator, amount_minor=target_minor)
        people = await bulk_investors(connection, investors)
        await give(connection, people, balance_minor)
    return World(loan, borrower, administrator, people)


async def another_loan(database: Database, world: World, target_minor: int = 1_000_000) -> loans.Loan:
    async with database.unit_of_work() as connection:
        return await lending.funding(connection, world.borrower, world.administrator, amount_minor=target_minor)


async def bulk_investors(connection: Connection, count: int, *, sophisticated: bool = False) -> list[UserId]:
    ids = [UserId(uuid7()) for _ in range(count)]
    await connection.executemany(
        "INSERT INTO app_user (id, email, full_name, role, password_hash, kyc_status, sophisticated, "
        "email_verified_at) VALUES ($1, $2, 'Ines Almeida', 'investor', 'none', 'verified', $3, now())",
        [(person, f"{person}@example.org", sophisticated) for person in ids],
    )
    return ids


async def give(connection: Connection, people: list[UserId], amount_minor: int) -> None:
    """Money arrives in wallets as deposits do."""
    await pay_in(connection, people, amount_minor, EUR)


def wallet(person: UUID) -> Account:
    return Account(AccountKind.WALLET, person, EUR)


def escrow(loan_id: UUID) -> Account:
    return Account(AccountKind.ESCROW, loan_id, EUR)


@asynccontextmanager
async def open_desk(database: Database, **settings: Any) -> AsyncIterator[FundingDesk]:
    desk = FundingDesk(database, DeskSettings(**settings))
    desk.start()
    try:
        yield desk
    finally:
        await desk.stop()


async def outcomes(desk: FundingDesk, tickets: list[Ticket]) -> list[InvestmentConfirmation | str]:
    """All at once; refusals by their code."""
    found = await asyncio.gather(*(desk.invest(ticket) for ticket in tickets), return_exceptions=True)
    answer: list[InvestmentConfirmation | str] = []
    for one in found:
        if isinstance(one, HalfpennyError):
            answer.append(one.code)
        elif isinstance(one, BaseException):
            raise one
        else:
            answer.append(one)
    return answer


async def state(database: Database, world: World) -> dict[str, Any]:
    """Everything that a ticket may change, to show that a refusal changed none of it."""
    async with database.reading() as connection:
        return {
            "funding": [tuple(row) for row in await connection.fetch("SELECT * FROM loan_funding ORDER BY loan_id")],
            "investments": await connection.fetchval("SELECT count(*) FROM investment"),
            "transfers": await connection.fetchval("SELECT count(*) FROM transfer"),
            "positions": [tuple(row) for row in await connection.fetch("SELECT * FROM position ORDER BY 1, 2")],
            "accounts": [tuple(row) for row in await connection.fetch("SELECT * FROM account ORDER BY id")],
            "events": await connection.fetchval("SELECT count(*) FROM outbox"),
        }


async def check_books(database: Database) -> None:
    """The oracle over funding: money balances, totals agree with tickets, positions and escrow."""
    async with database.reading() as connection:
        signed = await connection.fetchval("SELECT sum(debits) - sum(credits) FROM account")
        assert not signed
        assert not await connection.fetchval("SELECT count(*) FROM account WHERE kind = 'wallet' AND credits < debits")
        wrong = await connection.fetch(
            """
            SELECT f.loan_id, f.funded_minor, t.tickets, p.held, e.escrow, f.investors, p.holders
            FROM loan_funding f
            LEFT JOIN LATERAL (SELECT coalesce(sum(amount_minor), 0) AS tickets FROM investment i
              WHERE i.loan_id = f.loan_id AND i.status = 'committed') t ON true
            LEFT JOIN LATERAL (SELECT coalesce(sum(invested_minor), 0) AS held,
              count(*) FILTER (WHERE invested_minor > 0) AS holders FROM position p
              WHERE p.loan_id = f.loan_id) p ON true
            LEFT JOIN LATERAL (SELECT coalesce(sum(credits - debits), 0) AS escrow FROM account a
              WHERE a.kind = 'escrow' AND a.owner_id = f.loan_id) e ON true
            WHERE f.funded_minor <> t.tickets OR f.funded_minor <> p.held OR f.funded_minor <> e.escrow
               OR f.investors <> p.holders OR f.funded_minor > f.target_minor
            """
        )
        assert wrong == []
        doubled = await connection.fetch(
            "SELECT i.id FROM investment i LEFT JOIN transfer t ON t.journal_id = i.id "
            "GROUP BY i.id HAVING count(t.journal_id) <> 1"
        )
        assert doubled == []
