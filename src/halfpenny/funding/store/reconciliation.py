"""SQL of bank statements and of what does not agree with the books."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from halfpenny.funding.bank import BankStatement, CashDirection, StatementLine
from halfpenny.funding.model import WalletPayment
from halfpenny.funding.reconciliation import MismatchKind, ReconciliationItem
from halfpenny.funding.statuses import PaymentDirection, PaymentStatus, ReconciliationStatus
from halfpenny.platform.database import Connection, Record

OPEN_PAGE = (
    f"SELECT * FROM reconciliation_item WHERE status = '{ReconciliationStatus.OPEN}' "
    "AND id > coalesce($1::uuid, '00000000-0000-0000-0000-000000000000') ORDER BY id LIMIT $2"
)


async def insert_statement(connection: Connection, statement_id: UUID, statement: BankStatement, now: datetime) -> bool:
    """Keep a statement; False when one with its message id is there already."""
    new = await connection.fetchval(
        "INSERT INTO bank_statement (id, message_id, currency, statement_date, lines, received_at) "
        "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (message_id) DO NOTHING RETURNING true",
        statement_id,
        statement.message_id,
        statement.currency,
        statement.day,
        len(statement.lines),
        now,
    )
    return bool(new)


async def known_lines(connection: Connection, currency: str, references: Sequence[str]) -> set[str]:
    """The end-to-end ids that earlier statements have brought already."""
    rows = await connection.fetch(
        "SELECT DISTINCT end_to_end_id FROM bank_statement_line WHERE currency = $1 AND end_to_end_id = ANY($2)",
        currency,
        list(references),
    )
    return {row["end_to_end_id"] for row in rows}


async def insert_lines(
    connection: Connection, statement_id: UUID, currency: str, lines: Sequence[StatementLine]
) -> set[str]:
    """Keep the lines; returns the bank references that are new. A line that was there is left alone."""
    rows = await connection.fetch(
        "INSERT INTO bank_statement_line (bank_reference, currency, statement_id, direction, amount_minor, "
        "end_to_end_id, booked_on, value_on) SELECT r, $2, $1, d, a, e, b, v "
        "FROM unnest($3::text[], $4::text[], $5::bigint[], $6::text[], $7::date[], $8::date[]) AS t (r, d, a, e, b, v) "
        "ON CONFLICT DO NOTHING RETURNING bank_reference",
        statement_id,
        currency,
        [line.bank_reference for line in lines],
        [line.direction.value for line in lines],
        [line.amount_minor for line in lines],
        [line.end_to_end_id for line in lines],
        [line.booked_on for line in lines],
        [line.value_on for line in lines],
    )
    return {row["bank_reference"] for row in rows}


async def settled_between(connection: Connection, currency: str, start: datetime, end: datetime) -> list[WalletPayment]:
    """Payments that our books say the bank has made in [start, end)."""
    rows = await connection.fetch(
        f"SELECT * FROM wallet_payment WHERE currency = $1 AND status = '{PaymentStatus.SETTLED}' AND ended_at >= $2 "
        "AND ended_at < $3 ORDER BY id",
        currency,
        start,
        end,
    )
    return [
        WalletPayment(
            row["id"],
            row["user_id"],
            PaymentDirection(row["direction"]),
            row["amount_minor"],
            row["currency"],
            PaymentStatus(row["status"]),
            row["requested_at"],
        )
        for row in rows
    ]


async def insert_findings(
    connection: Connection, statement_id: UUID, findings: Sequence[ReconciliationItem], now: datetime
) -> None:
    await connection.executemany(
        "INSERT INTO reconciliation_item (id, statement_id, kind, reference, account, action, direction, currency, "
        "expected_minor, found_minor, suspense_minor, found_at) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        [
            (
                one.id,
                statement_id,
                one.kind.value,
                one.reference,
                one.account,
                one.action,
                one.direction.value,
                one.currency,
                one.expected_minor,
                one.found_minor,
                one.suspense_minor,
                now,
            )
            for one in findings
        ],
    )


def _finding(row: Record) -> ReconciliationItem:
    return ReconciliationItem(
        id=row["id"],
        kind=MismatchKind(row["kind"]),
        reference=row["reference"],
        account=row["account"],
        action=row["action"],
        direction=CashDirection(row["direction"]),
        currency=row["currency"],
        expected_minor=row["expected_minor"],
        found_minor=row["found_minor"],
        suspense_minor=row["suspense_minor"],
    )


async def open_items(connection: Connection, after: UUID | None, limit: int) -> list[ReconciliationItem]:
    return [_finding(row) for row in await connection.fetch(OPEN_PAGE, after, limit)]


async def missing_items(connection: Connection, currency: str, references: Sequence[str]) -> list[ReconciliationItem]:
    """Open items that wait for a line which these references may be."""
    rows = await connection.fetch(
        f"SELECT * FROM reconciliation_item WHERE reference = ANY($2) AND currency = $1 "
        f"AND kind = '{MismatchKind.MISSING}' AND status = '{ReconciliationStatus.OPEN}' ORDER BY id",
        currency,
        list(references),
    )
    return [_finding(row) for row in rows]


async def lock_item(connection: Connection, item_id: UUID) -> ReconciliationItem | None:
    """One open item, locked; None when there is none or it is resolved."""
    row = await connection.fetchrow(
        f"SELECT * FROM reconciliation_item WHERE id = $1 AND status = '{ReconciliationStatus.OPEN}' FOR NO KEY UPDATE",
        item_id,
    )
    return _finding(row) if row else None


async def resolve(connection: Connection, item_id: UUID, resolved_by: UUID | None, now: datetime) -> None:
    await connection.execute(
        f"UPDATE reconciliation_item SET status = '{ReconciliationStatus.RESOLVED}', resolved_at = $2, "
        "resolved_by = $3 WHERE id = $1",
        item_id,
        now,
        resolved_by,
    )


async def days_without_statement(connection: Connection, before: date) -> list[date]:
    """Days before ``before`` on which our books or the bank moved client money, and no statement was matched."""
    rows = await connection.fetch(
        "SELECT DISTINCT day FROM (SELECT booked_on AS day, currency FROM sandbox_bank_entry "
        "UNION SELECT (ended_at AT TIME ZONE 'Europe/Warsaw')::date, currency FROM wallet_payment "
        f"WHERE status = '{PaymentStatus.SETTLED}') moved WHERE day < $1 AND NOT EXISTS (SELECT FROM bank_statement s "
        "WHERE s.statement_date = moved.day AND s.currency = moved.currency) ORDER BY day",
        before,
    )
    return [row["day"] for row in rows]
