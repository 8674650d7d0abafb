"""REST routes of risk reporting, for staff."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import APIRouter

from halfpenny import identity
from halfpenny.identity import Permission, requires
from halfpenny.platform.database import Connection
from halfpenny.platform.http import AppDatabase, PageOf, PageQuery, page
from halfpenny.risk_reporting import errors, service, store, views
from halfpenny.risk_reporting.store import RiskReportKind

router = APIRouter(prefix="/risk", tags=["risk"])


async def newest(connection: Connection, kind: RiskReportKind) -> dict[str, Any]:
    """The newest report of a kind. Raises NoReportYet."""
    found = await store.newest(connection, kind)
    if found is None:
        raise errors.NoReportYet()
    return found


@router.get("/monitoring", dependencies=[requires(Permission.RISK_READ)])
async def monitoring(_: identity.SignedIn, database: AppDatabase) -> dict[str, Any]:
    """The newest monitoring report: back-tests by grade and vintage, both models, overrides, drift."""
    async with database.reading() as connection:
        return await newest(connection, RiskReportKind.MONITORING)


@router.get("/portfolio", dependencies=[requires(Permission.RISK_READ)])
async def portfolio(_: identity.SignedIn, database: AppDatabase) -> dict[str, Any]:
    """The newest portfolio report: stress, concentration, stages of IFRS 9 and the journal that they would make."""
    async with database.reading() as connection:
        return views.portfolio(await newest(connection, RiskReportKind.PORTFOLIO))


@router.get("/allowances", dependencies=[requires(Permission.RISK_READ)], response_model=PageOf)
async def allowances(_: identity.SignedIn, database: AppDatabase, paging: PageQuery) -> dict[str, Any]:
    """The loss allowance of each loan of the book as it is now, by id: stage, reason, lifetime expected loss."""
    start = paging.start(UUID)
    async with database.reading() as connection:
        found = await service.allowances_page(connection, start[0] if start else None, paging.limit + 1)
    return page(found, paging.limit, lambda each: (UUID(each.loan_id),), views.allowance)


async def published_method(connection: Connection) -> dict[str, Any]:
    """The newest method and since when it holds here. Raises MethodNotPublished."""
    found = await store.newest_method(connection)
    if found is None:
        raise errors.MethodNotPublished()
    content, published_at = found
    return {**content, "published_at": published_at.isoformat()}


@router.get("/method", dependencies=[identity.ANYONE])
async def method(database: AppDatabase) -> dict[str, Any]:
    """How loans are scored and priced: factors with weights, grades, limits, measured figures and sources."""
    async with database.reading() as connection:
        return await published_method(connection)
