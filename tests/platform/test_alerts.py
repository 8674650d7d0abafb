"""When an alert fires and ends: the pure rule, over any series of measurements."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from halfpenny.platform.alerts import Key, OpenAlert, changes
from halfpenny.platform.indicators import Indicator, Reading, Readings, Severity, statement

START = datetime(2026, 11, 26, tzinfo=UTC)
AT_ONCE = Indicator("at_once", "d", statement("SELECT 1"), limit=5, severity=Severity.PAGE)
AFTER = Indicator("after", "d", statement("SELECT 1"), limit=5, severity=Severity.PAGE, lasting_s=60, label="queue")
BOTH = (AT_ONCE, AFTER)


class Play:
    """Measurements half a minute apart, and what is kept between them, as ``notify`` keeps it."""

    def __init__(self) -> None:
        self.known: dict[Key, OpenAlert] = {}
        self.now = START
        self.sent: list[tuple[str, bool]] = []

    def measure(self, *readings: Reading, unknown: frozenset[str] = frozenset(), taken: bool = True) -> None:
        due = changes(BOTH, Readings(readings, unknown), self.known, self.now)
        self.known |= {key: OpenAlert(self.now, notified=False) for key in due.begun}
        for key in due.ended:
            del self.known[key]
        for notice in due.notices if taken else ():
            self.sent.append((notice.indicator.name, notice.firing))
            if notice.firing:
                self.known[notice.key] = OpenAlert(self.known[notice.key].above_since, notified=True)
            else:
                del self.known[notice.key]
        self.now += timedelta(seconds=30)


def test_one_that_lasts_long_enough_is_sent_once_and_its_end_once() -> None:
    play = Play()
    high = Reading(AFTER, "q", 6)
    for _ in range(4):
        play.measure(high)
    assert play.sent == [("after", True)]
    play.measure(Reading(AFTER, "q", 5))
    play.measure(Reading(AFTER, "q", 5))
    assert play.sent == [("after", True), ("after", False)]
    assert play.known == {}


def test_one_that_ends_before_it_lasted_is_not_sent() -> None:
    play = Play()
    play.measure(Reading(AFTER, "q", 6))
    play.measure(Reading(AFTER, "q", 6))
    play.measure(Reading(AFTER, "q", 1))
    play.measure(Reading(AFTER, "q", 6))
    play.measure(Reading(AFTER, "q", 6))
    assert play.sent == []


def test_what_is_unknown_neither_begins_nor_ends_anything() -> None:
    play = Play()
    play.measure(Reading(AT_ONCE, "", 6))
    play.measure(unknown=frozenset({"at_once"}))
    assert play.sent == [("at_once", True)]
    play.measure()
    assert play.sent == [("at_once", True), ("at_once", False)]


def test_a_notice_that_was_not_taken_is_due_again() -> None:
    play = Play()
    play.measure(Reading(AT_ONCE, "", 6), taken=False)
    play.measure(Reading(AT_ONCE, "", 7))
    play.measure(Reading(AT_ONCE, "", 1), taken=False)
    play.measure(Reading(AT_ONCE, "", 1))
    assert play.sent == [("at_once", True), ("at_once", False)]


@given(st.lists(st.tuples(st.sampled_from(["high", "low", "unknown"]), st.booleans()), max_size=40))
def test_notices_alternate_whatever_is_measured(series: list[tuple[str, bool]]) -> None:
    play = Play()
    for kind, taken in series:
        figures = {"high": (Reading(AFTER, "q", 6),), "low": (Reading(AFTER, "q", 1),), "unknown": ()}[kind]
        play.measure(*figures, unknown=frozenset({"after"} if kind == "unknown" else ()), taken=taken)
    assert [firing for _, firing in play.sent] == [place % 2 == 0 for place in range(len(play.sent))]
