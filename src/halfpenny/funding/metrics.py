"""What the desk counts for Prometheus."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

ANSWERS = Counter("halfpenny_invest_answers", "Answers of the investing route by status.", ["status"])
BATCH_TICKETS = Histogram(
    "halfpenny_desk_batch_tickets", "Tickets in one batch of the desk.", buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
)
BATCH_SECONDS = Histogram(
    "halfpenny_desk_batch_seconds",
    "From taking a batch to its commit.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)


_answers_of: dict[int, Counter] = {}


def count_answer(status: int) -> None:
    """Finding a label's counter costs more than counting, so each is found once."""
    counter = _answers_of.get(status)
    if counter is None:
        counter = _answers_of[status] = ANSWERS.labels(status)
    counter.inc()


def count_batch(tickets: int, seconds: float) -> None:
    BATCH_TICKETS.observe(tickets)
    BATCH_SECONDS.observe(seconds)
