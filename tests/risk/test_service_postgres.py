"""The service on the queue inside PostgreSQL: every request answered once, nothing stuck, nothing lost."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import pytest

from halfpenny.platform.database import Database
from halfpenny_messages import (
    LOAN_REASSESSMENT_REQUESTED,
    LOAN_SUBMITTED,
    RISK_REQUESTS_EVENTS,
    RISK_REQUESTS_QUEUE,
    NarrativeWritten,
    ReassessmentRequested,
    decode_payload,
    to_builtins,
)
from halfpenny_risk.models import load_models
from halfpenny_risk.narrative import TemplateNarrator
from halfpenny_risk.policy import load_policies
from halfpenny_risk.service.assessor import AssessmentRequest, Assessor, Narrator
from halfpenny_risk.service.metrics import Metrics
from halfpenny_risk.service.postgres import PostgresConsumer
from support.risk_applications import ORDINARY, changed
from support.risk_narrators import SlowNarrator

PATIENCE_S = 60.0


def make_assessor(narrator: Narrator | None = None) -> Assessor:
    return Assessor(load_models("scorecard"), load_policies(), narrator or TemplateNarrator(), Metrics())


@asynccontextmanager
async def running(url: str, assessor: Assessor) -> AsyncIterator[PostgresConsumer]:
    consumer = PostgresConsumer(url, assessor, concurrency=2)
    stop = asyncio.Event()
    task = asyncio.create_task(consumer.run(stop))
    try:
        yield consumer
    finally:
        stop.set()
        await asyncio.wait_for(task, PATIENCE_S)


async def submit(database: Database, name: str, version: int, payload: Any, event_id: UUID | None = None) -> UUID:
    event_id = event_id or uuid4()
    event = {
        "event_id": str(event_id),
        "name": name,
        "version": version,
        "aggregate_id": str(uuid4()),
        "payload": payload,
    }
    async with database.unit_of_work() as connection:
        await connection.execute("SELECT queue_subscribe($1, $2)", RISK_REQUESTS_QUEUE, list(RISK_REQUESTS_EVENTS))
        await connection.execute("SELECT outbox_append($1::jsonb)", [event])
        await connection.execute("SELECT outbox_fan_out(100)")
    return event_id


async def until(database: Database, query: str, *arguments: object) -> Any:
    """The first true result of the query; gives up after a minute."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            async with database.reading() as connection:
                found = await connection.fetchval(query, *arguments)
            if found:
                return found
            await asyncio.sleep(0.02)


ANSWERS = "SELECT count(*) FROM outbox WHERE name = 'loan.assessed'"
WAITING = "SELECT count(*) = 0 FROM delivery WHERE queue = 'risk.requests'"


async def test_a_submitted_and_a_reassessed_loan_are_each_answered_once(database: Database, database_url: str) -> None:
    first = await submit(database, LOAN_SUBMITTED, 1, to_builtins(ORDINARY))
    async with running(database_url, make_assessor()):
        await until(database, f"SELECT ({ANSWERS}) = 1")
        again = ReassessmentRequested(loan=changed(version=2, valuation="500000.00"), cause="valuation_changed")
        second = await submit(database, LOAN_REASSESSMENT_REQUESTED, 1, to_builtins(again))
        await until(database, f"SELECT ({ANSWERS}) = 2")
        await until(database, WAITING)
    async with database.reading() as connection:
        rows = await connection.fetch("SELECT version, payload FROM outbox WHERE name = 'loan.assessed' ORDER BY seq")
    answers = [decode_payload("loan.assessed", row["version"], row["payload"]) for row in rows]
    assert [(answer.request_id, answer.loan_version) for answer in answers] == [(first, 1), (second, 2)]
    assert float(answers[1].ltv) < float(answers[0].ltv)


async def test_row_12_answers_do_not_wait_for_prose_which_follows(database: Database, database_url: str) -> None:
    """A language model that answers nothing until it is let go, and then prose for every answer."""
    narrator = SlowNarrator()
    for version in (1, 2, 3, 4, 5):
        await submit(database, LOAN_SUBMITTED, 1, to_builtins(changed(version=version)))
    async with running(database_url, make_assessor(narrator)):
        await until(database, f"SELECT ({ANSWERS}) = 5")
        await until(database, WAITING)
        async with database.reading() as connection:
            answers = await connection.fetch("SELECT payload FROM outbox WHERE name = 'loan.assessed'")
            written = await connection.fetchval("SELECT count(*) FROM outbox WHERE name = 'loan.narrative_written'")
        assert {row["payload"]["narrative"]["written_by"] for row in answers} == {"template"}
        assert written == 0
        narrator.may_go_on.set()
        await until(database, "SELECT count(*) = 5 FROM outbox WHERE name = 'loan.narrative_written'")
    async with database.reading() as connection:
        rows = await connection.fetch("SELECT version, payload FROM outbox WHERE name = 'loan.narrative_written'")
    found = [decode_payload("loan.narrative_written", row["version"], row["payload"]) for row in rows]
    assert sorted(one.loan_version for one in found if isinstance(one, NarrativeWritten)) == [1, 2, 3, 4, 5]


async def test_a_request_that_comes_again_gets_no_second_answer(database: Database, database_url: str) -> None:
    event_id = await submit(database, LOAN_SUBMITTED, 1, to_builtins(ORDINARY))
    async with running(database_url, make_assessor()):
        await until(database, f"SELECT ({ANSWERS}) = 1")
        await until(database, WAITING)
        async with database.unit_of_work() as connection:
            await connection.execute(
                "INSERT INTO delivery (queue, event_id, seq) SELECT $1, event_id, seq FROM outbox WHERE event_id = $2",
                RISK_REQUESTS_QUEUE,
                event_id,
            )
            await connection.execute("SELECT pg_notify('queue_' || $1, '')", RISK_REQUESTS_QUEUE)
        await until(database, WAITING)
    async with database.reading() as connection:
        assert await connection.fetchval(ANSWERS) == 1


@pytest.mark.parametrize(
    ("version", "change", "reason"),
    [
        (2, {}, "unknown_message_version"),
        (1, {"amount": 5}, "malformed_message"),
        (1, {"amount": "0"}, "bad_application"),
        (1, {"currency": "CHF"}, "unknown_currency"),
        (1, {"surprise": 1}, "malformed_message"),
    ],
)
async def test_what_cannot_be_assessed_is_named_and_the_queue_moves_on(
    database: Database, database_url: str, version: int, change: dict[str, Any], reason: str
) -> None:
    bad = await submit(database, LOAN_SUBMITTED, version, to_builtins(ORDINARY) | change)
    good = await submit(database, LOAN_SUBMITTED, 1, to_builtins(ORDINARY))
    async with running(database_url, make_assessor()):
        await until(database, f"SELECT ({ANSWERS}) = 1")
        await until(database, WAITING)
    async with database.reading() as connection:
        letters = await connection.fetch("SELECT event_id, reason, payload FROM dead_letter")
        answered = await connection.fetchval("SELECT payload FROM outbox WHERE name = 'loan.assessed'")
    assert [(letter["event_id"], letter["reason"]) for letter in letters] == [(bad, reason)]
    assert letters[0]["payload"] == json.loads(json.dumps(to_builtins(ORDINARY) | change)), "nothing of it was lost"
    assert answered["request_id"] == str(good)


async def test_a_defect_of_ours_is_retried_and_then_set_aside(database: Database, database_url: str) -> None:
    class Broken(Assessor):
        tried = 0

        async def answer(self, request: AssessmentRequest) -> Any:
            self.tried += 1
            raise ZeroDivisionError("a defect")

    broken = Broken(load_models("scorecard"), load_policies(), TemplateNarrator(), Metrics())
    await submit(database, LOAN_SUBMITTED, 1, to_builtins(ORDINARY))
    async with database.unit_of_work() as connection:
        # Four attempts are behind it already, so that the test need not wait for their pauses.
        await connection.execute("UPDATE delivery SET attempts = 3")
    async with running(database_url, broken):
        await until(database, "SELECT count(*) = 1 FROM dead_letter WHERE reason = 'attempts_exhausted'")
    assert broken.tried == 2
    async with database.reading() as connection:
        assert await connection.fetchval(ANSWERS) == 0


async def test_requests_made_while_the_service_was_away_are_answered_when_it_is_back(
    database: Database, database_url: str
) -> None:
    async with running(database_url, make_assessor()):
        await submit(database, LOAN_SUBMITTED, 1, to_builtins(ORDINARY))
        await until(database, f"SELECT ({ANSWERS}) = 1")
    for _ in range(5):
        await submit(database, LOAN_SUBMITTED, 1, to_builtins(ORDINARY))
    async with database.reading() as connection:
        assert await connection.fetchval(ANSWERS) == 1
    async with running(database_url, make_assessor()):
        await until(database, f"SELECT ({ANSWERS}) = 6")


async def test_a_lost_database_is_waited_for(database: Database, database_url: str) -> None:
    async with running(database_url, make_assessor()) as consumer:
        await submit(database, LOAN_SUBMITTED, 1, to_builtins(ORDINARY))
        await until(database, f"SELECT ({ANSWERS}) = 1")
        async with database.unit_of_work() as connection:
            await connection.execute("SET LOCAL ROLE NONE")
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE application_name = 'halfpenny-risk' AND datname = current_database()"
            )
        await submit(database, LOAN_SUBMITTED, 1, to_builtins(ORDINARY))
        await until(database, f"SELECT ({ANSWERS}) = 2")
        assert consumer.connected
