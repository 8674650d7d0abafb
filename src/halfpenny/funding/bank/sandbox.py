"""The sandbox bank at work. It keeps its own state, which the platform only sees through statements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from halfpenny.funding.bank.model import BankStatement, CashDirection, StatementLine
from halfpenny.platform.clock import MARKET_ZONE, business_now
from halfpenny.platform.database import Connection
from halfpenny.primitives.ids import uuid7

# Whoever tries the sandbox can have a withdrawal returned: the bank refuses amounts with these cents.
RETURNED_CENTS = 13
CLIENT_ACCOUNT = "HALFPENNY-CLIENT-MONEY"


@dataclass(frozen=True, slots=True)
class Instruction:
    """A payment as the bank is asked to make it; ``end_to_end_id`` comes back on the statement."""

    end_to_end_id: str
    direction: CashDirection
    amount_minor: int
    currency: str

    @property
    def is_refused(self) -> bool:
        return self.direction is CashDirection.OUT and self.amount_minor % 100 == RETURNED_CENTS


async def make_payments(connection: Connection, instructions: Sequence[Instruction]) -> set[str]:
    """Book what can be paid; returns the end-to-end ids that were made, the others are returned unpaid."""
    made = [one for one in instructions if not one.is_refused]
    now = await business_now(connection)
    today = now.astimezone(MARKET_ZONE).date()
    await connection.executemany(
        "INSERT INTO sandbox_bank_entry (id, direction, amount_minor, currency, end_to_end_id, booked_on, value_on, "
        "booked_at) VALUES ($1, $2, $3, $4, $5, $6, $6, $7)",
        [(uuid7(), one.direction.value, one.amount_minor, one.currency, one.end_to_end_id, today, now) for one in made],
    )
    return {one.end_to_end_id for one in made}


async def print_statement(connection: Connection, currency: str, day: date) -> BankStatement:
    """The statement of the client account for one day, with the balances before and after it."""
    opening = await connection.fetchval(
        "SELECT coalesce(sum(CASE direction WHEN 'CRDT' THEN amount_minor ELSE -amount_minor END), 0)::bigint "
        "FROM sandbox_bank_entry WHERE currency = $1 AND booked_on < $2",
        currency,
        day,
    )
    rows = await connection.fetch(
        "SELECT * FROM sandbox_bank_entry WHERE currency = $1 AND booked_on = $2 ORDER BY sequence", currency, day
    )
    lines = tuple(
        StatementLine(
            bank_reference=_reference(row["id"]),
            end_to_end_id=row["end_to_end_id"],
            direction=CashDirection(row["direction"]),
            amount_minor=row["amount_minor"],
            booked_on=row["booked_on"],
            value_on=row["value_on"],
        )
        for row in rows
    )
    moved = sum(line.amount_minor if line.direction is CashDirection.IN else -line.amount_minor for line in lines)
    return BankStatement(
        message_id=f"{currency}-{day.isoformat()}",
        account=CLIENT_ACCOUNT,
        currency=currency,
        day=day,
        created_at=await business_now(connection),
        opening_minor=opening,
        closing_minor=opening + moved,
        lines=lines,
    )


def _reference(entry_id: UUID) -> str:
    # AcctSvcrRef is Max35Text: 32 hexadecimal digits fit, a UUID with its dashes would not.
    return entry_id.hex.upper()
