"""Ids are UUIDv7 and keep the order in which they were made."""

from __future__ import annotations

import hashlib
import time
from datetime import UTC, datetime, timedelta
from uuid import RFC_4122

from hypothesis import given
from hypothesis import strategies as st

from halfpenny.primitives.ids import uuid7, uuid7_of, whole_milliseconds


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


# Every microsecond until the year 2300.
@given(st.integers(0, 10**16), st.binary(), st.binary())
def test_an_id_can_be_made_from_a_moment_and_what_it_stands_for(microseconds: int, one: bytes, other: bytes) -> None:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
    made = uuid7_of(moment, one)
    assert (made.version, made.variant) == (7, RFC_4122)
    assert datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=made.int >> 80) == whole_milliseconds(moment)
    assert made.hex[-15:] == hashlib.sha256(one).hexdigest()[:15]
    assert made == uuid7_of(whole_milliseconds(moment), one)
    assert (made == uuid7_of(moment, other)) == (one == other)
    assert made != uuid7_of(moment + timedelta(milliseconds=1), one)
