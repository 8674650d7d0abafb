"""Default, forbearance and recovery: what administrators do, and what investors read about it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from halfpenny import approvals, identity
from halfpenny.identity import Permission, requires
from halfpenny.loans import Status
from halfpenny.platform.database import Connection
from halfpenny.platform.http import AnswerWithStatus, AppDatabase, PageOf, PageQuery, once, page
from halfpenny.primitives.money import Money, format_minor, parse_minor
from halfpenny.servicing import acts, errors, views
from halfpenny.servicing.forbearance_acts import EXTENSION, PAUSE, WAIVER, ExtensionByMonths, InterestPause, WaiverOfDue
from halfpenny.servicing.model.delinquency import bucket_of
from halfpenny.servicing.requests import (
    CostRequest,
    CureRequest,
    ExtensionRequest,
    PauseRequest,
    ReasonRequest,
    SettlementRequest,
    UpdateRequest,
    WaiverRequest,
)
from halfpenny.servicing.rest.dependencies import SECOND_PERSON, staff, visible_loan
from halfpenny.servicing.service import arrears, settling
from halfpenny.servicing.service.posting import PostingResult
from halfpenny.servicing.store import recoveries, serviced_loans

router = APIRouter(tags=["arrears"])


async def _once(
    database: AppDatabase, money: identity.MoneyRequest, act: Callable[[Connection], Awaitable[PostingResult]]
) -> JSONResponse:
    """Run one act that moves money under its idempotency key."""

    async def shown(connection: Connection) -> dict[str, Any]:
        return views.position(await act(connection))

    return await once(database, money, 200, shown)


async def _perform(
    database: AppDatabase,
    money: identity.MoneyRequest,
    registered: approvals.Acts,
    name: str,
    principal: identity.Principal,
    loan_id: UUID,
    payload: object,
    reason: str,
) -> JSONResponse:
    """The same for an act that may take two people: 202 with the approval where it does."""

    async def asked(connection: Connection) -> AnswerWithStatus:
        outcome = await approvals.perform(connection, registered, name, principal, loan_id, payload, reason)
        return approvals.answer(outcome)

    return await once(database, money, 200, asked)


@router.post("/loans/{loan_id}/default", dependencies=[requires(Permission.SERVICING_ACT)])
async def default(
    loan_id: UUID,
    body: ReasonRequest,
    principal: identity.SignedIn,
    money: identity.MoneyRequest,
    database: AppDatabase,
) -> JSONResponse:
    """Mark the borrower unlikely to pay: a regulatory default without waiting for ninety days."""
    return await _once(
        database, money, lambda c: arrears.mark_unlikely_to_pay(c, loan_id, staff(principal), body.reason)
    )


@router.post("/loans/{loan_id}/acceleration", dependencies=[requires(Permission.SERVICING_ACT)])
async def accelerate(
    loan_id: UUID,
    body: ReasonRequest,
    principal: identity.SignedIn,
    money: identity.MoneyRequest,
    database: AppDatabase,
) -> JSONResponse:
    """Make everything owed fall due at once."""
    return await _once(database, money, lambda c: arrears.accelerate(c, loan_id, staff(principal), body.reason))


@router.post("/loans/{loan_id}/extension", dependencies=[requires(Permission.SERVICING_ACT)], responses=SECOND_PERSON)
async def extend(
    loan_id: UUID,
    body: ExtensionRequest,
    principal: identity.SignedIn,
    money: identity.MoneyRequest,
    database: AppDatabase,
    registered: approvals.AppActs,
) -> JSONResponse:
    """Let the principal fall due later, by months from the maturity. What else has fallen due stays due.

    409 ``event_after_maturity`` where it would be over by today.
    """
    payload = ExtensionByMonths(body.months, body.unlikely_to_pay)
    return await _perform(database, money, registered, EXTENSION, principal, loan_id, payload, body.reason)


@router.post("/loans/{loan_id}/pause", dependencies=[requires(Permission.SERVICING_ACT)], responses=SECOND_PERSON)
async def pause(
    loan_id: UUID,
    body: PauseRequest,
    principal: identity.SignedIn,
    money: identity.MoneyRequest,
    database: AppDatabase,
    registered: approvals.AppActs,
) -> JSONResponse:
    """No interest from the first to the last day, both included."""
    payload = InterestPause(body.first, body.last, body.unlikely_to_pay)
    return await _perform(database, money, registered, PAUSE, principal, loan_id, payload, body.reason)


@router.post("/loans/{loan_id}/waivers", dependencies=[requires(Permission.SERVICING_ACT)], responses=SECOND_PERSON)
async def waive(
    loan_id: UUID,
    body: WaiverRequest,
    principal: identity.SignedIn,
    money: identity.MoneyRequest,
    database: AppDatabase,
    registered: approvals.AppActs,
) -> JSONResponse:
    """Give up an amount of what is due: default interest, interest, a fee, a penalty or a recovery cost.

    Above the limit of the settings, counted over all waivers of the loan, it takes a second person. 409
    ``waiver_exceeds_due`` for more than is due.
    """
    payload = WaiverOfDue(body.component, parse_minor(body.amount), body.currency, body.unlikely_to_pay)
    return await _perform(database, money, registered, WAIVER, principal, loan_id, payload, body.reason)


@router.post("/loans/{loan_id}/cure", dependencies=[requires(Permission.SERVICING_ACT)], responses=SECOND_PERSON)
async def cure(
    loan_id: UUID,
    body: CureRequest,
    principal: identity.SignedIn,
    money: identity.MoneyRequest,
    database: AppDatabase,
    registered: approvals.AppActs,
) -> JSONResponse:
    """End a default: one person where nothing is overdue, two with a reason where something is.

    409 ``unlikely_to_pay_not_stated`` where the mark is set and nobody says whether it stays.
    """
    payload = acts.CureOfDefault(body.unlikely_to_pay)
    return await _perform(database, money, registered, acts.CURE, principal, loan_id, payload, body.reason)


@router.post("/loans/{loan_id}/recovery", dependencies=[requires(Permission.SERVICING_ACT)], status_code=201)
async def start_recovery(
    loan_id: UUID, body: ReasonRequest, principal: identity.SignedIn, database: AppDatabase
) -> dict[str, Any]:
    """Open a recovery case; the reason is its first update."""
    async with database.unit_of_work() as connection:
        await arrears.start_recovery(connection, loan_id, staff(principal), body.reason)
    return {"loan_id": str(loan_id), "status": Status.IN_RECOVERY}


@router.post("/loans/{loan_id}/recovery/updates", dependencies=[requires(Permission.SERVICING_ACT)], status_code=201)
async def publish_recovery_update(
    loan_id: UUID, body: UpdateRequest, principal: identity.SignedIn, database: AppDatabase
) -> dict[str, Any]:
    """Publish an update on the recovery to the investors; due every thirty days."""
    async with database.unit_of_work() as connection:
        number = await arrears.publish_recovery_update(connection, loan_id, body.text, staff(principal))
    return {"loan_id": str(loan_id), "number": number}


@router.post("/loans/{loan_id}/recovery/costs", dependencies=[requires(Permission.SERVICING_ACT)])
async def advance_cost(
    loan_id: UUID,
    body: CostRequest,
    principal: identity.SignedIn,
    money: identity.MoneyRequest,
    database: AppDatabase,
) -> JSONResponse:
    """Post a recovery cost that the platform has paid; receipts give it back first."""
    amount = Money(parse_minor(body.amount), body.currency)
    return await _once(
        database,
        money,
        lambda c: arrears.advance_cost(c, loan_id, amount, body.kind, staff(principal), body.reason),
    )


@router.post("/loans/{loan_id}/write-off", dependencies=[requires(Permission.SERVICING_ACT)], responses=SECOND_PERSON)
async def write_off(
    loan_id: UUID,
    body: ReasonRequest,
    principal: identity.SignedIn,
    money: identity.MoneyRequest,
    database: AppDatabase,
    registered: approvals.AppActs,
) -> JSONResponse:
    """Write off what is left of the principal; the investors share the loss."""
    payload = acts.WriteOffOfRest()
    return await _perform(database, money, registered, acts.WRITE_OFF, principal, loan_id, payload, body.reason)


@router.get("/loans/{loan_id}/overpaid", dependencies=[requires(Permission.SERVICING_READ)])
async def overpaid(loan_id: UUID, principal: identity.SignedIn, database: AppDatabase) -> dict[str, Any]:
    """What the loan's holders have had too much and has not been netted yet, and what was settled after its end."""
    async with database.reading() as connection:
        return await settling.standing(connection, loan_id)


@router.post("/loans/{loan_id}/overpaid", dependencies=[requires(Permission.SERVICING_ACT)], responses=SECOND_PERSON)
async def settle_overpaid(
    loan_id: UUID,
    body: SettlementRequest,
    principal: identity.SignedIn,
    money: identity.MoneyRequest,
    database: AppDatabase,
    registered: approvals.AppActs,
) -> JSONResponse:
    """Say who bears what the holders of a closed loan have had too much: ``platform`` or ``holders``; takes two."""
    payload = acts.OverpaidSettlement(body.bearer)
    return await _perform(database, money, registered, acts.SETTLE_OVERPAID, principal, loan_id, payload, body.reason)


@router.get("/loans/{loan_id}/recovery", dependencies=[identity.ANYONE])
async def recovery(
    loan_id: UUID, principal: identity.MaybeSignedIn, database: AppDatabase, paging: PageQuery
) -> dict[str, Any]:
    """The recovery case and its updates; ``update_overdue`` is for everybody to see."""
    start = paging.start(int)
    async with database.reading() as connection:
        await visible_loan(connection, loan_id, principal)
        case = await recoveries.case(connection, loan_id)
        if case is None:
            raise errors.NoRecoveryCase()
        rows = await recoveries.updates(connection, loan_id, start[0] if start else 0, paging.limit + 1)
    updates = page(
        rows,
        paging.limit,
        lambda row: (row["number"],),
        lambda row: {"number": row["number"], "published_on": row["published_on"].isoformat(), "text": row["text"]},
    )
    return {
        "opened_on": case["opened_on"].isoformat(),
        "closed_on": case["closed_on"].isoformat() if case["closed_on"] else None,
        "next_update_due_on": case["next_update_due_on"].isoformat(),
        "update_overdue": case["overdue"],
        "updates": updates,
    }


@router.get("/arrears", dependencies=[requires(Permission.SERVICING_READ)], response_model=PageOf)
async def overdue(principal: identity.SignedIn, database: AppDatabase, paging: PageQuery) -> dict[str, Any]:
    """Loans past due as of the last close, the latest first, with their buckets."""
    start = paging.start(int, UUID)
    days, after = start if start else (2**31 - 1, UUID(int=2**128 - 1))
    async with database.reading() as connection:
        rows = await serviced_loans.overdue_page(connection, days, after, paging.limit + 1)
    return page(
        rows,
        paging.limit,
        lambda row: (row["days_past_due"], row["loan_id"]),
        lambda row: {
            "loan_id": str(row["loan_id"]),
            "days_past_due": row["days_past_due"],
            "bucket": bucket_of(row["days_past_due"]).value,
            "total_due": format_minor(row["total_due_minor"]),
            "currency": row["currency"],
        },
    )
