"""The evidence that drawdown waits for: the registered charge, the valuation, the insurance."""

from __future__ import annotations

from uuid import UUID

from halfpenny.loans import errors, store
from halfpenny.loans.application_rules import check_evidence
from halfpenny.loans.model import (
    CONDITION_RECORDED,
    CONDITIONS,
    REASSESSMENT_REQUESTED,
    Actor,
    ActorKind,
    Charge,
    Insurance,
    Loan,
    Status,
    Valuation,
)
from halfpenny.loans.service.applying import adopt_valuation, valued
from halfpenny.loans.service.conflicts import bar_interested
from halfpenny.loans.service.lifecycle import get, lock, record_event, transition
from halfpenny.loans.statuses import TransitionName
from halfpenny.platform.clock import business_date, business_now
from halfpenny.platform.database import Connection
from halfpenny.primitives.ids import UserId

# Evidence is gathered while money is, and may be renewed until it is paid out.
_EVIDENCE_STATUSES = frozenset({Status.ACCEPTED, Status.FUNDING, Status.FUNDED, Status.CONDITIONS_MET})


async def record_conditions(
    connection: Connection,
    administrator: UserId,
    loan_id: UUID,
    evidence: list[Charge | Valuation | Insurance],
) -> Loan:
    """Record what was shown. With all three there, a funded loan meets its conditions at once.

    A valuation that differs from the application's replaces it, and the risk service is asked again. Raises
    LoanNotFound, WrongStatus, ConditionsEmpty and the refusals of ``check_evidence``; nothing has changed then.
    """
    if not evidence:
        raise errors.ConditionsEmpty()
    loan = await lock(connection, loan_id)
    await bar_interested(connection, administrator, loan)
    if loan.status not in _EVIDENCE_STATUSES:
        raise errors.WrongStatus(status=loan.status.value)
    today, now = await business_date(connection), await business_now(connection)
    for piece in evidence:
        check_evidence(loan.application, piece, today)
    recorded = []
    for piece in evidence:
        recorded.append(await store.insert_condition(connection, loan_id, piece, administrator, now))
        if isinstance(piece, Valuation) and piece.amount_minor != loan.application.property.valuation_minor:
            await adopt_valuation(connection, loan_id, piece)
    shown = {type(piece).__name__.lower() for piece in evidence}
    await store.set_conditions(connection, loan_id, loan.conditions | shown)
    await store.increment_version(connection, loan_id)
    after = await get(connection, loan_id)
    actor = Actor(ActorKind.ADMINISTRATOR, administrator)
    await record_event(
        connection,
        CONDITION_RECORDED,
        after,
        actor,
        action="loan.record_conditions",
        data={"conditions": sorted(shown), "evidence": recorded},
    )
    if after.terms_version != loan.terms_version:
        await record_event(connection, REASSESSMENT_REQUESTED, after, actor, action="loan.revalue", data=valued(after))
    if after.status is Status.FUNDED and after.conditions == CONDITIONS:
        return await transition(connection, loan_id, TransitionName.MEET_CONDITIONS, actor, locked=after)
    return after
