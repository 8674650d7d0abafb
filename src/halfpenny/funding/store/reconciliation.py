"""SQL of what does not agree between statements and the books, and of what stands in suspense for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from halfpenny.funding.bank import CashDirection
from halfpenny.funding.model import WalletPayment
from halfpenny.funding.reconciliation import CLIENT_BANK, MismatchKind, ReconciliationItem
from halfpenny.funding.statuses import PaymentStatus, ReconciliationStatus
from halfpenny.funding.store.payments import payment_of
from halfpenny.platform import rows
from halfpenny.platform.database import Connection, Record

ALLOCATED = (
    "coalesce((SELECT sum(a.amount_minor) FROM line_allocation a "
    "WHERE a.item_id = i.id AND a.taken_back_at IS NULL), 0)::bigint"
)
# Money in that nobody has been found for: it can go to loans, or back. What names a wallet's payment is the wallet's.
UNKNOWN_CREDIT = (
    f"i.direction = '{CashDirection.IN}' AND i.kind IN ('{MismatchKind.UNKNOWN}', '{MismatchKind.DUPLICATE}') "
    f"AND i.account = '{CLIENT_BANK}'"
)
_ITEM = f"SELECT i.*, {ALLOCATED} AS allocated_minor FROM reconciliation_item i"
OPEN_PAGE = (
    f"{_ITEM} WHERE i.status = '{ReconciliationStatus.OPEN}' "
    "AND i.id > coalesce($1::uuid, '00000000-0000-0000-0000-000000000000') ORDER BY i.id LIMIT $2"
)


async def settled_between(
    connection: Connection, currency: str, start: datetime, end: datetime
) -> list[tuple[WalletPayment, datetime]]:
    """Payments that our books say the bank has made in [start, end), and when."""
    found = await connection.fetch(
        f"SELECT * FROM wallet_payment WHERE currency = $1 AND status = '{PaymentStatus.SETTLED}' AND ended_at >= $2 "
        "AND ended_at < $3 ORDER BY id",
        currency,
        start,
        end,
    )
    return [(payment_of(row), row["ended_at"]) for row in found]


async def known_missing(connection: Connection, currency: str, references: Sequence[str]) -> frozenset[str]:
    """Those of the references of which a finding says already that the bank has not brought them."""
    found = await connection.fetch(
        "SELECT reference FROM reconciliation_item WHERE reference = ANY($2) AND currency = $1 "
        f"AND kind = '{MismatchKind.MISSING}'",
        currency,
        list(references),
    )
    return frozenset(row["reference"] for row in found)


async def insert_findings(
    connection: Connection, statement_id: UUID, findings: Sequence[ReconciliationItem], now: datetime
) -> None:
    found = {"statement_id": statement_id, "found_at": now}
    await rows.insert_many(
        connection,
        "reconciliation_item",
        [rows.values(one, leave_out=("question", "allocated_minor")) | found for one in findings],
    )


def _finding(row: Record) -> ReconciliationItem:
    return rows.read(ReconciliationItem, row)


async def open_items(connection: Connection, after: UUID | None, limit: int) -> list[ReconciliationItem]:
    return [_finding(row) for row in await connection.fetch(OPEN_PAGE, after, limit)]


async def missing_items(connection: Connection, currency: str, references: Sequence[str]) -> list[ReconciliationItem]:
    """Open items that wait for a line which these references may be."""
    found = await connection.fetch(
        f"{_ITEM} WHERE i.reference = ANY($2) AND i.currency = $1 AND i.kind = '{MismatchKind.MISSING}' "
        f"AND i.status = '{ReconciliationStatus.OPEN}' ORDER BY i.id",
        currency,
        list(references),
    )
    return [_finding(row) for row in found]


async def lock_item(connection: Connection, item_id: UUID) -> ReconciliationItem | None:
    """One open item, locked; None when there is none or it is resolved."""
    row = await connection.fetchrow(
        f"{_ITEM} WHERE i.id = $1 AND i.status = '{ReconciliationStatus.OPEN}' FOR NO KEY UPDATE OF i", item_id
    )
    return _finding(row) if row else None


async def credit_of_line(connection: Connection, line_id: UUID, *, lock: bool = False) -> ReconciliationItem | None:
    """The credit that a line stands in suspense for, open or resolved; None where it never did."""
    row = await connection.fetchrow(
        f"{_ITEM} WHERE i.line_id = $1 AND {UNKNOWN_CREDIT}{' FOR NO KEY UPDATE OF i' if lock else ''}", line_id
    )
    return _finding(row) if row else None


async def credit_of_allocation(connection: Connection, allocation_id: UUID) -> ReconciliationItem | None:
    """The credit that an allocation is of; None where there is no such allocation."""
    row = await connection.fetchrow(
        f"{_ITEM} WHERE i.id = (SELECT item_id FROM line_allocation WHERE id = $1)", allocation_id
    )
    return _finding(row) if row else None


async def currency_of(connection: Connection, item_id: UUID) -> str | None:
    currency: str | None = await connection.fetchval("SELECT currency FROM reconciliation_item WHERE id = $1", item_id)
    return currency


async def set_question(
    connection: Connection, item_id: UUID, question: str | None, data: Mapping[str, Any] | None = None
) -> None:
    """Keep why a loan did not take the money of an open item, and what its answers would do; None: it has taken it."""
    kept = {"question": question, "question_data": None if data is None else dict(data)}
    await rows.update(connection, "reconciliation_item", kept, "id = $1", item_id)


async def reopen(connection: Connection, item: ReconciliationItem, taken_back_minor: int = 0) -> None:
    """It stands in suspense again: what loans have given back, and so much of what a resolution had released."""
    opened = {"status": ReconciliationStatus.OPEN, "resolved_at": None, "resolved_by": None}
    back = {"resolved_minor": item.resolved_minor - taken_back_minor}
    await rows.update(connection, "reconciliation_item", opened | back, "id = $1", item.id)


async def resolve(
    connection: Connection, item: ReconciliationItem, resolved_by: UUID | None, now: datetime, released_minor: int = 0
) -> None:
    """Nothing of it stands in suspense any more, of which ``released_minor`` did until now."""
    by = {"resolved_at": now, "resolved_by": resolved_by, "resolved_minor": item.resolved_minor + released_minor}
    resolved = {"status": ReconciliationStatus.RESOLVED, "question": None, "question_data": None, **by}
    await rows.update(connection, "reconciliation_item", resolved, "id = $1", item.id)
