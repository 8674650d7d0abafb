"""Consumers of servicing: distributions and recovery updates, of which each investor concerned is notified once."""

from __future__ import annotations

from uuid import UUID

from halfpenny import loans
from halfpenny.funding import RECEIPT_ARRIVED
from halfpenny.platform.database import Connection
from halfpenny.platform.queue import Message, Subscription
from halfpenny.primitives.money import format_minor
from halfpenny.realtime import Notice, notify_many
from halfpenny.servicing.events import DISTRIBUTION_PAID, RECOVERY_UPDATED
from halfpenny.servicing.receipt_acts import excess_rule
from halfpenny.servicing.service.bank_receipts import allocate_arrived
from halfpenny.servicing.store import distributions, investors

QUEUE = "servicing.notices"
_PAGE = 5_000


async def notify_investors(connection: Connection, message: Message) -> None:
    """A distribution has been paid, or a recovery case has news."""
    if message.name == DISTRIBUTION_PAID:
        await _notify_of_distribution(connection, UUID(message.payload["distribution_id"]))
    else:
        await _notify_of_recovery(connection, message)


async def _notify_of_distribution(connection: Connection, distribution_id: UUID) -> None:
    row = await distributions.get(connection, distribution_id)
    if row is None:
        return
    title = (await loans.get(connection, row["loan_id"])).title
    after: UUID | None = None
    while shares := await distributions.shares(connection, distribution_id, after, _PAGE):
        await notify_many(
            connection,
            [
                Notice(
                    share["investor_id"],
                    "distribution_paid",
                    {
                        "loan_id": str(row["loan_id"]),
                        "title": title,
                        "distribution_id": str(distribution_id),
                        "amount": format_minor(distributions.paid_minor(share)),
                        "currency": row["currency"],
                    },
                    f"distribution:{distribution_id}",
                )
                for share in shares
                if distributions.paid_minor(share)
            ],
        )
        after = shares[-1]["position_id"]


async def _notify_of_recovery(connection: Connection, message: Message) -> None:
    loan_id, number = UUID(message.payload["loan_id"]), int(message.payload["number"])
    title = (await loans.get(connection, loan_id)).title
    data = {"loan_id": str(loan_id), "title": title, "number": number}
    await notify_many(
        connection,
        [
            Notice(investor_id, "recovery_update", data, f"recovery:{loan_id}:{number}")
            for investor_id in await investors.holders(connection, loan_id)
        ],
    )


RECEIPTS_QUEUE = "servicing.receipts"
RECEIPTS_EVENTS = (RECEIPT_ARRIVED,)


def receipts_subscription(excess_above_eur_minor: int, rules: loans.LendingRules) -> Subscription:
    """Lines that were announced go to their loans, unless they are more than is owed by more than the limit."""
    rule = excess_rule(excess_above_eur_minor, rules)

    async def allocate(connection: Connection, message: Message) -> None:
        loan_id = message.payload["loan_id"]
        if loan_id is not None:
            await allocate_arrived(connection, UUID(message.payload["line_id"]), UUID(loan_id), rule)

    return Subscription(RECEIPTS_QUEUE, RECEIPTS_EVENTS, handler=allocate)


SUBSCRIPTION = Subscription(QUEUE, (DISTRIBUTION_PAID, RECOVERY_UPDATED), handler=notify_investors)
