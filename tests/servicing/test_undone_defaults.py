"""Row 7: a default that receipts reported late disprove is undone; a cure needs nothing overdue, or a second person."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import httpx2
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from halfpenny import loans, servicing
from halfpenny.identity import Role
from halfpenny.loans import Status
from halfpenny.platform.database import Database
from halfpenny.primitives.money import Currency, Money
from halfpenny.primitives.rate import Rate
from halfpenny.servicing.model.disproving import DEFAULT_REASON, disprove
from halfpenny.servicing.model.engine import replay
from halfpenny.servicing.model.events import Default, DefaultDisproved, Event, Receipt
from halfpenny.servicing.model.terms import InterestMode, LoanTerms, Repayment
from halfpenny.servicing.service import arrears
from halfpenny.servicing.store import serviced_loans
from servicing import world
from support.bank import receive
from support.people import Somebody, make_somebody

STAKES = [412_345, 587_655]
DUE = 8_542
Client = httpx2.AsyncClient


async def defaulted(database: Database, days: int = 92) -> tuple[world.Drawn, list[date]]:
    """A loan whose first instalment fell due ``days`` ago and was never paid."""
    made = await world.drawn(database, STAKES)
    async with database.reading() as connection:
        dates = [row["due_on"] for row in await serviced_loans.instalments(connection, made.loan.id)]
    await world.go_to(database, dates[0] + timedelta(days=days))
    await servicing.close_days(database)
    assert await status(database, made) is Status.DEFAULTED
    return made, dates


async def status(database: Database, made: world.Drawn) -> Status:
    async with database.reading() as connection:
        return (await loans.get(connection, made.loan.id)).status


@pytest.mark.parametrize(("paid_after", "amount"), [(5, DUE + 100), (60, 3 * DUE)])
async def test_receipts_reported_late_undo_a_default_that_never_was(
    database: Database, paid_after: int, amount: int
) -> None:
    made, dates = await defaulted(database)
    done = await receive(database, made.loan.id, amount, dates[0] + timedelta(days=paid_after), made.administrator)
    assert (done.loan.status, done.position.defaulted_on) == (Status.ACTIVE, None)
    assert await status(database, made) is Status.ACTIVE
    async with database.reading() as connection:
        kinds = await connection.fetch(
            "SELECT kind FROM servicing_event WHERE loan_id = $1 ORDER BY number", made.loan.id
        )
        undone = await connection.fetchval("SELECT count(*) FROM outbox WHERE name = 'loan.default_undone'")
    assert [row["kind"] for row in kinds] == ["default", "receipt", "default_disproved"]
    assert undone == 1
    await servicing.pay_distributions(database)
    assert await world.problems(database) == []
    # The instalments after it are still unpaid, and the next of them that is too late ends in a default of its own.
    await world.go_to(database, dates[3] + timedelta(days=93))
    await servicing.close_days(database)
    assert await status(database, made) is Status.DEFAULTED
    assert await world.problems(database) == []


async def test_a_default_that_came_later_moves_to_its_day(database: Database) -> None:
    made, dates = await defaulted(database, days=130)
    done = await receive(database, made.loan.id, DUE, dates[0], made.administrator)
    assert (done.loan.status, done.position.defaulted_on) == (Status.DEFAULTED, dates[1] + timedelta(days=91))
    assert await world.problems(database) == []


@pytest.mark.parametrize("amount", [DUE - 1, 1])
async def test_a_receipt_that_leaves_the_oldest_unpaid_disproves_nothing(database: Database, amount: int) -> None:
    made, dates = await defaulted(database)
    done = await receive(database, made.loan.id, amount, dates[0] + timedelta(days=1), made.administrator)
    assert (done.loan.status, done.position.defaulted_on) == (Status.DEFAULTED, dates[0] + timedelta(days=91))
    assert await world.problems(database) == []


async def test_what_people_said_is_not_undone_by_money(database: Database) -> None:
    made = await world.drawn(database, STAKES)
    await world.advance(database, timedelta(days=40))
    async with database.unit_of_work() as connection:
        await arrears.mark_unlikely_to_pay(connection, made.loan.id, made.staff, "Insolvent.")
    async with database.reading() as connection:
        first = (await serviced_loans.instalments(connection, made.loan.id))[0]["due_on"]
    await world.advance(database, timedelta(days=1))
    done = await receive(database, made.loan.id, DUE, first, made.administrator)
    assert done.loan.status is Status.DEFAULTED


async def ask(client: Client, who: Somebody, path: str, body: Any) -> tuple[int, Any]:
    answer = await client.post(f"/api/v1{path}", json=body, headers=who.paying())
    return answer.status_code, answer.json()


async def test_a_cure_takes_two_people_while_anything_is_overdue(client: Client, database: Database) -> None:
    made, _ = await defaulted(database)
    one, other = await make_somebody(database, Role.SERVICER), await make_somebody(database, Role.ADMINISTRATOR)
    path, why = f"/loans/{made.loan.id}/cure", {"reason": "A plan of payments was agreed."}
    code, waiting = await ask(client, one, path, why)
    assert (code, waiting["approval"]["act"]) == (202, "loan.cure")
    assert await status(database, made) is Status.DEFAULTED
    approve = f"/approvals/{waiting['approval']['id']}/approve"
    assert (await ask(client, one, approve, {}))[0] == 403
    code, done = await ask(client, other, approve, {})
    assert (code, done["result"]["status"]) == (200, "active")
    assert await status(database, made) is Status.ACTIVE
    assert await world.problems(database) == []


@pytest.mark.parametrize("stays", [True, False])
async def test_with_nothing_overdue_one_person_cures_and_says_whether_the_mark_stays(
    client: Client, database: Database, stays: bool
) -> None:
    made = await world.drawn(database, STAKES)
    await world.advance(database, timedelta(days=12))
    one = await make_somebody(database, Role.SERVICER)
    path = f"/loans/{made.loan.id}/cure"
    refused = await ask(client, one, path, {"reason": "Nothing to cure."})
    assert (refused[0], refused[1]["code"]) == (409, "not_in_default")
    async with database.unit_of_work() as connection:
        await arrears.mark_unlikely_to_pay(connection, made.loan.id, made.staff, "Insolvent, it was said.")
    refused = await ask(client, one, path, {"reason": "It was a mistake."})
    assert (refused[0], refused[1]["code"]) == (409, "unlikely_to_pay_not_stated")
    code, done = await ask(client, one, path, {"reason": "It was a mistake.", "unlikely_to_pay": stays})
    assert (code, done["status"]) == (200, "active")
    async with database.reading() as connection:
        serviced = await serviced_loans.find(connection, made.loan.id)
    assert serviced is not None and serviced.unlikely_to_pay is stays
    assert await status(database, made) is Status.ACTIVE
    assert await world.problems(database) == []


TERMS = LoanTerms(
    principal=Money(1_000_000, Currency.EUR),
    rate=Rate.parse_annual("12"),
    repayment=Repayment.BULLET,
    interest_mode=InterestMode.SERVICED,
    periods=12,
    advanced_on=date(2027, 1, 1),
    default_rate=Rate.parse_annual("12"),
)
FIRST_DUE = date(2027, 2, 1)


@given(st.lists(st.tuples(st.integers(0, 200), st.integers(1, 25_000)), max_size=6), st.integers(91, 200))
def test_after_it_every_default_stands_on_a_day_past_the_limit(late: list[tuple[int, int]], days: int) -> None:
    """Whatever is reported late: a default that stands is on the first day past the limit, or there is none."""
    as_of = FIRST_DUE + timedelta(days=days)
    events: list[Event] = [Default(FIRST_DUE + timedelta(days=91), DEFAULT_REASON)]
    for after, minor in late:
        assume(after <= days)
        events.append(Receipt(FIRST_DUE + timedelta(days=after), Money(minor, Currency.EUR)))
        events += disprove(TERMS, events, as_of)
    assert disprove(TERMS, events, as_of) == []
    position = replay(TERMS, (), as_of, recorded=events)
    if position.defaulted_on is not None:
        day = replay(TERMS, (), position.defaulted_on, recorded=events)
        assert day.days_past_due > 90
    else:
        assert any(isinstance(event, DefaultDisproved) for event in events)
        assert all(
            replay(TERMS, (), FIRST_DUE + timedelta(days=n), recorded=events).days_past_due <= 90
            for n in range(91, days + 1, 7)
        )
