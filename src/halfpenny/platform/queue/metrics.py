"""What the queue counts for Prometheus."""

from __future__ import annotations

from prometheus_client import Counter

RELAYED = Counter("halfpenny_queue_relayed", "Events that left the outbox.")
VERDICTS = Counter(
    "halfpenny_queue_verdicts", "Messages by what became of them: done, failed, dead, away.", ["queue", "verdict"]
)
