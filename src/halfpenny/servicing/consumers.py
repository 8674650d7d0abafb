"""Consumers of servicing: distributions, recoveries and states of a loan, reported once to everyone concerned."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from halfpenny import loans
from halfpenny.funding import RECEIPT_ARRIVED
from halfpenny.loans import TransitionName
from halfpenny.platform.database import Connection, Record
from halfpenny.platform.queue import Message, Subscription
from halfpenny.primitives.money import format_minor
from halfpenny.realtime import Notice, NotificationKind, notify_many
from halfpenny.servicing.events import ACCELERATED, DISTRIBUTION_PAID, INTEREST_PAUSED, RECOVERY_UPDATED, WAIVED
from halfpenny.servicing.model.waterfall import INVESTORS_COMPONENTS, Component
from halfpenny.servicing.receipt_acts import excess_rule
from halfpenny.servicing.service.bank_receipts import allocate_arrived
from halfpenny.servicing.store import distributions, investors

QUEUE = "servicing.notices"
_PAGE = 5_000


# What becomes of a loan is reported to its borrower and to everyone who has lent in it, without delay (EU 2022/2115,
# article 1(5), asks it of a default).
_OF_LOAN = {
    **{
        loans.TRANSITIONS[name].event: kind
        for name, kind in (
            (TransitionName.DRAW_DOWN, NotificationKind.LOAN_DRAWN_DOWN),
            (TransitionName.EXTEND, NotificationKind.LOAN_EXTENDED),
            (TransitionName.DEFAULT, NotificationKind.LOAN_DEFAULTED),
            (TransitionName.UNDO_DEFAULT, NotificationKind.LOAN_DEFAULT_UNDONE),
            (TransitionName.CURE, NotificationKind.LOAN_CURED),
            (TransitionName.WRITE_OFF, NotificationKind.LOAN_WRITTEN_OFF),
            (TransitionName.REPAY, NotificationKind.LOAN_REPAID),
            (TransitionName.REOPEN, NotificationKind.LOAN_REOPENED),
        )
    },
    # Extended before it matured: no transition.
    loans.RESCHEDULED: NotificationKind.LOAN_EXTENDED,
    ACCELERATED: NotificationKind.LOAN_ACCELERATED,
    INTEREST_PAUSED: NotificationKind.LOAN_INTEREST_PAUSED,
    WAIVED: NotificationKind.LOAN_WAIVED,
}
# The members of a pause's and a waiver's event that their notices show.
_MEASURE_DATA = ("paused_from", "paused_to", "component", "amount")


async def notify_people(connection: Connection, message: Message) -> None:
    """Write the notices of one event of ``SUBSCRIPTION``, each person's once however often the event comes.

    Of a paid distribution every holder gets the own share, of a recovery update every holder its number; of all else
    (``_OF_LOAN``) the borrower and every holder. Raises LoanNotFound.
    """
    if message.name == DISTRIBUTION_PAID:
        await _notify_of_distribution(connection, UUID(message.payload["distribution_id"]))
    elif message.name == RECOVERY_UPDATED:
        await _notify_of_recovery(connection, message)
    else:
        await _notify_of_loan(connection, message, _OF_LOAN[message.name])


async def _notify_of_loan(connection: Connection, message: Message, kind: NotificationKind) -> None:
    """The borrower, and each holder with the own stake and what was lost of it; a waiver of what is the platform's
    concerns no holder.

    What is outstanding is left out: it falls only when the distribution is shared out, which may be after this.
    """
    loan_id = UUID(message.payload["loan_id"])
    loan = await loans.get(connection, loan_id)
    data = {"loan_id": str(loan_id), "title": loan.title, "currency": loan.application.currency.value}
    if loan.matures_on is not None:
        data["matures_on"] = loan.matures_on.isoformat()
    data |= {name: message.payload[name] for name in _MEASURE_DATA if name in message.payload}
    key = f"{kind}:{message.id}"
    await notify_many(connection, [Notice(loan.borrower_id, kind, data, key)])
    if message.name == WAIVED and Component(message.payload["component"]) not in INVESTORS_COMPONENTS:
        return

    def notice(holder: Record) -> Notice:
        own = {
            "stake": format_minor(holder["stake_minor"]),
            "lost": format_minor(holder["lost_minor"]),
        }
        return Notice(holder["investor_id"], kind, {**data, **own}, key)

    await _notify_holders(connection, loan_id, notice)


async def _notify_holders(connection: Connection, loan_id: UUID, notice: Callable[[Record], Notice]) -> None:
    """Each holder of a drawn loan, a page of them at a time."""
    after: UUID | None = None
    while holders := await investors.holders_page(connection, loan_id, after, _PAGE):
        await notify_many(connection, [notice(holder) for holder in holders])
        after = holders[-1]["position_id"]


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
                    NotificationKind.DISTRIBUTION_PAID,
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
    kind, key = NotificationKind.RECOVERY_UPDATE, f"recovery:{loan_id}:{number}"
    await _notify_holders(connection, loan_id, lambda holder: Notice(holder["investor_id"], kind, data, key))


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


SUBSCRIPTION = Subscription(QUEUE, (DISTRIBUTION_PAID, RECOVERY_UPDATED, *_OF_LOAN), handler=notify_people)
