"""Switching the leading model while the service runs: one instance takes a promotion from the queue, all hear of it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import structlog

from halfpenny_messages import MessageError, ModelPromoted, Promotion, PromotionRestated, UnknownMessage, decode_payload
from halfpenny_risk.artefacts import ArtefactFolder
from halfpenny_risk.errors import RiskError
from halfpenny_risk.models import with_lead
from halfpenny_risk.promotion import KeptPromotion, PromotionsKept, lead_of
from halfpenny_risk.service.assessor import Assessor, Request

log = structlog.get_logger("halfpenny_risk.promoting")


class Promoting:
    """Applies promotions to one instance. ``number`` is that of the promotion it answers by; 0 before the first."""

    def __init__(self, assessor: Assessor, kept: PromotionsKept, folder: Path, number: int) -> None:
        self._assessor = assessor
        self._kept = kept
        self._folder = folder
        self._lock = asyncio.Lock()
        self.number = number
        assessor.metrics.promotion.set(number)

    async def take(self, request: Request) -> str:
        """Apply what came by the queue; returns what the other instances are told.

        Raises ``MessageError`` or ``RiskError`` with a stable code, and nothing has changed.
        """
        payload = decode_payload(request.name, request.version, request.payload)
        if not isinstance(payload, ModelPromoted | PromotionRestated):
            raise UnknownMessage(f"{request.name} promotes nothing")
        told = KeptPromotion(request.id, payload.signed)
        await self._apply(told, restated=isinstance(payload, PromotionRestated))
        return msgspec.json.encode(told).decode()

    async def hear(self, told: str) -> None:
        """Apply what another instance took, after verifying it as well; what cannot be applied is logged."""
        try:
            await self._apply(msgspec.json.decode(told, type=KeptPromotion), restated=True)
        except (msgspec.MsgspecError, MessageError, RiskError) as error:
            log.warning("promotion_not_heard", error=f"{type(error).__name__}: {error}")

    async def _apply(self, told: KeptPromotion, *, restated: bool) -> None:
        async with self._lock:
            promotion = await asyncio.to_thread(self._kept.admit, told.event_id, told.signed, restated=restated)
            # The file may be another instance's too: what matters is whether this one answers by it.
            if promotion.number > self.number:
                await self._switch(promotion, told)

    async def _switch(self, promotion: Promotion, told: KeptPromotion) -> None:
        artefacts = await asyncio.to_thread(ArtefactFolder.open, self._folder)
        lead = lead_of(promotion, artefacts)
        models = await asyncio.to_thread(with_lead, self._assessor.models, artefacts, lead)
        await asyncio.to_thread(self._kept.keep, told.event_id, told.signed, promotion.number)
        self._assessor.switch(models)
        self.number = promotion.number
        self._assessor.metrics.promotion.set(promotion.number)
        log.info("model_promoted", number=promotion.number, champion=lead.champion, challenger=lead.challenger)
