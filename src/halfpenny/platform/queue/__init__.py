"""Events from the outbox to whoever subscribed, at least once, with each effect happening once."""

from halfpenny.platform.queue.consuming import run_consumers
from halfpenny.platform.queue.messages import Message, Poison
from halfpenny.platform.queue.postgres import PostgresTransport
from halfpenny.platform.queue.pruning import prune
from halfpenny.platform.queue.rabbit import RabbitTransport
from halfpenny.platform.queue.subscription import RemoteQueue, Subscription
from halfpenny.platform.queue.transport import DeadLetter, QueueDepth, Transport

__all__ = [
    "DeadLetter",
    "Message",
    "Poison",
    "PostgresTransport",
    "QueueDepth",
    "RabbitTransport",
    "RemoteQueue",
    "Subscription",
    "Transport",
    "prune",
    "run_consumers",
]
