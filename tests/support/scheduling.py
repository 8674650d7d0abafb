"""The order in which two workers take the tests: the longest first, so that neither is left with one at the end.

A file stays with one worker, because its tests share fixtures of the module; the longest files, which share none, are
handed out test by test.
"""

from __future__ import annotations

from xdist.scheduler import LoadFileScheduling

# By the seconds that they took on two cores (`--durations`, 2026-11-26), longest first.
BY_TEST = (
    "tests/journeys/test_scenarios.py",
    "tests/demo/test_demo.py",
    "tests/journeys/test_processes.py",
    "tests/journeys/test_promotion.py",
    "tests/servicing/test_tuples_read.py",
    "tests/servicing/test_against_reference.py",
    "tests/chaos/test_database_faults.py",
    "tests/funding/test_tuples_read.py",
    "tests/entrypoints/test_serving.py",
)
BY_FILE = (
    "tests/web/test_browser.py",
    "tests/servicing/test_agreed_terms.py",
    "tests/demo/test_seeding.py",
    "tests/risk/test_promotion_postgres.py",
    "tests/entrypoints/test_first_words.py",
    "tests/risk/test_assess.py",
    "tests/api/test_lists.py",
    "tests/servicing/test_bank_receipts.py",
    "tests/entrypoints/test_check_books.py",
    "tests/demo/test_make_demo.py",
    "tests/platform/queue/test_both_transports.py",
    "tests/consistency/test_tampering.py",
    "tests/servicing/test_engine_properties.py",
    "tests/chaos/test_api_killed.py",
    "tests/entrypoints/test_idle_sockets.py",
    "tests/ledger/test_chart.py",
    "tests/mutants/test_mutants.py",
    "tests/platform/queue/test_rabbitmq.py",
    "tests/risk/test_whole_path.py",
    "tests/demo/test_wheel.py",
    "tests/api/test_explorer.py",
)
_RANK = {file: rank for rank, file in enumerate((*BY_TEST, *BY_FILE))}


def unit(nodeid: str) -> str:
    """What is handed to one worker as a whole: the file, or of the longest files the single test."""
    file = nodeid.partition("::")[0]
    return nodeid if file in BY_TEST else file


def rank(nodeid: str) -> int:
    """The place of the test's file in the order; files that are not listed come last, in the order of collection."""
    return _RANK.get(nodeid.partition("::")[0], len(_RANK))


class LongestFirst(LoadFileScheduling):
    """Hands out units in the order in which the workers have collected, which is that of ``rank``."""

    def _split_scope(self, nodeid: str) -> str:
        return unit(nodeid)
