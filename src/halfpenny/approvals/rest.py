"""REST of four eyes: what waits, beside its object; approve, refuse, take back."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query

from halfpenny.approvals import service, views
from halfpenny.approvals.dependencies import AppActs
from halfpenny.approvals.model import ApprovalFilter, ApprovalStatus
from halfpenny.identity import Permission, SignedIn, requires
from halfpenny.platform.http import AppDatabase, PageOf, PageQuery, ProseText, RequestModel, page

router = APIRouter(prefix="/approvals", tags=["approvals"])

# Who may decide on what depends on the act: the use case asks for the permission that it names.


class ApproveRequest(RequestModel):
    reason: ProseText | None = None


class RefuseRequest(RequestModel):
    reason: ProseText


@router.get("", dependencies=[requires(Permission.APPROVALS_READ)], response_model=PageOf)
async def approvals(
    principal: SignedIn,
    database: AppDatabase,
    paging: PageQuery,
    status: Annotated[ApprovalStatus | None, Query(description="Only those in this status.")] = None,
    act: Annotated[str | None, Query(max_length=100, description="Only of this act, such as loan.write_off.")] = None,
    object_id: Annotated[UUID | None, Query(description="Only about this loan, person or other object.")] = None,
    proposed_by: Annotated[UUID | None, Query(description="Only what this person proposed.")] = None,
) -> dict[str, Any]:
    """What was proposed, newest first."""
    start = paging.start(UUID)
    wanted = ApprovalFilter(status, act, object_id, proposed_by)
    async with database.reading() as connection:
        found = await service.page_of(connection, wanted, start[0] if start else None, paging.limit + 1)
    return page(found, paging.limit, lambda approval: (approval.id,), views.approval)


@router.get("/{approval_id}", dependencies=[requires(Permission.APPROVALS_READ)])
async def one_approval(approval_id: UUID, principal: SignedIn, database: AppDatabase, acts: AppActs) -> dict[str, Any]:
    """One approval, its object as it was when it was proposed, and what has changed since."""
    async with database.reading() as connection:
        return views.standing(await service.get(connection, acts, approval_id))


@router.post("/{approval_id}/approve", dependencies=[requires(Permission.APPROVALS_DECIDE)])
async def approve(
    approval_id: UUID,
    principal: SignedIn,
    database: AppDatabase,
    acts: AppActs,
    body: ApproveRequest | None = None,
) -> dict[str, Any]:
    """Do what was proposed, once; asked again by the same person, the answer is the same."""
    reason = body.reason if body else None
    async with database.unit_of_work() as connection:
        return views.approval(await service.approve(connection, acts, principal, approval_id, reason))


@router.post("/{approval_id}/refuse", dependencies=[requires(Permission.APPROVALS_DECIDE)])
async def refuse(
    approval_id: UUID, body: RefuseRequest, principal: SignedIn, database: AppDatabase, acts: AppActs
) -> dict[str, Any]:
    """End a proposal without doing it, with the reason."""
    async with database.unit_of_work() as connection:
        return views.approval(await service.refuse(connection, acts, principal, approval_id, body.reason))


@router.post("/{approval_id}/withdraw", dependencies=[requires(Permission.APPROVALS_DECIDE)])
async def withdraw(approval_id: UUID, principal: SignedIn, database: AppDatabase) -> dict[str, Any]:
    """Withdraw one's own proposal."""
    async with database.unit_of_work() as connection:
        return views.approval(await service.withdraw(connection, principal, approval_id))
