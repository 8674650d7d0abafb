"""SQL of deposits and withdrawals."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from halfpenny.funding.model import WalletPayment
from halfpenny.funding.statuses import PaymentDirection, PaymentStatus
from halfpenny.platform.database import Connection, Record

PAYMENT_PAGE = (
    "SELECT * FROM wallet_payment WHERE user_id = $1 "
    "AND id < coalesce($2::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff') ORDER BY id DESC LIMIT $3"
)


def payment_of(row: Record) -> WalletPayment:
    """A payment from its row."""
    return WalletPayment(
        id=row["id"],
        user_id=row["user_id"],
        direction=PaymentDirection(row["direction"]),
        amount_minor=row["amount_minor"],
        currency=row["currency"],
        status=PaymentStatus(row["status"]),
        requested_at=row["requested_at"],
    )


async def insert(connection: Connection, payment: WalletPayment) -> None:
    await connection.execute(
        "INSERT INTO wallet_payment (id, user_id, direction, amount_minor, currency, requested_at) "
        "VALUES ($1, $2, $3, $4, $5, $6)",
        payment.id,
        payment.user_id,
        payment.direction,
        payment.amount_minor,
        payment.currency,
        payment.requested_at,
    )


async def lock_pending(connection: Connection, limit: int) -> list[WalletPayment]:
    """The oldest payments under way, each for one worker only."""
    rows = await connection.fetch(
        "SELECT * FROM wallet_payment WHERE status = 'pending' ORDER BY id LIMIT $1 FOR NO KEY UPDATE SKIP LOCKED",
        limit,
    )
    return [payment_of(row) for row in rows]


async def end(connection: Connection, payment_ids: Sequence[UUID], status: PaymentStatus, now: datetime) -> None:
    await connection.execute(
        "UPDATE wallet_payment SET status = $2, ended_at = $3 WHERE id = ANY($1) AND status = 'pending'",
        list(payment_ids),
        status,
        now,
    )


async def of_user(connection: Connection, user_id: UUID, after: UUID | None, limit: int) -> list[WalletPayment]:
    return [payment_of(row) for row in await connection.fetch(PAYMENT_PAGE, user_id, after, limit)]


async def settled(connection: Connection, payment_ids: Sequence[UUID]) -> list[tuple[WalletPayment, datetime]]:
    """Those of the payments that our books have as settled, and when."""
    rows = await connection.fetch(
        "SELECT * FROM wallet_payment WHERE id = ANY($1) AND status = 'settled'", list(payment_ids)
    )
    return [(payment_of(row), row["ended_at"]) for row in rows]


async def has_pending(connection: Connection, user_ids: Sequence[UUID]) -> bool:
    """Whether the bank has yet to answer about any payment of these people."""
    found: bool = await connection.fetchval(
        "SELECT EXISTS (SELECT FROM wallet_payment WHERE user_id = ANY($1) AND status = 'pending')", list(user_ids)
    )
    return found
