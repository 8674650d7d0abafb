"""An investor's portfolio as a page."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from halfpenny import funding, identity, servicing
from halfpenny.identity import Permission, requires
from halfpenny.marketplace import labels
from halfpenny.marketplace.model import loan_node
from halfpenny.platform.clock import business_date, business_now
from halfpenny.platform.database import Connection
from halfpenny.platform.http import AppDatabase, AppPages
from halfpenny.primitives.errors import HalfpennyError

PAGE_SIZE: Final = 25
_AMOUNTS: Final = ("invested", "outstanding", "interest_received", "lost")
_YEARS: Final = 3
router = APIRouter(include_in_schema=False)


@router.get("/portfolio", dependencies=[requires(Permission.INVEST)])
async def portfolio(
    request: Request,
    principal: identity.SignedIn,
    database: AppDatabase,
    pages: AppPages,
    after: UUID | None = None,
) -> Response:
    """What one has in each loan, newest first; at the top what can still be taken back."""
    async with database.reading() as connection:
        found = await servicing.portfolio(connection, principal.user_id, after, PAGE_SIZE + 1)
        shown = found[:PAGE_SIZE]
        reflecting = await _reflecting(connection, shown)
        today = await business_date(connection)
    context = {
        "labels": labels,
        "lines": [_line(line) for line in shown],
        "reflecting": reflecting,
        "waiting": request.query_params.get("waiting") == "yes",
        "years": [today.year - back for back in range(_YEARS)],
        "next": f"/portfolio?after={shown[-1].loan.id}" if len(found) > PAGE_SIZE else None,
    }
    return pages.render(request, "marketplace/portfolio.html", context)


async def _reflecting(connection: Connection, lines: list[servicing.PortfolioLine]) -> list[dict[str, Any]]:
    """The investments that can be taken back now, by the rule that takes them back."""
    now = await business_now(connection)
    open_ones = []
    for line in lines:
        if line.loan.funding is None:
            continue
        for one in line.investments:
            try:
                funding.check_revocable(one, line.loan.funding.status, now)
            except HalfpennyError:
                continue
            open_ones.append(funding.investment_view(one) | {"loan": loan_node(line.loan)})
    return open_ones


def _line(line: servicing.PortfolioLine) -> dict[str, Any]:
    seen = servicing.portfolio_line_view(line)
    amounts = {name: {"amount": seen[name], "currency": seen["currency"]} for name in _AMOUNTS}
    return seen | amounts | {"loan": loan_node(line.loan)}
