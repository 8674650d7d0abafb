"""Take in the documents of an application, list them with what is asked for, and hand one out."""

from __future__ import annotations

import hashlib
from uuid import UUID

from halfpenny import loans
from halfpenny.identity import Principal
from halfpenny.platform import audit
from halfpenny.platform.clock import business_date, business_now
from halfpenny.platform.database import Connection
from halfpenny.primitives.ids import UserId, uuid7
from halfpenny.underwriting import reviews
from halfpenny.underwriting.documents import errors, store
from halfpenny.underwriting.documents.model import (
    MOST_DOCUMENTS,
    ApplicationDocument,
    UploadedDocument,
    check_accounts_year,
    check_document,
)

_UNDECIDED = frozenset({loans.Status.DRAFT, loans.Status.SUBMITTED, loans.Status.ASSESSED})


async def upload(
    connection: Connection, uploader: UserId, loan_id: UUID, uploaded: UploadedDocument, *, staff: bool = False
) -> ApplicationDocument:
    """Keep a document of an application that is not decided yet, or whose decline is under review.

    Nothing about the loan changes by it.

    Raises LoanNotFound (for a borrower also of another's loan), WrongStatus, TooManyDocuments,
    AccountsOfYearPresent and the refusals of ``check_document``.
    """
    loan = await loans.lock(connection, loan_id)
    if not staff and loan.borrower_id != uploader:
        raise loans.LoanNotFound()
    if loan.status not in _UNDECIDED and not await reviews.is_open(connection, loan_id):
        raise loans.WrongStatus(status=loan.status.value)
    check_document(uploaded, (await business_date(connection)).year)
    present = await store.of_loan(connection, loan_id, MOST_DOCUMENTS)
    check_accounts_year(uploaded, present)
    if len(present) == MOST_DOCUMENTS:
        raise errors.TooManyDocuments(maximum=MOST_DOCUMENTS)
    kept = ApplicationDocument(
        id=uuid7(),
        loan_id=loan.id,
        kind=uploaded.kind,
        financial_year=uploaded.financial_year,
        document_sha256=hashlib.sha256(uploaded.document).hexdigest(),
        uploaded_by=uploader,
        uploaded_at=await business_now(connection),
    )
    await store.insert(connection, kept, uploaded.document)
    facts = {"document_id": str(kept.id), "kind": kept.kind.value, "document_sha256": kept.document_sha256}
    await audit.record(connection, uploader, "application_document.upload", "loan", loan.id, facts)
    return kept


async def of_loan(
    connection: Connection, principal: Principal, loan_id: UUID
) -> tuple[list[ApplicationDocument], loans.LoanReader]:
    """The documents, newest first, and as whom the caller reads them: borrower or staff. Raises LoanNotFound."""
    reader = loans.require_party(await loans.get(connection, loan_id), principal)
    return await store.of_loan(connection, loan_id, MOST_DOCUMENTS), reader


async def content(connection: Connection, principal: Principal, loan_id: UUID, document_id: UUID) -> bytes:
    """A document, for the loan's borrower and staff. Raises LoanNotFound, ApplicationDocumentNotFound."""
    loans.require_party(await loans.get(connection, loan_id), principal)
    found = await store.content(connection, loan_id, document_id)
    if found is None:
        raise errors.ApplicationDocumentNotFound()
    return found
