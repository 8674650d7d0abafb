"""A small application with nothing but identity in it, as the entry points would wire it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
from fastapi import FastAPI

from halfpenny.entrypoints import errors
from halfpenny.identity import Cleared, Identity, IdentitySettings
from halfpenny.identity.rest import router
from halfpenny.platform.database import Database
from halfpenny.platform.http import EdgeSettings, guard
from support.edge import Client, client_for
from support.people import identity_settings


async def build_app(database: Database, settings: IdentitySettings, edge: EdgeSettings | None = None) -> FastAPI:
    app = FastAPI(openapi_url=None)
    errors.install(app)
    app.add_middleware(guard, settings=edge)
    app.include_router(router, prefix="/api/v1")

    @app.post("/api/v1/move-money")
    async def move_money(_: Cleared) -> dict[str, bool]:
        return {"moved": True}

    running = Identity(settings, database)
    running.start()
    await running.listener.listening.wait()
    app.state.database = database
    app.state.identity = running
    app.state.tokens = running.tokens
    return app


@pytest.fixture
async def make_app(database: Database) -> AsyncIterator[Callable[..., Awaitable[FastAPI]]]:
    """Build applications (API processes) on this test's database; all are closed afterwards."""
    async with AsyncExitStack() as stack:

        async def make(edge: EdgeSettings | None = None, **settings: object) -> FastAPI:
            app = await build_app(database, identity_settings(**settings), edge)
            stack.push_async_callback(app.state.identity.close)
            return app

        yield make


@pytest.fixture
async def app(make_app: Callable[..., Awaitable[FastAPI]]) -> FastAPI:
    return await make_app()


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[Client]:
    async with client_for(app) as client:
        yield client
