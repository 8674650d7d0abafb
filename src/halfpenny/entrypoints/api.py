"""The API's wiring: one FastAPI application around the features' edges, and the server that runs it."""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import signal
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

import structlog
from fastapi import Depends, FastAPI

from halfpenny import backoffice, funding, identity, marketplace, realtime, risk_reporting, underwriting, web
from halfpenny.approvals.rest import router as approval_routes
from halfpenny.backoffice.pages import router as staff_page_routes
from halfpenny.backoffice.people_routes import router as people_routes
from halfpenny.backoffice.rest import router as backoffice_routes
from halfpenny.entrypoints import errors, realtime_topics
from halfpenny.entrypoints.acts import registered_acts
from halfpenny.entrypoints.connectivity import (
    require_database,
    require_real_time,
    require_schema,
    require_shown_logins,
    warn_without_broker,
    warn_without_documents,
)
from halfpenny.entrypoints.risk import require_promotion_key
from halfpenny.entrypoints.setting_formats import listed
from halfpenny.entrypoints.settings import Settings
from halfpenny.funding.bank_routes import router as bank_routes
from halfpenny.funding.bank_routes import sandbox_router as sandbox_bank_routes
from halfpenny.funding.invest_fast_path import InvestRoute
from halfpenny.funding.pages import router as wallet_page_routes
from halfpenny.funding.rest import router as funding_routes
from halfpenny.identity import ANYONE, Identity, load_signing_keys
from halfpenny.identity.pages import router as sign_in_page_routes
from halfpenny.identity.rest import router as identity_routes
from halfpenny.loans.rest import router as loans_routes
from halfpenny.platform.child import end_with_parent
from halfpenny.platform.database import Database
from halfpenny.platform.documents import DocumentStore
from halfpenny.platform.http import EdgeSettings, describe, guard
from halfpenny.platform.http.asgi import ASGIApp
from halfpenny.platform.telemetry import access_writer, configure_logging, probes, reachable
from halfpenny.realtime.rest import router as realtime_routes
from halfpenny.risk_reporting.pages import public_router as method_page_routes
from halfpenny.risk_reporting.pages import router as risk_page_routes
from halfpenny.risk_reporting.promotions.pages import router as promotion_page_routes
from halfpenny.risk_reporting.promotions.rest import router as promotion_routes
from halfpenny.risk_reporting.rest import router as risk_routes
from halfpenny.servicing.rest import router as servicing_routes
from halfpenny.underwriting.documents.rest import router as application_document_routes
from halfpenny.underwriting.pages import router as review_page_routes
from halfpenny.underwriting.rest import router as underwriting_routes
from halfpenny.underwriting.reviews.rest import router as review_routes
from halfpenny.underwriting.valuation_reports.rest import router as valuation_report_routes

log = structlog.get_logger("halfpenny.api")

API = "/api/v1"
# How many connections may wait to be accepted, and what a process opens beside them.
_BACKLOG = 4_096
_OTHER_FILES = 256

# Granian's own lines go the way of all others, instead of to a handler of its own.
_SERVER_LOGS: dict[str, Any] = {"handlers": {}, "formatters": {}, "loggers": {"_granian": {"propagate": True}}}


def create_app(settings: Settings) -> FastAPI:
    """The application without its guard: ``asgi`` wraps it. State is opened by its lifespan."""
    app = FastAPI(
        title="Halfpenny",
        version="0.1.0",
        openapi_url=f"{API}/openapi.json",
        # The stock explorers load scripts from other sites; ours is served with its assets by halfpenny.web.
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan,
    )
    app.state.settings = settings
    app.state.sandbox = settings.lending.sandbox
    app.state.acts = registered_acts(settings)
    errors.install(app)
    _include_routes(app, settings)
    describe(app)
    return app


def asgi() -> ASGIApp:
    """What Granian serves in each process."""
    settings = Settings.load()
    configure_logging("api", settings.telemetry.log_level)
    app = guarded(create_app(settings), settings)
    # What has been loaded by now lives as long as the process: walking over it in every collection costs a
    # busy investing route an eighth of its time.
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)
    return app


def _load_in_worker(supervisor_pid: int) -> ASGIApp:
    """What each of Granian's processes runs first. Unlike Granian's own loader it imports nothing from the current
    folder; and a process whose supervisor was killed is killed too: nobody would stop it, and it holds the port.
    """
    end_with_parent(supervisor_pid, signal.SIGKILL)
    return asgi()


def guarded(app: FastAPI, settings: Settings) -> ASGIApp:
    """The fast path, and the guard around every other request, also those the framework never sees."""
    server = settings.server
    edge = EdgeSettings(
        allowed_hosts=frozenset(listed(server.allowed_hosts)),
        max_body_bytes=server.max_body_bytes,
        body_timeout_s=server.body_timeout_s,
        unfinished_per_address=server.unfinished_per_address,
        https_only=server.public_url.startswith("https://"),
        trusted_proxies=tuple(listed(server.trusted_proxies)),
    )
    return guard(
        app,
        edge,
        fast_path=lambda inner: InvestRoute(inner, app.state),
        write_line=access_writer("api", settings.telemetry.log_level),
    )


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT."""
    # The server's own allocator, read when it is loaded: what 2,000 sockets leave behind goes back to the system.
    os.environ.setdefault("_RJEM_MALLOC_CONF", "dirty_decay_ms:0,muzzy_decay_ms:0")
    from granian.constants import HTTPModes, Interfaces, Loops
    from granian.http import HTTP1Settings
    from granian.server import Server

    # Asked before the processes part: each of them would fail, and be started again, without end.
    asyncio.run(require_database(settings))
    asyncio.run(require_schema(settings))
    asyncio.run(require_real_time(settings))
    settings.server.require_free()
    require_shown_logins(settings)
    if settings.approvals.promotion_key_file is not None:
        require_promotion_key(settings)
    # Read here so that an unusable key stops the start in one line, and made before the processes part.
    load_signing_keys(settings.identity_settings)
    configure_logging("api", settings.telemetry.log_level)
    asyncio.run(warn_without_broker(settings))
    asyncio.run(warn_without_documents(settings))
    server = settings.server
    _allow_open_files(server.connections)
    with tempfile.TemporaryDirectory(prefix="halfpenny-metrics-") as shared_figures:
        if server.api_processes > 1:
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = shared_figures
        Server(
            "halfpenny.entrypoints.api:asgi",
            address=server.host,
            port=server.port,
            interface=Interfaces.ASGI,
            loop=Loops.uvloop,
            workers=server.api_processes,
            workers_kill_timeout=10,
            respawn_failed_workers=True,
            # Without TLS nobody uses HTTP/2, and guessing which of the two it is waits for a first byte without end.
            http=HTTPModes.http1,
            # A connection counts from its first byte to its end, idle or not: a thousand that send nothing must not
            # be all that is let in.
            backlog=_BACKLOG,
            backpressure=server.connections,
            http1_settings=HTTP1Settings(header_read_timeout=int(server.header_timeout_s * 1000)),
            log_access=False,
            log_dictconfig=_SERVER_LOGS,
        ).serve(target_loader=partial(_load_in_worker, os.getpid()), wrap_loader=False)


def _allow_open_files(connections: int) -> None:
    """Each connection is an open file; many systems start a process with 1,024 and let it ask for more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + _OTHER_FILES
    if soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _include_routes(app: FastAPI, settings: Settings) -> None:
    """Every feature's edges: machine routes under /api/v1, pages at the root."""
    app.include_router(identity_routes, prefix=API)
    app.include_router(approval_routes, prefix=API)
    app.include_router(loans_routes, prefix=API)
    app.include_router(underwriting_routes, prefix=API)
    app.include_router(valuation_report_routes, prefix=API)
    app.include_router(application_document_routes, prefix=API)
    app.include_router(review_routes, prefix=API)
    app.include_router(backoffice_routes, prefix=API)
    app.include_router(people_routes, prefix=API)
    app.include_router(funding_routes, prefix=API)
    app.include_router(bank_routes, prefix=API)
    if settings.lending.sandbox:
        app.include_router(sandbox_bank_routes, prefix=API)
    app.include_router(servicing_routes, prefix=API)
    app.include_router(risk_routes, prefix=API)
    app.include_router(promotion_routes, prefix=API)
    app.include_router(realtime_routes, prefix=API)
    app.include_router(realtime.socket_router)
    # Behind a proxy that rewrites Host, our own pages still come from the public address.
    app.state.websocket_origins = frozenset({settings.server.public_url.rstrip("/")} - {""})
    app.include_router(marketplace.graphql_router)
    for pages in (
        sign_in_page_routes,
        marketplace.page_router,
        marketplace.investing_router,
        marketplace.portfolio_router,
        marketplace.borrowing_router,
        marketplace.applying_router,
        marketplace.borrowed_loan_router,
        wallet_page_routes,
        staff_page_routes,
        review_page_routes,
        risk_page_routes,
        promotion_page_routes,
        method_page_routes,
    ):
        app.include_router(pages, dependencies=[Depends(web.check_page_request)])
    app.include_router(web.explorer_router, prefix=API)
    app.mount(web.MOUNT, web.PageFiles())
    features = (identity, funding, underwriting, marketplace, risk_reporting, backoffice)
    app.state.pages = web.Pages([feature.TEMPLATES for feature in features])
    app.state.marketplace = marketplace.Marketplace(introspection=settings.environment != "production")
    app.include_router(
        probes(
            needed={"database": lambda: _database_answers(app)},
            useful={
                "documents": lambda: _documents_answer(app),
                **({"queue": lambda: reachable(settings.queue.amqp_url)} if settings.queue.amqp_url else {}),
            },
        ),
        dependencies=[ANYONE],
    )


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Open what the edges reach through ``app.state``, and close it in the opposite order."""
    settings: Settings = app.state.settings
    async with AsyncExitStack() as stack:
        app.state.database = await Database.connect(
            settings.require_database(),
            max_size=settings.database.connections,
            timeout_s=settings.database.timeout_s,
        )
        stack.push_async_callback(app.state.database.close)
        app.state.identity = Identity(settings.identity_settings, app.state.database)
        app.state.tokens = app.state.identity.tokens
        app.state.identity.start()
        stack.push_async_callback(app.state.identity.close)
        app.state.hub = realtime_topics.hub(app.state.database)
        app.state.hub.start()
        stack.push_async_callback(app.state.hub.close)
        app.state.desk = funding.FundingDesk(app.state.database, on_batch=funding.count_batch)
        app.state.desk.start()
        stack.push_async_callback(app.state.desk.stop)
        # Nobody listens there where no document store is set: listings are unavailable, and money moves.
        app.state.documents = await DocumentStore.connect(
            settings.documents.url or "mongodb://127.0.0.1:9/",
            settings.documents.name,
            timeout_s=settings.documents.timeout_s,
        )
        stack.push_async_callback(app.state.documents.close)
        app.state.listings = marketplace.ListingStore(app.state.documents)
        app.state.assessments = marketplace.AssessmentStore(app.state.documents)
        yield


async def _database_answers(app: FastAPI) -> bool:
    async with app.state.database.reading() as connection:
        return bool(await connection.fetchval("SELECT true"))


async def _documents_answer(app: FastAPI) -> bool:
    return bool(await app.state.documents.healthy())
