"""What a credit leaves in suspense, in any order of allocating, returning, unmatching, reversing and joining."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from halfpenny import funding, ledger
from halfpenny.ledger import Account, AccountKind
from halfpenny.platform.database import Connection, Database
from halfpenny.primitives.money import format_minor, parse_minor
from servicing import world
from servicing.receipts import announced, approve, ask, first_due, overdue, pay, treasurers
from support.bank import credits_in_suspense
from support.people import Somebody

Client = httpx2.AsyncClient
WHY = {"reason": "The payer meant another loan."}


@pytest.fixture
async def made(database: Database) -> world.Drawn:
    return await overdue(database)


async def stated(database: Database, made: world.Drawn, amount_minor: int) -> UUID:
    """A credit that a statement shows and that nobody has been found for: its line."""
    before = await credits_in_suspense(database)
    async with database.reading() as connection:
        today = await connection.fetchval("SELECT business_date()")
    await pay(database, today, amount_minor, reference="no words")
    await world.go_to(database, today + timedelta(days=1))
    await funding.reconcile_due(database)
    [line_id] = set(await credits_in_suspense(database)) - set(before)
    return line_id


async def suspense(database: Database) -> int:
    async with database.reading() as connection:
        account = Account(AccountKind.SUSPENSE, None, world.EUR)
        return (await ledger.balances(connection, [account]))[account].posted


async def open_sum(database: Database) -> int:
    async with database.reading() as connection:
        found = await funding.open_findings(connection, None, 1_000)
    assert all(one.remaining_minor >= 0 for one in found)
    return sum(one.remaining_minor for one in found)


async def match(client: Client, who: Somebody, line_id: UUID, made: world.Drawn, minor: int) -> tuple[int, Any]:
    body = {"loan_id": str(made.loan.id), "amount": format_minor(minor), "apply": "prepay"}
    return await ask(client, who, f"/receipts/{line_id}/match", body)


@pytest.mark.parametrize(("line", "part"), [(10_000, 6_000), (8_543, 1), (700, 699)])
async def test_what_was_returned_is_not_there_when_the_rest_is_taken_back(
    client: Client, database: Database, made: world.Drawn, line: int, part: int
) -> None:
    """Somebody else's money stands in the same account: none of it is spent for this line."""
    one, _ = await treasurers(database)
    others = await stated(database, made, 50_000)
    line_id = await stated(database, made, line)
    assert (await match(client, one, line_id, made, part))[0] == 200
    status, back = await ask(client, one, f"/receipts/{line_id}/return")
    assert (status, back["amount"]) == (200, format_minor(line - part))
    assert (await ask(client, one, f"/receipts/{line_id}/unmatch", WHY))[0] == 200
    assert await credits_in_suspense(database) == {others: 50_000, line_id: part}
    assert await suspense(database) == 50_000 + part
    status, refusal = await match(client, one, line_id, made, part + 1)
    assert (status, refusal["code"], refusal["data"]["remaining"]) == (409, "line_spent", format_minor(part))
    assert await world.problems(database) == []
    status, back = await ask(client, one, f"/receipts/{line_id}/return")
    assert (status, back["amount"]) == (200, format_minor(part))
    assert await credits_in_suspense(database) == {others: 50_000}
    assert await suspense(database) == 50_000
    assert await world.problems(database) == []


async def post_ahead(client: Client, people: tuple[Somebody, Somebody], made: world.Drawn, minor: int, day: Any) -> str:
    """A receipt that two people have posted before its line has come."""
    body = announced(made, day, amount=format_minor(minor), reference="by telephone", apply="prepay")
    status, waiting = await ask(client, people[0], "/receipts", body)
    assert status == 202, waiting
    status, done = await approve(client, people[1], waiting)
    assert status == 200, done
    return str(waiting["receipt_id"])


async def test_a_line_that_is_partly_a_receipt_posted_ahead_brings_back_no_more_than_that(
    client: Client, database: Database, made: world.Drawn
) -> None:
    people = await treasurers(database)
    one, _ = people
    day = await first_due(database, made)
    line_id = await stated(database, made, 10_000)
    assert (await match(client, one, line_id, made, 6_000))[0] == 200
    for _ in range(2):
        receipt_id = await post_ahead(client, people, made, 4_000, day)
        assert (await ask(client, one, f"/receipts/{receipt_id}/line", {"line_id": str(line_id)}))[0] == 200
        assert await suspense(database) == 0
        assert await world.problems(database) == []
        back = {"reversed_on": (day + timedelta(days=1)).isoformat(), "reason": "Recalled.", "reference": "R/1"}
        status, _ = await ask(client, one, f"/receipts/{receipt_id}/reverse", back)
        assert status == 200
        assert await credits_in_suspense(database) == {line_id: 4_000}
        assert await suspense(database) == 4_000
        assert await world.problems(database) == []
    status, done = await ask(client, one, f"/receipts/{line_id}/unmatch", WHY)
    assert (status, [part["receipt"]["amount"] for part in done["parts"]]) == (200, ["-60.00"])
    assert (await ask(client, one, f"/receipts/{line_id}/return"))[1]["amount"] == "100.00"
    assert await suspense(database) == 0
    assert await world.problems(database) == []


async def test_a_line_goes_back_from_every_loan_that_had_of_it_allocated_or_posted_ahead(
    client: Client, database: Database, made: world.Drawn
) -> None:
    people = await treasurers(database)
    one, _ = people
    line_id = await stated(database, made, 9_001)
    assert (await match(client, one, line_id, made, 5_001))[0] == 200
    day = await first_due(database, made)
    receipt_id = await post_ahead(client, people, made, 4_000, day)
    assert (await ask(client, one, f"/receipts/{receipt_id}/line", {"line_id": str(line_id)}))[0] == 200
    async with database.reading() as connection:
        today = await connection.fetchval("SELECT business_date()")
    back = {"reversed_on": today.isoformat(), "reason": "Recalled.", "reference": "R/1"}
    status, done = await ask(client, one, f"/receipts/{line_id}/reverse", back)
    assert (status, sorted(part["receipt"]["amount"] for part in done["parts"])) == (200, ["-40.00", "-50.01"])
    assert await credits_in_suspense(database) == {line_id: 9_001}
    assert await suspense(database) == 9_001
    assert await world.problems(database) == []


async def test_neither_a_line_nor_a_receipt_is_joined_twice(
    client: Client, database: Database, made: world.Drawn
) -> None:
    """A line that is one receipt is not another; a receipt that was reversed comes back by no line."""
    people = await treasurers(database)
    one, _ = people
    day = await first_due(database, made)
    line_id = await stated(database, made, 10_000)
    assert (await match(client, one, line_id, made, 6_000))[0] == 200
    first = await post_ahead(client, people, made, 4_000, day)
    assert (await ask(client, one, f"/receipts/{first}/line", {"line_id": str(line_id)}))[0] == 200
    assert (await ask(client, one, f"/receipts/{await allocation_of(database, line_id)}/unmatch", WHY))[0] == 200
    second = await post_ahead(client, people, made, 6_000, day)
    status, refusal = await ask(client, one, f"/receipts/{second}/line", {"line_id": str(line_id)})
    assert (status, refusal["code"], refusal["data"]["receipt_id"]) == (409, "line_has_receipt", first)
    back = {"reversed_on": (day + timedelta(days=1)).isoformat(), "reason": "Recalled.", "reference": "R/1"}
    assert (await ask(client, one, f"/receipts/{second}/reverse", back))[0] == 200
    assert (await ask(client, one, f"/receipts/{first}/reverse", back))[0] == 200
    third = await stated(database, made, 6_000)
    status, refusal = await ask(client, one, f"/receipts/{second}/line", {"line_id": str(third)})
    assert (status, refusal["code"], refusal["data"]["status"]) == (409, "receipt_resolved", "reversed")
    assert await credits_in_suspense(database) == {line_id: 10_000, third: 6_000}
    assert await suspense(database) == 16_000
    assert await world.problems(database) == []


async def allocation_of(database: Database, line_id: UUID) -> UUID:
    async with database.reading() as connection:
        [row] = [row for row in await funding.allocations_of(connection, line_id) if not row["taken_back_at"]]
    found: UUID = row["id"]
    return found


ACTS = ("allocate", "allocate", "return", "unmatch", "unmatch part", "reverse", "join")
STEPS = st.lists(st.tuples(st.sampled_from(ACTS), st.integers(1, 100)), min_size=3, max_size=12)


@settings(deadline=None, max_examples=12, suppress_health_check=list(HealthCheck))
@given(amount=st.integers(2, 20_000), steps=STEPS)
async def test_in_any_order_what_remains_of_open_items_is_what_stands_in_suspense(
    client: Client, database: Database, made: world.Drawn, amount: int, steps: list[tuple[str, int]]
) -> None:
    people = await treasurers(database)
    before = await suspense(database)
    line_id = await stated(database, made, amount)
    returned = 0
    for act, percent in steps:
        remaining = (await credits_in_suspense(database)).get(line_id, 0)
        status, answer = await take(client, database, people, made, line_id, (act, percent))
        assert status in (200, 404, 409, 422), answer
        now = (await credits_in_suspense(database)).get(line_id, 0)
        assert status == 200 or now == remaining
        if act == "return" and status == 200:
            returned += parse_minor(answer["amount"])
            assert (parse_minor(answer["amount"]), now) == (remaining, 0)
        assert now + returned + await with_loans(database, line_id) == amount
        assert await open_sum(database) == await suspense(database) == before + now
    assert await world.problems(database) == []
    # A page of open credits holds a hundred: the next example finds none of this one's.
    await ask(client, people[0], f"/receipts/{line_id}/return")


async def take(
    client: Client,
    database: Database,
    people: tuple[Somebody, Somebody],
    made: world.Drawn,
    line_id: UUID,
    step: tuple[str, int],
) -> tuple[int, Any]:
    """One act of staff on the line, refused or not: of what remains, or of what the loan has of it, so many percent."""
    act, percent = step
    one, remaining = people[0], (await credits_in_suspense(database)).get(line_id, 0)
    named, body = str(line_id), dict[str, Any]()
    async with database.reading() as connection:
        today = await connection.fetchval("SELECT business_date()")
        standing = [row for row in await funding.allocations_of(connection, line_id) if not row["taken_back_at"]]
    if act == "allocate":
        return await match(client, one, line_id, made, max(1, remaining * percent // 100))
    if act == "join" and remaining:
        # Announced for another day, or the line that it will be would keep it from being posted.
        day = made.drawn_on + timedelta(days=3)
        named, body = await post_ahead(client, people, made, remaining, day), {"line_id": named}
    if act == "reverse":
        body = {"reversed_on": today.isoformat(), "reason": "Recalled.", "reference": "R/1"}
    if act.startswith("unmatch"):
        body = WHY
    if act == "unmatch part" and standing:
        chosen = standing[percent % len(standing)]
        named, body = chosen["id"], WHY | {"amount": format_minor(max(1, chosen["amount_minor"] * percent // 100))}
    route = {"join": "line", "unmatch part": "unmatch"}.get(act, act)
    return await ask(client, one, f"/receipts/{named}/{route}", body)


async def with_loans(database: Database, line_id: UUID) -> int:
    """What loans have of a line now, in minor units: allocated, or posted ahead and joined with it."""
    async with database.reading() as connection:
        found: int = await connection.fetchval(
            "SELECT (SELECT coalesce(sum(a.amount_minor), 0) FROM line_allocation a JOIN reconciliation_item i "
            "ON i.id = a.item_id WHERE i.line_id = $1 AND a.taken_back_at IS NULL) + "
            "(SELECT coalesce(sum(amount_minor), 0) FROM bank_receipt WHERE line_id = $1 AND posted_at IS NOT NULL "
            "AND status <> 'reversed')",
            line_id,
        )
    return int(found)


async def blocked(database: Database) -> None:
    """Wait until somebody waits for a lock."""
    for _ in range(500):
        async with database.reading() as connection:
            if await connection.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
                return
        await asyncio.sleep(0.02)
    raise AssertionError("nobody waits")


async def lock_accounts(connection: Connection) -> None:
    kinds = (AccountKind.CLIENT_BANK, AccountKind.SUSPENSE)
    await ledger.lock(connection, [Account(kind, None, world.EUR) for kind in kinds])


@pytest.mark.parametrize("part", ["12.34", None])
async def test_taking_back_waits_for_the_bank_before_it_touches_an_account(
    client: Client, database: Database, made: world.Drawn, part: str | None
) -> None:
    """A statement comes in meanwhile: it has the bank and asks for the accounts."""
    one, _ = await treasurers(database)
    line_id = await stated(database, made, 8_000)
    assert (await match(client, one, line_id, made, 7_000))[0] == 200
    body = WHY | ({} if part is None else {"amount": part})
    async with database.unit_of_work() as connection:
        await funding.lock_bank(connection, "EUR")
        unmatching = asyncio.create_task(ask(client, one, f"/receipts/{line_id}/unmatch", body))
        await blocked(database)
        async with asyncio.timeout(10):
            await lock_accounts(connection)
        # What a statement, or a return, reads under the bank's lock is what nobody is changing.
        assert await connection.fetchval("SELECT count(*) FROM line_allocation WHERE taken_back_at IS NULL") == 1
        assert not unmatching.done()
    status, answer = await unmatching
    assert status == 200, answer
    assert await credits_in_suspense(database) == {line_id: 8_000 if part is None else 1_000 + 1_234}
    assert await world.problems(database) == []


async def test_taking_back_several_waits_for_the_bank_before_the_first(
    client: Client, database: Database, made: world.Drawn
) -> None:
    """The one that was posted ahead is the older, as the line was allocated anew since."""
    one, other = await treasurers(database)
    line_id = await stated(database, made, 9_500)
    assert (await match(client, one, line_id, made, 5_000))[0] == 200
    receipt_id = await post_ahead(client, (one, other), made, 4_500, await first_due(database, made))
    assert (await ask(client, one, f"/receipts/{receipt_id}/line", {"line_id": str(line_id)}))[0] == 200
    allocated = await allocation_of(database, line_id)
    assert (await ask(client, one, f"/receipts/{allocated}/unmatch", WHY | {"amount": "1.00"}))[0] == 200
    async with database.reading() as connection:
        today = await connection.fetchval("SELECT business_date()")
    back = {"reversed_on": today.isoformat(), "reason": "Recalled.", "reference": "R/2"}
    async with database.unit_of_work() as connection:
        await funding.lock_bank(connection, "EUR")
        reversing = asyncio.create_task(ask(client, one, f"/receipts/{line_id}/reverse", back))
        await blocked(database)
        async with asyncio.timeout(10):
            await lock_accounts(connection)
        assert not reversing.done()
    assert (await reversing)[0] == 200
    assert await credits_in_suspense(database) == {line_id: 9_500}
    assert await world.problems(database) == []


async def test_returning_and_unmatching_at_once_leave_what_came_back(
    client: Client, database: Database, made: world.Drawn
) -> None:
    one, other = await treasurers(database)
    for minor in (3_000, 4_111, 777):
        line_id = await stated(database, made, 8_000)
        assert (await match(client, one, line_id, made, minor))[0] == 200
        (status, _), (returned, answer) = await asyncio.gather(
            ask(client, one, f"/receipts/{line_id}/unmatch", WHY), ask(client, other, f"/receipts/{line_id}/return")
        )
        assert (status, returned) == (200, 200)
        left = (await credits_in_suspense(database)).get(line_id, 0)
        assert left + parse_minor(answer["amount"]) == 8_000
        assert await open_sum(database) == await suspense(database)
        assert await world.problems(database) == []
