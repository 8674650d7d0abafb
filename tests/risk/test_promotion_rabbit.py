"""Promotions over RabbitMQ: all instances follow; what is forged, repeated or old is a dead letter under its code."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import aio_pika
import pytest
from aio_pika.abc import AbstractChannel

from halfpenny.platform.database import Database
from halfpenny.platform.queue import rabbit_dead_letters
from halfpenny.platform.queue.broker import Broker
from halfpenny_messages import (
    EVENTS_EXCHANGE,
    MODEL_PROMOTED,
    PROMOTION_ASKED,
    RISK_PROMOTIONS_EVENTS,
    RISK_PROMOTIONS_QUEUE,
    ModelPromoted,
    PromotionAsked,
    dead_letter_queue,
    decode,
    encode,
)
from halfpenny_risk.models import load_models
from halfpenny_risk.narrative import TemplateNarrator
from halfpenny_risk.policy import load_policies
from halfpenny_risk.service.assessor import Assessor
from halfpenny_risk.service.metrics import Metrics
from halfpenny_risk.service.promoting import Promoting
from halfpenny_risk.service.rabbit import RabbitConsumer, declare
from support.promotions import NEXT, PATIENCE_S, THIRD, kept_in, models_folder, promotion, promotion_key, until

NOW = datetime(2026, 11, 26, 9, tzinfo=UTC)


@pytest.fixture
async def channel(broker_url: str) -> AsyncIterator[AbstractChannel]:
    connection = await aio_pika.connect(broker_url)
    async with connection:
        channel = await connection.channel()
        queue = await declare(channel, RISK_PROMOTIONS_QUEUE, RISK_PROMOTIONS_EVENTS)
        await queue.purge()
        await (await channel.get_queue(dead_letter_queue(RISK_PROMOTIONS_QUEUE))).purge()
        yield channel


async def test_a_question_that_nobody_could_take_is_asked_again(
    channel: AbstractChannel, broker_url: str, tmp_path: Path
) -> None:
    """As when the platform's worker has not yet declared its queue."""
    folder = models_folder(tmp_path / "models")
    assessor = Assessor(load_models("champion", folder), load_policies(), TemplateNarrator(), Metrics(), folder)
    promoting = Promoting(assessor, kept_in(tmp_path, promotion_key(tmp_path)), folder, 0, ask_again_s=0.05)
    consumer = RabbitConsumer(broker_url, assessor, tmp_path / "inbox.sqlite", 1, promoting)
    stop = asyncio.Event()
    task = asyncio.create_task(consumer.run(stop))
    try:
        await until(lambda: consumer.connected)
        await asyncio.sleep(0.5)
        late = await channel.declare_queue(exclusive=True)
        await late.bind(EVENTS_EXCHANGE, routing_key=PROMOTION_ASKED)
        async with asyncio.timeout(PATIENCE_S):
            while True:
                if (question := await late.get(no_ack=True, fail=False)) is not None:
                    break
                await asyncio.sleep(0.02)
        assert decode(question.body).payload == PromotionAsked(number=0)
    finally:
        stop.set()
        await asyncio.wait_for(task, PATIENCE_S)


async def test_row_16_every_instance_follows_and_what_is_refused_is_named(
    channel: AbstractChannel, broker_url: str, database: Database, tmp_path: Path
) -> None:
    key, another_key = promotion_key(tmp_path), promotion_key(tmp_path / "another")
    folder = models_folder(tmp_path / "models")
    exchange = await channel.get_exchange(EVENTS_EXCHANGE)

    @asynccontextmanager
    async def instance(name: str) -> AsyncIterator[Assessor]:
        assessor = Assessor(load_models("champion", folder), load_policies(), TemplateNarrator(), Metrics(), folder)
        promoting = Promoting(assessor, kept_in(tmp_path, key, f"{name}.json"), folder, 0)
        consumer = RabbitConsumer(broker_url, assessor, tmp_path / f"{name}.sqlite", 1, promoting)
        stop = asyncio.Event()
        task = asyncio.create_task(consumer.run(stop))
        try:
            await until(lambda: consumer.connected)
            yield assessor
        finally:
            stop.set()
            await asyncio.wait_for(task, PATIENCE_S)

    async def send(signed: str, event_id: UUID | None = None) -> UUID:
        event_id = event_id or uuid4()
        body = encode(ModelPromoted(signed=signed), id=event_id, recorded_at=NOW)
        await exchange.publish(aio_pika.Message(body), routing_key=MODEL_PROMOTED)
        return event_id

    def champion(assessor: Assessor) -> str:
        return assessor.models.borrower.version.partition("-")[0]

    first, second = key.sign(promotion(folder, 1, NEXT)), key.sign(promotion(folder, 2, THIRD, NEXT))
    async with instance("one") as one, instance("two") as two:
        await send(first)
        await until(lambda: (champion(one), champion(two)) == ("next", "next"))
        event_id = await send(second)
        await until(lambda: (champion(one), champion(two)) == ("third", "third"))
        refused = {
            await send(another_key.sign(promotion(folder, 3, NEXT))): "promotion_forged",
            await send(second): "promotion_replayed",
            await send(first): "promotion_stale",
        }
        # Delivered twice, as any event may be: nothing happens, and nobody is notified.
        await send(second, event_id)
        broker = Broker(broker_url)
        async with asyncio.timeout(PATIENCE_S):
            while True:
                found = await rabbit_dead_letters.read(database, broker, RISK_PROMOTIONS_QUEUE)
                if len(found) >= len(refused):
                    break
                await asyncio.sleep(0.05)
        await broker.close()
        assert {letter.id: letter.reason for letter in found} == refused
        assert all(letter.error and letter.died_at is not None for letter in found)
        assert (champion(one), champion(two)) == ("third", "third")
