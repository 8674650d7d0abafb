"""REST routes of application documents."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import Field

from halfpenny import identity, loans
from halfpenny.identity import Permission, requires
from halfpenny.platform.http import AppDatabase, RequestModel, code_of
from halfpenny.platform.views import view
from halfpenny.underwriting.documents import service
from halfpenny.underwriting.documents.model import ApplicationDocument, DocumentKind, UploadedDocument, asked_for
from halfpenny.underwriting.pdf import Base64Document, decoded

router = APIRouter(tags=["application documents"])
_DOCUMENTS = "/loans/{loan_id}/documents"


class DocumentRequest(RequestModel):
    """A document as PDF in base64; accounts name the financial year, by the year in which it ends."""

    kind: Annotated[DocumentKind, code_of(DocumentKind)]
    financial_year: Annotated[int, Field(ge=1900, le=9999)] | None = None
    document: Base64Document

    def read(self) -> UploadedDocument:
        return UploadedDocument(self.kind, self.financial_year, decoded(self.document))


def document_view(document: ApplicationDocument, *, staff: bool) -> dict[str, Any]:
    return view(document, leave_out=() if staff else ("uploaded_by",))


@router.post(
    _DOCUMENTS,
    dependencies=[requires(Permission.LOANS_APPLY, Permission.LOANS_ASSESS, refusal=loans.LoanNotFound)],
    status_code=201,
)
async def upload(
    loan_id: UUID, body: DocumentRequest, principal: identity.SignedIn, database: AppDatabase
) -> dict[str, Any]:
    """Attach accounts, ownership or the business plan to an application before the decision."""
    staff = principal.may(Permission.LOANS_ASSESS)
    async with database.unit_of_work() as connection:
        kept = await service.upload(connection, principal.user_id, loan_id, body.read(), staff=staff)
    return document_view(kept, staff=staff)


@router.get(_DOCUMENTS, dependencies=[requires(Permission.LOANS_READ)])
async def of_loan(loan_id: UUID, principal: identity.SignedIn, database: AppDatabase) -> dict[str, Any]:
    """An application's documents, newest first, and what is asked for: for its borrower and staff."""
    async with database.reading() as connection:
        found, reader = await service.of_loan(connection, principal, loan_id)
    staff = reader is loans.LoanReader.STAFF
    return {
        "items": [document_view(document, staff=staff) for document in found],
        "asked_for": [view(asked) for asked in asked_for(found)],
    }


@router.get(
    f"{_DOCUMENTS}/{{document_id}}",
    dependencies=[requires(Permission.LOANS_READ)],
    response_class=Response,
    responses={200: {"content": {"application/pdf": {}}, "description": "The document."}},
)
async def content(loan_id: UUID, document_id: UUID, principal: identity.SignedIn, database: AppDatabase) -> Response:
    """The document as it was uploaded: for the loan's borrower and staff."""
    async with database.reading() as connection:
        found = await service.content(connection, principal, loan_id, document_id)
    headers = {"Content-Disposition": f'attachment; filename="document-{document_id}.pdf"'}
    return Response(found, media_type="application/pdf", headers=headers)
