"""Keep the panel of valuers; take in valuation reports; let staff verify or refuse them."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from uuid import UUID

from halfpenny import loans
from halfpenny.approvals import FourEyes
from halfpenny.identity import Principal
from halfpenny.platform import audit
from halfpenny.platform.clock import business_date, business_now
from halfpenny.platform.database import Connection
from halfpenny.primitives.ids import UserId, uuid7
from halfpenny.underwriting.valuation_reports import errors, store
from halfpenny.underwriting.valuation_reports.model import (
    ReportCheck,
    ReportStatus,
    UploadedReport,
    ValuationReport,
    Valuer,
    check_complete,
    check_report,
)

REFUSED_ACTION = "valuation_report.refuse"
_UNDECIDED = frozenset({loans.Status.DRAFT, loans.Status.SUBMITTED, loans.Status.ASSESSED})


async def add_valuer(
    connection: Connection, added_by: UserId, name: str, registration_body: str, registration_number: str, country: str
) -> Valuer:
    """Put a valuer on the panel. Raises ValuerListed."""
    now = await business_now(connection)
    valuer = Valuer(uuid7(), name, registration_body, registration_number, country, added_by, now)
    if not await store.insert_valuer(connection, valuer):
        raise errors.ValuerListed()
    facts = {"registration": f"{registration_body} {registration_number}", "country": country}
    await audit.record(connection, added_by, "valuer.add", "valuer", valuer.id, facts)
    return valuer


async def remove_valuer(connection: Connection, removed_by: UserId, valuer_id: UUID) -> None:
    """Take a valuer off the panel; reports that were verified stay so. Raises ValuerNotFound."""
    if not await store.remove_valuer(connection, valuer_id, removed_by, await business_now(connection)):
        raise errors.ValuerNotFound()
    await audit.record(connection, removed_by, "valuer.remove", "valuer", valuer_id)


async def upload(
    connection: Connection, uploader: UserId, loan_id: UUID, report: UploadedReport, *, staff: bool = False
) -> ValuationReport:
    """Keep a report with its document until somebody verifies it; nothing about the loan changes by that.

    Raises LoanNotFound (for a borrower also of another's loan), WrongStatus, AmountImplausible and the refusals of
    ``check_report``.
    """
    loan = await loans.lock(connection, loan_id)
    if not staff and loan.borrower_id != uploader:
        raise loans.LoanNotFound()
    if loan.status not in _UNDECIDED:
        raise loans.WrongStatus(status=loan.status.value)
    today = await business_date(connection)
    found = await store.find_valuer(connection, report.valuer_id)
    valuer = check_report(report, found, loan.application.property.country, today)
    loans.check_plausible("amount", report.amount_minor, loan.application.currency)
    kept = ValuationReport(
        id=uuid7(),
        loan_id=loan.id,
        valuer_id=valuer.id,
        valuer_name=valuer.name,
        source=report.source,
        amount_minor=report.amount_minor,
        currency=loan.application.currency,
        valued_on=report.valued_on,
        document_sha256=hashlib.sha256(report.document).hexdigest(),
        uploaded_by=uploader,
        uploaded_at=await business_now(connection),
        status=ReportStatus.UPLOADED,
    )
    await store.insert_report(connection, kept, report.document)
    facts = {"report_id": str(kept.id), "document_sha256": kept.document_sha256}
    await audit.record(connection, uploader, "valuation_report.upload", "loan", loan.id, facts)
    return kept


async def verify(
    connection: Connection, checked_by: UserId, loan_id: UUID, report_id: UUID, checks: Collection[ReportCheck]
) -> ValuationReport:
    """Take over a report that was found in order: its figure is the loan's valuation, and the loan is assessed again.

    By a member of staff who neither borrows, nor is related to the borrower, nor has uploaded it. Raises
    ReportNotFound, ChecksMissing, ReportChecked, FourEyes, SelfDealing, WrongStatus, ValuerNotOnPanel.
    """
    check_complete(checks)
    loan, report = await _unchecked(connection, checked_by, loan_id, report_id)
    if loan.status is loans.Status.DRAFT or loan.status not in _UNDECIDED:
        raise loans.WrongStatus(status=loan.status.value)
    valuer = await store.find_valuer(connection, report.valuer_id)
    if valuer is None or valuer.removed_at is not None:
        raise errors.ValuerNotOnPanel()
    now = await business_now(connection)
    await store.set_checked(connection, report_id, ReportStatus.VERIFIED, checked_by, now, None)
    found = loans.Valuation(report.amount_minor, report.valued_on, report.valuer_name, report.source, report.id)
    await loans.revalue(connection, loans.Actor(loans.ActorKind.ADMINISTRATOR, checked_by), loan_id, found)
    facts = {"report_id": str(report_id), "checks": sorted(checks)}
    await audit.record(connection, checked_by, "valuation_report.verify", "loan", loan_id, facts)
    return await _of_loan(connection, loan_id, report_id)


async def refuse(
    connection: Connection, checked_by: UserId, loan_id: UUID, report_id: UUID, note: str
) -> ValuationReport:
    """Note why a report does not count; the loan's valuation stays what it was. Raises as ``verify`` does."""
    await _unchecked(connection, checked_by, loan_id, report_id)
    now = await business_now(connection)
    await store.set_checked(connection, report_id, ReportStatus.REFUSED, checked_by, now, note)
    facts = {"report_id": str(report_id), "note_sha256": audit.text_digest(report_id, note)}
    await audit.record(connection, checked_by, REFUSED_ACTION, "loan", loan_id, facts)
    return await _of_loan(connection, loan_id, report_id)


async def document(
    connection: Connection, principal: Principal, loan_id: UUID, report_id: UUID
) -> tuple[ValuationReport, bytes]:
    """A report and its document, for the loan's borrower and staff. Raises LoanNotFound, ReportNotFound."""
    loans.require_party(await loans.get(connection, loan_id), principal)
    report = await _of_loan(connection, loan_id, report_id)
    return report, await store.document(connection, report_id)


async def _unchecked(
    connection: Connection, checked_by: UserId, loan_id: UUID, report_id: UUID
) -> tuple[loans.Loan, ValuationReport]:
    """The loan, locked, and its report that nobody has checked yet; whoever checks has no part in either."""
    loan = await loans.lock(connection, loan_id)
    report = await _of_loan(connection, loan_id, report_id)
    await loans.bar_interested(connection, checked_by, loan)
    if report.uploaded_by == checked_by:
        raise FourEyes("Nobody verifies a report that they uploaded.")
    if report.status is not ReportStatus.UPLOADED:
        raise errors.ReportChecked(status=report.status.value)
    return loan, report


async def _of_loan(connection: Connection, loan_id: UUID, report_id: UUID) -> ValuationReport:
    found = await store.find_report(connection, loan_id, report_id)
    if found is None:
        raise errors.ReportNotFound()
    return found
