"""All SQL of application documents."""

from __future__ import annotations

from uuid import UUID

from halfpenny.platform import rows
from halfpenny.platform.database import Connection
from halfpenny.underwriting.documents.model import ApplicationDocument

_COLUMNS = "id, loan_id, kind, financial_year, document_sha256, uploaded_by, uploaded_at"
# Named so that the test of query plans can ask for it.
OF_LOAN = f"SELECT {_COLUMNS} FROM application_document WHERE loan_id = $1 ORDER BY id DESC LIMIT $2"


async def insert(connection: Connection, kept: ApplicationDocument, document: bytes) -> None:
    await rows.insert(connection, "application_document", rows.values(kept) | {"document": document})


async def of_loan(connection: Connection, loan_id: UUID, limit: int) -> list[ApplicationDocument]:
    """A loan's documents, newest first."""
    return [rows.read(ApplicationDocument, row) for row in await connection.fetch(OF_LOAN, loan_id, limit)]


async def content(connection: Connection, loan_id: UUID, document_id: UUID) -> bytes | None:
    """The document itself; None where this loan has none of that id."""
    found: bytes | None = await connection.fetchval(
        "SELECT document FROM application_document WHERE id = $1 AND loan_id = $2", document_id, loan_id
    )
    return found
