"""Five requests that one key can be used for; each moves money or promises to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import httpx2

from funding.edge import Somebody
from funding.world import World
from halfpenny.platform.database import Database

Send = Callable[[httpx2.AsyncClient, dict[str, str]], Awaitable[httpx2.Response]]

WAYS = ["invest", "invest_otherwise", "bulk", "deposit", "withdraw"]


def routes(world: World) -> dict[str, Send]:
    ticket = {"loan_id": str(world.loan.id), "amount": "50.00", "currency": "EUR"}

    def post(path: str, body: dict[str, Any]) -> Send:
        return lambda client, headers: client.post(f"/api/v1{path}", json=body, headers=headers)

    invest = {"amount": "50.00", "currency": "EUR"}
    return {
        "invest": post(f"/loans/{world.loan.id}/invest", invest),
        "invest_otherwise": post(f"/loans/{world.loan.id}/invest", {**invest, "amount": "50.01"}),
        "bulk": post("/investments/bulk", {"investments": [ticket]}),
        "deposit": post("/wallets/EUR/deposits", {"amount": "20.00"}),
        "withdraw": post("/wallets/EUR/withdrawals", {"amount": "10.00"}),
    }


async def effects(database: Database, person: Somebody) -> int:
    """How many investments and payments under way this person has: one for each key that was used."""
    async with database.reading() as connection:
        found = await connection.fetchval(
            "SELECT (SELECT count(*) FROM investment WHERE investor_id = $1) "
            "+ (SELECT count(*) FROM wallet_payment WHERE user_id = $1 AND status = 'pending')",
            person.user_id,
        )
    return int(found)
