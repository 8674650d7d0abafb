"""Valuation reports, pure: what a valuer of the panel is, what a report must be, and what staff check in one."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from halfpenny.primitives.ids import LoanId, UserId
from halfpenny.primitives.money import Currency
from halfpenny.underwriting.pdf import check_pdf
from halfpenny.underwriting.valuation_reports import errors
from halfpenny_messages import ValuationSource


class ReportStatus(StrEnum):
    """Where a report stands. Only ``uploaded`` ever changes."""

    UPLOADED = "uploaded"
    VERIFIED = "verified"
    REFUSED = "refused"


class ReportCheck(StrEnum):
    """What a member of staff has found in order before a report counts. All of it, or the report does not."""

    FIGURE_AND_DATE = "figure_and_date"
    VALUER_AND_REGISTRATION = "valuer_and_registration"
    PROPERTY_FACTS = "property_facts"
    PURCHASE_HISTORY = "purchase_history"


@dataclass(frozen=True, slots=True)
class Valuer:
    """A valuer of the lender's panel, with the entry in the professional body's register.

    ``country`` is ISO 3166-1 alpha-2. ``removed_at`` None: on the panel.
    """

    id: UUID
    name: str
    registration_body: str
    registration_number: str
    country: str
    added_by: UserId
    added_at: datetime
    removed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class UploadedReport:
    """A report as it comes in: whose, of which kind and day, its figure in the loan's currency, and the document."""

    valuer_id: UUID
    source: ValuationSource
    amount_minor: int
    valued_on: date
    document: bytes


@dataclass(frozen=True, slots=True)
class ValuationReport:
    """A report that was uploaded for a loan. ``document_sha256`` is the digest of its document, in hexadecimal."""

    id: UUID
    loan_id: LoanId
    valuer_id: UUID
    valuer_name: str
    source: ValuationSource
    amount_minor: int
    currency: Currency
    valued_on: date
    document_sha256: str
    uploaded_by: UserId
    uploaded_at: datetime
    status: ReportStatus
    checked_by: UserId | None = None
    checked_at: datetime | None = None
    note: str | None = None


def check_report(report: UploadedReport, valuer: Valuer | None, country: str, today: date) -> Valuer:
    """The panel's valuer whose report it is. Raises a named refusal where it cannot be one for this property."""
    if report.source is ValuationSource.OWNER:
        raise errors.OwnerHasNoReport()
    if report.amount_minor <= 0:
        raise errors.ReportAmountNotPositive()
    if report.valued_on > today:
        raise errors.ReportDatedInFuture()
    check_pdf(report.document)
    if valuer is None or valuer.removed_at is not None:
        raise errors.ValuerNotOnPanel()
    if valuer.country != country:
        raise errors.ValuerOfAnotherCountry(country=valuer.country)
    return valuer


def check_complete(checks: Collection[ReportCheck]) -> None:
    """Raises ChecksMissing unless every check was made."""
    missing = [check.value for check in ReportCheck if check not in checks]
    if missing:
        raise errors.ChecksMissing(missing=missing)
