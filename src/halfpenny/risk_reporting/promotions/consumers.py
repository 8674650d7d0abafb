"""Consumer of a risk service's question which promotion is in force: it may have missed one, or begun afresh."""

from __future__ import annotations

from halfpenny.platform import outbox
from halfpenny.platform.database import Connection
from halfpenny.platform.outbox import OutboxEvent
from halfpenny.platform.queue import Message, Poison, Subscription
from halfpenny.risk_reporting.promotions import store
from halfpenny.risk_reporting.promotions.model import BORROWER_MODEL_ID
from halfpenny_messages import (
    PROMOTION_ASKED,
    PROMOTION_RESTATED,
    MessageError,
    PromotionAsked,
    PromotionRestated,
    decode_payload,
    to_builtins,
)


async def handle_asked(connection: Connection, message: Message) -> None:
    """State the promotion in force once more, as it was signed, to a service that has an older one."""
    try:
        asked = decode_payload(message.name, message.version, message.payload)
    except MessageError as error:
        raise Poison(error.code, str(error)) from error
    if not isinstance(asked, PromotionAsked):
        raise Poison("unexpected_message", f"{message.name} asks for no promotion")
    in_force = await store.in_force(connection)
    if in_force is not None and in_force.number > asked.number:
        payload = to_builtins(PromotionRestated(signed=in_force.signed))
        await outbox.append_many(connection, [OutboxEvent(PROMOTION_RESTATED, 1, BORROWER_MODEL_ID, payload)])


SUBSCRIPTION = Subscription(queue="risk_reporting.promotions", events=(PROMOTION_ASKED,), handler=handle_asked)
