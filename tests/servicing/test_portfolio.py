"""The portfolio: one line a loan, a stake until the drawdown and a holding after it, each cent kept in one place."""

from __future__ import annotations

from uuid import UUID

import psycopg

from halfpenny import servicing
from halfpenny.platform.database import Connection, Database
from halfpenny.servicing import views
from halfpenny.servicing.rest import router
from halfpenny.servicing.service.portfolio import portfolio
from servicing import world
from support.lending_app import lending_client
from support.people import make_somebody

STAKES = [400_000, 600_000]


async def page_through(connection: Connection, investor: UUID, limit: int) -> list[UUID]:
    """The loans of every page, in the order shown."""
    seen: list[UUID] = []
    after: UUID | None = None
    while lines := await portfolio(connection, investor, after, limit):
        seen += [line.loan.id for line in lines]
        after = lines[-1].loan.id
    return seen


def as_owner(database_url: str, *statements: tuple[str, tuple[object, ...]]) -> None:
    """Change rows that the application's role may not."""
    with psycopg.connect(database_url) as connection:
        for statement, arguments in statements:
            connection.execute(statement, arguments)  # type: ignore[call-overload]


def move_stake(database_url: str, loan_id: UUID, old: UUID, new: UUID) -> None:
    """Let somebody else be who invested: the tests' worlds make an investor for each loan."""
    tables = ("position", "investment", "holding")
    as_owner(
        database_url,
        *(
            (f"UPDATE {table} SET investor_id = %s WHERE loan_id = %s AND investor_id = %s", (new, loan_id, old))
            for table in tables
        ),
        # Their wallet is where the loan pays from now on: the ledger pays nobody else.
        (
            "UPDATE holding h SET wallet_account_id = n.id FROM account o JOIN account n USING (kind, currency) "
            "WHERE h.loan_id = %s AND o.id = h.wallet_account_id AND n.owner_id = %s",
            (loan_id, new),
        ),
    )


async def test_a_stake_becomes_a_holding_and_is_outstanding_once(database: Database, database_url: str) -> None:
    waiting = await world.ready(database, STAKES)
    drawn = await world.drawn(database, STAKES)
    # A drawn loan pays by what its escrow had from a wallet, so that of the loan which waits is moved.
    investor = next(iter(drawn.stakes))
    move_stake(database_url, waiting.loan.id, next(iter(waiting.stakes)), investor)
    await world.repay(database, drawn, 250_000)
    await servicing.pay_distributions(database)
    async with database.reading() as connection:
        lines = [views.portfolio_line(line) for line in await portfolio(connection, investor, None, 10)]
        held = await connection.fetchval(
            "SELECT outstanding_minor FROM holding WHERE loan_id = $1 AND investor_id = $2", drawn.loan.id, investor
        )
    after, before = lines
    assert (before["status"], before["invested"], before["outstanding"]) == ("conditions_met", "4000.00", "4000.00")
    assert (before["position_id"], before["standing"], before["interest_received"]) == (None, None, "0.00")
    assert after["invested"] == "4000.00" and after["standing"] == "current"
    assert after["outstanding"] == f"{held / 100:.2f}" and 0 < held < 400_000
    assert [ticket["amount"] for ticket in after["investments"]] == ["4000.00"]


async def test_every_loan_is_on_one_page_once(database: Database, database_url: str) -> None:
    made = [await world.ready(database, [100_000]), await world.drawn(database, [100_000])]
    made += [await world.drawn(database, [100_000]), await world.ready(database, [100_000])]
    person = await make_somebody(database)
    for one in made:
        move_stake(database_url, one.loan.id, next(iter(one.stakes)), person.user_id)
    newest_first = sorted((one.loan.id for one in made), reverse=True)
    async with database.reading() as connection:
        for limit in (1, 2, 3, 10):
            assert await page_through(connection, person.user_id, limit) == newest_first
    async with lending_client(database, router) as client:
        seen: list[str] = []
        query = "limit=1"
        while query:
            page = (await client.get(f"/api/v1/portfolio?{query}", headers=person.headers)).json()
            seen += [line["loan_id"] for line in page["items"]]
            query = f"limit=1&after={page['next_cursor']}" if page["next_cursor"] else ""
        nobodys = (await client.get("/api/v1/portfolio", headers=(await make_somebody(database)).headers)).json()
    assert seen == [str(loan_id) for loan_id in newest_first]
    assert nobodys["items"] == []


async def test_the_books_name_a_holding_that_nobody_paid_for(database: Database, database_url: str) -> None:
    made = await world.drawn(database, STAKES)
    first, second = made.stakes
    assert await world.problems(database) == []
    update = "UPDATE holding SET stake_minor = stake_minor + 1 WHERE loan_id = %s AND investor_id = %s"
    as_owner(database_url, (update, (made.loan.id, first)))
    answer = await world.problems(database)
    basis = "(the position that paid for it)"
    assert f"holding {made.loan.id}/{first}: stake_minor is 400001, should be 400000 {basis}" in answer
    delete = "DELETE FROM position WHERE loan_id = %s AND investor_id = %s"
    as_owner(database_url, (delete, (made.loan.id, second)))
    answer = await world.problems(database)
    assert f"holding {made.loan.id}/{second} is present, should be missing {basis}" in answer
