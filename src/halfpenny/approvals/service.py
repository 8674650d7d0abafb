"""Perform an act, or propose it where a second person is due; approve, refuse, withdraw and expire proposals.

The order of locks is the approval, its object, then accounts, everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from halfpenny import identity
from halfpenny.approvals import errors, events, store
from halfpenny.approvals.model import (
    Act,
    ActOutcome,
    ActRun,
    Acts,
    Approval,
    ApprovalFilter,
    ApprovalStatus,
    ObjectState,
    Standing,
    changes_since,
    check_decider,
    check_open,
    check_wait,
)
from halfpenny.platform import audit, outbox
from halfpenny.platform.clock import business_now
from halfpenny.platform.database import Connection, Database
from halfpenny.primitives.ids import UserId, uuid7

_EXPIRY_BATCH_SIZE = 200


async def perform(
    connection: Connection,
    acts: Acts,
    name: str,
    principal: identity.Principal,
    object_id: UUID,
    payload: Any,
    reason: str,
) -> ActOutcome:
    """Do a registered act, or keep it as a proposal where its rule asks for a second person.

    Both after the same checks, so that nothing is proposed that could not be done. Raises WrongRole, the act's own
    NotFound, its conflict of interest and its refusals; nothing has changed then.
    """
    act = acts[name]
    if not isinstance(payload, act.payload):
        raise TypeError(f"{name} takes {act.payload.__name__}, not {type(payload).__name__}")
    principal.require_permission(act.proposed_with)
    state = await act.read(connection, object_id, payload, True)
    await act.bar(connection, principal.user_id, object_id, payload)
    run: ActRun[Any] = ActRun(object_id, payload, state, principal.user_id, None, reason)
    await act.check(connection, run)
    if act.rule.needs_second(state.worth_eur_minor):
        return ActOutcome(approval=await _propose(connection, acts, act, run))
    result = await act.run(connection, run)
    await _record(connection, principal.user_id, "act.performed", act.subject, object_id, act.name, run)
    return ActOutcome(result=result)


async def _propose(connection: Connection, acts: Acts, act: Act[Any], run: ActRun[Any]) -> Approval:
    now = await business_now(connection)
    approval = Approval(
        id=uuid7(),
        act=act.name,
        subject=act.subject,
        object_id=run.object_id,
        object_version=run.state.version,
        facts=run.state.facts,
        payload=msgspec.to_builtins(run.payload),
        worth_eur_minor=run.state.worth_eur_minor,
        reason=run.reason,
        status=ApprovalStatus.PENDING,
        proposed_by=run.proposed_by,
        proposed_at=now,
        earliest_at=now + act.wait,
        expires_at=now + acts.expires_after,
    )
    await store.insert(connection, approval)
    await outbox.append_many(connection, [events.event(approval)])
    data = {"approval_id": str(approval.id)}
    await _record(connection, run.proposed_by, events.PROPOSED, act.subject, run.object_id, act.name, run, data)
    return approval


async def approve(
    connection: Connection, acts: Acts, principal: identity.Principal, approval_id: UUID, reason: str | None = None
) -> Approval:
    """Do what was proposed, in this transaction and exactly once; returns the approval with the act's result.

    The same person asking again gets the same answer. Raises ApprovalNotFound, WrongRole, FourEyes, ApprovalDecided,
    ApprovalExpired, ApprovalTooEarly, ProposerBarred, ApprovalStale with what changed, and the act's own refusals.
    """
    approval = await _lock(connection, approval_id)
    act = _known(acts, approval)
    principal.require_permission(act.approved_with)
    if approval.status is ApprovalStatus.APPROVED and approval.decided_by == principal.user_id:
        return approval
    now = await business_now(connection)
    await _check_decider(connection, approval, principal.user_id, now)
    check_wait(approval, now)
    payload = act.decode(approval.payload)
    if not await identity.is_active_holder(connection, approval.proposed_by, act.proposed_with):
        raise errors.ProposerBarred()
    state = await act.read(connection, approval.object_id, payload, True)
    for person in (principal.user_id, approval.proposed_by):
        await act.bar(connection, person, approval.object_id, payload)
    _check_version(approval, state)
    run: ActRun[Any] = ActRun(
        approval.object_id, payload, state, approval.proposed_by, principal.user_id, approval.reason
    )
    await act.check(connection, run)
    result = await act.run(connection, run)
    return await _decide(connection, approval, ApprovalStatus.APPROVED, principal.user_id, now, reason, result)


async def refuse(
    connection: Connection, acts: Acts, principal: identity.Principal, approval_id: UUID, reason: str
) -> Approval:
    """End a proposal without doing it. Raises as ``approve`` does, but never for what changed since."""
    approval = await _lock(connection, approval_id)
    act = _known(acts, approval)
    principal.require_permission(act.approved_with)
    now = await business_now(connection)
    await _check_decider(connection, approval, principal.user_id, now)
    await act.bar(connection, principal.user_id, approval.object_id, act.decode(approval.payload))
    return await _decide(connection, approval, ApprovalStatus.REFUSED, principal.user_id, now, reason)


async def withdraw(connection: Connection, principal: identity.Principal, approval_id: UUID) -> Approval:
    """Withdraw one's own proposal. Raises ApprovalNotFound, ApprovalDecided, ApprovalExpired; another's: FourEyes."""
    approval = await _lock(connection, approval_id)
    if approval.proposed_by != principal.user_id:
        raise errors.FourEyes("Only whoever proposed this takes it back; others refuse it.")
    now = await business_now(connection)
    check_open(approval, now)
    return await _decide(connection, approval, ApprovalStatus.WITHDRAWN, principal.user_id, now, None)


async def expire_due(database: Database) -> int:
    """A worker's job: end proposals that nobody decided in time; returns how many."""
    total = 0
    while True:
        async with database.unit_of_work() as connection:
            ended = await store.expire(connection, _EXPIRY_BATCH_SIZE)
            await outbox.append_many(connection, [events.event(approval) for approval in ended])
            for approval in ended:
                await _record_end(connection, None, approval)
        total += len(ended)
        if len(ended) < _EXPIRY_BATCH_SIZE:
            return total


async def get(connection: Connection, acts: Acts, approval_id: UUID) -> Standing:
    """One approval beside its object as it is now. Raises ApprovalNotFound."""
    approval = await store.find(connection, approval_id)
    if approval is None:
        raise errors.ApprovalNotFound()
    act = acts.get(approval.act)
    if act is None or approval.status is not ApprovalStatus.PENDING:
        return Standing(approval, stale=False)
    state = await act.read(connection, approval.object_id, act.decode(approval.payload), False)
    return Standing(
        approval, state.version != approval.object_version, tuple(changes_since(approval.facts, state.facts))
    )


async def page_of(connection: Connection, wanted: ApprovalFilter, before: UUID | None, limit: int) -> list[Approval]:
    """Approvals, newest first."""
    return await store.page_of(connection, wanted, before, limit)


async def pending(connection: Connection, limit: int) -> list[Approval]:
    """What waits for a second person, newest first."""
    return await store.page_of(connection, ApprovalFilter(ApprovalStatus.PENDING), None, limit)


async def history_of(
    connection: Connection, act: str, object_id: UUID, before: UUID | None, limit: int
) -> list[Approval]:
    """What was ever proposed of one act about one object, newest first, older than ``before``."""
    return await store.page_of(connection, ApprovalFilter(act=act, object_id=object_id), before, limit)


async def pending_on(connection: Connection, object_ids: Sequence[UUID], act: str | None = None) -> list[Approval]:
    """What waits for a second person about these objects, oldest first: features show it with the object."""
    return await store.pending_on(connection, list(object_ids), act)


async def _lock(connection: Connection, approval_id: UUID) -> Approval:
    approval = await store.lock(connection, approval_id)
    if approval is None:
        raise errors.ApprovalNotFound()
    return approval


def _known(acts: Acts, approval: Approval) -> Act[Any]:
    """An act that this release does not know can be decided by nobody; it expires."""
    act = acts.get(approval.act)
    if act is None:
        raise errors.ApprovalStale(act=approval.act)
    return act


async def _check_decider(connection: Connection, approval: Approval, user_id: UserId, now: datetime) -> None:
    related = approval.proposed_by in await identity.related_to(connection, user_id)
    check_decider(approval, user_id, related, now)


def _check_version(approval: Approval, state: ObjectState) -> None:
    if state.version != approval.object_version:
        raise errors.ApprovalStale(
            changes=[
                {"fact": change.fact, "proposed": change.proposed, "now": change.now}
                for change in changes_since(approval.facts, state.facts)
            ]
        )


async def _decide(
    connection: Connection,
    approval: Approval,
    status: ApprovalStatus,
    decided_by: UserId,
    now: datetime,
    reason: str | None,
    result: Mapping[str, Any] | None = None,
) -> Approval:
    await store.decide(connection, approval.id, status, decided_by, now, reason, result)
    decided = replace(
        approval, status=status, decided_by=decided_by, decided_at=now, decision_reason=reason, result=result
    )
    await outbox.append_many(connection, [events.event(decided)])
    await _record_end(connection, decided_by, decided)
    return decided


async def _record_end(connection: Connection, actor_id: UserId | None, approval: Approval) -> None:
    """The audit entry of a decision stands with the object, as that of the proposal does."""
    data = {
        "approval_id": str(approval.id),
        "act": approval.act,
        "proposed_by": str(approval.proposed_by),
        "payload": dict(approval.payload),
        **({"reason": approval.decision_reason} if approval.decision_reason else {}),
    }
    await audit.record(
        connection, actor_id, events.EVENT_OF[approval.status], approval.subject, approval.object_id, data
    )


async def _record(
    connection: Connection,
    actor_id: UserId,
    action: str,
    subject: str,
    object_id: UUID,
    act: str,
    run: ActRun[Any],
    more: Mapping[str, Any] | None = None,
) -> None:
    data = {
        "act": act,
        "payload": msgspec.to_builtins(run.payload),
        "version": run.state.version,
        "worth_eur_minor": run.state.worth_eur_minor,
        "reason": run.reason,
        **(more or {}),
    }
    await audit.record(connection, actor_id, action, subject, object_id, data)
