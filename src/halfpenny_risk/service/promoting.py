"""Switching to a promoted model at run time: one instance takes a promotion from the queue, all are notified."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import msgspec
import structlog

from halfpenny_messages import (
    ModelPromoted,
    Promotion,
    PromotionAsked,
    PromotionRestated,
    UnknownMessage,
    decode_payload,
)
from halfpenny_risk.artefacts import ArtefactFolder
from halfpenny_risk.errors import PromotionStale, RiskError
from halfpenny_risk.models import with_borrower_models
from halfpenny_risk.promotion import KeptPromotion, PromotionsKept, check_judged, promoted_models
from halfpenny_risk.service.assessor import AssessmentRequest, Assessor

log = structlog.get_logger("halfpenny_risk.promoting")

# How long an instance may answer by an older model than was promoted. Each question is an event that is kept.
ASK_AGAIN_S = 300.0

Ask = Callable[[PromotionAsked], Awaitable[None]]


class Promoting:
    """Applies promotions to one instance. ``number`` is that of the promotion it answers by; 0 before the first."""

    def __init__(
        self, assessor: Assessor, kept: PromotionsKept, folder: Path, number: int, ask_again_s: float = ASK_AGAIN_S
    ) -> None:
        self._assessor = assessor
        self._kept = kept
        self._folder = folder
        self._ask_again_s = ask_again_s
        self._lock = asyncio.Lock()
        self._ask_now = asyncio.Event()
        self._failed = False
        self.number = number
        assessor.metrics.promotion.set(number)

    async def take(self, request: AssessmentRequest) -> str:
        """Apply what came by the queue; returns the notice to the other instances.

        Raises ``MessageError`` or ``RiskError`` with a stable code, and nothing has changed.
        """
        payload = decode_payload(request.name, request.version, request.payload)
        if not isinstance(payload, ModelPromoted | PromotionRestated):
            raise UnknownMessage(f"{request.name} promotes nothing")
        notice = KeptPromotion(request.id, payload.signed)
        restated = isinstance(payload, PromotionRestated)
        try:
            await self._apply(notice, restated=restated)
        except RiskError as error:
            if not restated:
                raise
            # It may be of use to the instance that asked. What it cannot be applied for here (no model yet, a later
            # promotion, another key) is asked for again: a dead letter each time would be noise.
            log.warning("restated_not_applied", error=f"{type(error).__name__}: {error}")
        return msgspec.json.encode(notice).decode()

    async def receive(self, notice: str) -> None:
        """Apply what another instance took, after verifying it as well.

        What cannot be applied is logged, and asked for again: at once after the first that failed, then on the timer.
        """
        try:
            await self._apply(msgspec.json.decode(notice, type=KeptPromotion), restated=True)
            self._failed = False
        except PromotionStale as error:
            log.info("notice_overtaken", error=str(error))
        except Exception as error:  # a full disk, or a defect of ours: the next notice is received all the same
            log.warning("notice_not_applied", error=f"{type(error).__name__}: {error}")
            if not self._failed:
                self._failed = True
                self._ask_now.set()

    async def ask(self, send: Ask) -> None:
        """Ask the platform which promotion is in force, now and again, until cancelled.

        A question, its answer or a notice may be lost, and nothing else brings this instance up to date.
        """
        while True:
            self._ask_now.clear()
            try:
                await send(PromotionAsked(number=self.number))
            except Exception as error:  # the queue may be away: applications are answered all the same
                log.warning("promotion_not_asked", error=f"{type(error).__name__}: {error}")
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ask_now.wait(), self._ask_again_s)

    async def _apply(self, notice: KeptPromotion, *, restated: bool) -> None:
        async with self._lock:
            promotion = await asyncio.to_thread(self._kept.admit, notice.event_id, notice.signed, restated=restated)
            # The file may be another instance's too: what matters is whether this one answers by it.
            if promotion.number > self.number:
                await self._switch(promotion, notice)

    async def _switch(self, promotion: Promotion, notice: KeptPromotion) -> None:
        artefacts = await asyncio.to_thread(ArtefactFolder.open, self._folder)
        pair = promoted_models(promotion, artefacts)
        check_judged(promotion, artefacts)
        models = await asyncio.to_thread(with_borrower_models, self._assessor.models, artefacts, pair)
        await asyncio.to_thread(self._kept.keep, notice.event_id, notice.signed, promotion.number)
        self._assessor.switch(models)
        self.number = promotion.number
        self._assessor.metrics.promotion.set(promotion.number)
        log.info("model_promoted", number=promotion.number, champion=pair.champion, challenger=pair.challenger)
