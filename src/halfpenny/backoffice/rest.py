"""REST routes of the back office, for administrators only."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query

from halfpenny import identity, loans
from halfpenny.backoffice import ledger_routes, model, store, views
from halfpenny.identity import Permission, requires
from halfpenny.platform.http import AppDatabase, PageOf, PageQuery, page

router = APIRouter(prefix="/backoffice", tags=["backoffice"])
router.include_router(ledger_routes.router)


@router.get("/applications", dependencies=[requires(Permission.APPROVALS_READ)], response_model=PageOf)
async def applications(
    principal: identity.SignedIn, database: AppDatabase, paging: PageQuery, rules: loans.Rules
) -> dict[str, Any]:
    """Applications that wait for a decision, oldest first, each with what is due next."""
    start = paging.start(UUID)
    async with database.reading() as connection:
        found = await loans.awaiting_decision(connection, start[0] if start else None, paging.limit + 1)
    entries = [model.application_awaiting_decision(loan, first, principal.user_id, rules) for loan, first in found]
    return page(entries, paging.limit, lambda entry: (entry.loan.id,), views.application_awaiting_decision)


@router.get("/audit", dependencies=[requires(Permission.AUDIT_READ)], response_model=PageOf)
async def audit_trail(
    _: identity.SignedIn,
    database: AppDatabase,
    paging: PageQuery,
    subject_id: Annotated[UUID | None, Query(description="Only entries about this loan or person.")] = None,
) -> dict[str, Any]:
    """Who did what to which thing, newest first."""
    start = paging.start(int)
    async with database.reading() as connection:
        entries = await store.audit_page(connection, start[0] if start else None, paging.limit + 1, subject_id)
    return page(entries, paging.limit, lambda entry: (entry.id,), views.audit_entry)
