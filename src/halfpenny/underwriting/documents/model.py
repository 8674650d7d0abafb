"""Documents of an application, pure: which are asked for, what one must be, and which are still missing.

They are those of a credit assessment by Delegated Regulation (EU) 2024/358, articles 6 to 8: the accounts of two
financial years where there are so many, who owns the business, and the business plan. No model reads them: people do.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from halfpenny.primitives.ids import LoanId, UserId
from halfpenny.underwriting.documents import errors
from halfpenny.underwriting.pdf import check_pdf

ACCOUNTS_YEARS = 2
OLDEST_YEARS = 10
MOST_DOCUMENTS = 30


class DocumentKind(StrEnum):
    """What a document is about."""

    ACCOUNTS = "accounts"
    OWNERSHIP = "ownership"
    BUSINESS_PLAN = "business_plan"


@dataclass(frozen=True, slots=True)
class UploadedDocument:
    """A document as it comes in. ``financial_year`` is that of accounts, by the year in which it ends."""

    kind: DocumentKind
    financial_year: int | None
    document: bytes


@dataclass(frozen=True, slots=True)
class ApplicationDocument:
    """A document that was uploaded for an application. ``document_sha256`` is its digest in hexadecimal."""

    id: UUID
    loan_id: LoanId
    kind: DocumentKind
    financial_year: int | None
    document_sha256: str
    uploaded_by: UserId
    uploaded_at: datetime


@dataclass(frozen=True, slots=True)
class AskedFor:
    """A kind of document that the assessment asks for: how many, and how many there are (accounts: by year)."""

    kind: DocumentKind
    needed: int
    received: int


def check_document(uploaded: UploadedDocument, this_year: int) -> None:
    """Raises a named refusal where it cannot be such a document."""
    year = uploaded.financial_year
    if uploaded.kind is DocumentKind.ACCOUNTS:
        if year is None:
            raise errors.FinancialYearMissing()
        if not this_year - OLDEST_YEARS <= year <= this_year:
            raise errors.FinancialYearOutOfRange(earliest=this_year - OLDEST_YEARS, latest=this_year)
    elif year is not None:
        raise errors.FinancialYearNotOfAccounts()
    check_pdf(uploaded.document)


def check_accounts_year(uploaded: UploadedDocument, present: Collection[ApplicationDocument]) -> None:
    """Raises AccountsOfYearPresent for a second set of accounts of one financial year: none says which one counts."""
    year = uploaded.financial_year
    if year is not None and year in {one.financial_year for one in present}:
        raise errors.AccountsOfYearPresent(financial_year=year)


def asked_for(documents: Collection[ApplicationDocument]) -> list[AskedFor]:
    """What the assessment asks for, in the order of ``DocumentKind``, against what there is."""
    years = {one.financial_year for one in documents if one.kind is DocumentKind.ACCOUNTS}
    kinds = {one.kind for one in documents}
    return [
        AskedFor(DocumentKind.ACCOUNTS, ACCOUNTS_YEARS, min(len(years), ACCOUNTS_YEARS)),
        *(AskedFor(kind, 1, int(kind in kinds)) for kind in (DocumentKind.OWNERSHIP, DocumentKind.BUSINESS_PLAN)),
    ]
