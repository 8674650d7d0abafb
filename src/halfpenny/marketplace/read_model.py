"""A read model in the document store: one document a loan, written by guarded upserts, made again from PostgreSQL.

The store is a cache of PostgreSQL. A write carries the document's revision and changes nothing when the store
already holds that revision or a later one, so the revision is the inbox of each document, in the same write.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pymongo import UpdateOne
from pymongo.errors import BulkWriteError

from halfpenny.platform.database import Connection
from halfpenny.platform.documents import Document, DocumentStore, documents_answer

CHECKPOINTS = "checkpoints"
_DUPLICATE_KEY = 11000


@dataclass(frozen=True, slots=True)
class DocumentSource:
    """What the documents are made from. ``page`` reads (loan, revision) by id, ``make`` the documents of these loans.

    A loan that has no document may be in a page: ``make`` leaves it out. ``shape`` rises when the documents change
    their form: a store of another shape is dropped and made anew at the start.
    """

    page: Callable[[Connection, UUID | None, int], Awaitable[list[tuple[UUID, int]]]]
    make: Callable[[Connection, Sequence[UUID]], Awaitable[list[Document]]]
    shape: int


class ReadModelStore:
    """One collection and its checkpoint. Every method raises Unavailable `documents_unavailable`."""

    def __init__(self, documents: DocumentStore, name: str, source: DocumentSource) -> None:
        self.name = name
        self.source = source
        self._documents = documents.collection(name)
        self._checkpoints = documents.collection(CHECKPOINTS)

    async def find(self, loan_ids: Sequence[str], fields: dict[str, int] | None = None) -> dict[str, Document]:
        """The documents of these loans, by id."""
        with documents_answer():
            found = self._documents.find({"_id": {"$in": list(loan_ids)}}, fields)
            return {document["_id"]: document for document in await found.to_list()}

    async def upsert(self, documents: Sequence[Document]) -> int:
        """Write those whose revision is newer than what is stored; returns how many changed."""
        if not documents:
            return 0
        writes = [
            UpdateOne(
                {"_id": document["_id"], "revision": {"$lt": document["revision"]}},
                {"$set": {name: value for name, value in document.items() if name != "_id"}},
                upsert=True,
            )
            for document in documents
        ]
        with documents_answer():
            try:
                result = await self._documents.bulk_write(writes, ordered=False)
            except BulkWriteError as failed:
                # The guard found a stored revision that is not older, so the upsert tried to insert beside it.
                if any(error["code"] != _DUPLICATE_KEY for error in failed.details["writeErrors"]):
                    raise
                return int(failed.details["nModified"] + failed.details["nUpserted"])
        return int(result.modified_count + result.upserted_count)

    async def revisions(self, first_id: str, last_id: str) -> dict[str, int]:
        """The stored revision of every document with first_id <= id <= last_id."""
        with documents_answer():
            found = self._documents.find({"_id": {"$gte": first_id, "$lte": last_id}}, {"revision": 1})
            return {document["_id"]: document["revision"] for document in await found.to_list()}

    async def whole(self, after_id: str, last_id: str) -> dict[str, Document]:
        """Every document with after_id < id <= last_id, as it is stored."""
        with documents_answer():
            found = self._documents.find({"_id": {"$gt": after_id, "$lte": last_id}})
            return {document["_id"]: document for document in await found.to_list()}

    async def remove(self, loan_ids: Sequence[str]) -> None:
        if loan_ids:
            with documents_answer():
                await self._documents.delete_many({"_id": {"$in": list(loan_ids)}})

    async def recreate(self) -> None:
        """Drop the documents and their checkpoint, and make the indexes of an empty collection."""
        with documents_answer():
            # The checkpoint goes first: a crash in between leaves a store without a checkpoint, which is rebuilt.
            await self._checkpoints.delete_one({"_id": self.name})
            await self._documents.drop()
            for index in self.indexes():
                await self._documents.create_index(index)

    def indexes(self) -> list[Any]:
        """Beside that of the id."""
        return []

    async def mark_built(self, built_at: str) -> None:
        checkpoint = {"_id": self.name, "shape": self.source.shape, "built_at": built_at}
        with documents_answer():
            await self._checkpoints.replace_one({"_id": self.name}, checkpoint, upsert=True)

    async def is_built(self) -> bool:
        """Whether the store holds a finished build of the current shape."""
        with documents_answer():
            checkpoint = await self._checkpoints.find_one({"_id": self.name})
        return checkpoint is not None and checkpoint.get("shape") == self.source.shape
