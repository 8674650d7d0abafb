"""SQL of client accounts, their statements and the statements' lines."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from halfpenny.funding.bank import BankStatement, CashDirection, StatementLine
from halfpenny.funding.reconciliation import SeenBefore
from halfpenny.platform import rows
from halfpenny.platform.database import Connection, Record
from halfpenny.primitives.ids import uuid7

_NEWEST = "ffffffff-ffff-ffff-ffff-ffffffffffff"
STATEMENT_PAGE = (
    "SELECT s.*, a.account FROM bank_statement s JOIN bank_account a ON a.id = s.account_id "
    f"WHERE s.id < coalesce($1::uuid, '{_NEWEST}') ORDER BY s.id DESC LIMIT $2"
)


@dataclass(frozen=True, slots=True)
class ClientAccount:
    """One of our accounts, and where its last accepted statement left it (None before the first)."""

    id: UUID
    account: str
    currency: str
    number: int
    stated_to: date | None
    closing_minor: int | None


async def lock_bank(connection: Connection, currency: str) -> None:
    """One at a time in a currency: a statement coming in, a receipt announced or posted, a line allocated.

    Taken after loans and before ledger accounts, so that a line and a receipt always see each other.
    """
    await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('client account in ' || $1, 0))", currency)


async def account_in(connection: Connection, currency: str) -> ClientAccount | None:
    row = await connection.fetchrow(
        "SELECT a.id, a.account, a.currency, s.number, s.statement_date, s.closing_minor FROM bank_account a "
        "LEFT JOIN LATERAL (SELECT * FROM bank_statement WHERE account_id = a.id ORDER BY number DESC LIMIT 1) s "
        "ON true WHERE a.currency = $1",
        currency,
    )
    if row is None:
        return None
    return ClientAccount(
        row["id"], row["account"], row["currency"], row["number"] or 0, row["statement_date"], row["closing_minor"]
    )


async def open_account(
    connection: Connection,
    account: str,
    currency: str,
    now: datetime,
    proposed_by: UUID | None,
    accepted_by: UUID | None,
) -> ClientAccount:
    """Accept statements of this account from now on. Nobody's names stand with the sandbox bank's own."""
    account_id = uuid7()
    opened = {"id": account_id, "account": account, "currency": currency, "opened_at": now}
    await rows.insert(connection, "bank_account", opened | {"proposed_by": proposed_by, "accepted_by": accepted_by})
    return ClientAccount(account_id, account, currency, 0, None, None)


async def insert_file(connection: Connection, file_id: UUID, document: bytes, now: datetime, received_by: UUID) -> None:
    file = {"id": file_id, "document": document, "received_at": now, "received_by": received_by}
    await rows.insert(connection, "statement_file", file | {"sha256": hashlib.sha256(document).digest()})


async def file_of(connection: Connection, file_id: UUID) -> bytes | None:
    document: bytes | None = await connection.fetchval("SELECT document FROM statement_file WHERE id = $1", file_id)
    return document


async def is_accepted(connection: Connection, account_id: UUID, digest: bytes) -> bool:
    found: bool = await connection.fetchval(
        "SELECT EXISTS (SELECT FROM bank_statement WHERE account_id = $1 AND digest = $2)", account_id, digest
    )
    return found


async def insert_statement(
    connection: Connection, account: ClientAccount, statement: BankStatement, now: datetime, file_id: UUID | None
) -> UUID:
    """Keep a statement and its lines; returns its id."""
    statement_id = uuid7()
    stated = {
        "id": statement_id,
        "account_id": account.id,
        "number": account.number + 1,
        "message_id": statement.message_id,
        "digest": statement.digest,
        "currency": statement.currency,
        "statement_date": statement.day,
        "opening_minor": statement.opening_minor,
        "closing_minor": statement.closing_minor,
        "lines": len(statement.lines),
        "remarks": list(statement.remarks),
        "file_id": file_id,
        "received_at": now,
    }
    await rows.insert(connection, "bank_statement", stated)
    of_statement = {"statement_id": statement_id, "currency": statement.currency}
    await rows.insert_many(
        connection, "bank_statement_line", [rows.values(line) | of_statement for line in statement.lines]
    )
    return statement_id


async def seen_before(connection: Connection, currency: str, lines: Sequence[StatementLine]) -> SeenBefore:
    """What of these lines' references accepted statements have brought already."""
    found = await connection.fetch(
        "SELECT end_to_end_id, bank_reference, direction, amount_minor FROM bank_statement_line WHERE currency = $1 "
        "AND end_to_end_id <> '' AND end_to_end_id = ANY($2) UNION "
        "SELECT end_to_end_id, bank_reference, direction, amount_minor FROM bank_statement_line WHERE currency = $1 "
        "AND bank_reference <> '' AND bank_reference = ANY($3)",
        currency,
        [line.end_to_end_id for line in lines],
        [line.bank_reference for line in lines],
    )
    return SeenBefore(
        frozenset(row["end_to_end_id"] for row in found if row["end_to_end_id"]),
        frozenset((row["bank_reference"], CashDirection(row["direction"]), row["amount_minor"]) for row in found),
    )


def line_of(row: Record) -> StatementLine:
    """A line from its row."""
    return StatementLine(
        id=row["id"],
        bank_reference=row["bank_reference"],
        end_to_end_id=row["end_to_end_id"],
        direction=CashDirection(row["direction"]),
        amount_minor=row["amount_minor"],
        booked_on=row["booked_on"],
        value_on=row["value_on"],
        payer=row["payer"],
        payer_account=row["payer_account"],
        remittance=row["remittance"],
        remark=row["remark"],
    )


async def line(connection: Connection, line_id: UUID) -> StatementLine | None:
    row = await connection.fetchrow("SELECT * FROM bank_statement_line WHERE id = $1", line_id)
    return line_of(row) if row else None


async def statement_of_line(connection: Connection, line_id: UUID) -> UUID:
    found: UUID = await connection.fetchval("SELECT statement_id FROM bank_statement_line WHERE id = $1", line_id)
    return found


async def page_of_statements(connection: Connection, before: UUID | None, limit: int) -> list[Record]:
    """Accepted statements, newest first."""
    return await connection.fetch(STATEMENT_PAGE, before, limit)
