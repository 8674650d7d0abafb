"""The broker's topology: exchanges, queue arguments and limits, declared alike by both programs.

RabbitMQ refuses to declare a queue that exists with other arguments, so whoever declares one reads them here. Every
queue is a quorum queue with a dead-letter queue of its own, ``<queue>.dead``.
"""

from __future__ import annotations

from typing import TypeAlias

from halfpenny_messages.submitted import LOAN_REASSESSMENT_REQUESTED, LOAN_SUBMITTED

EVENTS_EXCHANGE = "halfpenny.events"
"""Topic exchange; the routing key is the event's name."""
DEAD_LETTER_EXCHANGE = "halfpenny.dead"
"""Direct exchange; the routing key is the queue in which the message died."""
RISK_REQUESTS_QUEUE = "risk.requests"
RISK_REQUESTS_EVENTS = (LOAN_SUBMITTED, LOAN_REASSESSMENT_REQUESTED)
ATTEMPTS_LIMIT = 10
"""The most failures that a consumer may allow a message before it sets it aside."""
DELIVERY_LIMIT = ATTEMPTS_LIMIT
"""The broker's own net under consumers that die without an answer: as wide as ``ATTEMPTS_LIMIT``, for every queue,
because a queue that exists cannot be declared with another one."""
DEAD_LETTER_DELIVERY_LIMIT = 1_000_000
"""Looking at a dead letter returns it, which the broker counts as one more delivery."""
REASON_HEADER = "halfpenny-reason"
ERROR_HEADER = "halfpenny-error"
"""What a program that keeps no table of failures puts on a message that it sets aside: the code, and what happened."""
CONFIRM_TIMEOUT_S = 5.0
CONNECT_TIMEOUT_S = 5.0
HEARTBEAT_S = 10
"""A broker that hangs with its socket open is noticed by its silence."""

QueueArguments: TypeAlias = dict[str, str | int]


def dead_letter_queue(queue: str) -> str:
    """The name of the queue of what died in ``queue``."""
    return f"{queue}.dead"


def queue_arguments(queue: str) -> QueueArguments:
    """The arguments of ``queue``, as RabbitMQ's ``x-`` table."""
    return {
        "x-queue-type": "quorum",
        "x-delivery-limit": DELIVERY_LIMIT,
        "x-dead-letter-exchange": DEAD_LETTER_EXCHANGE,
        "x-dead-letter-routing-key": queue,
        # Dying messages leave the queue only after their dead-letter queue has confirmed them.
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }


def dead_letter_queue_arguments() -> QueueArguments:
    """The arguments of every dead-letter queue."""
    return {"x-queue-type": "quorum", "x-delivery-limit": DEAD_LETTER_DELIVERY_LIMIT}
