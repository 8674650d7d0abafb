"""Forbearance: extension, pause of interest and waiver, each with what it says of a borrower in difficulty.

Whoever eases the terms of a borrower who is past due marks the borrower unlikely to pay, which is a default (Delegated
Regulation (EU) 2022/2115, article 1). Saying that the borrower will pay all the same takes two people and the reason.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from halfpenny import loans
from halfpenny.approvals import Act, ActRun, ObjectState, SecondPersonRule
from halfpenny.identity import Permission
from halfpenny.loans import IN_DEFAULT_STATUSES, RUNNING_STATUSES, Actor, ActorKind, LendingRules, Status
from halfpenny.platform.database import Connection
from halfpenny.primitives.money import Currency, Money
from halfpenny.servicing import views
from halfpenny.servicing.acts import bar, loan_state
from halfpenny.servicing.model.position import LoanPosition
from halfpenny.servicing.model.waterfall import Component, WaivedComponent
from halfpenny.servicing.service import forbearing
from halfpenny.servicing.service.known_events import current_position
from halfpenny.servicing.service.posting import PostingResult, serviced_loan

EXTENSION = "loan.extension"
PAUSE = "loan.pause"
WAIVER = "loan.waiver"


@dataclass(frozen=True, slots=True)
class ExtensionByMonths:
    """``unlikely_to_pay`` says whether the borrower is marked; None where nobody says: past due means marked."""

    months: int
    unlikely_to_pay: bool | None = None


@dataclass(frozen=True, slots=True)
class InterestPause:
    """No contract interest from ``first`` to ``last``, both included."""

    first: date
    last: date
    unlikely_to_pay: bool | None = None


@dataclass(frozen=True, slots=True)
class WaiverOfDue:
    """``amount_minor`` of what is due of a component is given up."""

    component: WaivedComponent
    amount_minor: int
    currency: Currency
    unlikely_to_pay: bool | None = None


Forbearance = ExtensionByMonths | InterestPause | WaiverOfDue
Run = Callable[[Connection, ActRun[Any], forbearing.Decided], Awaitable[PostingResult]]


def forbearance_acts(above_eur_minor: int, waiver_above_eur_minor: int, rules: LendingRules) -> list[Act[Any]]:
    """The acts with their limits in euro cents: of outstanding principal, and of all that was waived of the loan."""

    async def state(connection: Connection, loan_id: UUID, payload: Forbearance, lock: bool) -> ObjectState:
        return (await with_position(connection, loan_id, payload, lock))[0]

    async def with_position(
        connection: Connection, loan_id: UUID, payload: Forbearance, lock: bool
    ) -> tuple[ObjectState, LoanPosition]:
        found = await loan_state(connection, loan_id, lock, rules)
        position = await current_position(connection, await serviced_loan(connection, loan_id))
        # An instalment past due is the sign of a borrower in difficulty.
        past_due = position.days_past_due > 0
        facts = {**found.facts, "past_due": past_due}
        # Why a borrower who is past due shall not be unlikely to pay is for two people to say.
        unmarked = past_due and payload.unlikely_to_pay is False
        return ObjectState.of_facts(facts, worth_eur_minor=None if unmarked else found.worth_eur_minor), position

    async def waiver_state(connection: Connection, loan_id: UUID, payload: WaiverOfDue, lock: bool) -> ObjectState:
        found, position = await with_position(connection, loan_id, payload, lock)
        if found.worth_eur_minor is None:
            return found
        # All waivers of a loan count together, so that several small ones do not spare the second person.
        waived = payload.amount_minor + position.waived
        return ObjectState.of_facts(found.facts, worth_eur_minor=rules.euro_minor(waived, payload.currency))

    def act(name: str, payload: type[Any], statuses: frozenset[Status], run: Run, limit: int, read: Any) -> Act[Any]:
        async def check(_: Connection, asked: ActRun[Any]) -> None:
            status = Status(asked.state.facts["status"])
            if status not in statuses:
                raise loans.WrongStatus(status=status.value, transition=name.partition(".")[2])

        async def done(connection: Connection, asked: ActRun[Any]) -> dict[str, Any]:
            wanted = asked.payload.unlikely_to_pay
            marked = bool(asked.state.facts["past_due"]) if wanted is None else wanted
            actor = Actor(ActorKind.ADMINISTRATOR, asked.proposed_by)
            return views.position(await run(connection, asked, forbearing.Decided(actor, asked.reason, marked)))

        return Act(
            name=name,
            subject="loan",
            payload=payload,
            proposed_with=Permission.SERVICING_ACT,
            approved_with=Permission.SERVICING_APPROVE,
            read=read,
            bar=bar,
            check=check,
            run=done,
            rule=SecondPersonRule(limit),
        )

    return [
        act(EXTENSION, ExtensionByMonths, RUNNING_STATUSES, _extend, above_eur_minor, state),
        act(PAUSE, InterestPause, RUNNING_STATUSES | IN_DEFAULT_STATUSES, _pause, above_eur_minor, state),
        act(WAIVER, WaiverOfDue, RUNNING_STATUSES | IN_DEFAULT_STATUSES, _waive, waiver_above_eur_minor, waiver_state),
    ]


async def _extend(
    connection: Connection, asked: ActRun[ExtensionByMonths], decided: forbearing.Decided
) -> PostingResult:
    return await forbearing.extend(connection, asked.object_id, asked.payload.months, decided)


async def _pause(connection: Connection, asked: ActRun[InterestPause], decided: forbearing.Decided) -> PostingResult:
    return await forbearing.pause_interest(
        connection, asked.object_id, asked.payload.first, asked.payload.last, decided
    )


async def _waive(connection: Connection, asked: ActRun[WaiverOfDue], decided: forbearing.Decided) -> PostingResult:
    given = asked.payload
    amount = Money(given.amount_minor, given.currency)
    return await forbearing.waive(connection, asked.object_id, Component(given.component.value), amount, decided)
