"""Money for the people of a test, brought in as the platform brings it: a deposit that the bank has made."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from halfpenny.funding.model import WalletPayment
from halfpenny.funding.service.payments import settle_pending
from halfpenny.funding.store import payments
from halfpenny.platform.clock import business_now
from halfpenny.platform.database import Connection
from halfpenny.primitives.ids import UserId, uuid7
from halfpenny.primitives.money import Currency


async def pay_in(
    connection: Connection, people: Sequence[UUID], amount_minor: int, currency: Currency = Currency.EUR
) -> None:
    """A settled deposit of ``amount_minor`` for each; nothing where the amount is zero."""
    if not amount_minor:
        return
    now = await business_now(connection)
    for person in people:
        payment = WalletPayment(uuid7(), UserId(person), "deposit", amount_minor, currency.value, "pending", now)
        await payments.insert(connection, payment)
    # The bank goes by age: whatever else is under way is settled with it.
    while await payments.has_pending(connection, list(people)):
        await settle_pending(connection, len(people))
