"""``halfpenny deadletters``: list, show and replay, as an operator would."""

from __future__ import annotations

import asyncio
import json
from uuid import UUID

import pytest
from typer.testing import CliRunner

from halfpenny.entrypoints.cli import app
from halfpenny.platform.database import Database
from halfpenny.platform.outbox import OutboxEvent, append_many
from halfpenny.platform.queue import Message, PostgresTransport, RabbitTransport, Subscription, Transport
from halfpenny.platform.queue.handling import DeadLettered
from halfpenny.primitives.errors import HalfpennyError
from halfpenny.primitives.ids import uuid7


@pytest.fixture(params=["postgresql", "rabbitmq"])
def amqp_url(request: pytest.FixtureRequest, database_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The operator's environment; empty where events travel through PostgreSQL."""
    url: str = "" if request.param == "postgresql" else request.getfixturevalue("broker_url")
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("AMQP_URL", url)
    return url


async def put_dead_letter(database_url: str, amqp_url: str, queue: str, event: UUID) -> None:
    """Let a consumer give an event up."""

    async def never(_connection: object, _message: Message) -> None: ...

    database = await Database.connect(database_url)
    transport: Transport = RabbitTransport(database, amqp_url) if amqp_url else PostgresTransport(database)
    subscription = Subscription(queue, [f"{queue}.made"], never)
    await transport.prepare([subscription])
    async with database.unit_of_work() as connection:
        await append_many(connection, [OutboxEvent(f"{queue}.made", 1, uuid7(), {"city": "Łódź"}, event)])
    await transport.relay()
    async with transport.source(subscription) as source:
        taken: list[Message] = []
        while not taken:
            taken = await source.take(1, asyncio.Event())
        await source.dead_letter(taken[0], DeadLettered("no_loan", "there is no such loan"))
        # Only when the dead letter is there, because a broker moves it in its own time.
        while not await transport.dead_letters(queue):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    await transport.close()
    await database.close()


def test_an_operator_lists_shows_and_replays(database_url: str, amqp_url: str) -> None:
    queue, event = "t" + "".join(chr(ord("a") + int(digit, 16)) for digit in uuid7().hex[20:]), uuid7()
    asyncio.run(put_dead_letter(database_url, amqp_url, queue, event))
    run = CliRunner()

    listed = run.invoke(app, ["deadletters", "list", queue])
    assert listed.exit_code == 0, listed.output
    assert f"{queue}  {event}  {queue}.made  no_loan after 1" in listed.output
    assert "1 dead letter" in listed.output
    assert str(event) in run.invoke(app, ["deadletters", "list"]).output

    shown = json.loads(run.invoke(app, ["deadletters", "show", queue, str(event)]).output)
    assert shown["payload"] == {"city": "Łódź"}
    assert (shown["reason"], shown["error"]) == ("no_loan", "there is no such loan")

    missing = run.invoke(app, ["deadletters", "replay", queue, str(uuid7())])
    assert isinstance(missing.exception, HalfpennyError)
    assert missing.exception.code == "no_such_dead_letter"
    assert "1 dead letter" in run.invoke(app, ["deadletters", "list", queue]).output

    assert run.invoke(app, ["deadletters", "replay", queue]).output == "1 dead letter replayed\n"
    assert run.invoke(app, ["deadletters", "list", queue]).output == "0 dead letters\n"
