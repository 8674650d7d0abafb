"""SQL of the law's maximum rates: which changes have reached the loans, and which loans a change concerns."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from halfpenny.platform import rows
from halfpenny.platform.database import Connection
from halfpenny.primitives.legal_maximum import LegalMaximum, MaximumRates
from halfpenny.primitives.money import Currency
from halfpenny.servicing.store.closing import NOT_SET_ASIDE

# The day of the maximum that the loan l was agreed on. One that was agreed on none is older than every change: the law
# binds from its own day, whenever it was published.
AGREED_SINCE = "coalesce((l.terms->'legal_maximum'->>'since')::date, '-infinity')"


async def applied(connection: Connection) -> set[tuple[str, Currency, date]]:
    """The changes that every loan then running has in its log, but those that are set aside."""
    found = await connection.fetch("SELECT governing_law, currency, since FROM legal_maximum_applied")
    return {(row["governing_law"], Currency(row["currency"]), row["since"]) for row in found}


async def concerned(connection: Connection, law: LegalMaximum, maximum: MaximumRates) -> list[UUID]:
    """The running loans under this law that have no event of these rates on the day from which they count for them,
    but those that are set aside: they get it when they are posted.

    Which of them are given one ``legal_changes`` decides.
    """
    found = await connection.fetch(
        "SELECT loan_id FROM serviced_loan l WHERE closed_on IS NULL AND currency = $2 "
        f"AND terms->>'governing_law' = $1 AND {AGREED_SINCE} < $3 "
        "AND NOT EXISTS (SELECT FROM servicing_event e WHERE e.loan_id = l.loan_id "
        "AND e.kind = 'legal_maximum_change' AND e.effective_date = greatest($3, l.advanced_on) "
        "AND (e.data->'contract'->>'millionths')::bigint = $4 AND (e.data->'default'->>'millionths')::bigint = $5) "
        f"AND {NOT_SET_ASIDE} ORDER BY loan_id",
        law.governing_law,
        law.currency.value,
        maximum.since,
        maximum.contract.millionths,
        maximum.default.millionths,
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
