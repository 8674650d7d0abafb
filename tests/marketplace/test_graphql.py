"""GraphQL over the listings: the compiled path equals the executor, limits hold, errors carry their codes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi import FastAPI
from graphql import (
    get_introspection_query,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from halfpenny.entrypoints import errors
from halfpenny.identity import Identity, Role
from halfpenny.marketplace import AssessmentStore, ListingStore, Marketplace, graphql_router, rebuild
from halfpenny.marketplace.graphql.limits import Limits
from halfpenny.marketplace.graphql.schema import Listings
from halfpenny.marketplace.model import Document, ListingPage, ListingQuery
from halfpenny.platform.database import Database
from halfpenny.platform.documents import DocumentStore
from halfpenny.platform.http import guard
from support import market
from support.edge import Client, client_for
from support.people import identity_settings, make_somebody, tokens_for

EVERYTHING = """
query Everything($first: Int, $after: String, $filter: LoanFilter, $order: LoanOrder) {
  loans(first: $first, after: $after, filter: $filter, orderBy: $order) {
    edges {
      cursor
      node {
        id title status purpose exitStrategy
        property {
          kind city country areaM2 yearBuilt beds condition description valuedOn
          valuation { amount currency }
        }
        terms { amount { amount currency } annualRate termMonths interestMode ltv chargeRank }
        funding {
          target { amount currency } funded { amount currency } remaining { amount currency }
          percent investors deadline version
        }
        risk { grade probabilityOfDefault expectedLoss suggestedRate reasons { code text } }
      }
    }
    pageInfo { endCursor hasNextPage }
    totalCount
  }
}
"""
# Every name that the interface promises: outside tools are written against it.
AS_PUBLISHED = """
query ($first: Int, $after: String, $filter: LoanFilter, $orderBy: LoanOrder) {
  loans(first: $first, after: $after, filter: $filter, orderBy: $orderBy) {
    edges { cursor node { id title status purpose
      property { kind city country areaM2 yearBuilt valuation { amount currency } }
      terms { amount { amount currency } annualRate termMonths interestMode ltv }
      funding { target { amount currency } funded { amount currency } percent investors deadline version }
      risk { grade probabilityOfDefault expectedLoss suggestedRate reasons { code text } } } }
    pageInfo { endCursor hasNextPage } totalCount
  }
}
"""


async def nobody() -> Document | None:
    return None


async def ask(listings: Listings, document: str, variables: dict[str, Any] | None = None) -> Document:
    """The answer of the application's path, whichever it takes."""
    request = {"query": document, "variables": variables}
    answer = await Marketplace(introspection=True).answer(request, listings, nobody)
    found: Document = {"errors": answer.errors} if answer.errors else {}
    return found | ({"data": answer.data} if answer.executed else {})


async def both(listings: Listings, document: str, variables: dict[str, Any] | None = None) -> tuple[Any, Any]:
    """(the plan's data or None when there is no plan, the ordinary executor's data)"""
    market_place = Marketplace(introspection=True)
    prepared = market_place.prepare({"query": document, "variables": variables})
    plan = market_place.plan(prepared)
    planned = None if plan is None else await plan.run(listings, prepared.variables)
    executed = await market_place.execute(prepared, listings, nobody)
    assert not executed.errors
    return planned, executed.data


def codes(answer: Document) -> list[str]:
    return [error["extensions"]["code"] for error in answer["errors"]]


class FixedListings:
    """Two loans in memory, one of them without what is optional, for tests of the executor alone."""

    def __init__(self) -> None:
        full: Document = {
            "id": "a",
            "title": "House",
            "status": "funding",
            "purpose": "purchase",
            "purpose_note": "buy",
            "exit_strategy": "sale",
            "exit_note": "",
            "property": {
                "kind": "house",
                "city": "Cork",
                "country": "IE",
                "area_m2": 84.5,
                "year_built": 1950,
                "beds": 3,
                "condition": "good",
                "description": "<b>bold</b>",
                "valuation": {"amount": "500000.00", "currency": "EUR"},
                "valued_on": "2026-01-02",
                "valuation_source": "survey",
            },
            "terms": {
                "amount": {"amount": "300000.00", "currency": "EUR"},
                "annual_rate": "9.50",
                "term_months": 12,
                "interest_mode": "retained",
                "ltv": "60.00",
                "charge_rank": 1,
            },
            "funding": {
                "target": {"amount": "300000.00", "currency": "EUR"},
                "funded": {"amount": "1.00", "currency": "EUR"},
                "remaining": {"amount": "299999.00", "currency": "EUR"},
                "percent": 0,
                "investors": 1,
                "deadline": "2026-03-01T12:00:00Z",
                "version": 2,
            },
            "risk": {
                "grade": "B",
                "probability_of_default": "0.0310",
                "expected_loss": "0.00682",
                "suggested_rate": "10.25",
                "reasons": [
                    {"code": "ltv", "text": "60 %", "polish": "60 %", "favours": False},
                    {"code": "term", "text": "Short.", "favours": True},
                ],
            },
        }
        bare = full | {"id": "b", "risk": None, "property": full["property"] | {"year_built": None, "beds": None}}
        self.nodes = [full, bare]

    async def page(self, query: ListingQuery, paths: frozenset[str] | None = None) -> ListingPage:
        shown = self.nodes[: query.first]
        if paths is not None:
            # Only what the plan states that it reads, as the store would fetch it.
            shown = [{path: node[path] for path in paths} for node in shown]
        return ListingPage(shown, [node["id"] for node in self.nodes][: query.first], query.first < 2)

    async def count(self, query: ListingQuery) -> int:
        return 2

    async def get(self, loan_id: str, paths: frozenset[str] | None = None) -> Document | None:
        found = next((node for node in self.nodes if node["id"] == loan_id), None)
        return found if found is None or paths is None else {path: found[path] for path in paths}


async def test_the_published_document_reads_the_market(database: Database, listings: ListingStore) -> None:
    furnished = await market.furnish(database, 6)
    await rebuild(database, listings)
    answer = await ask(listings, AS_PUBLISHED, {"first": 4})
    connection = answer["data"]["loans"]
    assert connection["totalCount"] == 6
    assert connection["pageInfo"] == {"endCursor": connection["edges"][-1]["cursor"], "hasNextPage": True}
    rest = await ask(listings, AS_PUBLISHED, {"first": 4, "after": connection["pageInfo"]["endCursor"]})
    nodes = [edge["node"] for edge in connection["edges"] + rest["data"]["loans"]["edges"]]
    assert {node["id"] for node in nodes} == {str(loan.id) for loan in furnished}
    first = next(node for node in nodes if node["id"] == str(furnished[1].id))
    assert first["terms"] == {
        "amount": {"amount": "112345.00", "currency": "PLN"},
        "annualRate": "9.25",
        "termMonths": 9,
        "interestMode": "retained",
        "ltv": "22.12",
    }
    assert first["funding"]["funded"] == {"amount": "50.00", "currency": "PLN"}
    assert first["funding"]["percent"] == 0
    assert first["risk"]["reasons"] == [{"code": "ltv", "text": "The loan is 60 % of the value."}]


VARIABLES: list[dict[str, Any]] = [
    {},
    {"first": 1},
    {"first": 3, "order": {"field": "AMOUNT", "direction": "ASC"}},
    {"order": {"field": "TERM"}},
    {"filter": {"status": ["funding", "active"], "minAmount": "110000", "maxLtv": "50"}},
    {"filter": {"status": "funding", "city": "seattle", "currency": ["EUR"]}},
    {"filter": {"kind": ["commercial"], "grade": "B", "minRate": "1", "maxRate": "20.5", "country": "us"}},
    {"filter": {"maxTermMonths": 6, "maxAmount": "99999999.99"}},
    {"filter": None, "first": None},
]


async def test_the_plan_answers_as_the_executor_from_the_store(database: Database, listings: ListingStore) -> None:
    await market.furnish(database, 7)
    await rebuild(database, listings)
    for variables in VARIABLES:
        planned, executed = await both(listings, EVERYTHING, variables)
        assert planned == executed, variables
        assert list(planned["loans"]) == list(executed["loans"])
    some = (await both(listings, "{ loans(first: 1) { edges { node { id } } } }"))[1]["loans"]["edges"][0]["node"]["id"]
    for loan_id in (some, "00000000-0000-0000-0000-000000000000", "no id"):
        planned, executed = await both(listings, "query ($id: ID!) { loan(id: $id) { id title } }", {"id": loan_id})
        assert planned == executed


COMPILED = [
    "{ loans { edges { node { id } } } }",
    "{ loans { totalCount } }",
    "{ loans { __typename pageInfo { hasNextPage __typename } } __typename }",
    "{ again: loans(first: 1) { n: totalCount edges { c: cursor it: node { name: title } } } loans { totalCount } }",
    "{ loans { edges { node { ...A ...B } } } } fragment A on Loan { id risk { grade } } "
    "fragment B on Loan { risk { ...C } } fragment C on Risk { reasons { code } grade }",
    "{ loans { edges { node { ... on Loan { id } ... { title } ... on Loan @include(if: false) { purpose } } } } }",
    "{ loans { edges { node { id @skip(if: true) title @include(if: true) } } } }",
    "{ loans { edges { node { funding { funded { amount } } funding { funded { currency } percent } } } } }",
    '{ loan(id: "a") { id property { yearBuilt beds areaM2 } risk { grade } } }',
    '{ loan(id: "b") { id property { yearBuilt beds } risk { grade } } other: loan(id: "c") { id } }',
    "query One($n: Int = 1) { loans(first: $n) { edges { cursor } pageInfo { endCursor } } }",
    "{ loans { edges { __typename } edges { node { __typename } } } }",
]  # fmt: skip


@pytest.mark.parametrize("document", COMPILED)
async def test_the_plan_answers_as_the_executor(document: str) -> None:
    planned, executed = await both(FixedListings(), document)
    assert planned is not None
    assert planned == executed
    # Equal dictionaries may differ in their order, which an answer keeps as it was asked for.
    assert str(planned) == str(dict(executed))


FIELDS: dict[str, Any] = {
    "Loan": {
        "id": None, "title": None, "status": None, "purpose": None, "exitStrategy": None, "property": "Property",
        "terms": "Terms", "funding": "Funding", "risk": "Risk",
    },
    "Property": {"kind": None, "city": None, "areaM2": None, "yearBuilt": None, "beds": None, "valuation": "Amount"},
    "Terms": {"amount": "Amount", "annualRate": None, "termMonths": None, "ltv": None},
    "Funding": {"target": "Amount", "funded": "Amount", "percent": None, "version": None},
    "Risk": {"grade": None, "reasons": "Reason", "expectedLoss": None},
    "Reason": {"code": None, "text": None},
    "Amount": {"amount": None, "currency": None},
}  # fmt: skip


@st.composite
def selection(draw: st.DrawFn, kind: str = "Loan", depth: int = 0) -> str:
    """A random selection of a type: aliases, repeats, inline fragments, constant directives."""
    parts = []
    for name in draw(st.lists(st.sampled_from(sorted(FIELDS[kind])), min_size=1, max_size=4)):
        inner = FIELDS[kind][name]
        # One alias for each field: two meanings of one key would not be valid.
        alias = draw(st.sampled_from(("", f"my_{name}: ")))
        directive = draw(st.sampled_from(("", "", "", " @include(if: true)", " @skip(if: true)")))
        body = f" {{ {draw(selection(inner, depth + 1))} }}" if inner else ""
        field = f"{alias}{name}{directive}{body}"
        parts.append(draw(st.sampled_from((field, field, f"... on {kind} {{ {field} }}"))))
    return " ".join([*parts, draw(st.sampled_from(("", "__typename", "always: __typename")))])


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(selection())
async def test_whatever_is_selected_the_plan_answers_as_the_executor(chosen: str) -> None:
    document = f"{{ loans {{ edges {{ node {{ {chosen} __typename }} }} }} }}"
    roomy = Limits(aliases=1_000, directives=1_000, tokens=5_000, cost=100_000)
    market_place = Marketplace(roomy, introspection=False)
    prepared = market_place.prepare({"query": document})
    plan = market_place.plan(prepared)
    assert plan is not None
    executed = await market_place.execute(prepared, FixedListings(), nobody)
    assert str(await plan.run(FixedListings(), prepared.variables)) == str(dict(executed.data or {}))


@pytest.mark.parametrize(
    "document",
    [
        "{ me { id } }",
        "{ loans { totalCount } me { id } }",
        "{ __schema { queryType { name } } }",
        "query ($yes: Boolean = true) { loans { totalCount @include(if: $yes) } }",
        "query ($yes: Boolean = true) { loans @skip(if: $yes) { totalCount } }",
    ],
)
async def test_the_rest_is_left_to_the_executor(document: str) -> None:
    market_place = Marketplace(introspection=True)
    prepared = market_place.prepare({"query": document})
    assert market_place.plan(prepared) is None
    assert (await ask(FixedListings(), document))["data"] is not None


def test_a_document_is_planned_once() -> None:
    market_place = Marketplace(introspection=False)
    first, second = (market_place.prepare({"query": "{ loans { totalCount } }"}) for _ in range(2))
    assert first.document is second.document
    assert market_place.plan(first) is market_place.plan(second) is not None


INVALID: list[tuple[str, str, dict[str, Any]]] = [
    ("malformed_query", "{ loans { totalCount ", {}),
    ("malformed_query", "", {}),
    ("malformed_query", "query A { loans { totalCount } } query B { loans { totalCount } }", {}),
    ("invalid_query", "fragment A on Loan { id }", {}),
    ("invalid_query", "mutation { loans { totalCount } }", {}),
    ("invalid_query", "{ lons { totalCount } }", {}),
    ("invalid_query", "{ loans { edges { node { borrower } } } }", {}),
    ("invalid_query", "{ loans(filter: {status: [draft]}) { totalCount } }", {}),
    ("invalid_query", 'query ($f: LoanFilter) { loans(filter: $f) { totalCount } }', {"f": {"status": "draft"}}),
    ("invalid_query", 'query ($f: LoanFilter) { loans(filter: $f) { totalCount } }', {"f": {"city": {"$gt": ""}}}),
    ("invalid_query", 'query ($f: LoanFilter) { loans(filter: $f) { totalCount } }', {"f": {"$where": "1"}}),
    ("invalid_query", "query ($n: Int!) { loans(first: $n) { totalCount } }", {}),
    ("invalid_query", "{ loans { totalCount } } fragment A on Loan { ...A }", {}),
    ("malformed_amount", '{ loans(filter: {minAmount: "1e3"}) { totalCount } }', {}),
    ("malformed_amount", '{ loans(filter: {maxAmount: "-1"}) { totalCount } }', {}),
    ("invalid_query", '{ loans(filter: {minRate: "NaN"}) { totalCount } }', {}),
    ("invalid_query", f'{{ loans(filter: {{city: "{"x" * 101}"}}) {{ totalCount }} }}', {}),
    ("invalid_query", 'query ($f: LoanFilter) { loans(filter: $f) { totalCount } }', {"f": {"kind": ["flat"] * 21}}),
    ("invalid_query", '{ loans(filter: {kind: ["villa"]}) { totalCount } }', {}),
    ("invalid_query", '{ loans(filter: {country: "USA"}) { totalCount } }', {}),
    ("page_too_large", "{ loans(first: 101) { totalCount } }", {}),
    ("page_too_large", "{ loans(first: 0) { totalCount } }", {}),
    ("page_too_large", "{ loans(first: -1) { totalCount } }", {}),
]  # fmt: skip


@pytest.mark.parametrize(("code", "document", "variables"), INVALID)
async def test_what_cannot_be_meant_is_refused_by_name(code: str, document: str, variables: dict[str, Any]) -> None:
    answer = await ask(FixedListings(), document, variables)
    assert codes(answer)[0] == code, answer
    assert answer.get("data") is None
    assert "Did you mean" not in str(answer)


async def test_an_unreadable_cursor_is_refused(listings: ListingStore) -> None:
    answer = await ask(listings, '{ loans(after: "bm90IG91cnM") { totalCount edges { cursor } } }')
    assert codes(answer) == ["malformed_cursor"]
    assert answer["data"] is None


async def test_introspection_is_only_for_development() -> None:
    request = {"query": get_introspection_query()}
    shown = await Marketplace(introspection=True).answer(request, FixedListings(), nobody)
    assert shown.data is not None
    hidden = await Marketplace(introspection=False).answer(request, FixedListings(), nobody)
    assert hidden.data is None
    assert {error["extensions"]["code"] for error in hidden.errors} == {"invalid_query"}
    plain = await Marketplace(introspection=False).answer({"query": "{ __typename }"}, FixedListings(), nobody)
    assert plain.data == {"__typename": "Query"}


async def test_an_unexpected_failure_discloses_nothing() -> None:
    class Broken(FixedListings):
        async def count(self, query: ListingQuery) -> int:
            raise ZeroDivisionError("secret of the house")

    market_place = Marketplace(introspection=False)
    prepared = market_place.prepare({"query": "{ loans { totalCount } me { id } }"})
    answer = await market_place.execute(prepared, Broken(), nobody)
    assert {error["extensions"]["code"] for error in answer.errors} >= {"internal_error"}
    assert b"secret" not in answer.body()
    assert answer.data is None


# Over HTTP.


@pytest.fixture
async def app(database: Database, documents: DocumentStore) -> AsyncIterator[FastAPI]:

    app = FastAPI(openapi_url=None)
    errors.install(app)
    app.add_middleware(guard)
    app.include_router(graphql_router)
    running = Identity(identity_settings(), database)
    running.start()
    await running.listener.listening.wait()
    app.state.database = database
    app.state.identity = running
    app.state.tokens = tokens_for(database)
    app.state.listings, app.state.assessments = ListingStore(documents), AssessmentStore(documents)
    app.state.marketplace = Marketplace(introspection=False)
    yield app
    await running.close()


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[Client]:
    async with client_for(app) as client:
        yield client


async def test_over_http(database: Database, client: Client, listings: ListingStore) -> None:
    await market.furnish(database, 2)
    await rebuild(database, listings)
    answer = await client.post("/graphql", json={"query": AS_PUBLISHED, "variables": {"first": 1}})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["data"]["loans"]["totalCount"] == 2
    assert len(answer.json()["data"]["loans"]["edges"]) == 1


async def test_me_is_who_is_signed_in(database: Database, client: Client) -> None:
    somebody = await make_somebody(database, Role.BORROWER, full_name="Ines Almeida")
    question = {"query": "{ me { id email fullName roles } }"}
    answer = await client.post("/graphql", json=question, headers=somebody.headers)
    me = {"id": str(somebody.user_id), "email": somebody.email, "fullName": "Ines Almeida", "roles": ["borrower"]}
    assert answer.json() == {"data": {"me": me}}
    outsider = (await client.post("/graphql", json=question)).json()
    assert (outsider["data"], codes(outsider)) == ({"me": None}, ["unauthenticated"])
    forged = await client.post("/graphql", json=question, headers={"Authorization": "Bearer nonsense"})
    assert forged.status_code == 401


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b'{"query": "{ loans { totalCount } }"}', "text/plain", 415),
        (b"query=%7B+loans+%7B+totalCount+%7D+%7D", "application/x-www-form-urlencoded", 415),
        (b'{"query": "a", "query": "b"}', "application/json", 422),
        (b"not json", "application/json", 422),
    ],
)
async def test_only_strict_json_is_read(client: Client, body: bytes, content_type: str, status: int) -> None:
    answer = await client.post("/graphql", content=body, headers={"content-type": content_type})
    assert answer.status_code == status
    assert answer.json()["code"] in ("unsupported_media_type", "duplicate_key", "malformed_json")


async def test_no_batches_and_no_get(client: Client) -> None:
    batch = await client.post("/graphql", json=[{"query": "{ loans { totalCount } }"}] * 2)
    assert codes(batch.json()) == ["malformed_query"]
    assert (await client.get("/graphql", params={"query": "{ loans { totalCount } }"})).status_code == 405


async def test_a_refused_document_is_a_400_in_graphqls_own_media_type(client: Client) -> None:
    own = "application/graphql-response+json"
    for document, status in (("{ nothing }", 400), ("{ __typename }", 200)):
        answer = await client.post("/graphql", json={"query": document}, headers={"accept": own})
        assert (answer.status_code, answer.headers["content-type"]) == (status, own)
    plain = await client.post("/graphql", json={"query": "{ nothing }"})
    assert (plain.status_code, codes(plain.json())) == (200, ["invalid_query"])


async def test_without_the_document_store_listings_are_unavailable(app: FastAPI, client: Client) -> None:
    away = await DocumentStore.connect("mongodb://127.0.0.1:9", "nowhere", timeout_s=0.2)
    app.state.listings = ListingStore(away)
    answer = await client.post("/graphql", json={"query": "{ loans { totalCount edges { cursor } } }"})
    assert answer.status_code == 503
    assert codes(answer.json()) == ["documents_unavailable"]
    assert answer.json()["errors"][0]["extensions"]["retryable"] is True
    assert answer.json()["data"] is None
    # What needs no listings still answers.
    assert (await client.post("/graphql", json={"query": "{ __typename }"})).json() == {"data": {"__typename": "Query"}}
    await away.close()
