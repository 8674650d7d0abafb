"""Query plans that stay right while tables grow, on connections that live long.

PostgreSQL keeps a generic plan until somebody analyses its tables. One that was made while a table was empty reads
all of it for ever after, and on a young platform every plan is made then. Two answers, by what a connection does:

- connections of the pool plan each call for itself (``CALL_BY_CALL``): 0.1 ms a statement, and no plan is older
  than the call that it serves. Rows come in the order of an index, never through a bitmap (``POOLED``);
- a connection that repeats the same few statements thousands of times a second keeps its plans (``KEPT``), finds
  every row by its key, and makes them anew (``PlanRenewal``) before the tables can have grown far beyond them.
"""

from __future__ import annotations

from typing import Final

CALL_BY_CALL: Final = "force_custom_plan"
# Settings of every connection of the pool. Whatever leaves a queue (a payment that has settled, a letter that was sent)
# leaves a dead entry in the index of what waits. An index scan marks it, and the next one passes over it; a bitmap scan
# reads it again on each call until somebody vacuums. What can only be read by a bitmap scan (a BRIN index: sealing)
# says so in the definition of its function.
POOLED: Final = {"plan_cache_mode": CALL_BY_CALL, "enable_bitmapscan": "off"}
# The arrays' lengths differ from call to call, the right plan never does. Without these switches a plan for a small
# table scans it, and the next one would do so again wherever the estimate is that a batch is most of the table.
KEPT: Final = (
    "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET enable_bitmapscan = off; "
    "SET enable_hashjoin = off; SET enable_mergejoin = off"
)
# A statement that drops the plans of this session: of its prepared statements and of the functions that they call.
RENEW: Final = "DISCARD PLANS"

_FIRST_ROWS = 64
_MOST_ROWS = 8_192
_MOST_S = 5.0


class PlanRenewal:
    """When the kept plans of one connection are to be made anew.

    After 64 rows, then whenever as many again have passed (128, 256, ...), at the latest after 8,192 rows or five
    seconds: the first catches our own growth, the last what other processes write. A renewal costs some milliseconds
    of planning.
    """

    def __init__(self) -> None:
        self._interval_rows = _FIRST_ROWS
        self._rows = 0
        self._renewed_at_s: float | None = None

    def is_due(self, rows: int, now_s: float) -> bool:
        """Whether to send ``RENEW`` before the next call, which handles ``rows`` rows. ``now_s`` is monotonic."""
        if self._renewed_at_s is None:
            self._renewed_at_s = now_s
        self._rows += rows
        if self._rows < self._interval_rows and now_s - self._renewed_at_s < _MOST_S:
            return False
        self._interval_rows = min(self._interval_rows * 2, _MOST_ROWS)
        self._rows = 0
        self._renewed_at_s = now_s
        return True
