"""The worked example of docs/algorithms/funding-desk.md, executed: pure, and on a real database in one batch."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest

from funding.batch_states import batch_state, loan, name, ticket
from funding.world import World, check_books, make_world, open_desk
from halfpenny.funding.model import AcceptedTicket, InvestmentConfirmation, RepeatedTicket, decide
from halfpenny.platform.database import Database
from halfpenny.primitives.errors import HalfpennyError
from halfpenny.primitives.money import format_minor, parse_minor

PAGE = Path(__file__).resolve().parents[2] / "docs" / "algorithms" / "funding-desk.md"
Row = tuple[str, str, str, str, str, str, str]


def rows() -> list[Row]:
    """The example's table, without its head."""
    text = PAGE.read_text(encoding="utf-8").partition("<!-- example -->")[2].partition("<!-- /example -->")[0]
    lines = [line for line in text.splitlines() if line.startswith("|")][2:]
    found = [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines]
    assert len(found) == 8 and all(len(row) == 7 for row in found)
    return found  # type: ignore[return-value]


PEOPLE = ("Ada", "Ben", "Cem", "Dia")


def test_the_document_equals_what_the_rules_decide() -> None:
    batch = batch_state(loan(target_minor=100_000), available=60_000, investors=4)
    tickets = [ticket(parse_minor(row[1]), PEOPLE.index(row[0]), key=row[2]) for row in rows()]
    for row, asked in zip(rows(), tickets, strict=True):
        decision = decide(batch, [asked])[0]
        output = (
            decision.code
            if isinstance(decision, HalfpennyError)
            else {AcceptedTicket: "taken", RepeatedTicket: "repeated"}[type(decision)]
        )
        state = batch.loans[name("loan")]
        stands = (format_minor(state.funded_minor), str(state.investors), str(state.version))
        assert (output, *stands) == row[3:], row


async def test_the_document_equals_what_the_desk_does(database: Database) -> None:
    world: World = await make_world(database, target_minor=100_000, investors=4, balance_minor=60_000)
    before = world.loan.funding.version if world.loan.funding else 0
    async with open_desk(database) as desk:
        waiting = [desk.submit(world.ticket(PEOPLE.index(row[0]), parse_minor(row[1]), row[2])) for row in rows()]
        made: dict[str, UUID] = {}
        for row, answer in zip(rows(), waiting, strict=True):
            if row[3] not in ("taken", "repeated"):
                with pytest.raises(HalfpennyError) as refused:
                    await answer
                assert refused.value.code == row[3]
                continue
            outcome: InvestmentConfirmation = await answer
            stands = (format_minor(outcome.funded_minor), str(outcome.investors), str(outcome.version - before))
            assert stands == row[4:], row
            assert made.setdefault(row[2], outcome.investment_id) == outcome.investment_id
    async with database.reading() as connection:
        milestones = [
            row[0]
            for row in await connection.fetch(
                "SELECT (payload->>'percent')::int FROM outbox WHERE name = 'funding.milestone_reached' ORDER BY seq"
            )
        ]
        status = await connection.fetchval("SELECT status FROM loan WHERE id = $1", world.loan.id)
        made_together = await connection.fetchval("SELECT count(DISTINCT xmin::text) FROM investment")
    assert (milestones, status, made_together) == ([25, 50, 75, 100], "funded", 1)
    await check_books(database)
