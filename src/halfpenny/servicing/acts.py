"""Acts on a loan in default that may take two people: write-off, cure, who bears what holders have had too much."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from halfpenny import loans
from halfpenny.approvals import Act, ActRun, ObjectState, SecondPersonRule
from halfpenny.identity import Permission
from halfpenny.loans import IN_DEFAULT_STATUSES, Actor, ActorKind, LendingRules, Status
from halfpenny.platform.database import Connection
from halfpenny.primitives.ids import UserId
from halfpenny.primitives.money import format_minor
from halfpenny.servicing import errors, views
from halfpenny.servicing.service import arrears, receiving, settling
from halfpenny.servicing.service.posting import serviced_loan
from halfpenny.servicing.statuses import OverpaidBearer
from halfpenny.servicing.store import corrections, serviced_loans

WRITE_OFF = "loan.write_off"
CURE = "loan.cure"
SETTLE_OVERPAID = "loan.settle_overpaid"


@dataclass(frozen=True, slots=True)
class WriteOffOfRest:
    """All that is left of the principal."""


@dataclass(frozen=True, slots=True)
class CureOfDefault:
    """``unlikely_to_pay`` is whether the mark stays; None where there is none to speak of."""

    unlikely_to_pay: bool | None = None


@dataclass(frozen=True, slots=True)
class OverpaidSettlement:
    """Who bears what the holders of a closed loan have had too much."""

    bearer: OverpaidBearer


def arrears_acts(above_eur_minor: int, rules: LendingRules) -> list[Act[Any]]:
    """The acts; a write-off has the limit of the settings, in euro cents of outstanding principal."""
    return [_settlement_act(rules), _cure_act(rules), _write_off_act(above_eur_minor, rules)]


def _write_off_act(above_eur_minor: int, rules: LendingRules) -> Act[WriteOffOfRest]:
    async def read(connection: Connection, loan_id: UUID, _: object, lock: bool) -> ObjectState:
        return await loan_state(connection, loan_id, lock, rules)

    async def check(_: Connection, asked: ActRun[WriteOffOfRest]) -> None:
        status = Status(asked.state.facts["status"])
        if status not in IN_DEFAULT_STATUSES:
            raise errors.NotInDefault(status=status.value)

    async def write_off(connection: Connection, asked: ActRun[WriteOffOfRest]) -> dict[str, Any]:
        actor = Actor(ActorKind.ADMINISTRATOR, asked.proposed_by)
        return views.position(await arrears.write_off(connection, asked.object_id, actor, asked.reason))

    return Act(
        name=WRITE_OFF,
        subject="loan",
        payload=WriteOffOfRest,
        proposed_with=Permission.SERVICING_ACT,
        approved_with=Permission.SERVICING_APPROVE,
        read=read,
        bar=bar,
        check=check,
        run=write_off,
        rule=SecondPersonRule(above_eur_minor),
    )


def _settlement_act(rules: LendingRules) -> Act[OverpaidSettlement]:
    async def read_overpaid(connection: Connection, loan_id: UUID, _: object, lock: bool) -> ObjectState:
        state = await loan_state(connection, loan_id, lock, rules)
        minor, _ = await corrections.overpaid_sum(connection, loan_id)
        return ObjectState.of_facts({**state.facts, "overpaid": format_minor(minor)})

    async def check_settlement(_: Connection, asked: ActRun[OverpaidSettlement]) -> None:
        closed = Status(asked.state.facts["status"]) in {Status.REPAID, Status.WRITTEN_OFF}
        if not closed or asked.state.facts["overpaid"] == format_minor(0):
            raise errors.NothingOverpaid()

    async def settle(connection: Connection, asked: ActRun[OverpaidSettlement]) -> dict[str, Any]:
        bearer = asked.payload.bearer
        return await settling.settle_overpaid(connection, asked.object_id, bearer, asked.proposed_by, asked.reason)

    # Two people always: somebody loses money that nobody agreed to lose.
    return Act(
        name=SETTLE_OVERPAID,
        subject="loan",
        payload=OverpaidSettlement,
        proposed_with=Permission.SERVICING_ACT,
        approved_with=Permission.SERVICING_APPROVE,
        read=read_overpaid,
        bar=bar,
        check=check_settlement,
        run=settle,
    )


def _cure_act(rules: LendingRules) -> Act[CureOfDefault]:
    async def read_overdue(connection: Connection, loan_id: UUID, _: object, lock: bool) -> ObjectState:
        state = await loan_state(connection, loan_id, lock, rules)
        due = await receiving.amount_due(connection, loan_id)
        # Only whether something is overdue counts: what it comes to changes with every day.
        facts = {**state.facts, "overdue": due > 0}
        return ObjectState.of_facts(facts, worth_eur_minor=None if due else 0)

    async def check_cure(_: Connection, asked: ActRun[CureOfDefault]) -> None:
        status = Status(asked.state.facts["status"])
        if status is not Status.DEFAULTED:
            raise errors.NotInDefault(status=status.value)
        if asked.state.facts["unlikely_to_pay"] and asked.payload.unlikely_to_pay is None:
            raise errors.UnlikelyToPayNotStated()

    async def run_cure(connection: Connection, asked: ActRun[CureOfDefault]) -> dict[str, Any]:
        actor = Actor(ActorKind.ADMINISTRATOR, asked.proposed_by)
        marked = bool(asked.payload.unlikely_to_pay)
        return views.position(await arrears.cure(connection, asked.object_id, marked, actor, asked.reason))

    return Act(
        name=CURE,
        subject="loan",
        payload=CureOfDefault,
        proposed_with=Permission.SERVICING_ACT,
        approved_with=Permission.SERVICING_APPROVE,
        read=read_overdue,
        bar=bar,
        check=check_cure,
        run=run_cure,
        # Nothing is above zero but a loan of which something is overdue.
        rule=SecondPersonRule(above_eur_minor=0),
    )


async def loan_state(connection: Connection, loan_id: UUID, lock: bool, rules: LendingRules) -> ObjectState:
    """Everything that an event of the loan changes, and nothing that a day changes by itself."""
    loan = await (loans.lock(connection, loan_id) if lock else loans.get(connection, loan_id))
    serviced = await serviced_loan(connection, loan_id, lock=lock)
    outstanding = serviced.principal_outstanding
    return ObjectState.of_facts(
        {
            "status": loan.status.value,
            "company": loan.application.borrower.company,
            "currency": serviced.currency.value,
            "principal_outstanding": format_minor(outstanding),
            "matures_on": loan.matures_on.isoformat() if loan.matures_on else None,
            "unlikely_to_pay": serviced.unlikely_to_pay,
            "events": await serviced_loans.next_event_number(connection, loan_id) - 1,
        },
        rules.euro_minor(outstanding, serviced.currency),
    )


async def bar(connection: Connection, user_id: UserId, loan_id: UUID, _: object) -> None:
    await loans.bar_interested(connection, user_id, await loans.get(connection, loan_id))
