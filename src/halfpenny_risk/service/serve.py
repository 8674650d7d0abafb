"""Start the service: load the models, consume the queue, open the port, and stop cleanly on a signal."""

from __future__ import annotations

import asyncio
import signal
from contextlib import AsyncExitStack
from typing import Protocol

import structlog

from halfpenny_risk.artefacts import DEFAULT_FOLDER
from halfpenny_risk.models import load_models
from halfpenny_risk.narrative import Cache, LanguageModelNarrator, MongoCache, NoCache, TemplateNarrator
from halfpenny_risk.policy import load_policies
from halfpenny_risk.promotion import models_in_force, promotions_kept
from halfpenny_risk.service.assessor import Assessor, Narrator
from halfpenny_risk.service.http import make_app
from halfpenny_risk.service.listener import HttpListener
from halfpenny_risk.service.metrics import Metrics
from halfpenny_risk.service.promoting import Promoting
from halfpenny_risk.settings import Settings

log = structlog.get_logger("halfpenny_risk")


class Consumer(Protocol):
    """Either transport."""

    connected: bool

    async def probe(self) -> None: ...
    async def run(self, stop: asyncio.Event) -> None: ...


def make_service(settings: Settings, narrator: Narrator) -> tuple[Assessor, Promoting | None]:
    """The models and the policy that the settings name, and the champion of the promotion in force.

    Raises ``RiskError`` when one cannot be used. Without a key, and with the scorecard alone, no promotion is taken.
    """
    folder = settings.artefacts or DEFAULT_FOLDER
    kept = None
    if settings.model == "champion":
        kept = promotions_kept(settings)
    elif settings.promotion_file.exists():
        log.warning("promotion_not_in_force", kept_in=str(settings.promotion_file), because="HALFPENNY_RISK_MODEL")
    number, pair = models_in_force(kept, folder)
    models = load_models(settings.model, folder, pair)
    assessor = Assessor(models, load_policies(settings.policy, settings.units_per_eur), narrator, Metrics(), folder)
    return assessor, Promoting(assessor, kept, folder, number) if kept else None


async def make_narrator(settings: Settings, stack: AsyncExitStack) -> Narrator:
    """The language model's prose where an endpoint is set, else the template's."""
    if settings.narrative is None:
        return TemplateNarrator()
    import httpx2

    cache: Cache = NoCache()
    if settings.mongo_url:
        documents = MongoCache.connect(settings.mongo_url, settings.mongo_database)
        stack.push_async_callback(documents.close)
        cache = documents
    client = await stack.enter_async_context(httpx2.AsyncClient(follow_redirects=False))
    return LanguageModelNarrator(settings.narrative, cache, client)


def make_consumer(settings: Settings, assessor: Assessor, promoting: Promoting | None) -> Consumer | None:
    """RabbitMQ when there is one, else the queue in PostgreSQL, else none."""
    if settings.amqp_url:
        from halfpenny_risk.service.rabbit import RabbitConsumer

        return RabbitConsumer(settings.amqp_url, assessor, settings.inbox, settings.concurrency, promoting)
    if settings.database_url:
        from halfpenny_risk.service.postgres import PostgresConsumer

        return PostgresConsumer(settings.database_url, assessor, settings.concurrency, promoting)
    return None


async def serve(settings: Settings, stop: asyncio.Event | None = None) -> None:
    """Run until SIGTERM, SIGINT or ``stop``; what is being answered is finished first."""
    stop = stop or asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        assessor, promoting = make_service(settings, await make_narrator(settings, stack))
        consumer = make_consumer(settings, assessor, promoting)
        if consumer is not None:
            # A queue that goes away later is waited for; one that was never there is a mistake in the settings.
            await consumer.probe()

        def waiting_for() -> str | None:
            return None if consumer is None or consumer.connected else "the queue is not connected"

        listener = HttpListener(make_app(assessor, waiting_for), settings.host, settings.port)
        port = await listener.open()
        stack.push_async_callback(listener.close)
        log.info("risk_service_started", port=port, model=assessor.models.version)
        await (consumer.run(stop) if consumer else stop.wait())
    log.info("risk_service_stopped")
