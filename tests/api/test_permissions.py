"""Every route and field declares what it takes, and every role gets exactly what the one table gives it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import APIRouter, Depends, FastAPI
from starlette.routing import BaseRoute

from halfpenny import identity
from halfpenny.entrypoints.permissions import document, routes
from halfpenny.identity import ROLE_PERMISSIONS, STAFF_ROLES, Permission, Role, SignedIn, requires
from halfpenny.marketplace import field_permissions
from halfpenny.platform.database import Database
from halfpenny.primitives.ids import uuid7
from support import lending
from support.people import Somebody, make_somebody, tokens_for
from support.policies import POLICIES, SOMEBODY

ROOT = Path(__file__).parents[2]
WRITES = ("POST", "PUT", "PATCH", "DELETE")
# Static files, and the description of the interface itself: neither is a route of a feature.
NO_FEATURES = {"* /static", "GET /api/v1/openapi.json", "HEAD /api/v1/openapi.json"}


def undeclared(found: Sequence[BaseRoute]) -> set[str]:
    return {name for name, asked in routes(found) if asked is None}


async def test_every_route_declares_what_it_takes(app: FastAPI) -> None:
    assert undeclared(app.routes) == NO_FEATURES


def test_the_rule_catches_a_route_that_declares_nothing_or_twice() -> None:
    router = APIRouter()

    @router.get("/forgotten")
    async def reset_mail(_: SignedIn) -> None: ...

    @router.get("/twice", dependencies=[requires(Permission.WALLET), requires(Permission.INVEST)])
    async def twice() -> None: ...

    @router.get("/right", dependencies=[requires(Permission.WALLET), Depends(lambda: None)])
    async def right() -> None: ...

    assert undeclared(router.routes) == {"GET /forgotten", "GET /twice"}


def test_every_field_of_the_query_declares_what_it_takes() -> None:
    assert field_permissions() == {
        "Query.loans": frozenset(),
        "Query.loan": frozenset(),
        "Query.me": frozenset({Permission.OWN_ACCOUNT}),
        "Query.decision_reviews": frozenset({Permission.LOANS_READ_ALL}),
        "Query.assessment": frozenset({Permission.LOANS_READ_ALL}),
    }


async def test_the_document_is_the_table(app: FastAPI) -> None:
    assert (ROOT / "docs" / "permissions.md").read_text() == document(app)


async def test_permissions_that_nothing_takes_are_not_there(app: FastAPI) -> None:
    named = {permission for _, asked in routes(app.routes) for permission in asked or ()}
    by_acts = {permission for act in app.state.acts for permission in (act.proposed_with, act.approved_with)}
    unused = set(Permission) - named - by_acts - {Permission.LOANS_READ_ALL}
    assert unused <= LATER


# Approving permissions whose acts are registered with the features that bring them.
LATER = {
    Permission.SERVICING_APPROVE,
    Permission.BANK_APPROVE,
    Permission.LEDGER_CORRECT,
    Permission.LEDGER_APPROVE,
    Permission.ROLES_APPROVE,
}


def operations(app: FastAPI) -> Iterator[tuple[str, str, frozenset[Permission]]]:
    for name, asked in routes(app.routes):
        method, path = name.split()
        if path.startswith("/api/v1/") and method != "WS" and asked:
            yield method, path, asked


async def call(
    client: httpx2.AsyncClient, database: Database, somebody: Somebody, method: str, path: str, policy: Any
) -> httpx2.Response:
    """In a session of its own: some of the routes end the caller's."""
    async with database.unit_of_work() as connection:
        [(_, session_id)] = await identity.open_sessions(connection, [somebody.user_id], timedelta(minutes=5))
    token = tokens_for(database).issue(somebody.user_id, somebody.role, session_id)
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": str(uuid7())}
    body = policy.body if policy else None
    if isinstance(body, dict):
        body = {name: str(somebody.user_id) if value == SOMEBODY else value for name, value in body.items()}
    return await client.request(method, path, json=body if body is not None else {}, headers=headers)


@pytest.mark.parametrize("role", list(Role))
async def test_a_role_gets_what_its_permissions_allow(
    role: Role, app: FastAPI, client: httpx2.AsyncClient, database: Database
) -> None:
    somebody = await make_somebody(database, role)
    borrower = await make_somebody(database, Role.BORROWER)
    staff = await make_somebody(database, Role.ADMINISTRATOR)
    async with database.unit_of_work() as connection:
        loan = await lending.funding(connection, borrower.user_id, staff.user_id, amount_minor=2_000_000)
    wrong = []
    for method, template, asked in operations(app):
        path = template.replace("{loan_id}", str(loan.id)).replace("{currency}", "EUR").replace("{year}", "2026")
        path = re.sub(r"{\w+}", lambda _: str(uuid7()), path.replace("{kind}", "client_bank"))
        answer = await call(client, database, somebody, method, path, POLICIES.get(f"{method} {template}"))
        code = answer.json().get("code", "") if answer.status_code >= 400 else ""
        holds = bool(asked & ROLE_PERMISSIONS[role])
        if holds and (answer.status_code in (401, 405) or answer.status_code >= 500 or code == "wrong_role"):
            wrong.append(f"{method} {template}: holds {sorted(asked)} and got {answer.status_code} {code}")
        if not holds and not (
            code in ("wrong_role", "self_dealing") or answer.status_code == 404 or bulk_refused(answer)
        ):
            wrong.append(f"{method} {template}: does not hold {sorted(asked)} and got {answer.status_code} {code}")
    assert wrong == [], "\n".join(wrong)


def bulk_refused(answer: httpx2.Response) -> bool:
    """Many tickets are judged one by one: every one of them was refused, for the role or as unknown."""
    results = answer.json().get("results", []) if answer.status_code == 200 else []
    return bool(results) and all(result["status"] in (403, 404) for result in results)


async def test_the_auditor_writes_nothing_but_their_own_account(app: FastAPI) -> None:
    auditor = ROLE_PERMISSIONS[Role.AUDITOR]
    written = {f"{method} {path}" for method, path, asked in operations(app) if method in WRITES and asked & auditor}
    own = {name for name in written if "/auth/" in name or "/notifications/" in name or "/realtime/" in name}
    assert written - own == {"POST /api/v1/waiting-list/{waiting_id}/leave"}, "an auditor reads and changes nothing"
    read = {path for method, path, asked in operations(app) if method == "GET" and not asked & auditor}
    assert read == set(), "an auditor reads everything"


def test_an_administrator_holds_every_act_of_staff_and_no_customers() -> None:
    everything = frozenset().union(*(ROLE_PERMISSIONS[role] for role in STAFF_ROLES))
    assert everything == ROLE_PERMISSIONS[Role.ADMINISTRATOR]
    customers = {Permission.WALLET, Permission.INVEST, Permission.LOANS_APPLY}
    for role in STAFF_ROLES | {Role.SERVICE}:
        assert not ROLE_PERMISSIONS[role] & customers


@pytest.mark.parametrize("role", sorted(STAFF_ROLES))
async def test_staff_never_invest_and_have_no_wallet(
    role: Role, client: httpx2.AsyncClient, database: Database
) -> None:
    somebody, borrower = await make_somebody(database, role), await make_somebody(database, Role.BORROWER)
    staff = await make_somebody(database, Role.ADMINISTRATOR)
    async with database.unit_of_work() as connection:
        loan = await lending.funding(connection, borrower.user_id, staff.user_id)
    amount = {"amount": "100.00", "currency": "EUR"}
    # Through the fast path and through the ordinary one, which a query string leads to.
    for path in (f"/api/v1/loans/{loan.id}/invest", f"/api/v1/loans/{loan.id}/invest?x=1"):
        answer = await client.post(path, json=amount, headers=somebody.paying())
        assert (answer.status_code, answer.json()["code"]) == (403, "self_dealing")
    for way in ("deposits", "withdrawals"):
        answer = await client.post(f"/api/v1/wallets/EUR/{way}", json={"amount": "1.00"}, headers=somebody.paying())
        assert (answer.status_code, answer.json()["code"]) == (403, "wrong_role")
    async with database.reading() as connection:
        assert await connection.fetchval("SELECT count(*) FROM account WHERE owner_id = $1", somebody.user_id) == 0
