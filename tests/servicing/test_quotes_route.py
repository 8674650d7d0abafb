"""The route of quotes: public, limited by address, strict, and in the business date's today."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI

from halfpenny.entrypoints import errors
from halfpenny.identity.limits import Limiter
from halfpenny.loans import LendingRules
from halfpenny.platform.clock import business_date
from halfpenny.platform.database import Database
from halfpenny.servicing.rest import quotes
from support.edge import client_for

BODY = {
    "principal": "300000.00",
    "currency": "EUR",
    "monthly_rate": "0.85",
    "repayment": "bullet",
    "interest_mode": "serviced",
    "periods": 9,
}


@pytest.fixture
def app(database: Database) -> FastAPI:
    """Only this route, on a real database: the limit is counted there."""
    app = FastAPI()
    app.state.database = database
    app.state.identity = SimpleNamespace(limiter=Limiter(database))
    app.state.settings = SimpleNamespace(lending=SimpleNamespace(rules=LendingRules()))
    errors.install(app)
    app.include_router(quotes.router, prefix="/api/v1")
    return app


async def post(app: FastAPI, body: Any, address: str = "198.51.100.7") -> Any:
    async with client_for(app, address) as client:
        return await client.post("/api/v1/quotes", json=body)


async def test_a_quote_needs_no_account(app: FastAPI, database: Database) -> None:
    response = await post(app, BODY)
    assert response.status_code == 200
    quote = response.json()
    assert set(quote) == {
        "instalments",
        "totals",
        "gross_loan",
        "net_advance",
        "retained_interest",
        "fees",
        "advances",
        "apr_convention",
        *("owed", "from_reserve", "from_advance_payment", "redemption", "payable"),
        "apr",
        *("governing_law", "default_rate", "legal_maximum"),
    }
    # 0.85 % a month and five points; the law knows no maximum in euros.
    assert (quote["default_rate"], quote["legal_maximum"]) == ("15.2", None)
    assert quote["redemption"] == "300000.00"
    assert [row["interest"] for row in quote["instalments"]] == ["2550.00"] * 9
    async with database.reading() as connection:
        today = await business_date(connection)
    assert quote["instalments"][0]["due_on"][:7] == f"{today.year + today.month // 12}-{today.month % 12 + 1:02d}"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"principal": 300000}, "malformed_amount"),
        ({"note": "x"}, "unknown_field"),
        ({"monthly_rate": "-0.85"}, "negative_rate"),
        ({"net_advance": "1.00"}, "principal_or_net_advance"),
        ({"currency": "DOGE"}, "malformed_currency"),
        ({"minimum_interest_months": 10}, "minimum_interest_exceeds_term"),
    ],
)
async def test_bad_requests_are_422_with_a_code(app: FastAPI, changes: dict[str, Any], code: str) -> None:
    response = await post(app, {**BODY, **changes})
    assert response.status_code == 422
    assert response.json()["code"] == code


async def test_the_limit_is_by_address(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    assert quotes.QUOTES_PER_ADDRESS == "600/minute"
    monkeypatch.setattr(quotes, "QUOTES_PER_ADDRESS", "3/minute")
    statuses = [(await post(app, BODY)).status_code for _ in range(4)]
    assert statuses == [200, 200, 200, 429]
    refused = await post(app, BODY)
    assert int(refused.headers["retry-after"]) >= 1
    assert (await post(app, BODY, "203.0.113.9")).status_code == 200


async def test_the_whole_application_quotes_anonymous_callers(client: Any) -> None:
    response = await client.post("/api/v1/quotes", json=BODY)
    assert response.status_code == 200
    assert response.json()["gross_loan"] == "300000.00"
    twice = '{"principal": "1.00", "principal": "2.00"}'
    doubled = await client.post("/api/v1/quotes", content=twice, headers={"content-type": "application/json"})
    assert (doubled.status_code, doubled.json()["code"]) == (422, "duplicate_key")
