"""All SQL of valuation reports and of the panel."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from halfpenny.platform import rows
from halfpenny.platform.database import Connection, Record
from halfpenny.primitives.ids import UserId
from halfpenny.underwriting.valuation_reports.model import ReportStatus, ValuationReport, Valuer

_REPORT = "SELECT r.*, v.name AS valuer_name FROM valuation_report r JOIN panel_valuer v ON v.id = r.valuer_id"
# Named so that the test of query plans can ask for them.
VALUERS_PAGE = (
    "SELECT * FROM panel_valuer WHERE removed_at IS NULL "
    "AND id > coalesce($1::uuid, '00000000-0000-0000-0000-000000000000') ORDER BY id LIMIT $2"
)
WAITING_PAGE = (
    f"{_REPORT} WHERE r.status = 'uploaded' "
    "AND r.id > coalesce($1::uuid, '00000000-0000-0000-0000-000000000000') ORDER BY r.id LIMIT $2"
)
OF_LOAN = f"{_REPORT} WHERE r.loan_id = $1 ORDER BY r.id DESC LIMIT $2"


async def insert_valuer(connection: Connection, valuer: Valuer) -> bool:
    """Put a valuer on the panel; False where one with this registration is on it."""
    found = await connection.fetchval(
        "INSERT INTO panel_valuer (id, name, registration_body, registration_number, country, added_by, added_at) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7) "
        "ON CONFLICT (registration_body, registration_number) WHERE removed_at IS NULL DO NOTHING RETURNING id",
        valuer.id,
        valuer.name,
        valuer.registration_body,
        valuer.registration_number,
        valuer.country,
        valuer.added_by,
        valuer.added_at,
    )
    return found is not None


async def find_valuer(connection: Connection, valuer_id: UUID) -> Valuer | None:
    row = await connection.fetchrow("SELECT * FROM panel_valuer WHERE id = $1", valuer_id)
    return None if row is None else rows.read(Valuer, row)


async def remove_valuer(connection: Connection, valuer_id: UUID, removed_by: UserId, now: datetime) -> bool:
    """Take a valuer off the panel; False where none of that id is on it."""
    found = await connection.fetchval(
        "UPDATE panel_valuer SET removed_by = $2, removed_at = $3 WHERE id = $1 AND removed_at IS NULL RETURNING id",
        valuer_id,
        removed_by,
        now,
    )
    return found is not None


async def valuers_page(connection: Connection, after: UUID | None, limit: int) -> list[Valuer]:
    """The panel, by id."""
    return [rows.read(Valuer, row) for row in await connection.fetch(VALUERS_PAGE, after, limit)]


async def insert_report(connection: Connection, report: ValuationReport, document: bytes) -> None:
    await rows.insert(connection, "valuation_report", rows.values(report, leave_out=("valuer_name",)))
    await rows.insert(connection, "valuation_report_document", {"report_id": report.id, "content": document})


async def find_report(connection: Connection, loan_id: UUID, report_id: UUID) -> ValuationReport | None:
    row = await connection.fetchrow(f"{_REPORT} WHERE r.id = $1 AND r.loan_id = $2", report_id, loan_id)
    return None if row is None else _report(row)


async def set_checked(
    connection: Connection, report_id: UUID, status: ReportStatus, checked_by: UserId, now: datetime, note: str | None
) -> None:
    changes: dict[str, Any] = {"status": status, "checked_by": checked_by, "checked_at": now, "note": note}
    await rows.update(connection, "valuation_report", changes, "id = $1", report_id)


async def of_loan(connection: Connection, loan_id: UUID, limit: int) -> list[ValuationReport]:
    """A loan's reports, newest first."""
    return [_report(row) for row in await connection.fetch(OF_LOAN, loan_id, limit)]


async def waiting_page(connection: Connection, after: UUID | None, limit: int) -> list[ValuationReport]:
    """Reports that nobody has checked yet, oldest first."""
    return [_report(row) for row in await connection.fetch(WAITING_PAGE, after, limit)]


async def document(connection: Connection, report_id: UUID) -> bytes:
    found: bytes = await connection.fetchval(
        "SELECT content FROM valuation_report_document WHERE report_id = $1", report_id
    )
    return found


def _report(row: Record) -> ValuationReport:
    return rows.read(ValuationReport, row)
