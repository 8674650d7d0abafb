"""The listings in the document store: lists that are ranges over one indexed key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from halfpenny import loans
from halfpenny.marketplace.model import (
    SCHEMA_VERSION,
    Document,
    ListingPage,
    ListingQuery,
    Order,
    SortDirection,
    cursor,
    listing,
    position,
    revision,
    to_millionths,
)
from halfpenny.marketplace.read_model import DocumentSource, ReadModelStore
from halfpenny.platform.database import Connection
from halfpenny.platform.documents import DocumentStore, documents_answer

LISTINGS = "listings"


async def _page(connection: Connection, after: UUID | None, limit: int) -> list[tuple[UUID, int]]:
    found = await loans.versions_page(connection, after, limit)
    return [(loan_id, revision(version, funding)) for loan_id, version, funding in found]


async def _make(connection: Connection, loan_ids: Sequence[UUID]) -> list[Document]:
    found = await loans.get_many(connection, loan_ids)
    return [shown for loan in found.values() if (shown := listing(loan)) is not None]


class ListingStore(ReadModelStore):
    """All queries of listings. Every method raises Unavailable `documents_unavailable`."""

    def __init__(self, documents: DocumentStore) -> None:
        super().__init__(documents, LISTINGS, DocumentSource(_page, _make, SCHEMA_VERSION))

    async def page(self, query: ListingQuery, paths: frozenset[str] | None = None) -> ListingPage:
        """One range over the key of the order. ``paths`` limits which fields of the node are fetched."""
        key = f"order.{query.order.value}"
        rising = query.direction is SortDirection.ASC
        condition = conditions(query)
        after = position(query)
        # Even the first page names a range: the embedded store serves ranges from the index, not plain sorts.
        condition[key] = {"$gt" if rising else "$lt": after} if after is not None else {"$gt": ""}
        fields = {key: 1, **_projection(paths)}
        with documents_answer():
            found = self._documents.find(condition, fields).sort(key, 1 if rising else -1).limit(query.first + 1)
            documents = await found.to_list()
        shown = documents[: query.first]
        return ListingPage(
            [document.get("node", {}) for document in shown],
            [cursor(query, document["order"][query.order.value]) for document in shown],
            len(documents) > query.first,
        )

    async def count(self, query: ListingQuery) -> int:
        with documents_answer():
            return int(await self._documents.count_documents(conditions(query)))

    async def get(self, loan_id: str, paths: frozenset[str] | None = None) -> Document | None:
        with documents_answer():
            document = await self._documents.find_one({"_id": loan_id}, {"_id": 1, **_projection(paths)})
        return None if document is None else document.get("node", {})

    def indexes(self) -> list[Any]:
        keys = [f"order.{order.value}" for order in Order]
        return [[(key, 1)] for key in keys] + [[("facets.status", 1), (key, 1)] for key in keys]


def conditions(query: ListingQuery) -> dict[str, Any]:
    """The filter as a document. Every value is a string or an integer beside an operator of our own."""
    ranges: Mapping[str, tuple[int | None, int | None]] = {
        "amount": (query.min_amount_minor, query.max_amount_minor),
        "annual_rate": (
            None if query.min_annual_rate is None else to_millionths(query.min_annual_rate),
            None if query.max_annual_rate is None else to_millionths(query.max_annual_rate),
        ),
        "ltv": (None, None if query.max_ltv is None else to_millionths(query.max_ltv)),
        "term": (None, query.max_term_months),
    }
    found: dict[str, Any] = {}
    for facet, values in (
        ("status", query.statuses),
        ("kind", query.kinds),
        ("grade", query.grades),
        ("currency", query.currencies),
    ):
        if values:
            found[f"facets.{facet}"] = values[0] if len(values) == 1 else {"$in": list(values)}
    if query.country is not None:
        found["facets.country"] = query.country.upper()
    if query.city is not None:
        found["facets.city"] = query.city.casefold()
    for facet, (least, most) in ranges.items():
        bounds = {"$gte": least, "$lte": most}
        bounds = {operator: bound for operator, bound in bounds.items() if bound is not None}
        if bounds:
            found[f"facets.{facet}"] = bounds
    return found


def _projection(paths: frozenset[str] | None) -> dict[str, int]:
    if paths is None:
        return {"node": 1}
    return {f"node.{path}": 1 for path in paths}
