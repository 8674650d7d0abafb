"""Consumers of funding: milestones, of which everybody concerned is notified once."""

from __future__ import annotations

from uuid import UUID

from halfpenny import loans
from halfpenny.funding.events import MILESTONE_REACHED
from halfpenny.funding.store import tickets as store
from halfpenny.platform.database import Connection
from halfpenny.platform.queue import Message, Subscription
from halfpenny.realtime import Notice, notify_many, watchers

QUEUE = "funding.milestones"


async def notify_of_milestone(connection: Connection, message: Message) -> None:
    """Notify every investor in the loan and whoever watches it, each person once.

    A total that falls below a milestone and rises again notifies nobody twice; whoever came, or
    came back, in between is notified the second time. The first time is kept.
    """
    loan_id, percent = UUID(message.payload["loan_id"]), int(message.payload["percent"])
    await store.reach_milestone(connection, loan_id, percent)
    loan = await loans.get(connection, loan_id)
    holders = {position.investor_id for position in await store.positions(connection, loan_id)}
    people = holders | set(await watchers(connection, f"loan:{loan_id}"))
    data = {
        "loan_id": str(loan_id),
        "title": loan.title,
        "percent": percent,
        "text": f"{percent} % funded",
        "funded": message.payload["funded"],
        "target": message.payload["target"],
        "currency": message.payload["currency"],
    }
    key = f"milestone:{loan_id}:{percent}"
    await notify_many(connection, [Notice(person, "milestone", data, key) for person in sorted(people)])


SUBSCRIPTION = Subscription(QUEUE, (MILESTONE_REACHED,), handler=notify_of_milestone)
