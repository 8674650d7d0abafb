"""SQL of tickets after they were made: taking back, returning, waiting, positions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from halfpenny.funding.model import Investment, Position, WaitingTicket
from halfpenny.funding.statuses import InvestmentStatus, WaitingStatus
from halfpenny.platform import rows
from halfpenny.platform.database import Connection, Record

_INVESTMENT = "id, loan_id, investor_id, amount_minor, currency, status, revocable_until, made_at"
POSITIONS_PAGE = (
    "SELECT * FROM position WHERE investor_id = $1 "
    "AND loan_id < coalesce($2::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff') ORDER BY loan_id DESC LIMIT $3"
)
WAITING_PAGE = (
    "SELECT * FROM waiting_ticket WHERE investor_id = $1 "
    "AND id < coalesce($2::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff') ORDER BY id DESC LIMIT $3"
)
_WAITING = WaitingStatus.WAITING


def _investment(row: Record) -> Investment:
    return Investment(
        id=row["id"],
        loan_id=row["loan_id"],
        investor_id=row["investor_id"],
        amount_minor=row["amount_minor"],
        currency=row["currency"],
        status=InvestmentStatus(row["status"]),
        revocable_until=row["revocable_until"],
        made_at=row["made_at"],
    )


async def find(connection: Connection, investment_id: UUID, *, lock: bool = False) -> Investment | None:
    """One investment; with ``lock`` until the transaction ends (after its loan's funding row, always)."""
    row = await connection.fetchrow(
        f"SELECT {_INVESTMENT} FROM investment WHERE id = $1" + (" FOR NO KEY UPDATE" if lock else ""), investment_id
    )
    return _investment(row) if row else None


async def find_by_key(connection: Connection, investor_id: UUID, key: str) -> Investment | None:
    """The investment that this person's idempotency key made, if it made one."""
    row = await connection.fetchrow(
        f"SELECT {_INVESTMENT} FROM investment WHERE investor_id = $1 AND idempotency_key = $2", investor_id, key
    )
    return _investment(row) if row else None


async def committed(connection: Connection, loan_id: UUID) -> list[Investment]:
    """Every ticket of a loan whose money is in escrow, oldest id first."""
    found = await connection.fetch(
        f"SELECT {_INVESTMENT} FROM investment WHERE loan_id = $1 AND status = 'committed' ORDER BY id", loan_id
    )
    return [_investment(row) for row in found]


async def of_investor(connection: Connection, investor_id: UUID, loan_ids: Sequence[UUID]) -> list[Investment]:
    """An investor's tickets in these loans, oldest first."""
    found = await connection.fetch(
        f"SELECT {_INVESTMENT} FROM investment WHERE loan_id = ANY($2) AND investor_id = $1 ORDER BY id",
        investor_id,
        list(loan_ids),
    )
    return [_investment(row) for row in found]


async def end(connection: Connection, investment_ids: Sequence[UUID], status: InvestmentStatus, now: datetime) -> None:
    await connection.execute(
        "UPDATE investment SET status = $2, ended_at = $3 WHERE id = ANY($1) AND status = 'committed'",
        list(investment_ids),
        status,
        now,
    )


async def shrink_position(connection: Connection, loan_id: UUID, investor_id: UUID, amount_minor: int) -> int:
    """Take an amount out of a position before drawdown; returns what is still invested, minor units."""
    left = await connection.fetchval(
        "UPDATE position SET invested_minor = invested_minor - $3 WHERE loan_id = $1 AND investor_id = $2 "
        "RETURNING invested_minor",
        loan_id,
        investor_id,
        amount_minor,
    )
    return int(left)


async def empty_positions(connection: Connection, loan_id: UUID) -> int:
    """Set all positions of a loan to nothing; returns how many investors had one."""
    found = await connection.fetch(
        "UPDATE position SET invested_minor = 0 WHERE loan_id = $1 AND invested_minor > 0 RETURNING investor_id",
        loan_id,
    )
    return len(found)


def _position(row: Record) -> Position:
    return Position(
        loan_id=row["loan_id"],
        investor_id=row["investor_id"],
        currency=row["currency"],
        invested_minor=row["invested_minor"],
    )


async def positions(connection: Connection, loan_id: UUID) -> list[Position]:
    found = await connection.fetch(
        "SELECT * FROM position WHERE loan_id = $1 AND invested_minor > 0 ORDER BY investor_id", loan_id
    )
    return [_position(row) for row in found]


async def positions_of_investor(
    connection: Connection, investor_id: UUID, after: UUID | None, limit: int
) -> list[Position]:
    return [_position(row) for row in await connection.fetch(POSITIONS_PAGE, investor_id, after, limit)]


async def position_of(connection: Connection, investor_id: UUID, loan_id: UUID) -> int:
    """Minor units that this person has put into this loan."""
    found = await connection.fetchval(
        "SELECT invested_minor FROM position WHERE loan_id = $1 AND investor_id = $2", loan_id, investor_id
    )
    return int(found or 0)


async def reflection_running_until(connection: Connection, loan_id: UUID) -> datetime | None:
    end: datetime | None = await connection.fetchval(
        "SELECT max(revocable_until) FROM investment WHERE loan_id = $1 AND status = 'committed' "
        "AND revocable_until > business_now()",
        loan_id,
    )
    return end


def _waiting(row: Record) -> WaitingTicket:
    return rows.read(WaitingTicket, row)


async def join_waiting_list(connection: Connection, waiting: WaitingTicket) -> None:
    await rows.insert(connection, "waiting_ticket", rows.values(waiting))


async def next_waiting(connection: Connection, loan_id: UUID, limit: int) -> list[WaitingTicket]:
    """Who waits for this loan, in the order in which they came."""
    found = await connection.fetch(
        "SELECT * FROM waiting_ticket WHERE loan_id = $1 AND status = 'waiting' ORDER BY place LIMIT $2",
        loan_id,
        limit,
    )
    return [_waiting(row) for row in found]


async def waiting_of_investor(
    connection: Connection, investor_id: UUID, after: UUID | None, limit: int
) -> list[WaitingTicket]:
    return [_waiting(row) for row in await connection.fetch(WAITING_PAGE, investor_id, after, limit)]


async def serve_waiting(connection: Connection, waiting_id: UUID, amount_minor: int, now: datetime) -> None:
    """Count what a waiting ticket got; with its whole amount it is served."""
    await connection.execute(
        "UPDATE waiting_ticket SET served_minor = served_minor + $2, "
        f"status = CASE WHEN served_minor + $2 = amount_minor THEN '{WaitingStatus.SERVED}' ELSE status END, "
        "ended_at = CASE WHEN served_minor + $2 = amount_minor THEN $3::timestamptz END WHERE id = $1",
        waiting_id,
        amount_minor,
        now,
    )


async def end_waiting(
    connection: Connection, waiting_id: UUID, status: WaitingStatus, refusal: str | None, now: datetime
) -> None:
    end = {"status": status, "refusal": refusal, "ended_at": now}
    await rows.update(connection, "waiting_ticket", end, f"id = $1 AND status = '{_WAITING}'", waiting_id)


async def end_all_waiting(connection: Connection, loan_id: UUID, refusal: str, now: datetime) -> list[WaitingTicket]:
    """End everyone's waiting for a loan; returns who waited until now, in their order."""
    ended = await connection.fetch(
        f"UPDATE waiting_ticket SET status = '{WaitingStatus.REFUSED}', refusal = $2, ended_at = $3 "
        f"WHERE loan_id = $1 AND status = '{_WAITING}' RETURNING *",
        loan_id,
        refusal,
        now,
    )
    return [_waiting(row) for row in sorted(ended, key=lambda row: row["place"])]


async def leave_waiting_list(connection: Connection, waiting_id: UUID, investor_id: UUID, now: datetime) -> bool:
    """True when the investor's own ticket waited until now."""
    own = f"id = $1 AND investor_id = $2 AND status = '{_WAITING}'"
    end = {"status": WaitingStatus.LEFT, "ended_at": now}
    return await rows.update(connection, "waiting_ticket", end, own, waiting_id, investor_id) == "UPDATE 1"


async def reach_milestone(connection: Connection, loan_id: UUID, percent: int) -> bool:
    """True for the first caller."""
    first = await connection.fetchval(
        "INSERT INTO funding_milestone (loan_id, percent, reached_at) VALUES ($1, $2, business_now()) "
        "ON CONFLICT DO NOTHING RETURNING true",
        loan_id,
        percent,
    )
    return bool(first)
