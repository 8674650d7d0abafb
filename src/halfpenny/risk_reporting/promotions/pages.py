"""The page of promotions, for staff: which model is the champion, what was proposed, and who decided on it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final
from uuid import UUID

import msgspec
from fastapi import APIRouter, Request
from starlette.responses import Response

from halfpenny import approvals, identity
from halfpenny.approvals import Approval
from halfpenny.identity import Permission, Principal, requires
from halfpenny.platform.clock import business_now
from halfpenny.platform.database import Connection
from halfpenny.platform.http import AppDatabase, AppPages
from halfpenny.primitives.ids import UserId
from halfpenny.risk_reporting import labels
from halfpenny.risk_reporting.promotions import store
from halfpenny.risk_reporting.promotions.acts import PROMOTE
from halfpenny.risk_reporting.promotions.model import BORROWER_MODEL_ID, ProposedPromotion, standing_of
from halfpenny.risk_reporting.promotions.views import promotion_view

_SHOWN: Final = 50
_PATH: Final = "/staff/risk/promotions"
router = APIRouter(include_in_schema=False)


# The rows are approvals: every role that reads risk may read those too, and a test holds the roles to it.
@router.get(_PATH, dependencies=[requires(Permission.RISK_READ)])
async def promotions(
    request: Request, principal: identity.SignedIn, database: AppDatabase, pages: AppPages, after: UUID | None = None
) -> Response:
    """Every proposal of another champion, newest first, with who and when; and the champion in force."""
    async with database.reading() as connection:
        in_force = await store.in_force(connection)
        found = await approvals.history_of(connection, PROMOTE, BORROWER_MODEL_ID, after, _SHOWN + 1)
        shown = found[:_SHOWN]
        now = await business_now(connection)
        names = await _names(connection, principal, shown)
    number = in_force.number if in_force else 0
    context = {
        "labels": labels,
        "in_force": promotion_view(in_force) if in_force else None,
        "rows": [_row(approval, names) | {"standing": standing_of(approval, number, now)} for approval in shown],
        "next": f"{_PATH}?after={shown[-1].id}" if len(found) > _SHOWN else None,
    }
    return pages.render(request, "risk_reporting/promotions.html", context)


async def _names(connection: Connection, principal: Principal, shown: Iterable[Approval]) -> Mapping[UserId, str]:
    """The names of those who proposed and decided, for whoever may read people; the others see ids, as in the API."""
    if not principal.may(Permission.USERS_READ):
        return {}
    people = {person for each in shown for person in (each.proposed_by, each.decided_by) if person is not None}
    return await identity.full_names(connection, sorted(people))


def _row(approval: Approval, names: Mapping[UserId, str]) -> dict[str, Any]:
    proposed = msgspec.convert(approval.payload, ProposedPromotion)

    def name(person: UserId | None) -> str | None:
        return None if person is None else names.get(person, str(person))

    return {
        "approval": approvals.approval(approval),
        "candidate": proposed.champion,
        "replaced": proposed.challenger,
        "brier_difference": proposed.judgement.brier_difference,
        "proposed_by": name(approval.proposed_by),
        "decided_by": name(approval.decided_by),
        "number": approval.result["number"] if approval.result else None,
    }
