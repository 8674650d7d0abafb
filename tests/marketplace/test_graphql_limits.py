"""How much a GraphQL document may ask for, and that what is usual is little enough."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from graphql import GraphQLObjectType, get_nullable_type, is_abstract_type, is_list_type

from halfpenny.marketplace import Marketplace
from halfpenny.marketplace.graphql.limits import EDGES, LONGEST, READS, Limits
from halfpenny.marketplace.graphql.schema import MAX_PAGE, schema
from halfpenny_demo.journey.opening import LISTED
from halfpenny_risk.assess import EXTRA_MONTHS, PRICE_CHANGES_PERCENT, RATE_SHIFTS, assess
from halfpenny_risk.market import SHOWN_COMPARABLES
from halfpenny_risk.models import load_models
from halfpenny_risk.policy import load_policies
from marketplace.test_graphql import AS_PUBLISHED, EVERYTHING, FixedListings, ask, codes, nobody
from support.risk_applications import changed

DEEP = "{ loans { edges { node { " + "... { " * 200 + "id" + " }" * 200 + " } } } }"
DOUBLING = (
    "{ loans { edges { node { ...F0 } } } } "
    + " ".join(f"fragment F{n} on Loan {{ ...F{n + 1} a{n}: id ...F{n + 1} }}" for n in range(30))
    + " fragment F30 on Loan { id }"
)
MUCH = "cursor node { id title }"
CELL = "priceChangePercent extraMonths rateChangePoints exitShortfallProbability lossGivenDefault expectedLoss"
GRIDS = " ".join(f"s{n}: stress {{ {CELL} }}" for n in range(8))
SALES = " ".join(f"a{n}: comparables {{ distanceM soldOn areaM2 price {{ amount }} }}" for n in range(3))
TOO_LARGE: list[tuple[str, str, dict[str, Any]]] = [
    ("characters", "{ loans { totalCount } }" + " " * 20_000, {}),
    ("tokens", "{ loans { " + "totalCount " * 1_000 + "} }", {}),
    ("aliases", "{ loans(first: 1) { " + " ".join(f"a{n}: totalCount" for n in range(16)) + " } }", {}),
    ("aliases", DOUBLING, {}),
    ("directives", "{ loans { " + "totalCount @include(if: true) " * 16 + "} }", {}),
    ("cost", "{ loans(first: 100) { edges { node { " + "id title status purpose " * 16 + "} } } }", {}),
    ("cost", "{ loans(first: 2000000000) { edges { cursor } } }", {}),
    ("cost", "query ($n: Int) { loans(first: $n) { edges { cursor } } }", {"n": 100_000}),
    ("cost", "query ($n: Int = 100000) { loans(first: $n) { edges { cursor } } }", {}),
    ("cost", f"{{ loans(first: 100) {{ edges {{ node {{ assessment {{ {GRIDS} }} }} }} }} }}", {}),
    ("cost", "{ loans(first: 100) { ...A } } fragment A on LoanConnection { edges { node { ...B } } } "
     "fragment B on Loan { assessment { stress { expectedLoss extraMonths } } }", {}),
    ("cost", f"{{ loans(first: 70) {{ edges {{ node {{ assessment {{ valuation {{ {SALES} }} }} }} }} }} }}", {}),
    ("cost", "{ loans(first: 100) { edges { node { assessment { flags more: flags } } } } }", {}),
    ("cost", "{ loans(first: 100) { edges { node { risk { reasons { code text favours a: code b: text c: favours "
     "d: code e: text } } } } } }", {}),
    ("cost", "{ loans(first: 100) { edges { node { "
     + " ".join(f"a{n}: assessment {{ grade }}" for n in range(6)) + " } } } }", {}),
    ("cost", "{ one: loans(first: 1) { ...A } loans(first: 100) { ...A } } "
     "fragment A on LoanConnection { edges { node { assessment { stress { extraMonths expectedLoss } } } } }", {}),
    ("cost", "{ " + " ".join(f"a{n}: loans(first: 100) {{ edges {{ {MUCH} }} }}" for n in range(15)) + "}", {}),
]  # fmt: skip


@pytest.mark.parametrize(("measure", "document", "variables"), TOO_LARGE)
async def test_what_asks_for_too_much_is_refused_unread(measure: str, document: str, variables: dict[str, Any]) -> None:
    answer = await ask(FixedListings(), document, variables)
    assert codes(answer) == ["query_too_large"], answer
    assert answer["errors"][0]["extensions"]["data"]["measure"] == measure
    assert "data" not in answer


def test_every_list_of_the_schema_has_its_greatest_length() -> None:
    lists = {
        f"{name}.{field}"
        for name, kind in schema.core.type_map.items()
        if isinstance(kind, GraphQLObjectType) and not name.startswith("__")
        for field, defined in kind.fields.items()
        if is_list_type(get_nullable_type(defined.type))
    }
    assert lists == {*LONGEST, EDGES}
    # Fragments are measured once, by the type around them: there is no interface that would give them two.
    assert not any(is_abstract_type(kind) for kind in schema.core.type_map.values())
    read_apart = {".".join(place) for place in schema.resolved_elsewhere}
    assert read_apart | {f"Query.{name}" for name in schema.core.query_type.fields} <= READS


def test_no_answer_of_the_risk_service_is_longer_than_it_was_measured() -> None:
    assessed = assess(UUID(int=7), changed(), load_models("champion"), load_policies())
    cells = len(PRICE_CHANGES_PERCENT) * len(EXTRA_MONTHS) * len(RATE_SHIFTS)
    assert LONGEST["Assessment.stress"] == LONGEST["StaffAssessment.stress"] == cells == len(assessed.stress)
    assert LONGEST["Valuation.comparables"] == SHOWN_COMPARABLES == len(assessed.valuation.comparables)
    assert LONGEST["StaffAssessment.reasons"] >= len(assessed.reasons) > 0
    assert LONGEST["Query.decisionReviews"] == MAX_PAGE
    assert LONGEST["Assessment.flags"] <= LONGEST["StaffAssessment.flags"]


@pytest.mark.parametrize(
    ("document", "variables"),
    [
        (AS_PUBLISHED, {"first": MAX_PAGE}),
        (EVERYTHING, {"first": 80}),
        (LISTED, {"id": "a"}),
        ("{ loans(first: 100) { edges { node { id } } pageInfo { hasNextPage endCursor } totalCount } }", {}),
        ("{ loans { edges { node { assessment { grade stress { priceChangePercent expectedLoss } flags valuation { "
         "comparables { distanceM soldOn price { amount } } } } } } } }", {}),
        (f'{{ loan(id: "a") {{ assessment {{ {GRIDS} valuation {{ {SALES} }} }} }} }}', {}),
    ],
)  # fmt: skip
def test_what_outside_tools_and_our_own_ask_for_is_small_enough(document: str, variables: dict[str, Any]) -> None:
    prepared = Marketplace(introspection=False).prepare({"query": document, "variables": variables})
    assert prepared.raw_variables == variables


async def test_depth_is_limited() -> None:
    limits = Limits(depth=3)
    request = {"query": "{ loans { edges { node { id } } } }"}
    answer = await Marketplace(limits, introspection=False).answer(request, FixedListings(), nobody)
    assert answer.errors[0]["extensions"]["data"] == {"measure": "depth", "allowed": "3"}
    nested = await ask(FixedListings(), DEEP)
    # graphql-core's own parser gives up first.
    assert codes(nested) == ["malformed_query"]
