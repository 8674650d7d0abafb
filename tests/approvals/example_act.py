"""The example of docs/guides/approvals.md: a loan's maturity moves, and above 500,000 EUR that takes two people."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from halfpenny import approvals, loans
from halfpenny.approvals import Act, ActRun, AppActs, ObjectState, SecondPersonRule
from halfpenny.identity import Permission, SignedIn
from halfpenny.platform.clock import business_date
from halfpenny.platform.database import Connection
from halfpenny.platform.http import AnswerWithStatus, AppDatabase, DateText, ProseText, RequestModel, once
from halfpenny.primitives.errors import Refused
from halfpenny.primitives.ids import UserId


# 1. What is proposed: a frozen dataclass of values that JSON can hold.
@dataclass(frozen=True, slots=True)
class NewMaturity:
    matures_on: date


class MaturityPassed(Refused):
    code = "maturity_passed"
    message = "A loan cannot mature in the past."


# 2. The object as it stands: the version that the proposal is bound to, what a second person should see, its worth.
async def read(connection: Connection, loan_id: UUID, payload: NewMaturity, lock: bool) -> ObjectState:
    loan = await (loans.lock(connection, loan_id) if lock else loans.get(connection, loan_id))
    terms = loan.application
    return ObjectState(
        version=str(loan.version),
        facts={
            "status": loan.status.value,
            "company": terms.borrower.company,
            "matures_on": loan.matures_on.isoformat() if loan.matures_on else None,
        },
        worth_eur_minor=loans.LendingRules().euro_minor(terms.amount_minor, terms.currency),
    )


# 3. Who has an interest in it. Asked of the proposer twice and of the second person.
async def bar(connection: Connection, user_id: UserId, loan_id: UUID, payload: NewMaturity) -> None:
    await loans.bar_interested(connection, user_id, await loans.get(connection, loan_id))


# 4. Whether it can be done: asked before it is proposed, and again before it is done.
async def check(connection: Connection, run: ActRun[NewMaturity]) -> None:
    if run.payload.matures_on < await business_date(connection):
        raise MaturityPassed()


# 5. Doing it, in the transaction of the decision. Whoever proposed it is the actor; the approval names the other.
async def move(connection: Connection, run: ActRun[NewMaturity]) -> dict[str, Any]:
    actor = loans.Actor(loans.ActorKind.ADMINISTRATOR, run.proposed_by)
    loan = await loans.reschedule(connection, run.object_id, run.payload.matures_on, actor, run.reason)
    return {"loan_id": str(loan.id), "version": loan.version, "matures_on": run.payload.matures_on.isoformat()}


# 6. The act, which halfpenny.entrypoints.acts lists with those of all features.
MOVE_MATURITY = Act(
    name="loan.move_maturity",
    subject="loan",
    payload=NewMaturity,
    proposed_with=Permission.SERVICING_ACT,
    approved_with=Permission.SERVICING_APPROVE,
    read=read,
    bar=bar,
    check=check,
    run=move,
    rule=SecondPersonRule(above_eur_minor=500_000_00),
)


# 7. The route: its own answer where one person was enough, else 202 with the approval.
class MaturityRequest(RequestModel):
    matures_on: DateText
    reason: ProseText


router = APIRouter()


@router.post("/loans/{loan_id}/maturity")
async def move_maturity(
    loan_id: UUID, body: MaturityRequest, principal: SignedIn, database: AppDatabase, acts: AppActs
) -> JSONResponse:
    async def act(connection: Connection) -> AnswerWithStatus:
        payload = NewMaturity(body.matures_on)
        outcome = await approvals.perform(
            connection, acts, MOVE_MATURITY.name, principal, loan_id, payload, body.reason
        )
        return approvals.answer(outcome)

    return await once(database, None, 200, act)
