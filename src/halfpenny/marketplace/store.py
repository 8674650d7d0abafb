"""The listings in the document store: guarded upserts, and lists that are ranges over one indexed key.

The store is a cache of PostgreSQL. A write carries the listing's revision and changes nothing when the store
already holds that revision or a later one, so the revision is the inbox of each listing, in the same write.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pymongo import UpdateOne
from pymongo.errors import BulkWriteError

from halfpenny.marketplace.model import (
    SCHEMA_VERSION,
    Document,
    ListingPage,
    ListingQuery,
    Order,
    SortDirection,
    cursor,
    position,
    to_millionths,
)
from halfpenny.platform.documents import DocumentStore, documents_answer

LISTINGS = "listings"
CHECKPOINTS = "checkpoints"
_DUPLICATE_KEY = 11000


class ListingStore:
    """All document queries of the marketplace. Every method raises Unavailable `documents_unavailable`."""

    def __init__(self, documents: DocumentStore) -> None:
        self._listings = documents.collection(LISTINGS)
        self._checkpoints = documents.collection(CHECKPOINTS)

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
            found = self._listings.find(condition, fields).sort(key, 1 if rising else -1).limit(query.first + 1)
            documents = await found.to_list()
        shown = documents[: query.first]
        return ListingPage(
            [document.get("node", {}) for document in shown],
            [cursor(query, document["order"][query.order.value]) for document in shown],
            len(documents) > query.first,
        )

    async def count(self, query: ListingQuery) -> int:
        with documents_answer():
            return int(await self._listings.count_documents(conditions(query)))

    async def get(self, loan_id: str, paths: frozenset[str] | None = None) -> Document | None:
        with documents_answer():
            document = await self._listings.find_one({"_id": loan_id}, {"_id": 1, **_projection(paths)})
        return None if document is None else document.get("node", {})

    async def upsert(self, listings: Sequence[Document]) -> int:
        """Write those listings whose revision is newer than what is stored; returns how many changed."""
        if not listings:
            return 0
        writes = [
            UpdateOne(
                {"_id": listing["_id"], "revision": {"$lt": listing["revision"]}},
                {"$set": {name: value for name, value in listing.items() if name != "_id"}},
                upsert=True,
            )
            for listing in listings
        ]
        with documents_answer():
            try:
                result = await self._listings.bulk_write(writes, ordered=False)
            except BulkWriteError as failed:
                # The guard found a stored revision that is not older, so the upsert tried to insert beside it.
                if any(error["code"] != _DUPLICATE_KEY for error in failed.details["writeErrors"]):
                    raise
                return int(failed.details["nModified"] + failed.details["nUpserted"])
        return int(result.modified_count + result.upserted_count)

    async def revisions(self, first_id: str, last_id: str) -> dict[str, int]:
        """The stored revision of every listing with first_id <= id <= last_id."""
        with documents_answer():
            found = self._listings.find({"_id": {"$gte": first_id, "$lte": last_id}}, {"revision": 1})
            return {document["_id"]: document["revision"] for document in await found.to_list()}

    async def whole(self, after_id: str, last_id: str) -> dict[str, Document]:
        """Every listing with after_id < id <= last_id, as it is stored."""
        with documents_answer():
            found = self._listings.find({"_id": {"$gt": after_id, "$lte": last_id}})
            return {document["_id"]: document for document in await found.to_list()}

    async def remove(self, loan_ids: Sequence[str]) -> None:
        if loan_ids:
            with documents_answer():
                await self._listings.delete_many({"_id": {"$in": list(loan_ids)}})

    async def recreate(self) -> None:
        """Drop the listings and their checkpoint, and make the indexes of an empty collection."""
        with documents_answer():
            # The checkpoint goes first: a crash in between leaves a store without a checkpoint, which is rebuilt.
            await self._checkpoints.delete_one({"_id": LISTINGS})
            await self._listings.drop()
            for order in Order:
                await self._listings.create_index([(f"order.{order.value}", 1)])
                await self._listings.create_index([("facets.status", 1), (f"order.{order.value}", 1)])

    async def mark_built(self, built_at: str) -> None:
        with documents_answer():
            await self._checkpoints.replace_one(
                {"_id": LISTINGS}, {"_id": LISTINGS, "shape": SCHEMA_VERSION, "built_at": built_at}, upsert=True
            )

    async def is_built(self) -> bool:
        """Whether the store holds a finished build of the current shape."""
        with documents_answer():
            checkpoint = await self._checkpoints.find_one({"_id": LISTINGS})
        return checkpoint is not None and checkpoint.get("shape") == SCHEMA_VERSION


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
