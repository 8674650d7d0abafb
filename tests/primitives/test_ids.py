"""Ids are UUIDv7 and keep the order in which they were made."""

from __future__ import annotations

import time

from halfpenny.primitives.ids import uuid7


def test_ids_are_version_seven_of_the_rfcs_variant() -> None:
    made = uuid7()
    assert (made.version, made.variant) == (7, "specified in RFC 4122")
    assert abs((made.int >> 80) - time.time_ns() // 1_000_000) < 60_000


def test_ids_made_a_microsecond_apart_sort_as_they_were_made() -> None:
    made = []
    for _ in range(200):
        made.append(uuid7())
        began = time.perf_counter_ns()
        while time.perf_counter_ns() - began < 1_000:
            pass
    assert made == sorted(made)
    assert len(set(made)) == 200
