"""What a paged list is to the tests: where it is, for whom, and how it gets one more row."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx2

from halfpenny.platform import rows
from halfpenny.platform.database import Database
from support import lending
from support.people import Somebody

Add = Callable[[], Awaitable[str]]


@dataclass(frozen=True)
class PagedList:
    """A list as one caller sees it. ``add`` makes one more row and returns what it is known by in an item.

    ``add`` None is a list whose rows are all there from the start (``known``).
    """

    path: str
    headers: dict[str, str]
    add: Add | None
    newest_first: bool
    key: Callable[[Any], str] = lambda item: str(item["id"])
    part: Callable[[Any], Any] = lambda body: body
    items: str = "items"
    known: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Setting:
    """The application under test and the people who look at its lists. ``owner`` may write every table."""

    client: httpx2.AsyncClient
    database: Database
    owner: Database
    administrator: Somebody
    investor: Somebody
    borrower: Somebody

    async def loan(self) -> UUID:
        async with self.database.unit_of_work() as connection:
            return (await lending.submitted(connection, self.borrower.user_id)).id

    def adding(self, table: str, row: Callable[[], Awaitable[dict[str, Any]]], known_by: str = "id") -> Add:
        """Rows written straight into a table, where the way that leads to them is long."""

        async def add() -> str:
            made = await row()
            async with self.owner.unit_of_work() as connection:
                await rows.insert(connection, table, made)
            return str(made[known_by])

        return add
