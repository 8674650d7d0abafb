"""Switching the leading model at run time: one instance takes a promotion from the queue, all are notified."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import structlog

from halfpenny_messages import MessageError, ModelPromoted, Promotion, PromotionRestated, UnknownMessage, decode_payload
from halfpenny_risk.artefacts import ArtefactFolder
from halfpenny_risk.errors import RiskError
from halfpenny_risk.models import with_lead
from halfpenny_risk.promotion import KeptPromotion, PromotionsKept, check_judged, lead_of
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
        """Apply what came by the queue; returns the notice to the other instances.

        Raises ``MessageError`` or ``RiskError`` with a stable code, and nothing has changed.
        """
        payload = decode_payload(request.name, request.version, request.payload)
        if not isinstance(payload, ModelPromoted | PromotionRestated):
            raise UnknownMessage(f"{request.name} promotes nothing")
        notice = KeptPromotion(request.id, payload.signed)
        await self._apply(notice, restated=isinstance(payload, PromotionRestated))
        return msgspec.json.encode(notice).decode()

    async def receive(self, notice: str) -> None:
        """Apply what another instance took, after verifying it as well; what cannot be applied is logged."""
        try:
            await self._apply(msgspec.json.decode(notice, type=KeptPromotion), restated=True)
        except (msgspec.MsgspecError, MessageError, RiskError) as error:
            log.warning("notice_not_applied", error=f"{type(error).__name__}: {error}")

    async def _apply(self, notice: KeptPromotion, *, restated: bool) -> None:
        async with self._lock:
            promotion = await asyncio.to_thread(self._kept.admit, notice.event_id, notice.signed, restated=restated)
            # The file may be another instance's too: what matters is whether this one answers by it.
            if promotion.number > self.number:
                await self._switch(promotion, notice)

    async def _switch(self, promotion: Promotion, notice: KeptPromotion) -> None:
        artefacts = await asyncio.to_thread(ArtefactFolder.open, self._folder)
        lead = lead_of(promotion, artefacts)
        check_judged(promotion, artefacts)
        models = await asyncio.to_thread(with_lead, self._assessor.models, artefacts, lead)
        await asyncio.to_thread(self._kept.keep, notice.event_id, notice.signed, promotion.number)
        self._assessor.switch(models)
        self.number = promotion.number
        self._assessor.metrics.promotion.set(promotion.number)
        log.info("model_promoted", number=promotion.number, champion=lead.champion, challenger=lead.challenger)
