"""The worker's wiring: what is consumed from the queue, and what is done again and again."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace

import structlog
from prometheus_client import start_http_server

from halfpenny import (
    approvals,
    backoffice,
    funding,
    identity,
    ledger,
    marketplace,
    realtime,
    risk_reporting,
    servicing,
    underwriting,
)
from halfpenny.entrypoints import operating, realtime_topics
from halfpenny.entrypoints.connectivity import (
    require_broker,
    require_database,
    require_real_time,
    require_schema,
    warn_without_documents,
)
from halfpenny.entrypoints.risk import outcomes_file
from halfpenny.entrypoints.settings import Settings, require_listening
from halfpenny.platform import row_history
from halfpenny.platform.database import Database
from halfpenny.platform.documents import DocumentStore
from halfpenny.platform.periodic_jobs import PeriodicJob, register, repeat
from halfpenny.platform.queue import (
    PostgresTransport,
    RabbitTransport,
    RemoteQueue,
    Subscription,
    Transport,
    prune,
    run_consumers,
)
from halfpenny.platform.telemetry import configure_logging
from halfpenny_messages import (
    RISK_PROMOTIONS_EVENTS,
    RISK_PROMOTIONS_QUEUE,
    RISK_REQUESTS_EVENTS,
    RISK_REQUESTS_QUEUE,
)

log = structlog.get_logger("halfpenny.worker")


@dataclass(frozen=True, slots=True)
class Resources:
    """What consumers and jobs are built from."""

    settings: Settings
    database: Database
    documents: DocumentStore


def periodic_jobs(resources: Resources) -> list[PeriodicJob]:
    """Every feature's recurring work."""
    database = resources.database
    listings, assessments = _read_models(resources)
    people, given = resources.settings.identity_settings, resources.settings.identity
    post = identity.SmtpSender(given.mail_url, given.mail_sender) if given.mail_url else None
    return [
        PeriodicJob("delete_expired_sessions", 3_600.0, lambda: identity.delete_expired_sessions(database)),
        *([PeriodicJob("send_letters", 2.0, lambda: identity.send_due(database, people, post))] if post else []),
        *(_sandbox_bank(database) if resources.settings.lending.sandbox else []),
        PeriodicJob("expire_approvals", 5.0, lambda: approvals.expire_due(database)),
        PeriodicJob("expire_loans", 1.0, lambda: funding.expire(database)),
        PeriodicJob("pay_distributions", 0.5, lambda: servicing.pay_distributions(database)),
        PeriodicJob("close_days", 2.0, lambda: servicing.close_days(database)),
        # Before the day's first payment, not only with its close.
        PeriodicJob("limit_rates", 10.0, lambda: servicing.limit_rates(database)),
        PeriodicJob("seal_ledger", 1.0, lambda: _seal_ledger(database)),
        PeriodicJob("seal_row_history", 2.0, lambda: row_history.seal(database)),
        PeriodicJob("seal_audit_trail", 2.0, lambda: backoffice.seal_audit_trail(database)),
        PeriodicJob("prune_queue", 3_600.0, lambda: prune(database)),
        PeriodicJob("delete_old_frames", 600.0, lambda: realtime.delete_old_frames(database)),
        PeriodicJob("make_risk_reports", 60.0, lambda: _make_risk_reports(resources)),
        # Also the first thing at start: an empty or lost document store is filled without being asked.
        PeriodicJob("catch_up_listings", 30.0, lambda: marketplace.catch_up(database, listings)),
        PeriodicJob("catch_up_assessments", 30.0, lambda: marketplace.catch_up(database, assessments)),
    ]


def _read_models(resources: Resources) -> tuple[marketplace.ListingStore, marketplace.AssessmentStore]:
    return marketplace.ListingStore(resources.documents), marketplace.AssessmentStore(resources.documents)


def _sandbox_bank(database: Database) -> list[PeriodicJob]:
    """Only a sandbox has a bank that answers within a second; a real one sends its statements."""
    return [
        PeriodicJob("settle_payments", 0.5, lambda: funding.settle_payments(database)),
        PeriodicJob("reconcile", 2.0, lambda: funding.reconcile_due(database)),
    ]


async def _make_risk_reports(resources: Resources) -> None:
    """Once a business date: the outcomes as a file, and both reports."""
    rates = resources.settings.lending.rules.units_per_eur
    await risk_reporting.make_due_reports(resources.database, rates, outcomes_file(resources.settings))


async def _seal_ledger(database: Database) -> None:
    """Seal segment after segment until nothing finished is left unsealed."""
    while True:
        async with database.unit_of_work() as connection:
            if not await ledger.seal(connection):
                return


# Their effects and their inbox are in PostgreSQL, in one transaction.
_IN_THE_DATABASE = (
    underwriting.SUBSCRIPTION,
    underwriting.DECISIONS_SUBSCRIPTION,
    *funding.SUBSCRIPTIONS,
    servicing.SUBSCRIPTION,
    risk_reporting.SUBSCRIPTION,
    risk_reporting.PROMOTIONS,
    realtime_topics.marketplace_frames(),
)


def queues_with_inbox() -> list[str]:
    """The queues whose every event must be found in delivery, inbox or dead letters once it was published.

    The risk service keeps its inbox in PostgreSQL too, where PostgreSQL carries the events.
    """
    own = [each.queue for each in _IN_THE_DATABASE if each.inbox == "transaction"]
    return [*own, servicing.RECEIPTS_QUEUE, *(each.queue for each in REMOTE)]


def declared_events() -> dict[str, Sequence[str]]:
    """The events that each queue of this release receives."""
    return {
        **{each.queue: each.events for each in (*_IN_THE_DATABASE, *REMOTE)},
        servicing.RECEIPTS_QUEUE: servicing.RECEIPTS_EVENTS,
        marketplace.QUEUE: marketplace.EVENTS,
    }


def subscriptions(resources: Resources) -> list[Subscription]:
    """Every feature's consumers."""
    given = resources.settings
    receipts = servicing.receipts_subscription(given.approvals.receipt_excess_above * 100, given.lending.rules)
    wanted = [*_IN_THE_DATABASE, receipts, marketplace.subscription(*_read_models(resources))]
    return [replace(each, max_attempts=resources.settings.queue.delivery_limit) for each in wanted]


# Kept for the risk service from the first event on, also while it is away.
REMOTE = (
    RemoteQueue(RISK_REQUESTS_QUEUE, RISK_REQUESTS_EVENTS),
    RemoteQueue(RISK_PROMOTIONS_QUEUE, RISK_PROMOTIONS_EVENTS),
)


def transport(settings: Settings, database: Database) -> Transport:
    """RabbitMQ where it is set, else the outbox's own queue in PostgreSQL."""
    broker = settings.queue.amqp_url
    return RabbitTransport(database, broker) if broker else PostgresTransport(database)


def work(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT, then finish the unit of work that is running."""
    configure_logging("worker", settings.telemetry.log_level)
    asyncio.run(_work(settings))


async def _work(settings: Settings) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stopping.set)
    async with AsyncExitStack() as stack:
        port = settings.telemetry.worker_metrics_port
        if port:
            require_listening("HALFPENNY_HOST", settings.server.host, "HALFPENNY_WORKER_METRICS_PORT", port)
            server, _ = start_http_server(port, settings.server.host)
            stack.callback(server.shutdown)
        await require_database(settings)
        await require_schema(settings)
        await require_real_time(settings)
        await require_broker(settings)
        await warn_without_documents(settings)
        resources = await open_resources(settings, stack)
        await run_until(stopping, resources)


async def open_resources(settings: Settings, stack: AsyncExitStack) -> Resources:
    """The worker's database and document store, closed with the stack."""
    database = await Database.connect(
        settings.require_database(), max_size=settings.database.connections, timeout_s=settings.database.timeout_s
    )
    stack.push_async_callback(database.close)
    documents = await DocumentStore.connect(
        settings.documents.url or "mongodb://127.0.0.1:9/",
        settings.documents.name,
        timeout_s=settings.documents.timeout_s,
    )
    stack.push_async_callback(documents.close)
    return Resources(settings, database, documents)


async def run_until(stopping: asyncio.Event, resources: Resources) -> None:
    """Run consumers and jobs concurrently until ``stop`` is set; each finishes its running unit of work."""
    log.info("started")
    carrier = transport(resources.settings, resources.database)
    try:
        async with asyncio.TaskGroup() as group:
            consumers = run_consumers(resources.database, carrier, subscriptions(resources), REMOTE, stopping)
            group.create_task(consumers, name="consumers")
            jobs = [
                *periodic_jobs(resources),
                *operating.measuring_jobs(resources.settings, resources.database, carrier, operating.Gauges()),
            ]
            await register(resources.database, jobs)
            for job in jobs:
                group.create_task(repeat(resources.database, job, stopping), name=job.name)
            await stopping.wait()
    finally:
        await carrier.close()
    log.info("stopped")
