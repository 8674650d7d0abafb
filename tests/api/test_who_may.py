"""Who may call what: every route of the description against every kind of caller, one loan for each route.

The policy is in support/policies.py. A route that it does not name fails the test, so nobody adds one
without stating who may call it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx2
import pytest
from fastapi import FastAPI

from halfpenny import identity, ledger
from halfpenny.ledger import Account, AccountKind, Journal, Transfer
from halfpenny.platform.clock import business_date
from halfpenny.platform.database import Database
from halfpenny.primitives.ids import JournalId, uuid7
from halfpenny.primitives.money import Currency
from support import lending
from support.people import Somebody, make_somebody, tokens_for
from support.policies import AMOUNT, POLICIES, PUBLIC, SOMEBODY

Client = httpx2.AsyncClient


@dataclass(frozen=True)
class Cast:
    investor: Somebody
    owner: Somebody
    other: Somebody
    administrator: Somebody

    async def fresh_headers(self, database: Database, caller: str) -> dict[str, str]:
        """A session of its own for each request: some of the routes end the caller's."""
        somebody: Somebody = getattr(self, caller)
        async with database.unit_of_work() as connection:
            [(_, session_id)] = await identity.open_sessions(connection, [somebody.user_id], timedelta(minutes=15))
        token = tokens_for(database).issue(somebody.user_id, somebody.role, session_id)
        return {"Authorization": f"Bearer {token}", "Idempotency-Key": str(uuid7())}


@pytest.fixture
async def cast(database: Database) -> Cast:
    people = [await make_somebody(database, role) for role in ("investor", "borrower", "borrower", "administrator")]
    async with database.unit_of_work() as connection:
        bank = Account(AccountKind.CLIENT_BANK, None, Currency.EUR)
        wallet = Account(AccountKind.WALLET, people[0].user_id, Currency.EUR)
        day = await business_date(connection)
        await ledger.post(connection, Journal(JournalId(uuid7()), "deposit", (Transfer(bank, wallet, 10**8),), day))
    return Cast(*people)


def operations(app: FastAPI) -> list[str]:
    return [
        f"{method.upper()} {path}"
        for path, methods in app.openapi()["paths"].items()
        for method in methods
        if method in ("get", "post", "put", "patch", "delete")
    ]


async def address(operation: str, client: Client, database: Database, cast: Cast) -> str:
    """The operation's path with real things in it, made for this one operation."""
    path = operation.split()[1]
    if "{loan_id}" in path or "{investment_id}" in path:
        loan_id = await loan_in_funding(database, cast)
        path = path.replace("{loan_id}", str(loan_id))
        if "{investment_id}" in path:
            answer = await client.post(f"/api/v1/loans/{loan_id}/invest", json=AMOUNT, headers=cast.investor.paying())
            assert answer.status_code == 201, answer.text
            path = path.replace("{investment_id}", answer.json()["investment"]["id"])
    if "{user_id}" in path:
        path = path.replace("{user_id}", str((await make_somebody(database)).user_id))
    for name, value in (("currency", "EUR"), ("year", "2026"), ("kind", "client_bank")):
        path = path.replace(f"{{{name}}}", value)
    # Whatever else has an id: one that nothing has.
    return re.sub(r"{\w+}", lambda _: str(uuid7()), path)


async def loan_in_funding(database: Database, cast: Cast) -> UUID:
    async with database.unit_of_work() as connection:
        # Small, so that all of them together stay below what one borrower may raise in a year.
        loan = await lending.funding(connection, cast.owner.user_id, cast.administrator.user_id, amount_minor=2_000_000)
    return loan.id


# 404 about a part of a thing that the caller may see.
NOT_THERE_YET = ("no_assessment_yet", "no_risk_report", "not_serviced", "no_recovery_case")


def verdict(answer: Any) -> str:
    if answer.status_code == 403:
        return "role"
    if answer.status_code == 404:
        return "may" if answer.json()["code"] in NOT_THERE_YET else "hidden"
    return "may" if answer.status_code < 500 and answer.status_code not in (401, 405) else f"{answer.status_code}"


async def test_every_route_has_a_policy(app: FastAPI) -> None:
    assert sorted({*operations(app)} - PUBLIC - POLICIES.keys()) == [], "say in support/policies.py who may call them"
    assert sorted((PUBLIC | POLICIES.keys()) - {*operations(app)}) == [], "these routes are gone"


async def test_without_a_token_only_public_routes_answer(
    app: FastAPI, client: Client, database: Database, cast: Cast
) -> None:
    wrong = []
    for operation in operations(app):
        method, path = operation.split()[0], await address(operation, client, database, cast)
        bare = await client.request(method, path, json={})
        if (bare.status_code == 401) == (operation in PUBLIC):
            wrong.append(f"{operation} without a token: {bare.status_code}")
        forged = await client.request(method, path, json={}, headers={"Authorization": "Bearer nonsense"})
        if operation not in PUBLIC and forged.status_code != 401:
            wrong.append(f"{operation} with a forged token: {forged.status_code}")
    assert wrong == [], "\n".join(wrong)


async def test_every_caller_gets_what_the_policy_allows(
    app: FastAPI, client: Client, database: Database, cast: Cast
) -> None:
    wrong = []
    for operation, policy in POLICIES.items():
        if operation not in operations(app):
            continue  # named by the test above
        path = await address(operation, client, database, cast)
        body = policy.body
        if isinstance(body, dict):
            body = {name: str(cast.other.user_id) if value == SOMEBODY else value for name, value in body.items()}
        # Who is refused comes first: their requests must not have changed what the allowed ones meet.
        for caller in sorted(("investor", "owner", "other", "administrator"), key=lambda c: policy.of(c) == "may"):
            answer = await client.request(
                operation.split()[0], path, json=body, headers=await cast.fresh_headers(database, caller)
            )
            if verdict(answer) != policy.of(caller):
                wrong.append(f"{caller}: {operation} answered {answer.status_code} {answer.text[:200]}")
            elif policy.of(caller) == "role":
                assert answer.json()["code"] in ("wrong_role", "self_dealing"), answer.text
    assert wrong == [], "\n".join(wrong)


@pytest.mark.parametrize("path", ["/api/v1/loans/{loan_id}", "/api/v1/loans/{loan_id}/assessment"])
async def test_before_its_offer_a_loan_exists_for_its_borrower_and_staff_only(
    client: Client, database: Database, cast: Cast, path: str
) -> None:
    async with database.unit_of_work() as connection:
        loan = await lending.assessed(connection, cast.owner.user_id)
    path = path.replace("{loan_id}", str(loan.id))
    seen = {}
    for caller in ("investor", "owner", "other", "administrator"):
        answer = await client.get(path, headers=await cast.fresh_headers(database, caller))
        seen[caller] = verdict(answer)
    assert seen == {"investor": "hidden", "owner": "may", "other": "hidden", "administrator": "may"}
