"""SQL of the law's maximum rates: which changes have reached the loans, and which loans a change concerns."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from halfpenny.platform import rows
from halfpenny.platform.database import Connection
from halfpenny.primitives.legal_maximum import MaximumRates
from halfpenny.primitives.money import Currency


async def applied(connection: Connection) -> set[tuple[str, Currency, date]]:
    """The changes that every loan then running has in its log."""
    found = await connection.fetch("SELECT governing_law, currency, since FROM legal_maximum_applied")
    return {(row["governing_law"], Currency(row["currency"]), row["since"]) for row in found}


async def concerned(connection: Connection, governing_law: str, currency: Currency, since: date) -> list[UUID]:
    """The running loans under this law that were agreed on an earlier maximum and have no event of this day."""
    found = await connection.fetch(
        "SELECT loan_id FROM serviced_loan l WHERE closed_on IS NULL AND currency = $2 "
        "AND terms->>'governing_law' = $1 AND (terms->'legal_maximum'->>'since')::date < $3 "
        "AND NOT EXISTS (SELECT FROM servicing_event e WHERE e.loan_id = l.loan_id "
        "AND e.kind = 'legal_maximum_change' AND e.effective_date = greatest($3, l.advanced_on)) ORDER BY loan_id",
        governing_law,
        currency.value,
        since,
    )
    return [row["loan_id"] for row in found]


async def mark_applied(connection: Connection, governing_law: str, currency: Currency, maximum: MaximumRates) -> None:
    row = {
        "governing_law": governing_law,
        "currency": currency,
        "since": maximum.since,
        "contract_millionths": maximum.contract.millionths,
        "default_millionths": maximum.default.millionths,
    }
    await rows.insert(connection, "legal_maximum_applied", row, then="ON CONFLICT DO NOTHING")
