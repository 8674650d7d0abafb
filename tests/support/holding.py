"""Investors who hold a loan, written as the desk and a drawdown write them: the ledger asks for both."""

from __future__ import annotations

from uuid import UUID

from halfpenny import ledger
from halfpenny.ledger import Account, AccountKind, Journal, Transfer
from halfpenny.platform.clock import business_date
from halfpenny.platform.database import Connection
from halfpenny.primitives.ids import JournalId, uuid7
from halfpenny.primitives.money import Currency


async def invest(connection: Connection, loan_id: UUID, investor: UUID, minor: int, journal_id: UUID) -> Journal:
    """The row of an investment of ``minor`` euro cents, and the journal that pays for it, which is not posted yet."""
    await connection.execute(
        "INSERT INTO investment (id, loan_id, investor_id, amount_minor, currency, made_at, idempotency_key, "
        "fingerprint, answer_target_minor, answer_funded_minor, answer_investors, answer_version) "
        "VALUES ($1::uuid, $2, $3, $4, 'EUR', business_now(), $1::uuid::text, '', $4, $4, 1, 1)",
        journal_id,
        loan_id,
        investor,
        minor,
    )
    wallet, escrow = (
        Account(AccountKind.WALLET, investor, Currency.EUR),
        Account(AccountKind.ESCROW, loan_id, Currency.EUR),
    )
    today = await business_date(connection)
    return Journal(JournalId(journal_id), "invest", (Transfer(wallet, escrow, minor),), today, loan_id)


async def hold(connection: Connection, loan_id: UUID, investor: UUID, minor: int) -> None:
    """The row of a holding: who has one may be paid by the loan."""
    await connection.execute(
        "INSERT INTO holding (loan_id, investor_id, position_id, stake_minor, outstanding_minor, counted_to, "
        "wallet_account_id) VALUES ($1, $2, uuidv7(), $3, $3, business_date(), account_id_of('wallet', $2, 'EUR'))",
        loan_id,
        investor,
        minor,
    )


async def deposit(connection: Connection, person: UUID, minor: int) -> None:
    """Euro cents that the bank has for a wallet."""
    paid_in = Transfer(
        Account(AccountKind.CLIENT_BANK, None, Currency.EUR), Account(AccountKind.WALLET, person, Currency.EUR), minor
    )
    await ledger.post(connection, Journal(JournalId(uuid7()), "deposit", (paid_in,), await business_date(connection)))
