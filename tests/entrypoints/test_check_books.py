"""The command as an operator runs it: one line a finding, the listings among them, and a verdict."""

from __future__ import annotations

from typing import Any

import pytest
from typer.testing import CliRunner

from funding.world import World, make_world, open_desk
from halfpenny import marketplace
from halfpenny.entrypoints import worker
from halfpenny.entrypoints.books import UNCHECKED, BooksReport, check_books
from halfpenny.entrypoints.cli import app
from halfpenny.entrypoints.settings import Settings
from halfpenny.marketplace.store import LISTINGS
from halfpenny.platform.database import Database
from halfpenny.platform.documents import DocumentStore
from halfpenny.primitives.ids import uuid7


@pytest.fixture
async def market(database: Database, documents: DocumentStore) -> World:
    """A loan that has taken an investment, and its listing."""
    world = await make_world(database)
    async with open_desk(database) as desk:
        await desk.invest(world.ticket(0, 25_000))
    for store in (marketplace.ListingStore(documents), marketplace.AssessmentStore(documents)):
        await marketplace.rebuild(database, store)
    return world


async def answer(settings: Settings) -> tuple[list[str], BooksReport]:
    lines: list[str] = []
    report = await check_books(settings, lambda finding: lines.append(str(finding)))
    assert report.findings == len(lines)
    return lines, report


async def test_right_books_end_in_one_line(settings: Settings, market: World) -> None:
    lines, report = await answer(settings)
    assert lines == []
    [verdict] = report.lines
    assert verdict.startswith("The books are right: ")


@pytest.mark.parametrize(
    ("path", "value", "was"),
    [
        ("node.terms.amount.amount", "99.00", "10000.00"),
        ("node.funding.funded.amount", "9999.00", "250.00"),
        ("facets.annual_rate", 1, "10250000"),
        ("node.status", "repaid", "funding"),
        ("revision", 10**6, None),
    ],
)
async def test_a_listing_that_differs_is_named(
    settings: Settings, market: World, documents: DocumentStore, path: str, value: Any, was: str | None
) -> None:
    await documents.collection(LISTINGS).update_one({"_id": str(market.loan.id)}, {"$set": {path: value}})
    [line], report = await answer(settings)
    assert line.startswith(f"listings {market.loan.id}: {path} is {value}, should be {was or ''}")
    assert report.lines[-1].startswith("1 finding: ")


async def test_a_listing_too_many_and_one_too_few_are_named(
    settings: Settings, market: World, documents: DocumentStore
) -> None:
    listing = await documents.collection(LISTINGS).find_one({"_id": str(market.loan.id)})
    outsider = str(uuid7())
    await documents.collection(LISTINGS).insert_one({**listing, "_id": outsider})
    await documents.collection(LISTINGS).delete_one({"_id": str(market.loan.id)})
    lines, report = await answer(settings)
    basis = "(what a rebuild makes of its loan)"
    assert sorted(lines) == sorted(
        [
            f"listings {market.loan.id} is missing, should be present {basis}",
            f"listings {outsider} is present, should be missing {basis}",
        ]
    )
    assert report.lines[-1].startswith("2 findings: ")


async def test_a_listing_behind_its_loan_is_named(settings: Settings, market: World, database: Database) -> None:
    async with open_desk(database) as desk:
        await desk.invest(market.ticket(1, 30_000))
    lines, _ = await answer(settings)
    assert f"listings {market.loan.id}: node.funding.funded.amount is 250.00, should be 550.00" in "\n".join(lines)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("UPDATE loan SET fees = fees || '{\"zz\": 1}'::jsonb", "loan {loan} is unreadable: "),
        ("UPDATE loan SET purpose = 'holiday'", "loan {loan} is unreadable: "),
        ("UPDATE loan SET risk = '{\"grade\": 7}'", "loan {loan} is unreadable: "),
    ],
)
async def test_a_value_that_cannot_be_read_hides_nothing_else(
    settings: Settings, market: World, superuser: Database, documents: DocumentStore, change: str, named: str
) -> None:
    """Row 'a traceback on a tampered value': the command goes on to its verdict, and names what is wrong besides."""
    other = str(uuid7())
    listing = await documents.collection(LISTINGS).find_one({"_id": str(market.loan.id)})
    await documents.collection(LISTINGS).insert_one({**listing, "_id": other})
    async with superuser.unit_of_work() as connection:
        await connection.execute("SET LOCAL session_replication_role = replica")
        await connection.execute("ALTER TABLE loan DROP CONSTRAINT IF EXISTS ck_loan_purpose")
        await connection.execute(change)
        await connection.execute("UPDATE investment SET amount_minor = amount_minor + 1")
    lines, report = await answer(settings)
    assert any(line.startswith(named.format(loan=market.loan.id)) for line in lines), lines
    assert any(line.startswith(f"listings {other} is present, should be missing") for line in lines)
    assert any(line.startswith("investment ") and "amount_minor" in line for line in lines)
    assert report.lines[-1].startswith(f"{len(lines)} findings: ")


async def test_what_was_not_checked_is_listed(settings: Settings, market: World) -> None:
    without = settings.model_copy(update={"documents": settings.documents.model_copy(update={"url": ""})})
    lines, report = await answer(without)
    assert lines == []
    assert report.lines[0] == "Not checked: the listings and the assessments, because MONGO_URL is not set."


async def test_an_investment_moved_to_somebody_else_is_one_line_for_each_row(
    settings: Settings, market: World, superuser: Database
) -> None:
    holder, other = market.investors[0], market.investors[2]
    async with superuser.unit_of_work() as connection:
        await connection.execute("SET LOCAL session_replication_role = replica")
        await connection.execute("UPDATE investment SET investor_id = $1", other)
        await connection.execute("UPDATE position SET investor_id = $1", other)
        investment = await connection.fetchval("SELECT id FROM investment")
    lines, report = await answer(settings)
    moved, reported = lines
    assert moved == f"investment {investment}: investor_id is {other}, should be {holder} (its transfers in the ledger)"
    # Its event says who invested: from here, that is the one that is wrong.
    assert reported.startswith("outbox investment.made ") and f" of {investment}: " in reported
    assert reported.endswith(f"investor_id is {holder}, should be {other} (the investment that it reports)")
    assert report.findings == 2


def test_what_no_check_can_see_is_listed_with_its_reason() -> None:
    result = CliRunner().invoke(app, ["check", "books", "--unchecked"])
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [f"{column}: {reason}" for column, reason in sorted(UNCHECKED.items())]


def test_the_queues_of_the_risk_service_are_held_against_their_inbox_too() -> None:
    """It keeps it in PostgreSQL, where PostgreSQL carries the events."""
    assert {"risk.requests", "risk.promotions", "underwriting.assessments"} <= set(worker.queues_with_inbox())
