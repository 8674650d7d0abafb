"""All SQL of the back office: it only reads."""

from __future__ import annotations

from uuid import UUID

from halfpenny.backoffice.model import AuditEntry
from halfpenny.platform.database import Connection, Record

_COLUMNS = (
    "e.id, e.actor_id, u.full_name AS actor_name, e.action, e.subject, e.subject_id, e.data, e.recorded_at, "
    "s.entry_id IS NOT NULL AS sealed"
)
_FROM = "audit_entry e LEFT JOIN app_user u ON u.id = e.actor_id LEFT JOIN audit_seal s ON s.entry_id = e.id"
# Named so that the test of query plans can ask for them. Newest first.
AUDIT_PAGE = (
    f"SELECT {_COLUMNS} FROM {_FROM} WHERE e.id < coalesce($1::bigint, 9223372036854775807) ORDER BY e.id DESC LIMIT $2"
)
AUDIT_PAGE_OF_SUBJECT = (
    f"SELECT {_COLUMNS} FROM {_FROM} WHERE e.subject_id = $3 AND e.id < coalesce($1::bigint, 9223372036854775807) "
    "ORDER BY e.id DESC LIMIT $2"
)


async def audit_page(
    connection: Connection, before: int | None, limit: int, subject_id: UUID | None
) -> list[AuditEntry]:
    """Entries older than ``before`` (None: the newest), of one subject where it is given."""
    if subject_id is None:
        rows = await connection.fetch(AUDIT_PAGE, before, limit)
    else:
        rows = await connection.fetch(AUDIT_PAGE_OF_SUBJECT, before, limit, subject_id)
    return [_entry(row) for row in rows]


def _entry(row: Record) -> AuditEntry:
    return AuditEntry(
        row["id"],
        row["actor_id"],
        row["actor_name"],
        row["action"],
        row["subject"],
        row["subject_id"],
        row["data"],
        row["recorded_at"],
        row["sealed"],
    )
