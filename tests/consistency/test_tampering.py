"""Whatever a superuser changes in the books with triggers off, `check books` names it: table, row, what it was.

The columns come from the live schema: a new one fails here until a check finds it or a reason leaves it out.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest

from consistency.tampering import DISARM, Change, Column, allowed_values, changes, columns
from consistency.world import make_books
from halfpenny import funding
from halfpenny.entrypoints.books import CHECKS, UNCHECKED
from halfpenny.platform import row_history
from halfpenny.platform.consistency import Check, Finding, collect, find_all, no_progress
from halfpenny.platform.database import Connection, Database
from halfpenny.platform.queue.check import queue_check

EVERY_CHECK: tuple[Check, ...] = (*CHECKS, queue_check([funding.SUBSCRIPTION.queue]))
# What the list of reasons may never hold.
_MONEY = re.compile(
    r"(_minor|amount|balance|debits|credits|_account_id|owner_id|investor_id|borrower_id|^currency|status|rate$|"
    r"millionths|term|principal|interest|paid|due_on|matures_on|effective_date)"
)
# A seal says that rows were changed, not which: these have no other copy than their line in a sealed segment.
_SEALED = {
    "transfer.ordinal": "ledger_segment",
    "transfer.reference": "ledger_segment",
    "transfer.reverses": "ledger_segment",
    "transfer.effective_date": "ledger_segment",
    "transfer.recorded_at": "ledger_segment",
    "transfer.xid": "ledger_segment",
    "transfer.journal_id": "ledger_segment",
    "audit_seal.entry_id": "audit_entry",
    "audit_seal.hash": "audit_entry",
    **{
        f"row_history.{column}": "row_history_segment"
        for column in ("seq", "table_name", "row_key", "change", "data", "recorded_at", "xid")
    },
}
# Rows that may be there or not without anybody being told anything else.
_HARMLESS = {
    ("balance_snapshot", "DELETE"): "a balance is counted from the snapshot before it",
    ("balance_snapshot", "INSERT"): "its version is that of a leg, and its balance must be that leg's",
    ("inbox", "INSERT"): "an event that does not exist is never delivered; one that waits is found",
}


@pytest.fixture
async def tampered(database: Database, superuser: Database) -> AsyncIterator[Connection]:
    """The superuser's connection to books that are right, with nothing in the tamperer's way."""
    await make_books(database)
    async with superuser.reading() as connection:
        assert await collect(connection, *EVERY_CHECK) == []
        yield connection


def is_unchecked(column: Column) -> bool:
    return str(column) in UNCHECKED or f"{column.table}.*" in UNCHECKED


async def first_match(connection: Connection, change: Change) -> tuple[Finding | None, list[Finding]]:
    """The first finding that names the change, and what was found until then."""
    kept = await row_history.kept_tables(connection)
    checks: list[Check] = sorted(
        EVERY_CHECK, key=lambda check: (check is row_history.check) != (change.column.table in kept)
    )
    seen: list[Finding] = []
    findings = find_all(connection, checks, no_progress)
    try:
        async for finding in findings:
            seen.append(finding)
            if names(finding, change):
                return finding, seen
    finally:
        await findings.aclose()  # type: ignore[attr-defined]
    return None, seen


def names(finding: Finding, change: Change) -> bool:
    if finding.table == _SEALED.get(str(change.column)):
        return True
    if finding.table != change.column.table:
        return False
    return change.column.in_key or any(part in finding.row for part in change.key)


def _as_key(value: object) -> str:
    return {True: "t", False: "f"}[value] if isinstance(value, bool) else str(value)


async def tamperings(connection: Connection, table: str, found: list[Column]) -> list[Change]:
    """Every checked column of the first and the last row, in both directions."""
    allowed = await allowed_values(connection)
    rows = await connection.fetch(f'SELECT ctid::text, * FROM "{table}" ORDER BY ctid')
    assert rows, f"no row of {table}: the books of this test must hold one"
    key = [column.name for column in found if column.in_key]
    made = []
    for row, up in ((rows[0], True), (rows[-1], False)):
        parts = tuple(_as_key(row[name]) for name in key)
        for column in found:
            if not is_unchecked(column):
                made += changes(column, row, parts, allowed.get((table, column.name), []), up)
    return made


async def test_every_column_that_is_changed_is_named(tampered: Connection) -> None:
    every = await columns(tampered)
    missed = []
    work = {
        table: await tamperings(tampered, table, found)
        for table in sorted({column.table for column in every})
        if (found := [column for column in every if column.table == table]) and not all(map(is_unchecked, found))
    }
    await tampered.execute(DISARM)
    for made in work.values():
        for change in made:
            transaction = tampered.transaction()
            await transaction.start()
            await tampered.execute("SET LOCAL session_replication_role = replica")
            await tampered.execute(change.sql)
            finding, seen = await first_match(tampered, change)
            await transaction.rollback()
            if finding is None:
                missed.append(f"{change}: found {[str(one) for one in seen[:3]]}")
    assert missed == [], "\n".join(missed)


async def test_every_row_that_is_deleted_or_doubled_is_named(tampered: Connection) -> None:
    every = await columns(tampered)
    missed = []
    tables = sorted({column.table for column in every if not is_unchecked(column)})
    await tampered.execute(DISARM)
    for table in tables:
        key = [column for column in every if column.table == table and column.in_key]
        names_of_key = ", ".join(f'"{column.name}"' for column in key)
        others = ", ".join(f'"{column.name}"' for column in every if column.table == table and not column.in_key)
        first = key[-1]
        other_key = ", ".join(
            {"uuid": "gen_random_uuid()", "date": f'"{column.name}" + 4000', "boolean": "false"}.get(
                column.type, f'"{column.name}" + 4000' if "int" in column.type else f"\"{column.name}\" || 'x'"
            )
            if column == first
            else f'"{column.name}"'
            for column in key
        )
        double = (
            f'INSERT INTO "{table}" ({names_of_key}{", " if others else ""}{others}) '
            f'SELECT {other_key}{", " if others else ""}{others} FROM "{table}" ORDER BY ctid LIMIT 1'
        )
        delete = f'DELETE FROM "{table}" WHERE ctid = (SELECT ctid FROM "{table}" ORDER BY ctid {{}} LIMIT 1)'
        for statement in (delete.format(""), delete.format("DESC"), double):
            transaction = tampered.transaction()
            await transaction.start()
            await tampered.execute("SET LOCAL session_replication_role = replica")
            await tampered.execute(statement)
            findings = await collect(tampered, *EVERY_CHECK)
            await transaction.rollback()
            if not findings and (table, statement.split()[0]) not in _HARMLESS:
                missed.append(statement)
    assert missed == [], "\n".join(missed)


def test_what_is_left_out_is_no_money_no_owner_no_status_no_rate() -> None:
    for name, reason in UNCHECKED.items():
        assert len(reason) > 10, name
        assert not _MONEY.search(name.rpartition(".")[2]), name


async def test_the_list_of_what_is_left_out_names_only_what_there_is(superuser: Database) -> None:
    async with superuser.reading() as connection:
        every = await columns(connection)
    known = {str(column) for column in every} | {f"{column.table}.*" for column in every}
    assert set(UNCHECKED) - known == set()
    # A whole table is left out only where it holds no money.
    whole = {name.removesuffix(".*") for name in UNCHECKED if name.endswith(".*")}
    money = [str(column) for column in every if column.table in whole and _MONEY.search(column.name)]
    assert money == []
