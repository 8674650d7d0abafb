"""Consumer of the method that the risk service publishes when it starts."""

from __future__ import annotations

from halfpenny.platform.database import Connection
from halfpenny.platform.queue import Message, Poison, Subscription
from halfpenny.risk_reporting import store
from halfpenny_messages import METHOD_PUBLISHED, MessageError, MethodPublished, decode_payload, to_builtins


async def handle_method(connection: Connection, message: Message) -> None:
    """Keep a method that differs from the newest; a risk service that starts again publishes the same once more."""
    try:
        method = decode_payload(message.name, message.version, message.payload)
    except MessageError as error:
        raise Poison(error.code, str(error)) from error
    if not isinstance(method, MethodPublished):
        raise Poison("unexpected_message", f"{message.name} is no method")
    newest = await store.newest_method(connection)
    if newest is None or decode_payload(METHOD_PUBLISHED, 1, newest[0]) != method:
        await store.insert_method(connection, to_builtins(method))


SUBSCRIPTION = Subscription(queue="risk_reporting.method", events=(METHOD_PUBLISHED,), handler=handle_method)
