"""Acts of the back office that always take two people: another role, a new member of staff."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from halfpenny import identity
from halfpenny.approvals import Act, ActRun, FourEyes, ObjectState
from halfpenny.identity import NotYourself, Permission, Role
from halfpenny.platform.database import Connection
from halfpenny.primitives.ids import UserId

ROLE = "user.role"
INVITATION = "user.invitation"


@dataclass(frozen=True, slots=True)
class RoleChange:
    role: Role


@dataclass(frozen=True, slots=True)
class StaffInvitation:
    """``email`` as it was typed; it is folded when the account is opened."""

    email: str
    full_name: str
    role: Role


def staffing_acts(wait: timedelta, *, hand_out_invitations: bool) -> Iterable[Act[Any]]:
    """Both wait for ``wait`` before they can be approved, so that others learn of a new administrator first.

    ``hand_out_invitations`` puts the invitation's token into the act's result: for a sandbox without a mail server,
    and nowhere else, because whoever reads the result could accept it.
    """

    async def invite(connection: Connection, run: ActRun[StaffInvitation]) -> dict[str, Any]:
        asked = run.payload
        await identity.invite(connection, run.object_id, asked.email, asked.full_name, asked.role, run.proposed_by)
        answer = {"user_id": str(run.object_id), "role": asked.role.value}
        if hand_out_invitations:
            answer["invitation_token"] = await identity.issue_invitation(connection, run.object_id)
        return answer

    return (
        Act(
            name=ROLE,
            subject="user",
            payload=RoleChange,
            proposed_with=Permission.ROLES_PROPOSE,
            approved_with=Permission.ROLES_APPROVE,
            read=_read_person,
            bar=_bar_person,
            check=_check_role,
            run=_change_role,
            wait=wait,
        ),
        Act(
            name=INVITATION,
            subject="user",
            payload=StaffInvitation,
            proposed_with=Permission.ROLES_PROPOSE,
            approved_with=Permission.ROLES_APPROVE,
            read=_read_address,
            bar=_bar_nobody,
            check=_check_address,
            run=invite,
            wait=wait,
        ),
    )


async def _read_person(connection: Connection, user_id: UUID, _: RoleChange, lock: bool) -> ObjectState:
    person = await identity.person(connection, user_id, lock=lock)
    return ObjectState.of_facts(
        {
            "full_name": person.full_name,
            "email": person.email,
            "role": person.role.value,
            "disabled": person.disabled_at is not None,
        }
    )


async def _bar_person(connection: Connection, user_id: UserId, object_id: UUID, _: RoleChange) -> None:
    if user_id == object_id:
        raise NotYourself()
    if object_id in await identity.related_to(connection, user_id):
        raise FourEyes("Nobody decides on a related person's role.")


async def _check_role(_: Connection, run: ActRun[RoleChange]) -> None:
    identity.check_role_change(Role(run.state.facts["role"]), run.payload.role)


async def _change_role(connection: Connection, run: ActRun[RoleChange]) -> dict[str, Any]:
    person = await identity.change_role(connection, run.object_id, run.payload.role, run.proposed_by)
    return {"user_id": str(person.id), "role": person.role.value}


async def _read_address(_: Connection, __: UUID, payload: StaffInvitation, lock: bool) -> ObjectState:
    """There is nobody yet, so nothing that could change: whether the address is still free is the act's own check."""
    return ObjectState.of_facts({"email": payload.email, "full_name": payload.full_name, "role": payload.role.value})


async def _bar_nobody(_: Connection, __: UserId, ___: UUID, ____: StaffInvitation) -> None:
    """Nobody is related to somebody who is not there yet."""


async def _check_address(connection: Connection, run: ActRun[StaffInvitation]) -> None:
    await identity.check_address_is_free(connection, run.payload.email)
