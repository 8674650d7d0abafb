"""REST of what administrators propose about accounts: another role, a new member of staff."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import Field, WithJsonSchema

from halfpenny import approvals
from halfpenny.approvals import AppActs
from halfpenny.backoffice import acts as proposals
from halfpenny.identity import INVITED_ROLES, PERSONAL_ROLES, Permission, Role, SignedIn, requires
from halfpenny.platform.http import AppDatabase, LineText, ProseText, RequestModel, code_of
from halfpenny.primitives.ids import uuid7

router = APIRouter(tags=["people"])


def _listed(roles: Collection[Role]) -> list[str]:
    return [role.value for role in Role if role in roles]


InvitedRole = Annotated[
    Role, code_of(Role, INVITED_ROLES), WithJsonSchema({"type": "string", "enum": _listed(INVITED_ROLES)})
]
PersonalRole = Annotated[
    Role, code_of(Role, PERSONAL_ROLES), WithJsonSchema({"type": "string", "enum": _listed(PERSONAL_ROLES)})
]


class RoleRequest(RequestModel):
    role: PersonalRole
    reason: ProseText | None = None


class InvitationRequest(RequestModel):
    email: Annotated[str, Field(min_length=3, max_length=254, examples=["ada@example.com"])]
    full_name: LineText
    role: InvitedRole
    reason: ProseText | None = None


@router.post("/users/{user_id}/role", dependencies=[requires(Permission.ROLES_PROPOSE)], status_code=202)
async def propose_role(
    user_id: UUID, body: RoleRequest, principal: SignedIn, database: AppDatabase, acts: AppActs
) -> JSONResponse:
    """Propose another role for somebody; another administrator approves it after a while.

    Customers stay customers, and staff stay staff: 409 ``staff_are_invited``.
    """
    payload = proposals.RoleChange(body.role)
    async with database.unit_of_work() as connection:
        outcome = await approvals.perform(
            connection, acts, proposals.ROLE, principal, user_id, payload, body.reason or ""
        )
    answer = approvals.answer(outcome)
    return JSONResponse(answer.body, answer.status)


@router.post("/users/invitations", dependencies=[requires(Permission.ROLES_PROPOSE)], status_code=202)
async def propose_invitation(
    body: InvitationRequest, principal: SignedIn, database: AppDatabase, acts: AppActs
) -> JSONResponse:
    """Propose a new member of staff; once another administrator approves it, they are sent an invitation.

    The only way to a staff account: nobody registers for one, and no customer's becomes one.
    """
    payload = proposals.StaffInvitation(body.email, body.full_name, body.role)
    async with database.unit_of_work() as connection:
        outcome = await approvals.perform(
            connection, acts, proposals.INVITATION, principal, uuid7(), payload, body.reason or ""
        )
    answer = approvals.answer(outcome)
    return JSONResponse(answer.body, answer.status)
