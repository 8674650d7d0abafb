"""The operating indicators on a real database: what each sees, and what it says when all is well."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from prometheus_client import REGISTRY, generate_latest
from typer.testing import CliRunner

from funding.world import make_world
from halfpenny.entrypoints import operating
from halfpenny.entrypoints.cli import app
from halfpenny.entrypoints.settings import Settings, TelemetrySettings
from halfpenny.platform import books_checks, periodic_jobs, row_history
from halfpenny.platform.database import Connection, Database
from halfpenny.platform.indicators import Readings, take_readings
from halfpenny.platform.queue import PostgresTransport, QueueDepth
from halfpenny.primitives.errors import Unavailable

OLD = "now() - interval '10 days'"
# Written as the superuser with the triggers off: each is what its indicator has to see, and nothing else.
ARRANGEMENTS: dict[str, tuple[str, ...]] = {
    "books_findings": ("INSERT INTO books_check (transfers, findings) VALUES (5, 0), (7, 3)",),
    "books_unchecked_seconds": (
        "INSERT INTO periodic_job (name, every_s, registered_at, succeeded_at) "
        f"VALUES ('check_books', 600, {OLD}, now())",
    ),
    "unsealed_seconds": (
        "INSERT INTO audit_entry (action, subject, subject_id, data, recorded_at) "
        f"VALUES ('a', 'b', gen_random_uuid(), '{{}}', {OLD})",
    ),
    "outbox_oldest_seconds": (
        "INSERT INTO outbox (event_id, name, version, aggregate_id, payload, recorded_at) "
        f"VALUES (gen_random_uuid(), 'a.b', 1, gen_random_uuid(), '{{}}', {OLD})",
    ),
    "queue_oldest_seconds": (
        "INSERT INTO subscription (queue, event_name) VALUES ('q', 'a.b'), ('empty', 'a.b')",
        "INSERT INTO outbox (event_id, name, version, aggregate_id, payload, recorded_at, published_at) "
        f"VALUES ('01a00000-0000-7000-8000-000000000001', 'a.b', 1, gen_random_uuid(), '{{}}', {OLD}, now())",
        "INSERT INTO delivery (queue, event_id, seq) VALUES ('q', '01a00000-0000-7000-8000-000000000001', 1)",
    ),
    "dead_letters": (
        "INSERT INTO dead_letter (queue, event_id, name, version, payload, recorded_at, attempts, reason, error) "
        "VALUES ('gone', gen_random_uuid(), 'a.b', 1, '{}', now(), 5, 'attempts_exhausted', 'no')",
    ),
    "job_late_seconds": (
        "INSERT INTO periodic_job (name, every_s, registered_at) VALUES ('never_ran', 60, now() - interval '1 hour')",
        "INSERT INTO periodic_job (name, every_s, registered_at, succeeded_at) "
        "VALUES ('seldom', 86400, now() - interval '1 hour', now() - interval '1 hour')",
    ),
    "mail_unsent_seconds": (
        "INSERT INTO outgoing_mail (id, recipient, occasion, due_at) "
        "VALUES (uuidv7(interval '-10 days'), 'ida@example.com', 'registration', now() + interval '1 hour')",
    ),
    "bank_lines_unmatched_seconds": (
        "INSERT INTO reconciliation_item (id, statement_id, kind, reference, account, action, direction, currency, "
        "expected_minor, found_minor, found_at) VALUES (gen_random_uuid(), gen_random_uuid(), 'unknown', 'r', 'a', "
        f"'x', 'credit', 'EUR', 0, 100, {OLD})",
    ),
    "payment_pending_seconds": (
        "INSERT INTO wallet_payment (id, user_id, direction, amount_minor, currency, requested_at) "
        f"VALUES (gen_random_uuid(), gen_random_uuid(), 'deposit', 100, 'EUR', {OLD})",
    ),
    "days_unclosed": ("INSERT INTO business_day (business_date) VALUES (business_date() - 5)",),
    "loans_set_aside": (
        "INSERT INTO loan_set_aside (loan_id, business_date, code) "
        "VALUES ('01a00000-0000-7000-8000-000000000001', business_date() - 1, 'x'), "
        "('01a00000-0000-7000-8000-000000000001', business_date(), 'x')",
    ),
    "distribution_unpaid_seconds": (
        "INSERT INTO distribution (id, loan_id, number, currency, effective_date, covers_to, after_event, "
        "principal_minor, interest_minor, default_interest_minor, recovered_minor, declared_at) VALUES ("
        "gen_random_uuid(), "
        f"gen_random_uuid(), 1, 'EUR', business_date(), business_date(), 1, 1, 0, 0, 0, {OLD})",
    ),
}
TEN_DAYS_S = 10 * 86_400
EXPECTED: dict[str, tuple[str, float]] = {
    "books_findings": ("", 3),
    "books_unchecked_seconds": ("", TEN_DAYS_S),
    "unsealed_seconds": ("audit", TEN_DAYS_S),
    "queue_oldest_seconds": ("q", TEN_DAYS_S),
    "dead_letters": ("gone", 1),
    "job_late_seconds": ("never_ran", 3_540),
    "days_unclosed": ("", 4),
    "loans_set_aside": ("", 1),
}
# Another test each: an application, the broker, many events, many connections.
ELSEWHERE = {"assessment_waiting_seconds", "broker_unreachable", "queue_waiting_events", "database_connections_ratio"}


@pytest.fixture(autouse=True)
async def sealed(database: Database) -> None:
    """What the migrations wrote is sealed, as the first worker does it: a database of tests is as old as the run."""
    await row_history.seal(database)


async def measured(database: Database) -> Readings:
    return await take_readings(database, PostgresTransport(database), operating.INDICATORS)


def figure(readings: Readings, name: str, label: str = "") -> float:
    [found] = [each.figure for each in readings.known if (each.indicator.name, each.label_value) == (name, label)]
    return found


def test_every_indicator_is_arranged_once() -> None:
    assert set(ARRANGEMENTS) | ELSEWHERE == {each.name for each in operating.INDICATORS}
    assert len({each.name for each in operating.INDICATORS}) == len(operating.INDICATORS)


async def test_nothing_is_above_its_limit_where_nothing_has_happened(database: Database) -> None:
    readings = await measured(database)
    assert readings.unknown == frozenset()
    assert [each for each in readings.known if each.above_limit] == []
    # A label without a value has no figure; all others have one.
    unlabelled = {each.name for each in operating.INDICATORS if each.label is None} - {"books_findings"}
    assert {each.indicator.name for each in readings.known} >= unlabelled


@pytest.mark.parametrize("name", sorted(ARRANGEMENTS))
async def test_each_sees_what_it_is_for(database: Database, superuser: Database, name: str) -> None:
    async with superuser.unit_of_work() as connection:
        await connection.execute("SET LOCAL session_replication_role = replica")
        for sql in ARRANGEMENTS[name]:
            await connection.execute(sql)
    readings = await measured(database)
    label, value = EXPECTED.get(name, ("", TEN_DAYS_S))
    assert figure(readings, name, label) == pytest.approx(value, rel=0.01, abs=0.5)
    above = {each.indicator.name for each in readings.known if each.above_limit}
    assert above == {name}


async def test_an_application_waits_until_it_has_an_assessment(database: Database, superuser: Database) -> None:
    world = await make_world(database)
    changed = "UPDATE loan SET status = $1, submitted_at = now() - interval '1 hour' WHERE id = $2"
    for status, expected in (("submitted", 3_600.0), ("assessed", 0.0)):
        async with superuser.unit_of_work() as connection:
            await connection.execute(changed, status, world.loan.id)
        assert figure(await measured(database), "assessment_waiting_seconds") == pytest.approx(expected, abs=5)


async def test_events_and_connections_are_counted(database: Database, superuser: Database) -> None:
    before = figure(await measured(database), "database_connections_ratio")
    async with superuser.unit_of_work() as connection:
        await connection.execute("SET LOCAL session_replication_role = replica")
        await connection.execute("INSERT INTO subscription (queue, event_name) VALUES ('q', 'a.b')")
        await connection.execute(
            "INSERT INTO delivery (queue, event_id, seq) SELECT 'q', gen_random_uuid(), n FROM generate_series(1, 7) n"
        )
        async with superuser.reading() as another:
            assert await another.fetchval("SELECT 1")
            assert figure(await measured(database), "database_connections_ratio") > before
    assert figure(await measured(database), "queue_waiting_events", "q") == 7


class AwayTransport(PostgresTransport):
    async def depths(self) -> list[QueueDepth]:
        raise Unavailable


async def test_a_broker_that_is_away_is_named_and_its_queues_are_unknown(database: Database) -> None:
    readings = await take_readings(database, AwayTransport(database), operating.INDICATORS)
    assert figure(readings, "broker_unreachable") == 1
    assert readings.unknown == {"queue_oldest_seconds", "queue_waiting_events", "dead_letters"}


async def test_a_job_is_late_only_while_it_does_not_succeed(database: Database) -> None:
    stopping, succeeded, runs = asyncio.Event(), asyncio.Event(), 0

    async def work() -> None:
        nonlocal runs
        runs += 1
        if runs < 3:
            raise RuntimeError("not yet")
        succeeded.set()

    job = periodic_jobs.PeriodicJob("try", 0.01, work)
    await periodic_jobs.register(database, [job, periodic_jobs.PeriodicJob("other", 5, work)])
    async with database.unit_of_work() as connection:
        await connection.execute("UPDATE periodic_job SET succeeded_at = now() - interval '1 hour'")
    assert figure(await measured(database), "job_late_seconds", "try") == pytest.approx(3_600, abs=5)
    running = asyncio.create_task(periodic_jobs.repeat(database, job, stopping))
    await succeeded.wait()
    stopping.set()
    await running
    readings = await measured(database)
    assert figure(readings, "job_late_seconds", "try") < 10
    assert figure(readings, "job_late_seconds", "other") > 3_000
    # A release without the job deletes it.
    await periodic_jobs.register(database, [periodic_jobs.PeriodicJob("other", 5, work)])
    assert {
        each.label_value for each in (await measured(database)).known if each.indicator.label == "periodic_job"
    } == {"other"}


async def test_one_worker_alone_holds_a_lease(database: Database) -> None:
    async def nothing() -> None: ...

    await periodic_jobs.register(database, [periodic_jobs.PeriodicJob("lonely", 5, nothing)])
    assert await periodic_jobs.claim(database, "lonely", 60)
    assert not await periodic_jobs.claim(database, "lonely", 60)
    await periodic_jobs.release(database, "lonely")
    assert await periodic_jobs.claim(database, "lonely", -1)
    assert await periodic_jobs.claim(database, "lonely", 60)


@pytest.fixture
def receiver() -> Iterator[tuple[str, list[dict[str, Any]], Callable[[int], None]]]:
    """An HTTP server that keeps the bodies posted to it: (address, bodies, what it answers from now on)."""
    bodies: list[dict[str, Any]] = []
    answers = [200]

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(answers[-1])
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/alerts", bodies, answers.append
    server.shutdown()
    thread.join()
    server.server_close()


async def test_an_alert_is_sent_once_and_once_when_it_ends(
    database: Database, settings: Settings, receiver: tuple[str, list[dict[str, Any]], Callable[[int], None]]
) -> None:
    address, bodies, answer = receiver
    given = settings.model_copy(update={"telemetry": TelemetrySettings(alert_webhook_url=address)})
    [measure, _] = operating.measuring_jobs(given, database, PostgresTransport(database), Shown())
    await periodic_jobs.register(database, [measure])

    async def again() -> None:
        await periodic_jobs.release(database, measure.name)
        await measure.run()

    async def findings(number: int) -> None:
        async with database.unit_of_work() as connection:
            await books_checks.record_run(connection, 10, number)

    await again()
    assert bodies == []
    await findings(2)
    answer(503)
    await again()
    answer(200)
    await again()
    await again()
    assert [body["status"] for body in bodies] == ["firing", "firing"], "sent again after a refusal, then not again"
    [alert] = bodies[1]["alerts"]
    assert alert["labels"] == {"alertname": "BooksFindings", "severity": "page"}
    assert alert["annotations"]["runbook"] == "ops/runbooks/books-findings.md"
    assert "books_findings is 2, above 0 since" in alert["annotations"]["summary"]
    await findings(0)
    await again()
    await again()
    assert [body["status"] for body in bodies] == ["firing", "firing", "resolved"]
    assert bodies[2]["alerts"][0]["startsAt"] == alert["startsAt"]


class Shown(operating.Gauges):
    """Keeps what was shown: the process has one registry, and the gauges of all indicators stand in it once."""

    def __init__(self) -> None:
        self.readings: list[Readings] = []

    def show(self, readings: Readings) -> None:
        self.readings.append(readings)


async def test_the_gauges_show_the_newest_measurement_alone(database: Database) -> None:
    gauges = operating.Gauges()
    try:
        async with database.unit_of_work() as connection:
            await books_checks.record_run(connection, 10, 4)
        gauges.show(await measured(database))
        exposition = generate_latest(REGISTRY).decode()
        assert "halfpenny_books_findings 4.0" in exposition
        assert 'halfpenny_unsealed_seconds{chain="ledger"} 0.0' in exposition
        gauges.show(Readings((), frozenset()))
        assert 'chain="ledger"' not in generate_latest(REGISTRY).decode()
    finally:
        gauges.unregister()


async def test_the_worker_has_the_books_checked_when_it_is_time(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", settings.require_database())
    monkeypatch.setenv("MONGO_URL", "")
    given = settings.model_copy(update={"telemetry": TelemetrySettings(books_check_hours=1)})
    [_, check] = operating.measuring_jobs(given, database, PostgresTransport(database), Shown())
    await periodic_jobs.register(database, [check])
    await check.run()

    async def runs() -> list[tuple[int, int]]:
        async with database.reading() as connection:
            return [(row["transfers"], row["findings"]) for row in await connection.fetch("SELECT * FROM books_check")]

    assert await runs() == [], "an hour has not passed since the first worker started"
    async with database.unit_of_work() as connection:
        await age_registration(connection)
    await check.run()
    assert await runs() == [(0, 0)]
    await check.run()
    assert await runs() == [(0, 0)]


async def age_registration(connection: Connection) -> None:
    await connection.execute("DELETE FROM periodic_job")
    await connection.execute(
        "INSERT INTO periodic_job (name, every_s, registered_at) VALUES ($1, 600, now() - interval '2 hours')",
        books_checks.JOB,
    )


async def test_status_shows_each_indicator_and_ends_with_one_where_a_limit_is_passed(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", settings.require_database())

    async def status() -> tuple[int, str]:
        found = await asyncio.to_thread(CliRunner().invoke, app, ["status"])
        return found.exit_code, found.output

    code, output = await status()
    assert code == 0, output
    assert "ok    days_unclosed" in output
    async with database.unit_of_work() as connection:
        await books_checks.record_run(connection, 10, 4)
    code, output = await status()
    assert code == 1
    assert "ABOVE books_findings" in output
    assert output.splitlines()[-1] == (
        "Findings of the newest check of the books. What to do: ops/runbooks/books-findings.md"
    )


def test_no_label_is_one_that_prometheus_gives_its_targets() -> None:
    labels = {each.label for each in operating.INDICATORS if each.label}
    assert labels.isdisjoint({"job", "instance", "alertname", "severity"})
