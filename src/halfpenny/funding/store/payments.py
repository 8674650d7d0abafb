"""SQL of deposits and withdrawals."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from halfpenny.funding.model import WalletPayment
from halfpenny.funding.statuses import PaymentStatus
from halfpenny.platform import rows
from halfpenny.platform.database import Connection, Record

PAYMENT_PAGE = (
    "SELECT * FROM wallet_payment WHERE user_id = $1 "
    "AND id < coalesce($2::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff') ORDER BY id DESC LIMIT $3"
)


def payment_of(row: Record) -> WalletPayment:
    """A payment from its row."""
    return rows.read(WalletPayment, row)


async def insert(connection: Connection, payment: WalletPayment) -> None:
    await rows.insert(connection, "wallet_payment", rows.values(payment))


async def lock_pending(connection: Connection, limit: int) -> list[WalletPayment]:
    """The oldest payments under way, each for one worker only."""
    found = await connection.fetch(
        f"SELECT * FROM wallet_payment WHERE status = '{PaymentStatus.PENDING}' ORDER BY id LIMIT $1 "
        "FOR NO KEY UPDATE SKIP LOCKED",
        limit,
    )
    return [payment_of(row) for row in found]


async def end(connection: Connection, payment_ids: Sequence[UUID], status: PaymentStatus, now: datetime) -> None:
    pending = f"id = ANY($1) AND status = '{PaymentStatus.PENDING}'"
    await rows.update(connection, "wallet_payment", {"status": status, "ended_at": now}, pending, list(payment_ids))


async def of_user(connection: Connection, user_id: UUID, after: UUID | None, limit: int) -> list[WalletPayment]:
    return [payment_of(row) for row in await connection.fetch(PAYMENT_PAGE, user_id, after, limit)]


async def known(
    connection: Connection, payment_ids: Sequence[UUID]
) -> tuple[frozenset[UUID], list[tuple[WalletPayment, datetime]]]:
    """Which of these are payments at all, and those that our books have as settled, with the moment."""
    found = await connection.fetch("SELECT * FROM wallet_payment WHERE id = ANY($1)", list(payment_ids))
    settled = [(payment_of(row), row["ended_at"]) for row in found if row["status"] == PaymentStatus.SETTLED]
    return frozenset(row["id"] for row in found), settled


async def has_pending(connection: Connection, user_ids: Sequence[UUID]) -> bool:
    """Whether the bank has yet to answer about any payment of these people."""
    found: bool = await connection.fetchval(
        "SELECT EXISTS (SELECT FROM wallet_payment WHERE user_id = ANY($1) AND status = 'pending')", list(user_ids)
    )
    return found
