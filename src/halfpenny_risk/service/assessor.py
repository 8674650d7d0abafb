"""From a request to its answer: decode, assess; and to prose about it, later. Both transports and the HTTP port use
this one path."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID, uuid4, uuid5

import msgspec

from halfpenny_messages import (
    LoanAssessed,
    LoanSubmitted,
    MethodPublished,
    Narrative,
    NarrativeWritten,
    ReassessmentRequested,
    UnknownMessage,
    decode_payload,
)
from halfpenny_risk.artefacts import DEFAULT_FOLDER
from halfpenny_risk.assess import ModelSet, assess
from halfpenny_risk.method import published_method
from halfpenny_risk.narrative import facts_of, from_template
from halfpenny_risk.policy import PolicyVersions
from halfpenny_risk.service.metrics import Metrics

MAX_ATTEMPTS = 5
# The namespace of answers: a request has one answer, and so one id, from each version of the models.
_ANSWERS = UUID("5f0c7d5e-6c1a-5b0e-9a3d-7a1b2c3d4e5f")


class Narrator(Protocol):
    """Writes the prose; it never fails and never changes a figure. ``writes_prose`` says whether it takes its time."""

    writes_prose: bool

    async def narrate(self, loan: LoanSubmitted, assessed: LoanAssessed) -> Narrative: ...


@dataclass(frozen=True)
class AssessmentRequest:
    """One event that asks for an assessment; ``payload`` is JSON-like builtins."""

    id: UUID
    name: str
    version: int
    payload: Any


@dataclass(frozen=True)
class Answer:
    """One ``loan.assessed``, the id of its event, and the application that it answers."""

    id: UUID
    assessed: LoanAssessed
    loan: LoanSubmitted


@dataclass(frozen=True)
class Completion:
    """One ``loan.narrative_written`` and the id of its event."""

    id: UUID
    written: NarrativeWritten


@dataclass(frozen=True)
class Publication:
    """One ``risk.method_published`` and the id of its event: a new one each time, as an earlier one may return."""

    id: UUID
    method: MethodPublished


class Assessor:
    """The models, the policy and the narrator behind one method."""

    def __init__(
        self,
        models: ModelSet,
        policies: PolicyVersions,
        narrator: Narrator,
        metrics: Metrics,
        folder: Path = DEFAULT_FOLDER,
    ) -> None:
        """``folder`` holds the models' evaluation, which the published method quotes."""
        self._folder = folder
        self.models = models
        self.policies = policies
        self.metrics = metrics
        self._narrator = narrator
        self.models_changed = asyncio.Event()

    def switch(self, models: ModelSet) -> None:
        """Answer with other models from the next application on; the method is published anew."""
        self.models = models
        self.models_changed.set()

    async def answer(self, request: AssessmentRequest) -> Answer:
        """Assess the loan in ``request``; raises ``MessageError`` or ``RiskError`` with a stable code."""
        payload = decode_payload(request.name, request.version, request.payload)
        match payload:
            case LoanSubmitted():
                loan = payload
            case ReassessmentRequested():
                loan = payload.loan
            case _:
                raise UnknownMessage(f"{request.name} asks for nothing")
        assessed = self.assess(request.id, loan)
        return Answer(uuid5(_ANSWERS, f"{request.id}:{assessed.model_version}"), assessed, loan)

    def assess(self, request_id: UUID, loan: LoanSubmitted) -> LoanAssessed:
        """Assess one loan, with the template's prose: an assessment never waits for a language model."""
        started = time.perf_counter()
        assessed = assess(request_id, loan, self.models, self.policies)
        self.metrics.observe(assessed, time.perf_counter() - started)
        narrative = from_template(facts_of(loan, assessed))
        self.metrics.narratives.labels(narrative.written_by).inc()
        return msgspec.structs.replace(assessed, narrative=narrative)

    def method_version(self, today: date) -> tuple[str, str]:
        """The models and the policy that answer on this day: the method is published when one of them changes."""
        return self.models.version, self.policies.on(today).version

    def method(self, today: date) -> Publication:
        """What is published at the start and after each change; it takes a second or two of arithmetic."""
        published = published_method(self.models, self.policies, self._folder, today)
        return Publication(uuid4(), published)

    @property
    def completes(self) -> bool:
        """Whether prose is written after an answer was sent."""
        return self._narrator.writes_prose

    async def complete(self, answer: Answer) -> Completion | None:
        """The language model's prose for an answer; None where it wrote none that can be used."""
        narrative = await self._narrator.narrate(answer.loan, answer.assessed)
        if narrative.written_by != "ai":
            return None
        self.metrics.narratives.labels(narrative.written_by).inc()
        assessed = answer.assessed
        return Completion(
            uuid5(answer.id, "narrative"),
            NarrativeWritten(
                loan_id=assessed.loan_id,
                request_id=assessed.request_id,
                loan_version=assessed.loan_version,
                model_version=assessed.model_version,
                narrative=narrative,
            ),
        )
