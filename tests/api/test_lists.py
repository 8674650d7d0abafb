"""Every list, page by page: each row once, in order, none missed, also while rows are added.

Lists are found in the descriptions of REST and GraphQL; support/lists.py has rows for each. A new one fails here
until it is covered.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from halfpenny import marketplace
from halfpenny.entrypoints.api import API
from halfpenny.marketplace.graphql import schema
from halfpenny.marketplace.model import Order
from halfpenny.platform.database import Database
from support import market
from support.lists import LISTS, PagedList, Setting
from support.people import make_somebody

COUNT = 5
CASES = [
    pytest.param(make, id=f"{route} {number}") for route, ways in LISTS.items() for number, make in enumerate(ways)
]


@pytest.fixture
async def setting(client: httpx2.AsyncClient, database: Database, database_url: str) -> AsyncIterator[Setting]:
    people = [await make_somebody(database, role) for role in ("administrator", "investor", "borrower")]
    owner = await Database.connect(database_url, max_size=2, role=None)
    yield Setting(client, database, owner, *people)
    await owner.close()


def test_every_list_of_the_description_is_here(app: FastAPI) -> None:
    paths = app.openapi()["paths"]
    paged = {
        path
        for path, methods in paths.items()
        for operation in methods.values()
        if {"after", "limit"} & {parameter["name"] for parameter in operation.get("parameters", [])}
    }
    assert {path.removeprefix(API) for path in paged} == set(LISTS)


def test_every_list_of_graphql_is_here() -> None:
    assert re.findall(r"(\w+)\([^)]*\bafter: String\b", schema.as_str()) == ["loans"]


async def ask(setting: Setting, wanted: PagedList, limit: int, after: str | None = None) -> dict[str, Any]:
    answer = await setting.client.get(
        httpx2.URL(f"{API}{wanted.path}").copy_merge_params(
            {"limit": str(limit)} | ({} if after is None else {"after": after})
        ),
        headers=wanted.headers,
    )
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = wanted.part(answer.json())
    return body


async def walk(setting: Setting, wanted: PagedList, limit: int, *, adding: bool = False) -> list[str]:
    """What the items are known by, page by page; with ``adding`` a row is added after each page."""
    found: list[str] = []
    after = None
    while True:
        page = await ask(setting, wanted, limit, after)
        shown = [wanted.key(item) for item in page[wanted.items]]
        # At once, as a list that repeats its last row has no end.
        assert not set(shown) & set(found), f"{shown} came before"
        found += shown
        assert shown or after is None, "a cursor promised a row that was not there"
        after = page["next_cursor"]
        if after is None:
            return found
        assert len(shown) == limit
        if adding and wanted.add is not None and len(found) < 3 * COUNT:
            await wanted.add()


async def added(wanted: PagedList) -> list[str]:
    """Some rows, in the order in which the list shows them."""
    assert wanted.add is not None
    made = [await wanted.add() for _ in range(COUNT)]
    return made[::-1] if wanted.newest_first else made


@pytest.mark.parametrize("make", CASES)
async def test_every_row_comes_once_and_in_order(setting: Setting, make: Any) -> None:
    wanted: PagedList = await make(setting)
    made = wanted.known or await added(wanted)
    whole = [wanted.key(item) for item in (await ask(setting, wanted, 200))[wanted.items]]
    # Others may be in the list too, such as the people who look at it.
    assert [key for key in whole if key in made] == made
    assert len(set(whole)) == len(whole) >= COUNT
    for limit in (1, 2, len(whole) - 1, len(whole)):
        assert await walk(setting, wanted, limit) == whole, limit


@pytest.mark.parametrize("make", CASES)
async def test_rows_that_are_added_meanwhile_neither_hide_nor_repeat_any(setting: Setting, make: Any) -> None:
    wanted: PagedList = await make(setting)
    if wanted.add is None:
        return
    made = await added(wanted)
    for limit in (1, 2):
        found = await walk(setting, wanted, limit, adding=True)
        assert [key for key in found if key in made] == made
        assert len(set(found)) == len(found)


PAGES = """
query($first: Int!, $after: String, $orderBy: LoanOrder) {
  loans(first: $first, after: $after, orderBy: $orderBy) {
    edges { node { id } } pageInfo { hasNextPage endCursor }
  }
}
"""


@pytest.mark.parametrize("direction", ["ASC", "DESC"])
@pytest.mark.parametrize("order", list(Order))
async def test_the_graph_pages_through_every_order(
    setting: Setting, app: FastAPI, order: Order, direction: str
) -> None:
    furnished = await market.furnish(setting.database, COUNT)
    await marketplace.rebuild(setting.database, app.state.listings)
    made = [document for loan in furnished if (document := marketplace.listing(loan)) is not None]
    made.sort(key=lambda document: document["order"][order.value], reverse=direction == "DESC")
    for first in (1, 2):
        found: list[str] = []
        after = None
        while True:
            variables = {"first": first, "after": after, "orderBy": {"field": order.name, "direction": direction}}
            answer = await setting.client.post("/graphql", json={"query": PAGES, "variables": variables})
            page = answer.json()["data"]["loans"]
            shown = [edge["node"]["id"] for edge in page["edges"]]
            assert not set(shown) & set(found), f"{shown} came before"
            found += shown
            if not page["pageInfo"]["hasNextPage"]:
                break
            assert len(page["edges"]) == first
            after = page["pageInfo"]["endCursor"]
        assert found == [document["_id"] for document in made]
