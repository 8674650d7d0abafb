"""All SQL of application forms. Callers own the transaction."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from halfpenny.loans.application_forms.model import ApplicationForm
from halfpenny.platform import rows
from halfpenny.platform.database import Connection
from halfpenny.primitives.ids import LoanId, UserId, uuid7


async def insert(connection: Connection, borrower_id: UserId, now: datetime) -> None:
    """A new form, unless the borrower has one that nobody has typed into yet."""
    row = {"id": uuid7(), "borrower_id": borrower_id, "version": 1, "fields": {}, "created_at": now, "changed_at": now}
    await rows.insert(connection, "application_form", row, then="ON CONFLICT DO NOTHING")


async def untouched(connection: Connection, borrower_id: UserId) -> ApplicationForm:
    row = await connection.fetchrow(
        "SELECT * FROM application_form WHERE borrower_id = $1 AND version = 1 AND loan_id IS NULL", borrower_id
    )
    assert row is not None  # noqa: S101 - ``insert`` has just seen to it
    return rows.read(ApplicationForm, row)


async def find(connection: Connection, form_id: UUID, *, lock: bool = False) -> ApplicationForm | None:
    row = await connection.fetchrow(
        f"SELECT * FROM application_form WHERE id = $1{' FOR NO KEY UPDATE' if lock else ''}", form_id
    )
    return None if row is None else rows.read(ApplicationForm, row)


async def unsent(connection: Connection, borrower_id: UserId, limit: int) -> list[ApplicationForm]:
    """A borrower's forms that were not sent yet, newest first."""
    found = await connection.fetch(
        "SELECT * FROM application_form WHERE borrower_id = $1 AND loan_id IS NULL ORDER BY id DESC LIMIT $2",
        borrower_id,
        limit,
    )
    return [rows.read(ApplicationForm, row) for row in found]


async def save(connection: Connection, form_id: UUID, fields: Mapping[str, str], now: datetime) -> None:
    changes = {"fields": dict(fields), "changed_at": now}
    await rows.update(connection, "application_form", changes, "id = $1", form_id, also="version = version + 1")


async def mark_sent(connection: Connection, form_id: UUID, loan_id: LoanId, now: datetime) -> None:
    """What was typed is the loan's from now on; the form keeps no second copy of it."""
    changes = {"fields": {}, "loan_id": loan_id, "changed_at": now}
    await rows.update(connection, "application_form", changes, "id = $1", form_id, also="version = version + 1")
