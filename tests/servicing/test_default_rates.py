"""Row 19: default rates over the whole history, cures counted, by grade, with what is expected beside them."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from halfpenny.loans import LoanInterestMode
from halfpenny.platform.database import Connection, Database
from halfpenny.primitives.ids import uuid7
from halfpenny.servicing import codec
from halfpenny.servicing.model.default_rates import (
    DefaultWindow,
    RunningLoans,
    default_rate_percent,
    default_rates,
    window_bounds,
)
from halfpenny.servicing.model.events import Cure, Default, DefaultDisproved, Event, WriteOff
from halfpenny.servicing.rest import statistics_routes
from halfpenny.servicing.service import arrears
from halfpenny.servicing.store import statistics
from servicing import world
from support.edge import Client
from support.lending_app import lending_client

AS_OF = date(2026, 5, 17)


def test_windows_cover_the_whole_history_and_end_today() -> None:
    assert window_bounds(None, AS_OF) == []
    assert window_bounds(date(2025, 5, 18), AS_OF) == []
    assert window_bounds(date(2025, 5, 17), AS_OF) == [(date(2025, 5, 17), AS_OF)]
    found = window_bounds(date(2020, 1, 31), AS_OF)
    assert len(found) == 6 and found[0] == (date(2020, 5, 17), date(2021, 5, 17))


@given(st.dates(date(2000, 1, 1), date(2030, 1, 1)), st.integers(0, 5_000))
def test_windows_meet_and_are_as_many_as_there_were_years(as_of: date, days: int) -> None:
    first = as_of - timedelta(days=days)
    bounds = window_bounds(first, as_of)
    assert len(bounds) in (int(days / 365.25), days // 365)
    for before, after in pairwise(bounds):
        assert before[1] == after[0]
    if bounds:
        assert bounds[0][0] >= first and bounds[-1][1] == as_of
        assert bounds[0][0] - first < timedelta(days=367)


def test_no_loans_no_rate() -> None:
    assert default_rate_percent([]) is None
    assert default_rate_percent([(0, 0)]) is None
    # The empty window says nothing, so it is not averaged in as a zero.
    assert default_rate_percent([(0, 0), (1, 4)]) == Decimal("25.00")
    assert default_rate_percent([(0, 3)]) == Decimal("0.00")


def test_what_is_expected_comes_from_the_actual_rate_of_each_grade() -> None:
    bounds = [(date(2024, 5, 17), date(2025, 5, 17)), (date(2025, 5, 17), AS_OF)]
    counts = {
        ("A", bounds[0][0]): (1, 50),
        ("A", bounds[1][0]): (0, 70),
        ("C", bounds[1][0]): (3, 20),
        # Those of B have all been repaid.
        ("B", bounds[0][0]): (2, 10),
    }
    running = {
        "A": RunningLoans(30, 30, Decimal("0.60")),
        "C": RunningLoans(10, 9, Decimal("0.99")),
        "D": RunningLoans(5, 5, Decimal("1.25")),
    }
    found = default_rates(bounds, counts, running)
    assert {name: (rate.actual_percent, rate.expected_percent) for name, rate in found.grades.items()} == {
        "A": (Decimal("1.00"), Decimal("1.00")),
        "B": (Decimal("20.00"), None),
        "C": (Decimal("15.00"), Decimal("15.00")),
        "D": (None, None),
    }
    assert [rate.predicted_percent for rate in found.grades.values()] == [
        Decimal("2.00"),
        None,
        Decimal("11.00"),
        Decimal("25.00"),
    ]
    assert found.overall.windows == (DefaultWindow(*bounds[0], 3, 60), DefaultWindow(*bounds[1], 3, 90))
    # (5 % + 3.333 %) / 2, and (30 of 1 % and 10 of 15 %) / 40: nothing is expected of a grade without a history.
    assert found.overall.actual_percent == Decimal("4.17")
    assert (found.overall.expected_percent, found.expected_of) == (Decimal("4.50"), 40)
    assert (found.overall.running, found.overall.predicted_percent) == (45, Decimal("6.45"))


@given(st.dictionaries(st.sampled_from("ABCD"), st.tuples(st.integers(0, 40), st.integers(0, 40), st.integers(0, 40))))
def test_percentages_are_rounded_once_and_stand_only_where_something_is_divided_by(
    counted: dict[str, tuple[int, int, int]],
) -> None:
    """Of each grade: loans in the only window, loans that run, and what of either defaults or is expected to."""
    bounds = [(date(2025, 5, 17), AS_OF)]
    counts = {(grade, bounds[0][0]): (min(bad, loans), loans) for grade, (loans, _, bad) in counted.items() if loans}
    running = {
        grade: RunningLoans(runs, runs, Decimal(min(bad, runs)) / 8)
        for grade, (_, runs, bad) in counted.items()
        if runs
    }
    found = default_rates(bounds, counts, running)

    def percent(over: Fraction) -> Decimal:
        return Decimal(int(over * 10_000 + Fraction(1, 2))).scaleb(-2)

    for grade, rate in found.grades.items():
        loans, runs, bad = counted[grade]
        assert rate.actual_percent == (percent(Fraction(min(bad, loans), loans)) if loans else None)
        assert rate.expected_percent == (rate.actual_percent if runs else None)
        assert rate.predicted_percent == (percent(Fraction(min(bad, runs), 8 * runs)) if runs else None)
    known = [(runs, Fraction(min(bad, loans), loans)) for loans, runs, bad in counted.values() if loans and runs]
    assert found.expected_of == sum(runs for runs, _ in known)
    mean = sum(runs * rate for runs, rate in known) / found.expected_of if known else None
    assert found.overall.expected_percent == (None if mean is None else percent(mean))


@dataclass
class History:
    """One loan, by days from its advance: the naive reference counts it a day at a time."""

    grade: str
    advanced_on: date
    due_on: list[date]
    events: list[Event] = field(default_factory=list)
    closed_on: date | None = None

    def defaults(self) -> list[date]:
        disproved = {event.defaulted_on for event in self.events if isinstance(event, DefaultDisproved)}
        return [
            event.effective_date
            for event in self.events
            if isinstance(event, Default) and (event.unlikely_to_pay or event.effective_date not in disproved)
        ]

    def in_default_as_begins(self, day: date) -> bool:
        """Whether a default of an earlier day had not been cured on an earlier day."""
        before = [each for each in self.defaults() if each < day]
        cures = [event.effective_date for event in self.events if isinstance(event, Cure)]
        return any(not any(began <= cure < day for cure in cures) for began in before)

    def runs_as_begins(self, day: date) -> bool:
        ends = [event.effective_date for event in self.events if isinstance(event, WriteOff)]
        ends += [self.closed_on] if self.closed_on else []
        return self.advanced_on < day and all(end >= day for end in ends)


def naive_counts(
    loans: Iterable[History], bounds: Sequence[tuple[date, date]]
) -> dict[tuple[str, date], tuple[int, int]]:
    counts: dict[tuple[str, date], tuple[int, int]] = {}
    for start, end in bounds:
        for loan in loans:
            scheduled = any(start <= due < end for due in loan.due_on)
            if not scheduled or not loan.runs_as_begins(start) or loan.in_default_as_begins(start):
                continue
            defaulted, counted = counts.get((loan.grade, start), (0, 0))
            inside = any(start <= day < end for day in loan.defaults())
            counts[loan.grade, start] = (defaulted + inside, counted + 1)
    return counts


FIRST = AS_OF - timedelta(days=1_500)
# The bounds of the windows and the days beside them are where a mistake would show.
EDGES = [
    day + timedelta(days=beside) for bound in window_bounds(FIRST, AS_OF) for day in bound for beside in (-1, 0, 1)
]


def some_history(chance: random.Random) -> History:
    def moment() -> date:
        return chance.choice(EDGES) if chance.random() < 0.4 else FIRST + timedelta(days=chance.randint(0, 1_500))

    events: list[Event] = []
    for _ in range(chance.randint(0, 5)):
        kind = chance.choice(["default"] * 4 + ["cure"] * 3 + ["write_off", "disproved"])
        if kind == "default":
            events.append(Default(moment(), "late", unlikely_to_pay=chance.random() < 0.3))
            if chance.random() < 0.3:
                events.append(DefaultDisproved(AS_OF, events[-1].effective_date))
        elif kind == "disproved":
            events.append(DefaultDisproved(AS_OF, moment()))
        else:
            events.append(Cure(moment()) if kind == "cure" else WriteOff(moment()))
    return History(
        chance.choice(["A", "B", ""]),
        min(moment(), moment()),
        sorted({moment() for _ in range(chance.randint(1, 6))}),
        events,
        moment() if chance.random() < 0.3 else None,
    )


async def insert(connection: Connection, template: UUID, loan: History) -> None:
    """A loan of this history, whose other columns are those of ``template``. For a superuser with triggers off."""
    loan_id = str(uuid7())
    risk = {"grade": loan.grade, "probability_of_default": "0.031"} if loan.grade else None
    await connection.execute(
        "INSERT INTO loan SELECT (jsonb_populate_record(l, $2)).* FROM loan l WHERE id = $1",
        template,
        {"id": loan_id, "risk": risk},
    )
    changed = {
        "loan_id": loan_id,
        "advanced_on": loan.advanced_on.isoformat(),
        "closed_on": loan.closed_on.isoformat() if loan.closed_on else None,
    }
    await connection.execute(
        "INSERT INTO serviced_loan SELECT (jsonb_populate_record(s, $2)).* FROM serviced_loan s WHERE loan_id = $1",
        template,
        changed,
    )
    for number, due_on in enumerate(loan.due_on, 1):
        await connection.execute(
            "INSERT INTO instalment SELECT (jsonb_populate_record(i, $2)).* FROM instalment i "
            "WHERE loan_id = $1 AND number = 1",
            template,
            {"loan_id": loan_id, "number": number, "due_on": due_on.isoformat()},
        )
    for number, event in enumerate(loan.events, 1):
        await connection.execute(
            "INSERT INTO servicing_event (loan_id, number, kind, effective_date, data, planned) "
            "VALUES ($1, $2, $3, $4, $5, false)",
            UUID(loan_id),
            number,
            codec.event_name(event),
            event.effective_date,
            codec.to_json(event),
        )


@pytest.mark.parametrize("seed", range(4))
async def test_row_19_the_counts_are_those_of_the_naive_reference(
    database: Database, superuser: Database, seed: int
) -> None:
    """Eighty loans of any history: defaulted, cured, disproved, lost and closed on and beside the windows' bounds."""
    template = (await world.drawn(database, [100_000])).loan.id
    chance = random.Random(seed)
    drawn = [some_history(chance) for _ in range(80)]
    async with superuser.unit_of_work() as connection:
        await connection.execute("SET LOCAL session_replication_role = replica")
        for loan in drawn:
            await insert(connection, template, loan)
        await connection.execute("DELETE FROM serviced_loan WHERE loan_id = $1", template)
    async with database.reading() as connection:
        found = await statistics.default_rates_on(connection, AS_OF)
    bounds = window_bounds(min(loan.advanced_on for loan in drawn), AS_OF)
    expected = naive_counts(drawn, bounds)
    counted = {
        (grade, window.starts_on): (window.defaulted, window.loans)
        for grade, rate in found.grades.items()
        for window in rate.windows
        if window.loans
    }
    assert counted == expected and sum(defaulted for defaulted, _ in expected.values()) > 4
    assert [(window.starts_on, window.ends_on) for window in found.overall.windows] == bounds
    for window in found.overall.windows:
        of_all = [count for (_, start), count in expected.items() if start == window.starts_on]
        assert (window.defaulted, window.loans) == (sum(d for d, _ in of_all), sum(n for _, n in of_all))


@pytest.fixture
async def client(database: Database) -> AsyncIterator[Client]:
    async with lending_client(database, statistics_routes.router) as client:
        yield client


async def test_row_19_a_cured_loan_is_in_the_next_window_and_may_default_again(
    client: Client, database: Database
) -> None:
    """Two loans of 24 months that owe nothing before; one is marked unlikely to pay, cured, and marked again."""
    sound, made = [
        await world.drawn(database, [stake], term_months=24, mode=LoanInterestMode.RETAINED)
        for stake in (300_000, 100_000)
    ]
    since = made.drawn_on

    async def rates_after(days: int) -> dict[str, Any]:
        await world.go_to(database, since + timedelta(days=days))
        answer = await client.get("/api/v1/statistics/default-rate")
        found: dict[str, Any] = answer.json()
        assert answer.status_code == 200
        assert found["as_of"] == (since + timedelta(days=days)).isoformat()
        return found

    async def mark() -> None:
        async with database.unit_of_work() as connection:
            await arrears.mark_unlikely_to_pay(connection, made.loan.id, made.staff, "The buyer stepped back.")

    young = await rates_after(130)
    assert (young["observed_months"], young["windows"], young["default_rate_percent"]) == (0, [], None)
    assert (young["running_loans"], young["expected_default_rate_percent"]) == (2, None)
    await mark()
    assert (await rates_after(131))["running_loans"] == 1
    await world.go_to(database, since + timedelta(days=200))
    async with database.unit_of_work() as connection:
        await arrears.cure(connection, made.loan.id, False, made.staff, "Another buyer signed.")
    year = await rates_after(380)
    assert (year["observed_months"], year["default_rate_percent"], year["running_loans"]) == (12, "50.00", 2)
    await world.go_to(database, since + timedelta(days=500))
    await mark()
    # Two windows, of which the second begins after the cure.
    both = await rates_after(735)
    assert [(window["defaulted"], window["loans"]) for window in both["windows"]] == [(1, 2), (1, 2)]
    assert both["windows"][0]["to"] == both["windows"][1]["from"] and both["windows"][1]["to"] == both["as_of"]
    assert (both["observed_months"], both["default_rate_percent"]) == (24, "50.00")
    grade = sound.loan.risk.grade if sound.loan.risk else ""
    [of_grade] = both["grades"]
    assert (of_grade["grade"], of_grade["default_rate_percent"]) == (grade, "50.00")
    assert both["expected_default_rate_percent"] == of_grade["expected_default_rate_percent"] == "50.00"
    assert sound.loan.risk is not None
    assert Decimal(both["predicted_default_percent"]) == round(100 * sound.loan.risk.probability_of_default, 2)
    assert both["threshold"]["days_past_due"] == 90
