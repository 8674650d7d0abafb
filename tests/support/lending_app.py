"""A small application with identity and the routers that a test names, as the entry points would wire them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace

from fastapi import APIRouter, FastAPI

from halfpenny import marketplace, risk_reporting, underwriting, web
from halfpenny.approvals import Acts
from halfpenny.entrypoints import errors
from halfpenny.identity import Identity
from halfpenny.loans import LendingRules
from halfpenny.platform.database import Database
from halfpenny.platform.http import guard
from support.edge import Client, client_for
from support.people import identity_settings


@asynccontextmanager
async def lending_client(
    database: Database, *routers: APIRouter, rules: LendingRules | None = None, acts: Acts | None = None
) -> AsyncIterator[Client]:
    app = FastAPI(openapi_url=None)
    errors.install(app)
    app.add_middleware(guard, settings=None)
    for router in routers:
        # Pages stand at the root, in no schema.
        app.include_router(router, prefix="/api/v1" if router.include_in_schema else "")
    running = Identity(identity_settings(), database)
    running.start()
    await running.listener.listening.wait()
    app.state.database = database
    app.state.identity = running
    app.state.tokens = running.tokens
    app.state.pages = web.Pages([underwriting.TEMPLATES, marketplace.TEMPLATES, risk_reporting.TEMPLATES])
    app.state.acts = acts or Acts([])
    app.state.settings = SimpleNamespace(
        lending=SimpleNamespace(rules=rules or LendingRules(), lender_name="A lender", lender_address="A street 1")
    )
    async with client_for(app) as client:
        yield client
    await running.close()
