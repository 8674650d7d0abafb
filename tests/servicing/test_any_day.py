"""Every day that a route of servicing or of the ledger takes: whatever day is named, the answer is never a failure."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from halfpenny.identity import Role
from halfpenny.platform.clock import business_date
from halfpenny.platform.database import Database
from halfpenny.servicing.rest import router
from servicing import world
from servicing.receipts import announced, approve, ask, first_due, overdue, treasurers
from support.people import make_somebody

Client = httpx2.AsyncClient
Place = tuple[str | int, ...]
LEDGER = (
    "/api/v1/backoffice/ledger/general-ledger.csv",
    "/api/v1/backoffice/ledger/accounts/{kind}/{currency}/statement",
)
# By how many days from the business date; bounds of a year, of windows and of the letter among them.
BESIDE = (-366, -31, -1, 0, 1, 13, 14, 351, 352, 353, 365, 366, 367)
FAR = [date(1, 1, 1), date(1, 1, 2), date(1899, 12, 31), date(1970, 1, 1), date(2200, 12, 31), date(2201, 1, 1),
       date(9998, 12, 31), date(9999, 12, 1), date(9999, 12, 17), date(9999, 12, 20), date(9999, 12, 31)]  # fmt: skip


def description() -> dict[str, Any]:
    app = FastAPI()
    app.include_router(router, prefix="/api/v1")
    return app.openapi()


def _days(schema: dict[str, Any], whole: dict[str, Any], at: Place = ()) -> Iterator[Place]:
    """Where in a value of this schema a day stands."""
    if "$ref" in schema:
        schema = whole["components"]["schemas"][schema["$ref"].split("/")[-1]]
    if schema.get("format") == "date":
        yield at
    for part in schema.get("anyOf", []):
        yield from _days(part, whole, at)
    for name, part in schema.get("properties", {}).items():
        yield from _days(part, whole, (*at, name))
    if "items" in schema:
        yield from _days(schema["items"], whole, (*at, 0))


def _of_servicing() -> Iterator[tuple[str, str, Place]]:
    whole = description()
    for path, methods in whole["paths"].items():
        for method, operation in methods.items():
            for asked in operation.get("parameters", []):
                if asked["in"] == "query" and list(_days(asked["schema"], whole)):
                    yield method.upper(), path, (asked["name"],)
                elif asked["name"] == "year":
                    yield method.upper(), path, ("year",)
            if "requestBody" in operation:
                content = operation["requestBody"]["content"]["application/json"]["schema"]
                yield from ((method.upper(), path, place) for place in _days(content, whole))


ALL = [*_of_servicing(), *(("GET", path, (name,)) for path in LEDGER for name in ("first", "last"))]


def test_the_days_of_servicing_are_found() -> None:
    assert ("GET", "/api/v1/loans/{loan_id}/redemption", ("on",)) in ALL
    assert ("GET", "/api/v1/loans/{loan_id}/redemption-statement", ("on",)) in ALL
    assert ("POST", "/api/v1/quotes", ("pauses", 0, "to")) in ALL
    assert ("GET", "/api/v1/statements/{year}/pdf", ("year",)) in ALL
    assert len(ALL) >= 19


def _bodies(made: world.Drawn, today: date, due: date) -> dict[str, dict[str, Any]]:
    """A request that is granted, by path: one of its days is then replaced."""
    day = today.isoformat()

    def after(days: int) -> str:
        return (today + timedelta(days=days)).isoformat()

    quote = {
        "currency": "EUR", "repayment": "bullet", "interest_mode": "serviced", "principal": "1000.00",
        "annual_rate": "12", "periods": 12, "advanced_on": day, "redeemed_on": after(300), "first_due_on": after(31),
        "drawdowns": [{"on": after(40), "amount": "10.00"}], "pauses": [{"from": after(15), "to": after(50)}],
    }  # fmt: skip
    period = {"first": day, "last": day}
    return {
        "/api/v1/quotes": quote,
        "/api/v1/receipts": announced(made, due),
        "/api/v1/receipts/{receipt_id}/reverse": {"reversed_on": day, "reference": "R/1", "reason": "Recalled."},
        "/api/v1/loans/{loan_id}/pause": {**period, "reason": "The buyer is ill.", "unlikely_to_pay": True},
        **dict.fromkeys(LEDGER, period),
    }


def _with(body: dict[str, Any], place: Place, day: date) -> dict[str, Any]:
    changed: Any = copy.deepcopy(body)
    inside = changed
    for step in place[:-1]:
        inside = inside[step]
    inside[place[-1]] = day.isoformat()
    return dict(changed)


async def _received(client: Client, database: Database, made: world.Drawn) -> str:
    one, other = await treasurers(database)
    _, answer = await ask(client, one, "/receipts", announced(made, await first_due(database, made)))
    await approve(client, other, answer)
    return str(answer["receipt_id"])


@pytest.mark.parametrize(("method", "path", "place"), ALL)
async def test_no_day_is_a_failure(client: Client, database: Database, method: str, path: str, place: Place) -> None:
    made = await overdue(database)
    roles = {
        "portfolio": Role.INVESTOR,
        "statements": Role.INVESTOR,
        "receipts": Role.TREASURER,
        "backoffice": Role.TREASURER,
    }
    who = await make_somebody(database, roles.get(path.split("/")[3], Role.ADMINISTRATOR))
    receipt = await _received(client, database, made) if "{receipt_id}" in path else ""
    async with database.reading() as connection:
        today = await business_date(connection)
    body = _bodies(made, today, await first_due(database, made)).get(path, {})
    statuses = set()
    for day in [*FAR, *(today + timedelta(days=days) for days in BESIDE)]:
        asked = path.format(
            loan_id=made.loan.id, receipt_id=receipt, kind="client_bank", currency="EUR", year=f"{day.year}"
        )
        values = _with(body, place, day)
        if method == "GET":
            answer = await client.get(asked, params=values if place != ("year",) else None, headers=who.headers)
        else:
            answer = await client.request(method, asked, json=values, headers=who.paying())
        assert answer.status_code < 500, (day, answer.text)
        statuses.add(answer.status_code)
    # Some days are granted or refused by name, so it is the day that was asked about and not the caller.
    assert not statuses & {401, 403, 404, 405}, statuses
    assert len(statuses) > 1, statuses
