"""REST routes of underwriting."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response

from halfpenny import identity, loans
from halfpenny.identity import Permission, requires
from halfpenny.platform.http import AppDatabase
from halfpenny.platform.papers import PaperLanguage
from halfpenny.underwriting import errors, letter, service, store, views

router = APIRouter(tags=["underwriting"])
_SHOWN = 50


@router.get("/loans/{loan_id}/assessment", dependencies=[requires(Permission.LOANS_READ)])
async def assessment(loan_id: UUID, principal: identity.SignedIn, database: AppDatabase) -> dict[str, Any]:
    """The newest assessment: with its reasons for the borrower and investors, whole and with history for staff."""
    async with database.reading() as connection:
        loan = await loans.get(connection, loan_id)
        reader = loans.reader_of(loan, principal)
        found = await store.of_loan(connection, loan_id, _SHOWN)
    if not found:
        raise errors.NotAssessedYet()
    # A late answer to older terms may be the newest row; the one that the loan goes by is shown first.
    found.sort(key=lambda assessment: assessment.current, reverse=True)
    if reader is loans.LoanReader.STAFF:
        return views.for_staff(found)
    return views.for_reader(found[0], "borrower" if reader is loans.LoanReader.OWNER else "investor")


@router.post("/loans/{loan_id}/assessment", dependencies=[requires(Permission.LOANS_ASSESS)], status_code=202)
async def request_reassessment(loan_id: UUID, principal: identity.SignedIn, database: AppDatabase) -> dict[str, Any]:
    """Ask the risk service again, such as after a new model; the answer comes through the queue."""
    async with database.unit_of_work() as connection:
        await service.request_reassessment(connection, principal.user_id, loan_id)
    return {"loan_id": str(loan_id), "status": "requested"}


@router.get(
    "/loans/{loan_id}/decision-letter",
    dependencies=[requires(Permission.LOANS_READ)],
    response_class=Response,
    responses={200: {"content": {"application/pdf": {}}, "description": "The letter."}},
)
async def decision_letter(
    loan_id: UUID,
    principal: identity.SignedIn,
    database: AppDatabase,
    request: Request,
    language: PaperLanguage = PaperLanguage.ENGLISH,
) -> Response:
    """The letter to the borrower of a declined application, as PDF: the principal reasons, and the borrower's rights.

    For its borrower and for staff; for everybody else the loan does not exist.
    """
    lending = request.app.state.settings.lending
    async with database.reading() as connection:
        loan = await loans.get(connection, loan_id)
        loans.require_party(loan, principal)
        application = await service.declined_application(
            connection, loan, lending.lender_name, lending.lender_address, language
        )
    content = await asyncio.to_thread(letter.render, application, language)
    headers = {"Content-Disposition": f'attachment; filename="decision-{loan_id}-{language}.pdf"'}
    return Response(content, media_type="application/pdf", headers=headers)
