"""Recovery cases beside the listings, from PostgreSQL: whether an update is overdue changes with the day."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from uuid import UUID

from strawberry.dataloader import DataLoader

from halfpenny import servicing
from halfpenny.marketplace.model import Document
from halfpenny.platform.database import Database
from halfpenny.servicing import RecoveryCase


def shown(case: RecoveryCase) -> Document:
    """A case as pages and GraphQL show it."""
    return {
        "opened_on": case.opened_on.isoformat(),
        "closed_on": case.closed_on.isoformat() if case.closed_on else None,
        "next_update_due_on": case.next_update_due_on.isoformat(),
        "update_overdue": case.update_overdue,
        "updated_on": case.updated_on.isoformat() if case.updated_on else None,
        "newest_update": case.newest_update,
    }


def recovery_loader(database: Callable[[], Database]) -> DataLoader[str, Document | None]:
    """Loads the cases of all loans of a request by one query, where its document asks for any."""

    async def load(loan_ids: Sequence[str]) -> list[Document | None]:
        async with database().reading() as connection:
            cases = await servicing.recovery_cases(connection, [UUID(loan_id) for loan_id in loan_ids])
        return [shown(cases[UUID(loan_id)]) if UUID(loan_id) in cases else None for loan_id in loan_ids]

    return DataLoader(load)


def no_recoveries() -> DataLoader[str, Document | None]:
    """For requests without a database."""

    async def load(loan_ids: Sequence[str]) -> list[Document | None]:
        return [None for _ in loan_ids]

    return DataLoader(load)
