"""The document store: MongoDB's protocol through PyMongo. It holds read models only; nothing here decides on money."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, Self, TypeAlias

from pymongo import AsyncMongoClient
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import ConnectionFailure, ExecutionTimeout, PyMongoError

from halfpenny.primitives.errors import Unavailable

Document: TypeAlias = dict[str, Any]
Collection: TypeAlias = AsyncCollection[Document]


# In an error of PyMongo's, what repeats our own time-outs and the whole topology.
_DRIVER_DETAILS: Final = re.compile(r" \(configured timeouts|, Timeout: |, full error: |\n")


class DocumentsUnavailable(Unavailable):
    code = "documents_unavailable"
    message = "The listings are temporarily unavailable; investing and repaying are not affected. Try again."


@contextmanager
def documents_answer() -> Iterator[None]:
    """Wrap every use of a collection: the loss of the store becomes DocumentsUnavailable (503).

    Mistakes of ours, such as a malformed query, stay the errors that they are.
    """
    try:
        yield
    except (ConnectionFailure, ExecutionTimeout) as lost:
        raise DocumentsUnavailable() from lost


class DocumentStore:
    """One database of the document store.

    Connecting does not wait for the server: the API starts, and serves money, while the listings are away.
    """

    def __init__(self, client: AsyncMongoClient[Document], database_name: str) -> None:
        self.client = client
        self.database = client[database_name]

    @classmethod
    async def connect(cls, mongo_url: str, database_name: str, *, timeout_s: float = 3.0) -> Self:
        """``mongo_url`` as MongoDB writes it. Operations give up after ``timeout_s``."""
        timeout_ms = int(timeout_s * 1000)
        client: AsyncMongoClient[Document] = AsyncMongoClient(
            mongo_url,
            serverSelectionTimeoutMS=timeout_ms,
            connectTimeoutMS=timeout_ms,
            socketTimeoutMS=timeout_ms,
            tz_aware=True,
            uuidRepresentation="standard",
            appname="halfpenny",
        )
        return cls(client, database_name)

    def collection(self, name: str) -> Collection:
        return self.database[name]

    async def fault(self) -> str:
        """Why the store does not answer a ping, in a few words; empty where it does."""
        try:
            await self.client.admin.command("ping")
        except PyMongoError as error:
            return _DRIVER_DETAILS.split(str(error))[0] or type(error).__name__
        return ""

    async def healthy(self) -> bool:
        """Whether the store answers a ping."""
        return not await self.fault()

    async def drop(self) -> None:
        """Remove the whole database: listings can always be rebuilt."""
        with documents_answer():
            await self.client.drop_database(self.database.name)

    async def close(self) -> None:
        await self.client.close()
