"""What realtime topics show: the funding of loans, one by one and as a marketplace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from halfpenny import identity, loans, marketplace, realtime
from halfpenny.platform.database import Connection, Database
from halfpenny.platform.queue import Message, Poison, Subscription
from halfpenny.primitives.money import format_minor

MARKETPLACE = "marketplace"
# A page shows far fewer; whoever wants more reads GraphQL and listens for what changes.
_NEWEST = 200


def hub(database: Database, *, tick_s: float = realtime.TICK_S) -> realtime.Hub:
    """The hub of an API process. A topic of one loan sends at most one frame in ``tick_s``."""
    return realtime.Hub(
        database,
        realtime.RowTopics("loan", "loan_funding_moved", read_loans),
        [realtime.SharedTopic(MARKETPLACE, "loans", "loan_id", read_marketplace)],
        identity.active_sessions,
        tick_s=tick_s,
    )


def marketplace_frames() -> Subscription:
    """The worker's consumer that numbers what the marketplace's watchers see."""
    return realtime.fan_out(MARKETPLACE, "loans", marketplace.EVENTS, _loan_id, read_loans)


async def read_loans(connection: Connection, loan_ids: Sequence[UUID]) -> Mapping[UUID, realtime.State]:
    """The funding of public loans, numbered by its version."""
    found = await loans.public_funding(connection, loan_ids)
    return {state.loan_id: realtime.State(state.version, _shown(state)) for state in found}


async def read_marketplace(connection: Connection) -> dict[str, list[dict[str, Any]]]:
    return {"loans": [_shown(state) for state in await loans.newest_public_funding(connection, _NEWEST)]}


def _shown(state: loans.FundingState) -> dict[str, Any]:
    return {
        "loan_id": str(state.loan_id),
        "status": state.status,
        "target": format_minor(state.target_minor),
        "funded": format_minor(state.funded_minor),
        "remaining": format_minor(state.remaining_minor),
        "currency": state.currency.value,
        "percent": state.funded_minor * 100 // state.target_minor,
        "investors": state.investors,
        "deadline": state.deadline.isoformat(),
        "version": state.version,
    }


def _loan_id(message: Message) -> UUID:
    try:
        return UUID(message.payload["loan_id"])
    except (KeyError, AttributeError, TypeError, ValueError) as unreadable:
        raise Poison("no_loan", f"{message.name} names no loan") from unreadable
