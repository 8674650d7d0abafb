"""The service on RabbitMQ: the same promises as on PostgreSQL, with confirms, an inbox of its own and dead letters."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import aio_pika
import pytest
from aio_pika.abc import AbstractChannel

from halfpenny.platform.queue import RemoteQueue
from halfpenny.platform.queue import broker as queue_broker
from halfpenny_messages import (
    EVENTS_EXCHANGE,
    LOAN_ASSESSED,
    LOAN_NARRATIVE_WRITTEN,
    RISK_REQUESTS_EVENTS,
    RISK_REQUESTS_QUEUE,
    LoanAssessed,
    NarrativeWritten,
    ReassessmentRequested,
    dead_letter_queue,
    decode,
    encode,
)
from halfpenny_risk.models import load_models
from halfpenny_risk.narrative import TemplateNarrator
from halfpenny_risk.policy import load_policies
from halfpenny_risk.service.assessor import Answer, AssessmentRequest, Assessor
from halfpenny_risk.service.metrics import Metrics
from halfpenny_risk.service.rabbit import Inbox, RabbitConsumer, declare
from support.risk_applications import ORDINARY, changed
from support.risk_narrators import SlowNarrator

PATIENCE_S = 60.0
NOW = datetime(2026, 3, 1, tzinfo=UTC)


class Broker:
    """The platform's side: it publishes requests and reads answers and dead letters."""

    def __init__(self, channel: AbstractChannel, answers: aio_pika.abc.AbstractQueue) -> None:
        self.channel = channel
        self.answers = answers

    async def send(self, body: bytes, name: str = "loan.submitted") -> None:
        exchange = await self.channel.get_exchange(EVENTS_EXCHANGE)
        await exchange.publish(aio_pika.Message(body), routing_key=name)

    async def next_answer(self) -> tuple[UUID, LoanAssessed]:
        message = await _get(self.answers)
        envelope = decode(message)
        assert isinstance(envelope.payload, LoanAssessed)
        return envelope.id, envelope.payload

    async def next_dead(self) -> bytes:
        return await _get(await self.channel.get_queue(dead_letter_queue(RISK_REQUESTS_QUEUE)))

    async def waiting(self) -> int:
        queue = await self.channel.declare_queue(self.answers.name, passive=True)
        return queue.declaration_result.message_count or 0


async def _get(queue: aio_pika.abc.AbstractQueue) -> bytes:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            message = await queue.get(fail=False)
            if message is not None:
                await message.ack()
                return message.body
            await asyncio.sleep(0.02)


@pytest.fixture
async def platform(broker_url: str) -> AsyncIterator[Broker]:
    connection = await aio_pika.connect(broker_url)
    async with connection:
        channel = await connection.channel()
        queue = await declare(channel)
        await queue.purge()
        dead = await channel.get_queue(dead_letter_queue(RISK_REQUESTS_QUEUE))
        await dead.purge()
        answers = await channel.declare_queue(f"answers-{uuid4().hex}", auto_delete=True)
        await answers.bind(await channel.get_exchange(EVENTS_EXCHANGE), routing_key=LOAN_ASSESSED)
        yield Broker(channel, answers)


def make_assessor() -> Assessor:
    return Assessor(load_models("scorecard"), load_policies(), TemplateNarrator(), Metrics())


@asynccontextmanager
async def running(url: str, inbox: Path, assessor: Assessor | None = None) -> AsyncIterator[RabbitConsumer]:
    consumer = RabbitConsumer(url, assessor or make_assessor(), inbox, concurrency=2)
    stop = asyncio.Event()
    task = asyncio.create_task(consumer.run(stop))
    try:
        yield consumer
    finally:
        stop.set()
        await asyncio.wait_for(task, PATIENCE_S)


async def test_requests_are_answered_once(platform: Broker, broker_url: str, tmp_path: Path) -> None:
    first, second = uuid4(), uuid4()
    async with running(broker_url, tmp_path / "inbox.sqlite"):
        await platform.send(encode(ORDINARY, id=first, recorded_at=NOW))
        _, answer = await platform.next_answer()
        assert answer.request_id == first
        again = ReassessmentRequested(loan=changed(version=2), cause="valuation_changed")
        await platform.send(encode(again, id=second, recorded_at=NOW), "loan.reassessment_requested")
        _, answer = await platform.next_answer()
        assert (answer.request_id, answer.loan_version) == (second, 2)
        # The first one comes again, and a third behind it: only the third is answered.
        third = uuid4()
        await platform.send(encode(ORDINARY, id=first, recorded_at=NOW))
        await platform.send(encode(ORDINARY, id=third, recorded_at=NOW))
        _, answer = await platform.next_answer()
        assert answer.request_id == third
    assert await platform.waiting() == 0


async def test_row_12_answers_do_not_wait_for_prose_which_follows(
    platform: Broker, broker_url: str, tmp_path: Path
) -> None:
    narrator = SlowNarrator()
    exchange = await platform.channel.get_exchange(EVENTS_EXCHANGE)
    written = await platform.channel.declare_queue(f"written-{uuid4().hex}", auto_delete=True)
    await written.bind(exchange, routing_key=LOAN_NARRATIVE_WRITTEN)
    assessor = Assessor(load_models("scorecard"), load_policies(), narrator, Metrics())
    requests = [uuid4() for _ in range(4)]
    async with running(broker_url, tmp_path / "inbox.sqlite", assessor):
        for request in requests:
            await platform.send(encode(ORDINARY, id=request, recorded_at=NOW))
        answered = [(await platform.next_answer())[1] for _ in requests]
        assert {answer.request_id for answer in answered} == set(requests)
        assert all(answer.narrative and answer.narrative.written_by == "template" for answer in answered)
        narrator.may_go_on.set()
        found = [decode(await _get(written)).payload for _ in requests]
    assert {one.request_id for one in found if isinstance(one, NarrativeWritten)} == set(requests)


async def test_killed_before_its_inbox_it_gives_the_same_answer_under_the_same_id(
    platform: Broker, broker_url: str, tmp_path: Path
) -> None:
    request = uuid4()
    answers = []
    for life in range(2):
        # A fresh inbox is what a service has that was killed between the answer and the note of it.
        async with running(broker_url, tmp_path / f"inbox-{life}.sqlite"):
            await platform.send(encode(ORDINARY, id=request, recorded_at=NOW))
            answers.append(await platform.next_answer())
    assert answers[0] == answers[1]


async def test_what_cannot_be_assessed_is_a_dead_letter_and_the_queue_moves_on(
    platform: Broker, broker_url: str, tmp_path: Path
) -> None:
    wire = json.loads(encode(ORDINARY, id=uuid4(), recorded_at=NOW))
    bad = [
        b"not json",
        json.dumps(wire | {"version": 7}).encode(),
        json.dumps(wire | {"payload": wire["payload"] | {"amount": 1}}).encode(),
        json.dumps(wire | {"payload": wire["payload"] | {"amount": "0"}}).encode(),
    ]
    async with running(broker_url, tmp_path / "inbox.sqlite"):
        for body in bad:
            await platform.send(body)
        good = uuid4()
        await platform.send(encode(ORDINARY, id=good, recorded_at=NOW))
        _, answer = await platform.next_answer()
        assert answer.request_id == good
        assert sorted([await platform.next_dead() for _ in bad]) == sorted(bad)
    assert await platform.waiting() == 0


async def test_a_defect_of_ours_is_retried_and_then_set_aside(
    platform: Broker, broker_url: str, tmp_path: Path
) -> None:
    class Broken(Assessor):
        tried = 0

        async def answer(self, request: AssessmentRequest) -> Answer:
            self.tried += 1
            raise ZeroDivisionError("a defect")

    broken = Broken(load_models("scorecard"), load_policies(), TemplateNarrator(), Metrics())
    body = encode(ORDINARY, id=uuid4(), recorded_at=NOW)
    async with running(broker_url, tmp_path / "inbox.sqlite", broken):
        await platform.send(body)
        assert await platform.next_dead() == body
    assert broken.tried == 5


async def test_requests_wait_while_the_service_is_away(platform: Broker, broker_url: str, tmp_path: Path) -> None:
    asked = [uuid4() for _ in range(5)]
    for request in asked:
        await platform.send(encode(ORDINARY, id=request, recorded_at=NOW))
    assert await platform.waiting() == 0
    async with running(broker_url, tmp_path / "inbox.sqlite"):
        answered = {(await platform.next_answer())[1].request_id for _ in asked}
    assert answered == set(asked)


async def test_a_missing_broker_is_waited_for(tmp_path: Path) -> None:
    async with running("amqp://guest:guest@127.0.0.1:9/", tmp_path / "inbox.sqlite") as consumer:
        assert not consumer.connected


async def test_both_programs_declare_the_same_queue(platform: Broker, broker_url: str) -> None:
    """The broker refuses to declare a queue that exists with other arguments: neither program's are refused."""
    async with await aio_pika.connect(broker_url) as connection:
        other = await connection.channel()
        with pytest.raises(aio_pika.exceptions.ChannelPreconditionFailed, match="PRECONDITION_FAILED"):
            await other.declare_queue(RISK_REQUESTS_QUEUE, durable=True, arguments={"x-queue-type": "classic"})
    await queue_broker.declare(platform.channel, RemoteQueue(RISK_REQUESTS_QUEUE, RISK_REQUESTS_EVENTS), ())
    declared = await declare(platform.channel)
    assert declared.name == RISK_REQUESTS_QUEUE
    assert declared.declaration_result.message_count == 0
    await platform.send(b"{}", RISK_REQUESTS_EVENTS[0])
    assert await _get(declared) == b"{}"


def test_the_inbox_outlives_its_process(tmp_path: Path) -> None:
    event: Any = uuid4()
    path = tmp_path / "deeper" / "inbox.sqlite"
    first = Inbox(path)
    assert not first.knows(event)
    first.remember(event)
    first.remember(event)
    assert Inbox(path).knows(event)
