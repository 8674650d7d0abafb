"""Consumers of funding: everybody whose money moved, and those who follow a loan, are notified of it once."""

from __future__ import annotations

from collections import defaultdict
from typing import Any
from uuid import UUID

from halfpenny import loans
from halfpenny.funding import events
from halfpenny.funding.model import MILESTONES_PERCENT
from halfpenny.funding.store import tickets as store
from halfpenny.platform.database import Connection
from halfpenny.platform.queue import Message, Subscription
from halfpenny.primitives.money import format_minor, parse_minor
from halfpenny.realtime import Notice, NotificationKind, notify_many, watchers

QUEUE = "funding.milestones"
NOTICES_QUEUE = "funding.notices"

_ENDED = {
    events.INVESTMENT_REVOKED: NotificationKind.INVESTMENT_REVOKED,
    events.INVESTMENT_RETURNED: NotificationKind.INVESTMENT_RETURNED,
}
_PAYMENTS = {
    events.DEPOSIT_SETTLED: NotificationKind.DEPOSIT_SETTLED,
    events.WITHDRAWAL_SETTLED: NotificationKind.WITHDRAWAL_SETTLED,
    events.WITHDRAWAL_RETURNED: NotificationKind.WITHDRAWAL_RETURNED,
}


async def notify_of_milestone(connection: Connection, message: Message) -> None:
    """Notify every investor in the loan and whoever watches it, each person once.

    A total that falls below a milestone and rises again notifies nobody twice; whoever came, or
    came back, in between is notified the second time. The first time is kept. A lower milestone whose event is
    still under way is notified of first: people read them in order.
    """
    loan_id, percent = UUID(message.payload["loan_id"]), int(message.payload["percent"])
    reached = [each for each in MILESTONES_PERCENT if each <= percent]
    news = [each for each in reached if await store.reach_milestone(connection, loan_id, each) or each == percent]
    loan = await loans.get(connection, loan_id)
    holders = {position.investor_id for position in await store.positions(connection, loan_id)}
    people = sorted(holders | set(await watchers(connection, f"loan:{loan_id}")))
    for each in news:
        data = {
            "loan_id": str(loan_id),
            "title": loan.title,
            "percent": each,
            "text": f"{each} % funded",
            "funded": message.payload["funded"],
            "target": message.payload["target"],
            "currency": message.payload["currency"],
        }
        key = f"milestone:{loan_id}:{each}"
        await notify_many(connection, [Notice(person, NotificationKind.MILESTONE, data, key) for person in people])


async def notify_of_money(connection: Connection, message: Message) -> None:
    """A payment ended, or tickets did: their owners get one notification for each event, with the whole amount."""
    if message.name in _PAYMENTS:
        paid = message.payload
        data = {name: paid[name] for name in ("payment_id", "amount", "currency")}
        kind = _PAYMENTS[message.name]
        await notify_many(connection, [Notice(UUID(paid["user_id"]), kind, data, f"{kind}:{paid['payment_id']}")])
        return
    loan_id = UUID(message.payload["loan_id"])
    title = (await loans.get(connection, loan_id)).title
    amounts: dict[str, int] = defaultdict(int)
    for ticket in message.payload["investments"]:
        amounts[ticket["investor_id"]] += parse_minor(ticket["amount"])
    shown: dict[str, Any] = {"loan_id": str(loan_id), "title": title, "currency": message.payload["currency"]}
    if message.name == events.INVESTMENT_RETURNED:
        shown["reason"] = message.payload["reason"]
    kind = _ENDED[message.name]
    await notify_many(
        connection,
        [
            Notice(UUID(investor), kind, {**shown, "amount": format_minor(minor)}, f"{kind}:{message.id}")
            for investor, minor in sorted(amounts.items())
        ],
    )


SUBSCRIPTIONS = (
    Subscription(QUEUE, (events.MILESTONE_REACHED,), handler=notify_of_milestone),
    Subscription(NOTICES_QUEUE, (*_ENDED, *_PAYMENTS), handler=notify_of_money),
)
