"""Funding's routes on an application of their own, by the fast_path way in or the ordinary one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from fastapi import FastAPI

from funding.world import World, give, make_world
from halfpenny.entrypoints import errors
from halfpenny.funding import DeskSettings, FundingDesk
from halfpenny.funding.bank_routes import router as bank_router
from halfpenny.funding.invest_fast_path import InvestRoute
from halfpenny.funding.rest import router
from halfpenny.identity import Identity
from halfpenny.platform.database import Database
from halfpenny.platform.http import guard
from support.people import Somebody, identity_settings, make_somebody


@asynccontextmanager
async def serving(database: Database, *, fast_path: bool = True, **desk: Any) -> AsyncIterator[httpx2.AsyncClient]:
    app = FastAPI()
    errors.install(app)
    app.include_router(router, prefix="/api/v1")
    app.include_router(bank_router, prefix="/api/v1")
    app.state.database = database
    # Only a process that receives ended sessions caches tokens for longer than a moment.
    running = Identity(identity_settings(), database)
    running.start()
    await running.listener.listening.wait()
    app.state.tokens = running.tokens
    app.state.desk = FundingDesk(database, DeskSettings(**desk))
    app.state.desk.start()
    guarded = guard(app, fast_path=(lambda inner: InvestRoute(inner, app.state)) if fast_path else None)
    transport = httpx2.ASGITransport(guarded)
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client
    await app.state.desk.stop()
    await running.close()


async def somebody_with_money(database: Database, amount_minor: int = 1_000_000, **changes: Any) -> Somebody:
    person = await make_somebody(database, **changes)
    async with database.unit_of_work() as connection:
        await give(connection, [person.user_id], amount_minor)
    return person


async def warm(client: httpx2.AsyncClient, person: Somebody) -> None:
    """Have the token verified, so that the fast_path way caches it."""
    assert (await client.get("/api/v1/wallets", headers=person.headers)).status_code == 200


def invest_path(world: World) -> str:
    return f"/api/v1/loans/{world.loan.id}/invest"


__all__ = ["Somebody", "invest_path", "make_world", "serving", "somebody_with_money", "warm"]
