"""The act of promoting a model: it always takes two people, and ends in a signed event for the risk service."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

import msgspec

from halfpenny.approvals import Act, ActRun, ObjectState
from halfpenny.identity import Permission
from halfpenny.platform import outbox
from halfpenny.platform.clock import business_now
from halfpenny.platform.database import Connection
from halfpenny.platform.outbox import OutboxEvent
from halfpenny.primitives.ids import UserId
from halfpenny.risk_reporting.promotions import store
from halfpenny.risk_reporting.promotions.model import (
    BORROWER_MODEL_ID,
    ModelPromotion,
    ProposedPromotion,
    check_proposal,
    facts,
)
from halfpenny.risk_reporting.promotions.signing import PromotionKey
from halfpenny_messages import MODEL_PROMOTED, ModelPromoted, Promotion, to_builtins

PROMOTE = "risk.promote_model"


def promotion_acts(key: PromotionKey) -> Iterable[Act[Any]]:
    """``key`` signs what was approved; without one nothing can be proposed."""

    async def check(connection: Connection, run: ActRun[ProposedPromotion]) -> None:
        key.load()
        check_proposal(run.payload, await store.in_force(connection))

    async def promote(connection: Connection, run: ActRun[ProposedPromotion]) -> dict[str, Any]:
        promotion = await _promote(connection, key, run)
        return {
            "number": promotion.number,
            "champion": promotion.champion_file,
            "challenger": promotion.challenger_file,
            "promoted_at": promotion.promoted_at.isoformat(),
        }

    return (
        Act(
            name=PROMOTE,
            subject="risk_model",
            payload=ProposedPromotion,
            proposed_with=Permission.MODELS_PROPOSE,
            approved_with=Permission.MODELS_APPROVE,
            read=_read,
            bar=_bar_nobody,
            check=check,
            run=promote,
        ),
    )


async def _promote(connection: Connection, key: PromotionKey, run: ActRun[ProposedPromotion]) -> ModelPromotion:
    """Keep the next promotion and write its event, in the transaction of the decision."""
    before = await store.in_force(connection)
    proposed, approved_by = run.payload, run.approved_by
    if approved_by is None:
        raise TypeError("a promotion takes two people")
    content = Promotion(
        number=(before.number if before else 0) + 1,
        champion=proposed.champion,
        challenger=proposed.challenger,
        judgement=proposed.judgement,
        promoted_at=await business_now(connection),
    )
    promotion = ModelPromotion(
        number=content.number,
        champion_file=proposed.champion.file,
        champion_sha256=proposed.champion.sha256,
        challenger_file=proposed.challenger.file,
        challenger_sha256=proposed.challenger.sha256,
        judgement=msgspec.to_builtins(proposed.judgement),
        proposed_by=run.proposed_by,
        approved_by=approved_by,
        promoted_at=content.promoted_at,
        signed=key.sign(content),
    )
    await store.insert(connection, promotion)
    payload = to_builtins(ModelPromoted(signed=promotion.signed))
    await outbox.append_many(connection, [OutboxEvent(MODEL_PROMOTED, 1, BORROWER_MODEL_ID, payload)])
    return promotion


async def _read(connection: Connection, _: UUID, proposed: ProposedPromotion, lock: bool) -> ObjectState:
    """A proposal goes stale when another model is promoted."""
    if lock:
        await store.lock(connection)
    in_force = await store.in_force(connection)
    return ObjectState(str(in_force.number if in_force else 0), facts(proposed, in_force))


async def _bar_nobody(_: Connection, __: UserId, ___: UUID, ____: ProposedPromotion) -> None:
    """A model is nobody's own; who judged it may propose it, and another approves it."""
