"""What servicing's routes share."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Request

from halfpenny import identity, loans
from halfpenny.loans import Actor, ActorKind
from halfpenny.platform.database import Connection
from halfpenny.servicing.model.flows import Withholding


def withholding_of(request: Request) -> Withholding:
    found: Withholding = request.app.state.settings.servicing.withholding
    return found


AppWithholding = Annotated[Withholding, Depends(withholding_of)]
SECOND_PERSON: dict[int | str, dict[str, Any]] = {202: {"description": "A second person is due: the approval."}}


def staff(principal: identity.Principal) -> Actor:
    return Actor(ActorKind.ADMINISTRATOR, principal.user_id)


async def visible_loan(connection: Connection, loan_id: UUID, principal: identity.Principal | None) -> loans.Loan:
    """The loan, for its borrower, staff, and everybody once it is public; for others it does not exist."""
    loan = await loans.get(connection, loan_id)
    loans.reader_of(loan, principal)
    return loan
