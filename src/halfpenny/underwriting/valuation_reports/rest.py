"""REST routes of valuation reports and of the panel of valuers."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import Field

from halfpenny import identity, loans
from halfpenny.identity import Permission, requires
from halfpenny.platform.http import (
    AmountText,
    AppDatabase,
    CountryText,
    DateText,
    IdText,
    LineText,
    PageOf,
    PageQuery,
    ProseText,
    RequestModel,
    code_of,
    page,
)
from halfpenny.platform.views import view
from halfpenny.primitives.money import parse_minor
from halfpenny.underwriting.pdf import Base64Document, decoded
from halfpenny.underwriting.valuation_reports import service, store
from halfpenny.underwriting.valuation_reports.model import ReportCheck, UploadedReport, ValuationReport, Valuer
from halfpenny_messages import ValuationSource

router = APIRouter(tags=["valuation reports"])
_REPORT = "/loans/{loan_id}/valuation-reports/{report_id}"
_SHOWN = 50


class ValuerRequest(RequestModel):
    """A valuer for the panel, with the entry in the register of the professional body."""

    name: LineText
    registration_body: LineText
    registration_number: LineText
    country: CountryText


class ReportRequest(RequestModel):
    """A report as a PDF in base64; ``amount`` is its figure in the loan's currency."""

    valuer_id: IdText
    source: Annotated[ValuationSource, code_of(ValuationSource)]
    amount: AmountText
    valued_on: DateText
    document: Base64Document

    def read(self) -> UploadedReport:
        document = decoded(self.document)
        return UploadedReport(self.valuer_id, self.source, parse_minor(self.amount), self.valued_on, document)


class VerificationRequest(RequestModel):
    """What was checked, each by its code; all of them are needed."""

    checks: Annotated[list[Annotated[ReportCheck, code_of(ReportCheck)]], Field(max_length=20)]


class RefusalRequest(RequestModel):
    note: ProseText


def valuer_view(valuer: Valuer) -> dict[str, Any]:
    return view(valuer, leave_out=("added_by", "removed_at"))


def report_view(report: ValuationReport, *, staff: bool) -> dict[str, Any]:
    return view(report, leave_out=() if staff else ("uploaded_by", "checked_by"))


@router.get("/valuers", dependencies=[requires(Permission.LOANS_READ)], response_model=PageOf)
async def valuers(_: identity.SignedIn, database: AppDatabase, paging: PageQuery) -> dict[str, Any]:
    """The panel of valuers: the valuers whose reports count once staff have verified them."""
    start = paging.start(UUID)
    async with database.reading() as connection:
        found = await store.valuers_page(connection, start[0] if start else None, paging.limit + 1)
    return page(found, paging.limit, lambda valuer: (valuer.id,), valuer_view)


@router.post("/valuers", dependencies=[requires(Permission.VALUERS_MANAGE)], status_code=201)
async def add_valuer(body: ValuerRequest, principal: identity.SignedIn, database: AppDatabase) -> dict[str, Any]:
    """Put a valuer on the panel."""
    async with database.unit_of_work() as connection:
        valuer = await service.add_valuer(
            connection,
            principal.user_id,
            body.name,
            body.registration_body,
            body.registration_number,
            body.country,
        )
    return valuer_view(valuer)


@router.post("/valuers/{valuer_id}/remove", dependencies=[requires(Permission.VALUERS_MANAGE)])
async def remove_valuer(valuer_id: UUID, principal: identity.SignedIn, database: AppDatabase) -> dict[str, Any]:
    """Take a valuer off the panel. What was verified before stays verified."""
    async with database.unit_of_work() as connection:
        await service.remove_valuer(connection, principal.user_id, valuer_id)
    return {"id": str(valuer_id)}


@router.get("/valuation-reports", dependencies=[requires(Permission.LOANS_READ_ALL)], response_model=PageOf)
async def waiting(_: identity.SignedIn, database: AppDatabase, paging: PageQuery) -> dict[str, Any]:
    """Reports that wait for staff to check them, oldest first."""
    start = paging.start(UUID)
    async with database.reading() as connection:
        found = await store.waiting_page(connection, start[0] if start else None, paging.limit + 1)
    return page(found, paging.limit, lambda report: (report.id,), lambda report: report_view(report, staff=True))


@router.post(
    "/loans/{loan_id}/valuation-reports",
    dependencies=[requires(Permission.LOANS_APPLY, Permission.LOANS_ASSESS, refusal=loans.LoanNotFound)],
    status_code=201,
)
async def upload(
    loan_id: UUID, body: ReportRequest, principal: identity.SignedIn, database: AppDatabase
) -> dict[str, Any]:
    """Upload a valuation report before the decision. It counts once staff have verified it."""
    staff = principal.may(Permission.LOANS_ASSESS)
    async with database.unit_of_work() as connection:
        report = await service.upload(connection, principal.user_id, loan_id, body.read(), staff=staff)
    return report_view(report, staff=staff)


@router.get("/loans/{loan_id}/valuation-reports", dependencies=[requires(Permission.LOANS_READ)])
async def of_loan(loan_id: UUID, principal: identity.SignedIn, database: AppDatabase) -> dict[str, Any]:
    """A loan's reports, newest first: for its borrower and staff."""
    async with database.reading() as connection:
        reader = loans.require_party(await loans.get(connection, loan_id), principal)
        found = await store.of_loan(connection, loan_id, _SHOWN)
    return {"items": [report_view(report, staff=reader is loans.LoanReader.STAFF) for report in found]}


@router.get(
    f"{_REPORT}/document",
    dependencies=[requires(Permission.LOANS_READ)],
    response_class=Response,
    responses={200: {"content": {"application/pdf": {}}, "description": "The document."}},
)
async def document(loan_id: UUID, report_id: UUID, principal: identity.SignedIn, database: AppDatabase) -> Response:
    """A valuation report's document, as it was uploaded: for the loan's borrower and staff."""
    async with database.reading() as connection:
        report, content = await service.document(connection, principal, loan_id, report_id)
    headers = {"Content-Disposition": f'attachment; filename="valuation-{report.id}.pdf"'}
    return Response(content, media_type="application/pdf", headers=headers)


@router.post(f"{_REPORT}/verify", dependencies=[requires(Permission.LOANS_ASSESS)])
async def verify(
    loan_id: UUID, report_id: UUID, body: VerificationRequest, principal: identity.SignedIn, database: AppDatabase
) -> dict[str, Any]:
    """Verify a report that somebody else uploaded: its figure becomes the valuation, and the loan is assessed again."""
    async with database.unit_of_work() as connection:
        report = await service.verify(connection, principal.user_id, loan_id, report_id, body.checks)
    return report_view(report, staff=True)


@router.post(f"{_REPORT}/refuse", dependencies=[requires(Permission.LOANS_ASSESS)])
async def refuse(
    loan_id: UUID, report_id: UUID, body: RefusalRequest, principal: identity.SignedIn, database: AppDatabase
) -> dict[str, Any]:
    """Refuse a report, with a note that its borrower reads."""
    async with database.unit_of_work() as connection:
        report = await service.refuse(connection, principal.user_id, loan_id, report_id, body.note)
    return report_view(report, staff=True)
