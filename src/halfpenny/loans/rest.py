"""REST routes of loans: parse, call one use case, present."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from halfpenny import approvals, identity
from halfpenny.identity import Permission, requires
from halfpenny.loans import errors, store, views
from halfpenny.loans.access import LoanReader, reader_of
from halfpenny.loans.decision_reasons import DecisionReason
from halfpenny.loans.dependencies import Rules
from halfpenny.loans.model import Actor, ActorKind, Loan
from halfpenny.loans.requests import ApplicationRequest, ConditionsRequest, DecisionRequest, ValuationRequest
from halfpenny.loans.service import applying, conditions, deciding, lifecycle
from halfpenny.platform.database import Connection
from halfpenny.platform.http import (
    AppDatabase,
    Fingerprint,
    OptionalIdempotencyKey,
    PageOf,
    PageQuery,
    once,
    page,
)
from halfpenny.platform.idempotency import RequestKey

router = APIRouter(tags=["loans"])


def _visible_view(loan: Loan, principal: identity.Principal) -> dict[str, Any]:
    """The view that this person has of the loan; what they may not see does not exist for them."""
    reader = reader_of(loan, principal)
    if reader is LoanReader.PUBLIC:
        return views.public(loan)
    return views.whole(loan, staff=reader is LoanReader.STAFF)


@router.post("/loans", dependencies=[requires(Permission.LOANS_APPLY)], status_code=201)
async def apply(
    body: ApplicationRequest,
    principal: identity.SignedIn,
    database: AppDatabase,
    rules: Rules,
    fingerprint: Fingerprint,
    key: OptionalIdempotencyKey,
) -> JSONResponse:
    """Apply for a loan. Commits together with ``loan.submitted``, which asks for the assessment.

    It moves no money, so an Idempotency-Key is not demanded; one that is sent counts.
    """
    request = RequestKey(principal.user_id, key, fingerprint) if key is not None else None

    async def act(connection: Connection) -> dict[str, Any]:
        return views.whole(await applying.apply(connection, principal.user_id, body.read(), rules), staff=False)

    return await once(database, request, 201, act)


@router.post("/loans/drafts", dependencies=[requires(Permission.LOANS_APPLY)], status_code=201)
async def draft(
    body: ApplicationRequest, principal: identity.SignedIn, database: AppDatabase, rules: Rules
) -> dict[str, Any]:
    """Keep an application without sending it."""
    async with database.unit_of_work() as connection:
        loan = await applying.draft(connection, principal.user_id, body.read(), rules)
    return views.whole(loan, staff=False)


@router.put("/loans/{loan_id}", dependencies=[requires(Permission.LOANS_APPLY)])
async def rewrite(
    loan_id: UUID,
    body: ApplicationRequest,
    principal: identity.SignedIn,
    database: AppDatabase,
    rules: Rules,
) -> dict[str, Any]:
    """Replace a draft's terms."""
    async with database.unit_of_work() as connection:
        loan = await applying.rewrite(connection, principal.user_id, loan_id, body.read(), rules)
    return views.whole(loan, staff=False)


@router.post("/loans/{loan_id}/submit", dependencies=[requires(Permission.LOANS_APPLY)])
async def submit(loan_id: UUID, principal: identity.SignedIn, database: AppDatabase) -> dict[str, Any]:
    """Send a draft."""
    async with database.unit_of_work() as connection:
        loan = await applying.submit(connection, principal.user_id, loan_id)
    return views.whole(loan, staff=False)


@router.get("/loans", dependencies=[requires(Permission.OWN_BOOKS)], response_model=PageOf)
async def own_loans(principal: identity.SignedIn, database: AppDatabase, paging: PageQuery) -> dict[str, Any]:
    """One's own loans as a borrower, newest first."""
    start = paging.start(UUID)
    async with database.reading() as connection:
        found = await store.own_page(connection, principal.user_id, start[0] if start else None, paging.limit + 1)
    return page(found, paging.limit, lambda loan: (loan.id,), views.list_item)


@router.get("/loans/{loan_id}", dependencies=[requires(Permission.LOANS_READ)])
async def one_loan(loan_id: UUID, principal: identity.SignedIn, database: AppDatabase) -> dict[str, Any]:
    """One loan: whole for its borrower and for staff; from its offer on, the public part for everybody else.

    Staff also see in ``approvals`` what was proposed about it and waits for a second person.
    """
    async with database.reading() as connection:
        loan = await lifecycle.get(connection, loan_id)
        shown = _visible_view(loan, principal)
        if principal.may(Permission.APPROVALS_READ):
            waiting = await approvals.pending_on(connection, [loan_id])
            shown["approvals"] = [approvals.approval(one) for one in waiting]
    return shown


@router.post("/loans/{loan_id}/withdraw", dependencies=[requires(Permission.LOANS_APPLY)])
async def withdraw(loan_id: UUID, principal: identity.SignedIn, database: AppDatabase) -> dict[str, Any]:
    """Withdraw an application, or decline an offer that was not accepted."""
    async with database.unit_of_work() as connection:
        loan = await applying.withdraw(connection, principal.user_id, loan_id)
    return views.whole(loan, staff=False)


@router.put(
    "/loans/{loan_id}/valuation",
    dependencies=[requires(Permission.LOANS_APPLY, Permission.LOANS_ASSESS, refusal=errors.LoanNotFound)],
)
async def revalue(
    loan_id: UUID, body: ValuationRequest, principal: identity.SignedIn, database: AppDatabase
) -> dict[str, Any]:
    """Enter another valuation before the decision: the loan is assessed again."""
    staff = principal.may(Permission.LOANS_ASSESS)
    actor = Actor(ActorKind.ADMINISTRATOR if staff else ActorKind.BORROWER, principal.user_id)
    async with database.unit_of_work() as connection:
        loan = await applying.revalue(connection, actor, loan_id, body.read())
    return views.whole(loan, staff=staff)


@router.post(
    "/loans/{loan_id}/decision",
    dependencies=[requires(Permission.LOANS_DECIDE)],
    responses={202: {"description": "A second person is due."}},
)
async def decide(
    loan_id: UUID,
    body: DecisionRequest,
    principal: identity.SignedIn,
    database: AppDatabase,
    rules: Rules,
    response: Response,
) -> dict[str, Any]:
    """Approve or decline the version that was read. 202 while a second administrator is due."""
    async with database.unit_of_work() as connection:
        loan, outcome = await deciding.decide_on(connection, principal.user_id, loan_id, body.read(), rules)
    if not outcome.final:
        response.status_code = 202
    return {**views.whole(loan, staff=True), "awaiting_second_approval": not outcome.final}


@router.get("/decision-reasons", dependencies=[requires(Permission.LOANS_READ)])
async def decision_reasons(_: identity.SignedIn) -> dict[str, Any]:
    """The codes of a decision's reason, in both languages."""
    return {"items": [views.decision_reason(code) for code in DecisionReason]}


@router.post("/loans/{loan_id}/offer", dependencies=[requires(Permission.LOANS_DECIDE)])
async def make_offer(
    loan_id: UUID, principal: identity.SignedIn, database: AppDatabase, rules: Rules
) -> dict[str, Any]:
    """Put an approved loan's terms to the borrower, where that was not done with the approval."""
    actor = Actor(ActorKind.ADMINISTRATOR, principal.user_id)
    async with database.unit_of_work() as connection:
        loan = await deciding.make_offer(connection, actor, loan_id, rules)
    return views.whole(loan, staff=True)


@router.post("/loans/{loan_id}/open-funding", dependencies=[requires(Permission.LOANS_DECIDE)])
async def open_funding(loan_id: UUID, principal: identity.SignedIn, database: AppDatabase) -> dict[str, Any]:
    """Open the funding of an accepted loan, where that was not done with the acceptance."""
    actor = Actor(ActorKind.ADMINISTRATOR, principal.user_id)
    async with database.unit_of_work() as connection:
        loan = await deciding.open_funding(connection, actor, loan_id)
    return views.whole(loan, staff=True)


@router.post("/loans/{loan_id}/accept", dependencies=[requires(Permission.LOANS_APPLY)])
async def accept(loan_id: UUID, principal: identity.SignedIn, database: AppDatabase) -> dict[str, Any]:
    """Accept the offer: funding opens."""
    async with database.unit_of_work() as connection:
        loan = await deciding.accept(connection, principal.user_id, loan_id)
    return views.whole(loan, staff=False)


@router.post("/loans/{loan_id}/conditions", dependencies=[requires(Permission.LOANS_CONDITIONS)])
async def record_conditions(
    loan_id: UUID, body: ConditionsRequest, principal: identity.SignedIn, database: AppDatabase
) -> dict[str, Any]:
    """Record the charge, the valuation or the insurance. All three and fully funded: conditions are met."""
    async with database.unit_of_work() as connection:
        loan = await conditions.record_conditions(connection, principal.user_id, loan_id, body.read())
    return views.whole(loan, staff=True)
