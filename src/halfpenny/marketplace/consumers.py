"""Consumer of the projection: the events that it subscribes to, and its handler."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from halfpenny import loans
from halfpenny.marketplace.assessments import AssessmentStore
from halfpenny.marketplace.projection import refresh
from halfpenny.marketplace.store import ListingStore
from halfpenny.platform.database import Connection
from halfpenny.platform.queue.messages import Message, Poison
from halfpenny.platform.queue.subscription import Subscription

QUEUE = "marketplace.projection"
# The events of loans and of funding that change what a listing or an assessment shows.
EVENTS: tuple[str, ...] = (
    *loans.CHANGE_EVENTS,
    "investment.made",
    "investment.revoked",
    "investment.returned",
)


def subscription(listings: ListingStore, assessments: AssessmentStore) -> Subscription:
    """Events that arrive together are one read and one write: a burst of tickets on a hot loan costs little.

    The inbox is the revision of each document, in the store that is written to; so no transaction of PostgreSQL
    stays open while the document store is spoken to, and a repeated event finds nothing older to replace.
    """

    async def handle(connection: Connection, messages: Sequence[Message]) -> None:
        await refresh(connection, listings, sorted({_loan_id(message) for message in messages}))
        # Tickets change no assessment.
        changed = sorted({_loan_id(message) for message in messages if message.name in loans.CHANGE_EVENTS})
        if changed:
            await refresh(connection, assessments, changed)

    return Subscription(QUEUE, EVENTS, handle_many=handle, inbox="handler")


def _loan_id(message: Message) -> UUID:
    try:
        return UUID(message.payload["loan_id"])
    except (KeyError, AttributeError, TypeError, ValueError) as unreadable:
        raise Poison("no_loan", f"{message.name} names no loan") from unreadable
