"""The sandbox bank at work. It keeps its own state, which the platform only sees through statements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Final
from uuid import UUID

from halfpenny.funding.bank.model import BankStatement, CashDirection, StatementLine
from halfpenny.platform.clock import business_now, market_date
from halfpenny.platform.database import Connection, Record
from halfpenny.primitives.errors import Malformed, Refused
from halfpenny.primitives.ids import uuid7
from halfpenny.primitives.money import Currency

# Whoever tries the sandbox can have a withdrawal returned: the bank refuses amounts with these cents.
RETURNED_CENTS = 13


def _client_iban(currency: Currency) -> str:
    """The currency's ISO 4217 number as a Polish account: its check digits are right (ISO 7064), and no bank has it."""
    account = f"{currency.iso_number:024d}"
    return f"PL{98 - int(f'{account}252100') % 97:02d}{account}"


# Client money is kept in one account a currency.
CLIENT_ACCOUNTS: Final[Mapping[Currency, str]] = MappingProxyType({each: _client_iban(each) for each in Currency})


class UnknownBankAccount(Malformed):
    code = "unknown_bank_account"
    message = "The sandbox bank keeps no such client account: name its IBAN, or its currency."


class DayOfCreditOver(Refused):
    code = "day_of_credit_over"
    message = "The statement of this day has been sent, or the day has not come. Name a later day, or an earlier one."


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


@dataclass(frozen=True, slots=True)
class BankCredit:
    """Money that somebody pays from outside: minor units, on a client account's statement of ``day``."""

    currency: Currency
    amount_minor: int
    payer: str
    reference: str
    day: date


def currency_of_account(account: str) -> Currency:
    """The client account by its IBAN, with or without blanks, or by its currency. Raises UnknownBankAccount."""
    wanted = "".join(account.split()).upper()
    for currency, iban in CLIENT_ACCOUNTS.items():
        if wanted in (iban, currency.value):
            return currency
    raise UnknownBankAccount()


async def make_payments(connection: Connection, instructions: Sequence[Instruction]) -> set[str]:
    """Book what can be paid; returns the end-to-end ids that were made, the others are returned unpaid."""
    made = [one for one in instructions if not one.is_refused]
    now = await business_now(connection)
    today = market_date(now)
    await connection.executemany(
        "INSERT INTO sandbox_bank_entry (id, direction, amount_minor, currency, end_to_end_id, booked_on, value_on, "
        "booked_at) VALUES ($1, $2, $3, $4, $5, $6, $6, $7)",
        [(uuid7(), one.direction.value, one.amount_minor, one.currency, one.end_to_end_id, today, now) for one in made],
    )
    return {one.end_to_end_id for one in made}


async def pay_from_outside(connection: Connection, credit: BankCredit, stated_to: date | None) -> StatementLine:
    """Book a credit that nobody here ordered; returns the line that the day's statement will have.

    ``stated_to`` is the last day whose statement has been sent. Raises DayOfCreditOver for that day and those before
    it, and for one that has not come.
    """
    now = await business_now(connection)
    today = market_date(now)
    if credit.day > today or (stated_to is not None and credit.day <= stated_to):
        raise DayOfCreditOver(today=today.isoformat(), stated_to=stated_to.isoformat() if stated_to else None)
    row = await connection.fetchrow(
        "INSERT INTO sandbox_bank_entry (id, direction, amount_minor, currency, end_to_end_id, booked_on, value_on, "
        f"booked_at, payer, remittance) VALUES ($1, '{CashDirection.IN}', $2, $3, '', $4, $4, $5, $6, $7) RETURNING *",
        uuid7(),
        credit.amount_minor,
        credit.currency.value,
        credit.day,
        now,
        credit.payer,
        credit.reference,
    )
    if row is None:
        raise LookupError("the entry that was just made")
    return _line(row)


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
    lines = tuple(map(_line, rows))
    return BankStatement(
        message_id=f"{currency}-{day.isoformat()}",
        account=CLIENT_ACCOUNTS[Currency(currency)],
        currency=currency,
        day=day,
        created_at=await business_now(connection),
        opening_minor=opening,
        closing_minor=opening + sum(line.signed_minor for line in lines),
        lines=lines,
    )


async def days_with_entries(connection: Connection, currency: Currency, after: date | None, before: date) -> list[date]:
    """Days in (after, before) on which the account moved, in their order."""
    rows = await connection.fetch(
        "SELECT DISTINCT booked_on FROM sandbox_bank_entry WHERE currency = $1 "
        "AND booked_on > coalesce($2::date, '-infinity') AND booked_on < $3 ORDER BY booked_on",
        currency.value,
        after,
        before,
    )
    return [row["booked_on"] for row in rows]


def _line(row: Record) -> StatementLine:
    return StatementLine(
        bank_reference=_reference(row["id"]),
        end_to_end_id=row["end_to_end_id"],
        direction=CashDirection(row["direction"]),
        amount_minor=row["amount_minor"],
        booked_on=row["booked_on"],
        value_on=row["value_on"],
        payer=row["payer"],
        remittance=row["remittance"],
    )


def _reference(entry_id: UUID) -> str:
    # AcctSvcrRef is Max35Text: 32 hexadecimal digits fit, a UUID with its dashes would not.
    return entry_id.hex.upper()
