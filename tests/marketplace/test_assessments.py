"""Assessments in the document store: what each reader sees, and that the collection follows PostgreSQL."""

from __future__ import annotations

import ast
import inspect
import json
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import ModuleType
from typing import Any, get_args, get_type_hints
from uuid import UUID

import pytest
from fastapi import FastAPI

from halfpenny import loans, underwriting
from halfpenny.entrypoints import errors
from halfpenny.entrypoints.books import check_books
from halfpenny.entrypoints.listings import rebuild as rebuild_all
from halfpenny.entrypoints.settings import Settings
from halfpenny.identity import Identity, Role
from halfpenny.marketplace import AssessmentStore, ListingStore, Marketplace, catch_up, graphql_router, subscription
from halfpenny.marketplace.assessments import PUBLIC_FLAGS, assessment_document
from halfpenny.marketplace.assessments.store import ASSESSMENTS
from halfpenny.marketplace.graphql.schema import schema
from halfpenny.platform.database import Database
from halfpenny.platform.documents import DocumentStore
from halfpenny.platform.http import guard
from halfpenny.platform.queue import Message
from halfpenny.primitives.ids import uuid7
from halfpenny.underwriting import CurrentAnswer
from halfpenny_messages import LOAN_ASSESSED, Borrower, LoanAssessed, Valuation, decode_payload, to_builtins
from halfpenny_risk import application, models, valuation
from halfpenny_risk.application import read_application
from halfpenny_risk.artefacts import DEFAULT_FOLDER, ArtefactFolder
from halfpenny_risk.assess import REFER_FLAGS
from halfpenny_risk.market import load_markets
from halfpenny_risk.policy import LIMITED, load_policies
from support import market
from support.edge import Client, client_for
from support.people import Somebody, identity_settings, make_somebody, tokens_for
from support.risk_applications import changed
from underwriting.test_assessments import answer

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
# What is said of the borrower's own affairs.
PRIVATE_FLAGS = [
    *(f"{fact}_missing" for fact in ("income", "assets", "debts", "adverse_records")),
    *(f"{fact}_missing" for fact in ("yearly_costs", "years_trading", "premises")),
    *(f"{verb}_{limit}" for verb in ("refers", "declines") for limit in ("adverse_records", "debts_to_assets")),
]
SALE = {
    "id": "seattle-4711",
    "distance_m": 143,
    "age_months": 4,
    "similarity": "0.93",
    "price": "480000.00",
    "adjusted_price": "491500.00",
    "sold_on": "2025-11-03",
    "area_m2": "148.5",
    "beds": 3,
    "year_built": 1958,
}
CELL = {
    "price_change_percent": -20,
    "extra_months": 6,
    "rate_change_points": 2,
    "exit_shortfall_probability": "0.31",
    "loss_given_default": "0.34",
    "expected_loss": "0.0415",
}


def whole(loan_id: UUID, version: int, **changes: Any) -> LoanAssessed:
    content = answer(loan_id, version, stress=[CELL], flags=["outside_market", "income_missing"], **changes)
    content["valuation"] |= {"market": "seattle", "source": "both", "as_of": "2025-12-28", "comparables": [SALE]}
    payload = decode_payload(LOAN_ASSESSED, 1, content)
    assert isinstance(payload, LoanAssessed)
    return payload


def current(**changes: Any) -> CurrentAnswer:
    return CurrentAnswer(UUID(int=1), 3, "rules-1", NOW, kept(whole(UUID(int=1), 3, **changes)), 2)


def kept(payload: LoanAssessed) -> dict[str, Any]:
    """As a JSONB column gives it."""
    found: dict[str, Any] = json.loads(json.dumps(to_builtins(payload)))
    return found


def test_everybody_sees_comparables_stress_and_flags_and_staff_all_of_it() -> None:
    document = assessment_document(current())
    shared, staff = document["shared"], document["staff"]
    assert (document["_id"], document["revision"]) == (str(UUID(int=1)), 2)
    [sale], [exact] = shared["valuation"]["comparables"], staff["valuation"]["comparables"]
    assert (exact["id"], exact["distance_m"]) == ("seattle-4711", 143)
    assert exact["adjusted_price"] == {"amount": "491500.00", "currency": "EUR"}
    assert sale == {
        **dict.fromkeys(("id", "age_months", "similarity", "price", "area_m2", "beds", "year_built")),
        "distance_m": 500,
        "adjusted_price": {"amount": "492000.00", "currency": "EUR"},
        "sold_on": "2025",
    }
    assert shared["stress"] == staff["stress"] == [CELL]
    assert (shared["flags"], staff["flags"]) == (["outside_market"], ["outside_market", "income_missing"])
    assert shared.keys() < staff.keys()
    for name in ("reasons", "principal_against", "score", "recommendation", "challenger", "ltc"):
        assert name in staff and name not in shared


def raised_by_name(module: ModuleType) -> Iterator[str]:
    """The flags that a module names where it raises them: to ``flags``, with ``flags``, or as ``flags=``."""
    for call in ast.walk(ast.parse(inspect.getsource(module))):
        if not isinstance(call, ast.Call):
            continue
        raises = ast.unparse(call.func).startswith("flags.") or "flags" in map(ast.unparse, call.args)
        given_as = [word.value for word in call.keywords if word.arg == "flags"]
        for argument in (*(call.args if raises else ()), *given_as):
            if not any(isinstance(node, ast.JoinedStr) for node in ast.walk(argument)):
                texts = (node.value for node in ast.walk(argument) if isinstance(node, ast.Constant))
                yield from (text for text in texts if isinstance(text, str))


def risk_codes() -> set[str]:
    """Every flag that the risk service can raise: named in its code, or made of a fact, a limit or an attribute."""
    named = {code for module in (application, valuation, models) for code in raised_by_name(module)}
    facts = {name: None for name in Borrower.__struct_fields__ if name != "company"}
    missing = read_application(changed(**facts), load_policies().policies[0]).flags
    limits = {f"{verb}_{name}" for verb in ("refers", "declines") for name in LIMITED}
    attributes = {
        name for market in load_markets(ArtefactFolder.open(DEFAULT_FOLDER)) for name in market.spec.attributes
    }
    # An application of another kind is none of any market.
    assumed = {f"assumed_{name}" for name in attributes - {"detached"}}
    return {*named, *missing, *limits, *assumed}


def test_every_flag_is_for_everybody_or_of_the_borrowers_own_affairs() -> None:
    codes = risk_codes()
    assert codes >= REFER_FLAGS
    assert {"in_public_only": PUBLIC_FLAGS - codes, "in_private_only": set(PRIVATE_FLAGS) - codes} == {
        "in_public_only": frozenset(),
        "in_private_only": set(),
    }
    assert codes - PUBLIC_FLAGS == set(PRIVATE_FLAGS)
    answered = kept(whole(UUID(int=1), 3)) | {"flags": [*PRIVATE_FLAGS, "of_a_later_model"]}
    document = assessment_document(replace(current(), answer=answered))
    assert document["shared"]["flags"] == []
    assert document["staff"]["flags"] == [*PRIVATE_FLAGS, "of_a_later_model"]


@dataclass
class World:
    listed: loans.Loan
    hidden: UUID
    store: AssessmentStore
    listings: ListingStore


async def answered(database: Database, loan_id: UUID, **changes: Any) -> None:
    """The risk service's answer to the loan's present terms."""
    async with database.unit_of_work() as connection:
        loan = await loans.get(connection, loan_id)
        await underwriting.receive(connection, whole(loan_id, loan.terms_version, **changes), NOW)


@pytest.fixture
async def world(database: Database, documents: DocumentStore) -> World:
    """One listed loan and one that only staff and its borrower see, both assessed."""
    [listed] = await market.furnish(database, 1)
    async with database.reading() as connection:
        hidden = await connection.fetchval("SELECT id FROM loan WHERE status = 'submitted'")
    for loan_id in (listed.id, hidden):
        await answered(database, loan_id)
    listings, store = ListingStore(documents), AssessmentStore(documents)
    for each in (listings, store):
        await catch_up(database, each)
    return World(listed, hidden, store, listings)


async def contents(documents: DocumentStore) -> dict[str, Any]:
    found = await documents.collection(ASSESSMENTS).find({}).to_list()
    return {document["_id"]: document for document in found}


async def expected(database: Database) -> dict[str, Any]:
    async with database.reading() as connection:
        ids = [row["id"] for row in await connection.fetch("SELECT id FROM loan")]
        found = await underwriting.current_answers(connection, ids)
    return {str(one.loan_id): assessment_document(one) for one in found}


async def test_the_collection_follows_each_answer_that_a_loan_takes_over(
    database: Database, documents: DocumentStore, world: World
) -> None:
    assert (await contents(documents)).keys() == {str(world.listed.id), str(world.hidden)}
    async with database.reading() as connection:
        handled = await connection.fetchval("SELECT max(seq) FROM outbox")
    await answered(database, world.hidden, model_version="rules-2", grade="C")
    # An answer to terms that nobody has any more is kept, and shown to nobody here.
    async with database.unit_of_work() as connection:
        await underwriting.receive(connection, whole(world.hidden, 99, model_version="rules-3"), NOW)
        rows = await connection.fetch("SELECT * FROM outbox WHERE seq > $1 ORDER BY seq", handled)
    news = [Message(row["event_id"], row["name"], row["version"], row["recorded_at"], row["payload"]) for row in rows]
    handle_many = subscription(world.listings, world.store).handle_many
    assert handle_many is not None and news
    async with database.reading() as connection:
        await handle_many(connection, news)
        await handle_many(connection, news)
    found = await contents(documents)
    assert found == await expected(database)
    assert (found[str(world.hidden)]["revision"], found[str(world.hidden)]["staff"]["grade"]) == (2, "C")


async def test_lost_and_foreign_assessments_are_mended_and_a_rebuild_equals_them(
    database: Database, documents: DocumentStore, world: World, settings: Settings
) -> None:
    right = await contents(documents)
    stored = documents.collection(ASSESSMENTS)
    await stored.update_one({"_id": str(world.listed.id)}, {"$set": {"revision": 0, "shared.grade": "A"}})
    await stored.delete_one({"_id": str(world.hidden)})
    await stored.insert_one({"_id": str(uuid7()), "revision": 4, "shared": {}, "staff": {}})
    mended = await catch_up(database, world.store)
    assert (mended.refreshed, mended.removed) == (2, 1)
    assert await contents(documents) == right
    await documents.drop()
    await rebuild_all(settings)
    assert await contents(documents) == right == await expected(database)
    assert await world.store.is_built()


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("shared.valuation.used.amount", "900000.00"),
        ("shared.grade", "A"),
        ("staff.recommendation", "decline"),
        ("shared.flags", []),
        ("revision", 10**6),
    ],
)
async def test_the_books_name_an_assessment_that_differs(
    settings: Settings, documents: DocumentStore, world: World, path: str, value: Any
) -> None:
    assert await findings(settings) == []
    await documents.collection(ASSESSMENTS).update_one({"_id": str(world.hidden)}, {"$set": {path: value}})
    [line] = await findings(settings)
    assert line.startswith(f"assessments {world.hidden}: {path} is {value}, should be ")


async def test_the_books_name_an_assessment_too_many_and_one_too_few(
    settings: Settings, documents: DocumentStore, world: World
) -> None:
    outsider = str(uuid7())
    document = await documents.collection(ASSESSMENTS).find_one({"_id": str(world.listed.id)})
    await documents.collection(ASSESSMENTS).insert_one({**document, "_id": outsider})
    await documents.collection(ASSESSMENTS).delete_one({"_id": str(world.listed.id)})
    lines = sorted(line.split(" (")[0] for line in await findings(settings))
    assert lines == sorted(
        [
            f"assessments {world.listed.id} is missing, should be present",
            f"assessments {outsider} is present, should be missing",
        ]
    )


async def findings(settings: Settings) -> list[str]:
    lines: list[str] = []
    await check_books(settings, lambda finding: lines.append(str(finding)))
    return lines


SHARED = """assessment { grade flags valuation { source used { amount } note { en pl } comparables {
  id distanceM adjustedPrice { amount currency } } } stress { priceChangePercent expectedLoss } }"""
STAFF = """query ($id: ID!) { assessment(loanId: $id) { recommendation flags
  reasons { code contribution text { pl } } principalAgainst { change { en } } challenger { grade }
  valuation { comparables { id distanceM } } } }"""


@pytest.fixture
async def client(database: Database, documents: DocumentStore) -> AsyncIterator[Client]:
    app = FastAPI(openapi_url=None)
    errors.install(app)
    app.add_middleware(guard)
    app.include_router(graphql_router)
    running = Identity(identity_settings(), database)
    running.start()
    await running.listener.listening.wait()
    app.state.database, app.state.identity, app.state.tokens = database, running, tokens_for(database)
    app.state.listings, app.state.assessments = ListingStore(documents), AssessmentStore(documents)
    app.state.marketplace = Marketplace(introspection=False)
    async with client_for(app) as client:
        yield client
    await running.close()


async def ask(client: Client, query: str, variables: dict[str, Any], who: Somebody | None) -> dict[str, Any]:
    answered = await client.post(
        "/graphql", json={"query": query, "variables": variables}, headers=who.headers if who else {}
    )
    found: dict[str, Any] = answered.json()
    return found


async def test_investors_see_it_of_listed_loans_and_staff_of_all(
    database: Database, client: Client, world: World
) -> None:
    investor, staff = [await make_somebody(database, role) for role in (Role.INVESTOR, Role.UNDERWRITER)]
    question = f"query ($id: ID!) {{ loan(id: $id) {{ id {SHARED} }} }}"
    for who in (investor, None):
        shown = (await ask(client, question, {"id": str(world.listed.id)}, who))["data"]["loan"]["assessment"]
        assert (shown["grade"], shown["flags"]) == ("B", ["outside_market"])
        assert shown["stress"] == [{"priceChangePercent": -20, "expectedLoss": "0.0415"}]
        assert shown["valuation"]["comparables"] == [
            {"id": None, "distanceM": 500, "adjustedPrice": {"amount": "492000.00", "currency": "EUR"}}
        ]
        # What is not listed is not there.
        assert (await ask(client, question, {"id": str(world.hidden)}, who))["data"] == {"loan": None}
    both = await ask(client, f"{{ loans {{ edges {{ node {{ id {SHARED} }} }} }} }}", {}, investor)
    assert [edge["node"]["assessment"]["grade"] for edge in both["data"]["loans"]["edges"]] == ["B"]
    seen = (await ask(client, STAFF, {"id": str(world.hidden)}, staff))["data"]["assessment"]
    assert (seen["recommendation"], seen["flags"]) == ("approve", ["outside_market", "income_missing"])
    assert seen["valuation"]["comparables"] == [{"id": "seattle-4711", "distanceM": 143}]
    assert [reason["code"] for reason in seen["reasons"]] == ["ltv", "debts"]
    assert (await ask(client, STAFF, {"id": str(uuid7())}, staff))["data"] == {"assessment": None}


@pytest.mark.parametrize("role", [Role.INVESTOR, Role.BORROWER, Role.SERVICE, None])
async def test_the_whole_of_it_is_for_staff_alone(
    database: Database, client: Client, world: World, role: Role | None
) -> None:
    somebody = await make_somebody(database, role) if role else None
    refused = await ask(client, STAFF, {"id": str(world.listed.id)}, somebody)
    assert refused["data"] == {"assessment": None}
    assert [error["extensions"]["code"] for error in refused["errors"]] == ["wrong_role" if role else "unauthenticated"]


def test_row_12_what_the_risk_service_says_in_codes_is_an_enum_in_graphql() -> None:
    """The values are those of the messages: a client's JSON is what it was with strings."""
    text = schema.as_str()
    answered, valued = get_type_hints(LoanAssessed), get_type_hints(Valuation)
    for name, codes in (
        ("Grade", answered["grade"]),
        ("Recommendation", answered["recommendation"]),
        ("ValueSource", valued["source"]),
    ):
        [stated] = re.findall(rf"enum {name} {{\n(.*?)\n}}", text, re.DOTALL)
        assert sorted(stated.split()) == sorted(get_args(codes))
    assert "grade: Grade!" in text and "recommendation: Recommendation!" in text and "source: ValueSource!" in text
