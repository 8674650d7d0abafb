"""What the desk counts for Prometheus."""

from __future__ import annotations

from prometheus_client import Histogram

BATCH_TICKETS = Histogram(
    "halfpenny_desk_batch_tickets", "Tickets in one batch of the desk.", buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
)
BATCH_SECONDS = Histogram(
    "halfpenny_desk_batch_seconds",
    "From taking a batch to its commit.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)


def count_batch(tickets: int, seconds: float) -> None:
    BATCH_TICKETS.observe(tickets)
    BATCH_SECONDS.observe(seconds)
