"""The method is published at the start and again when another model or another policy comes into force; not else."""

from __future__ import annotations

import asyncio
from datetime import date

import msgspec

from halfpenny_messages import MethodPublished
from halfpenny_risk.assess import ModelSet
from halfpenny_risk.models import load_models
from halfpenny_risk.narrative import TemplateNarrator
from halfpenny_risk.policy import PolicyVersions, load_policies
from halfpenny_risk.service.assessor import Assessor, Publication
from halfpenny_risk.service.metrics import Metrics
from halfpenny_risk.service.publishing import Publishing

PATIENCE_S = 60.0


class Platform:
    """Takes what is published; the first time it may be away."""

    def __init__(self, away: int = 0) -> None:
        self.methods: asyncio.Queue[MethodPublished] = asyncio.Queue()
        self._away = away

    async def send(self, publication: Publication) -> None:
        if self._away:
            self._away -= 1
            raise ConnectionError("the queue is away")
        self.methods.put_nowait(publication.method)

    async def next(self) -> tuple[str, str]:
        method = await asyncio.wait_for(self.methods.get(), PATIENCE_S)
        return method.model_version, method.policy_version


def two_policies() -> PolicyVersions:
    [policy] = load_policies().policies
    later = msgspec.structs.replace(policy, effective_from=date(2027, 1, 1), version="policy-next")
    return PolicyVersions((policy, later))


async def test_each_method_that_comes_into_force_is_published_once() -> None:
    models = load_models("scorecard")
    assessor = Assessor(models, two_policies(), TemplateNarrator(), Metrics())
    [first, _] = assessor.policies.policies
    days = [date(2026, 12, 31)]
    platform = Platform(away=1)
    task = asyncio.create_task(Publishing(assessor, lambda: days[-1], look_again_s=0.01).run(platform.send))
    assert await platform.next() == (models.version, first.version)
    # Nothing more, as long as nothing changes.
    await asyncio.sleep(0.1)
    assert platform.methods.empty()
    days.append(date(2027, 1, 1))
    assert await platform.next() == (models.version, "policy-next")
    other = ModelSet("other-1", models.borrower, models.markets, models.challenger, models.flags)
    assessor.switch(other)
    assert await platform.next() == ("other-1", "policy-next")
    task.cancel()


async def test_a_switch_is_published_without_waiting_for_the_next_look() -> None:
    models = load_models("scorecard")
    assessor = Assessor(models, load_policies(), TemplateNarrator(), Metrics())
    platform = Platform()
    task = asyncio.create_task(Publishing(assessor, look_again_s=10 * PATIENCE_S).run(platform.send))
    await platform.next()
    assessor.switch(ModelSet("other-2", models.borrower, flags=models.flags))
    assert (await platform.next())[0] == "other-2"
    task.cancel()
