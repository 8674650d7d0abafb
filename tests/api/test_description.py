"""The running API against its own description: schemathesis sends what fits and what does not to every route.

Whatever is sent, the answer is one that the description names, in the form that it names, never a 5xx, and
nothing malformed is taken.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from halfpenny.entrypoints.api import create_app
from halfpenny.entrypoints.settings import Settings
from halfpenny.platform.database import Database
from halfpenny.platform.servers import DocumentServer, PostgresServer
from halfpenny.primitives.ids import uuid7
from support import lending
from support.people import Somebody, make_somebody
from support.policies import POLICIES
from support.server import api_process

DESCRIPTION = create_app(Settings()).openapi()
schema = schemathesis.openapi.from_dict(DESCRIPTION)
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
]


@dataclass(frozen=True)
class Stage:
    """A running API with one person of each role, and a loan in funding."""

    url: str
    people: dict[str, Somebody]
    loan_id: UUID


async def _furnish(database_url: str) -> tuple[dict[str, Somebody], UUID]:
    database = await Database.connect(database_url)
    try:
        people = {role: await make_somebody(database, role) for role in ("investor", "borrower", "administrator")}
        async with database.unit_of_work() as connection:
            loan = await lending.funding(connection, people["borrower"].user_id, people["administrator"].user_id)
        return people, loan.id
    finally:
        await database.close()


@pytest.fixture(scope="module")
def stage(
    postgres: PostgresServer, _template: str, document_server: DocumentServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    name = f"test_{uuid7().hex}"
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {_template} STRATEGY file_copy")
        database_url = postgres.database_url(name)
        people, loan_id = asyncio.run(_furnish(database_url))
        log = tmp_path_factory.mktemp("api") / "api.log"
        # Hundreds of guesses are what this test is made of.
        generous = {
            f"HALFPENNY_{limit}": "1000000/minute"
            for limit in (
                "REGISTER_PER_ADDRESS",
                "ATTEMPTS_PER_ADDRESS",
                "FAILURES_PER_ADDRESS",
                "FAILURES_PER_ACCOUNT_AND_ADDRESS",
                "FAILURES_PER_ACCOUNT",
            )
        }
        with api_process(database_url, document_server.url, log, **generous) as url:
            yield Stage(url, people, loan_id)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def caller_of(operation: str) -> str:
    """Somebody who gets past the question of who they are."""
    policy = POLICIES.get(operation)
    if policy is None or policy.investor == "may":
        return "investor"
    return "borrower" if policy.owner == "may" else "administrator"


@schema.parametrize()
@settings(max_examples=10, derandomize=True, suppress_health_check=list(HealthCheck))
def test_every_route_keeps_to_its_description(case: schemathesis.Case, stage: Stage) -> None:
    somebody = stage.people[caller_of(f"{case.operation.method.upper()} {case.operation.path}")]
    # Half of the requests are about a loan that is there.
    if "loan_id" in case.path_parameters and len(str(case.body)) % 2 == 0:
        case.path_parameters["loan_id"] = str(stage.loan_id)
    headers: dict[str, Any] = dict(somebody.headers)
    response = case.call(base_url=stage.url, headers=headers)
    case.validate_response(response, checks=CHECKS, headers=headers)


def test_the_description_is_openapi_3_1_with_every_failure() -> None:
    assert DESCRIPTION["openapi"].startswith("3.1")
    text = json.dumps(DESCRIPTION)
    assert "HTTPValidationError" not in text
    assert "x-demanded" not in text
    assert "OptionalBearer" not in text
    assert DESCRIPTION["components"]["securitySchemes"].keys() == {"HTTPBearer"}
    assert DESCRIPTION["paths"]["/graphql"]["post"]["security"] == [{"HTTPBearer": []}, {}]
    assert DESCRIPTION["paths"]["/api/v1/me"]["get"]["security"] == [{"HTTPBearer": []}]
    summaries: list[str] = []
    for path, methods in DESCRIPTION["paths"].items():
        for method, operation in methods.items():
            # What one would search for: not the function's name, and nothing that another route has too.
            assert " " in operation["summary"] and "`" not in operation["summary"], f"{method} {path}"
            assert len(operation["summary"]) < 110, f"{method} {path}"
            summaries.append(operation["summary"])
            assert operation["responses"]["4XX"]["content"].keys() == {"application/problem+json"}, f"{method} {path}"
    assert len(set(summaries)) == len(summaries)


def test_amounts_are_strings_everywhere() -> None:
    wrong = []

    def walk(name: str, value: Any) -> None:
        if isinstance(value, dict):
            for key, inner in (value.get("properties") or {}).items():
                if key in ("amount", "valuation", "prior_debt", "income", "purchase_price", "gdv", "annual_rate"):
                    kinds = {str(option.get("type")) for option in [inner, *inner.get("anyOf", [])]}
                    if kinds & {"number", "integer"}:
                        wrong.append(f"{name}.{key}")
            for key, inner in value.items():
                walk(f"{name}/{key}", inner)
        elif isinstance(value, list):
            for inner in value:
                walk(name, inner)

    walk("", DESCRIPTION)
    assert wrong == []
