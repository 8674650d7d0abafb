"""Whatever a superuser changes in the books with triggers off, `check books` names it: table, row, what it was.

The columns come from the live schema: a new one fails here until a check finds it or a reason leaves it out.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from itertools import combinations

import psycopg
import pytest

from consistency import forged_answers, forgeries
from consistency.forged_chains import CHAINS
from consistency.forgeries import Forgery
from consistency.postings import POSTINGS
from consistency.tampering import DISARM, ONE_OF_EACH_LINE, Change, Column, allowed_values, changes, columns
from consistency.world import make_books
from halfpenny import funding, ledger, risk_reporting, servicing
from halfpenny.entrypoints.books import CHECKS, UNCHECKED
from halfpenny.platform import row_history
from halfpenny.platform.consistency import Check, Finding, Progress, collect, no_progress, snapshot
from halfpenny.platform.database import Connection, Database
from halfpenny.platform.servers import PostgresServer
from halfpenny.primitives.ids import uuid7
from halfpenny.underwriting.check import DIGEST_BASIS
from support.worked_tables import worked_table

EVERY_CHECK: tuple[Check, ...] = (*CHECKS, forgeries.QUEUE_CHECK, risk_reporting.methods_check)
# What the list of reasons may never hold.
_MONEY = re.compile(
    r"(_minor|amount|balance|debits|credits|_account_id|owner_id|investor_id|borrower_id|^currency|status|rate$|"
    r"millionths|term|principal|interest|paid|due_on|matures_on|effective_date)"
)
# A seal states that rows were changed, not which: these have no other copy than their line in a sealed segment.
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
    "audit_seal.heads": "audit_entry",
    **{
        f"row_history.{column}": "row_history_segment"
        for column in ("seq", "table_name", "row_key", "change", "data", "recorded_at", "xid")
    },
}
# Rows that may be there or not without anybody reading anything else by them.
_HARMLESS = {
    ("balance_snapshot", "DELETE"): "a balance is counted from the snapshot before it",
    ("balance_snapshot", "INSERT"): "its version is that of a leg, and its balance must be that leg's",
    ("inbox", "INSERT"): "an event that does not exist is never delivered; one that waits is found",
}
# A change of a sealed table is found by its seals, and of what waits by the queue that it never reaches.
_ROWS_NAMED_BY = {"transfer": "ledger_segment", "row_history": "row_history_segment", "delivery": "inbox"}


@pytest.fixture(scope="module")
def books(postgres: PostgresServer, _template: str) -> Iterator[str]:
    """A database with a row of everything, made once: every test leaves it as it was. Its name."""
    name = f"books_{uuid7().hex}"
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {_template} STRATEGY file_copy")
        asyncio.run(_make(postgres.database_url(name)))
        yield name
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


async def _make(url: str) -> None:
    database = await Database.connect(url, timeout_s=60)
    await make_books(database)
    await database.close()


@pytest.fixture
async def tampered(postgres: PostgresServer, books: str) -> AsyncIterator[Connection]:
    """The superuser's connection to books that are right, in a transaction that is rolled back."""
    superuser = await Database.connect(postgres.superuser_url(books), role=None, timeout_s=60)
    async with superuser.reading() as connection:
        transaction = connection.transaction()
        await transaction.start()
        assert await collect(connection, *EVERY_CHECK) == []
        yield connection
        await transaction.rollback()
    await superuser.close()


def is_unchecked(column: Column) -> bool:
    return str(column) in UNCHECKED or f"{column.table}.*" in UNCHECKED


class Search:
    """Looks for a change where the last one of its table was found, then everywhere: the tests take less time so."""

    def __init__(self, kept: dict[str, tuple[str, str]]) -> None:
        self.kept = kept
        self._last: dict[str, Check] = {}

    async def first_match(self, connection: Connection, change: Change) -> tuple[Finding | None, list[str]]:
        """The first finding that names the change, and what was found until then."""
        seen = []
        async with snapshot(connection):
            for check in self._in_turn(change.column.table):
                async for finding in check(connection, no_progress):
                    seen.append(str(finding))
                    if self.names(finding, change):
                        self._last[change.column.table] = check
                        return finding, seen
        return None, seen

    async def first_set(self, connection: Connection, table: str) -> tuple[Finding | None, list[str]]:
        """The first finding about a table, and what was found until then."""
        seen = []
        async with snapshot(connection):
            for check in self._in_turn(table):
                async for finding in check(connection, no_progress):
                    seen.append(str(finding))
                    if finding.table == table or finding.table == _ROWS_NAMED_BY.get(table):
                        self._last[table] = check
                        return finding, seen
        return None, seen

    def _in_turn(self, table: str) -> list[Check]:
        if table in self.kept:
            return [self._history_of(table), *EVERY_CHECK]
        return sorted(EVERY_CHECK, key=lambda check: check is not self._last.get(table))

    def _history_of(self, table: str) -> Check:
        def check(connection: Connection, progress: Progress) -> AsyncIterator[Finding]:
            return row_history.compare_table(connection, table, *self.kept[table])

        return check

    def names(self, finding: Finding, change: Change) -> bool:
        column = change.column
        if finding.table == _SEALED.get(str(column)):
            return True
        if finding.table != column.table:
            return False
        if column.in_key:
            return True
        named = any(part in finding.row for part in change.key)
        if finding.basis == DIGEST_BASIS:
            # A digest stands for what it was: which column of which row is all that can be named.
            return named and finding.column == column.name
        if column.table in self.kept and column.type in _EXACT:
            expected = None if change.before is None else str(change.before).lower()
            return named and finding.column == column.name and (finding.expected or "").lower() == (expected or "")
        return named


# Types whose text is the same in Python and in the database: what the row was is wanted to the letter.
_EXACT = ("bigint", "integer", "text", "uuid", "date", "boolean")


def _as_key(value: object) -> str:
    return {True: "t", False: "f"}[value] if isinstance(value, bool) else str(value)


async def tamperings(connection: Connection, table: str, found: list[Column]) -> list[Change]:
    """Every checked column of the first and the last row in which it is filled, in both directions."""
    allowed = await allowed_values(connection)
    rows = await connection.fetch(forged_answers.rows_of(table))
    assert rows, f"no row of {table}: the books of this test must hold one"
    key = [column.name for column in found if column.in_key]
    made = []
    for column in found:
        if is_unchecked(column):
            continue
        # A column that is empty in the first row may be filled, and changed, in another.
        filled = [row for row in rows if row[column.name] is not None]
        chosen = [(rows[0], True), (rows[-1], False)]
        if filled and (filled[0] is not rows[0] or filled[-1] is not rows[-1]):
            chosen += [(filled[0], True), (filled[-1], False)]
        for row, up in chosen:
            parts = tuple(_as_key(row[name]) for name in key)
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
    search = Search(await row_history.kept_tables(tampered))
    await tampered.execute(DISARM)
    for made in work.values():
        for change in made:
            transaction = tampered.transaction()
            await transaction.start()
            await tampered.execute("SET LOCAL session_replication_role = replica")
            await tampered.execute(change.sql)
            finding, seen = await search.first_match(tampered, change)
            await transaction.rollback()
            if finding is None:
                missed.append(f"{change}: found {seen[:3]}")
    assert missed == [], "\n".join(missed)


async def test_every_row_that_is_deleted_or_doubled_is_named(tampered: Connection) -> None:
    every = await columns(tampered)
    missed = []
    tables = sorted({column.table for column in every if not is_unchecked(column)})
    search = Search(await row_history.kept_tables(tampered))
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
            finding, seen = await search.first_set(tampered, table)
            await transaction.rollback()
            if finding is None and (table, statement.split()[0]) not in _HARMLESS:
                missed.append(f"{statement}: found {seen[:3]}")
    assert missed == [], "\n".join(missed)


async def test_moments_of_a_row_that_are_moved_together_are_named(tampered: Connection) -> None:
    """A deadline is made from the moment before it: both moved by one step still agree with each other."""
    every = await columns(tampered)
    search = Search(await row_history.kept_tables(tampered))
    missed, tried = [], 0
    await tampered.execute(DISARM)
    for table in sorted({column.table for column in every}):
        own = [column for column in every if column.table == table]
        moments = [
            column
            for column in own
            if not is_unchecked(column) and not column.in_key and column.type.startswith(("date", "timestamp"))
        ]
        for pair in combinations(moments, 2):
            row = await tampered.fetchrow(
                f'SELECT ctid::text, * FROM "{table}" WHERE num_nulls("{pair[0].name}", "{pair[1].name}") = 0 '
                "ORDER BY ctid DESC LIMIT 1"
            )
            if row is None:
                continue
            key = tuple(_as_key(row[column.name]) for column in own if column.in_key)
            first, second = [next(changes(column, row, key, [], up=True)) for column in pair]
            transaction = tampered.transaction()
            await transaction.start()
            await tampered.execute("SET LOCAL session_replication_role = replica")
            both = f'"{pair[0].name}" = {first.expression}, "{pair[1].name}" = {second.expression}'
            await tampered.execute(f"""UPDATE "{table}" SET {both} WHERE ctid = '{first.ctid}'""")
            found = [(await search.first_match(tampered, change))[0] for change in (first, second)]
            await transaction.rollback()
            tried += 1
            missed += [f"{table}: {both}"] if None in found else []
    assert tried > 10
    assert missed == [], "\n".join(missed)


# What belongs together, changed together: the lies of somebody who knows the tables.
TOGETHER = {
    "a stake moved to somebody else": (
        """
        UPDATE investment SET investor_id = '{outsider}' WHERE loan_id = '{active}' AND investor_id = '{holder}';
        UPDATE position SET investor_id = '{outsider}' WHERE loan_id = '{active}' AND investor_id = '{holder}';
        UPDATE holding SET investor_id = '{outsider}', wallet_account_id = (SELECT id FROM account WHERE kind = 'wallet'
          AND owner_id = '{outsider}') WHERE loan_id = '{active}' AND investor_id = '{holder}';
        UPDATE distribution_share SET investor_id = '{outsider}' WHERE investor_id = '{holder}'
        """,
        ("investment", "investor_id", "{holder}"),
    ),
    "a loan that is owed for called repaid": (
        """
        UPDATE loan SET status = 'repaid' WHERE id = '{active}';
        UPDATE serviced_loan SET standing = 'closed', closed_on = '2026-12-31' WHERE loan_id = '{active}'
        """,
        ("loan", "status", "active"),
    ),
    "an hour more to change one's mind": (
        """
        UPDATE investment
        SET made_at = made_at + interval '1 hour', revocable_until = revocable_until + interval '1 hour'
        WHERE loan_id = '{active}' AND investor_id = '{holder}'
        """,
        ("investment", "made_at", None),
    ),
    "a retry that would pay again": (
        """
        UPDATE investment SET idempotency_key = 'another' WHERE loan_id = '{active}' AND investor_id = '{holder}'
        """,
        ("investment", "idempotency_key", None),
    ),
    "a key with another request": (
        """
        UPDATE investment SET fingerprint = sha256('another') WHERE loan_id = '{active}' AND investor_id = '{holder}'
        """,
        ("investment", "idempotency_key", None),
    ),
    "an end that came later": (
        "UPDATE investment SET ended_at = ended_at + interval '3 seconds' WHERE ended_at IS NOT NULL",
        ("investment", "ended_at", None),
    ),
    "a smaller loan": (
        """
        UPDATE loan SET amount_minor = 900000 WHERE id = '{active}';
        UPDATE loan_funding SET target_minor = 900000, funded_minor = 900000 WHERE loan_id = '{active}';
        UPDATE serviced_loan SET terms = jsonb_set(terms, '{{principal,minor}}', '900000') WHERE loan_id = '{active}'
        """,
        ("loan", "amount_minor", "1000000"),
    ),
    "a cheaper loan": (
        """
        UPDATE loan SET annual_rate = 1 WHERE id = '{active}';
        UPDATE loan_decision SET annual_rate = 1 WHERE loan_id = '{active}';
        UPDATE serviced_loan SET terms = jsonb_set(terms, '{{rate,millionths}}', '1000000') WHERE loan_id = '{active}'
        """,
        ("loan", "annual_rate", "10.25"),
    ),
    "a larger deposit": (
        """
        UPDATE wallet_payment SET amount_minor = amount_minor + 1000 WHERE id = '{deposit}';
        UPDATE sandbox_bank_entry SET amount_minor = amount_minor + 1000
          WHERE end_to_end_id = replace('{deposit}', '-', '')
        """,
        ("wallet_payment", "amount_minor", "{deposited}"),
    ),
    "a decision that nobody made": (
        "DELETE FROM loan_decision WHERE loan_id = '{active}'",
        ("loan_decision", "row", "present"),
    ),
    "money from nowhere": (
        """
        UPDATE account SET credits = credits + 500 WHERE kind = 'wallet' AND owner_id = '{holder}';
        UPDATE account SET debits = debits + 500 WHERE kind = 'client_bank'
        """,
        ("account", "credits", None),
    ),
    "a share of interest moved within a distribution": (
        """
        UPDATE distribution_share
        SET interest_minor = interest_minor + CASE investor_id WHEN '{holder}' THEN 1 ELSE -1 END
        WHERE distribution_id = (SELECT id FROM distribution WHERE loan_id = '{active}' AND interest_minor > 0 LIMIT 1)
          AND investor_id IN (SELECT investor_id FROM holding WHERE loan_id = '{active}'
            ORDER BY investor_id <> '{holder}' LIMIT 2)
        """,
        ("distribution_share", "interest_minor", None),
    ),
    "a row and its history": (
        """
        UPDATE loan SET annual_rate = 1 WHERE id = '{active}';
        UPDATE loan_decision SET annual_rate = 1 WHERE loan_id = '{active}';
        UPDATE row_history SET data = data || '{{"annual_rate": 1.000000}}' WHERE data ? 'annual_rate'
          AND (row_key = '{active}' OR row_key = (SELECT id::text FROM loan_decision WHERE loan_id = '{active}'))
        """,
        ("row_history_segment", "hash", None),
    ),
}
_CAST = """
SELECT l.id AS active, l.borrower_id AS borrower, h.investor_id AS holder, p.id AS deposit, p.amount_minor AS deposited,
       (SELECT owner_id FROM account WHERE kind = 'wallet' AND owner_id NOT IN (SELECT investor_id FROM holding
        WHERE loan_id = l.id) AND owner_id <> l.borrower_id LIMIT 1) AS outsider
FROM loan l JOIN holding h ON h.loan_id = l.id JOIN wallet_payment p ON p.user_id = h.investor_id
WHERE l.status = 'active' AND l.amount_minor = 1000000 ORDER BY h.investor_id LIMIT 1
"""
_KINDS = {
    "facts": forgeries.FACTS,
    "terms": forgeries.TERMS,
    "rows": forgeries.ROWS,
    "effects": forgeries.EFFECTS,
    "chains": CHAINS,
    **forged_answers.KINDS,
    "postings": POSTINGS,
}


@pytest.mark.parametrize("kind", list(_KINDS.values()), ids=list(_KINDS))
async def test_what_is_changed_with_its_history_is_named(tampered: Connection, kind: dict[str, Forgery]) -> None:
    row = await tampered.fetchrow(_CAST)
    assert row is not None
    cast = {name: str(value) for name, value in row.items()}
    missed = []
    for lie, forgery in kind.items():
        transaction = tampered.transaction()
        await transaction.start()
        await tampered.execute("SET LOCAL session_replication_role = replica")
        await tampered.execute(forgery.statements.format(**cast))
        findings = await collect(tampered, forgery.found_by)
        await transaction.rollback()
        if forgery.table not in {finding.table for finding in findings}:
            missed.append(f"{lie}: {[str(finding) for finding in findings]}")
    assert missed == [], "\n".join(missed)


async def test_a_transfer_of_every_line_of_the_chart_has_a_row_that_justifies_it(tampered: Connection) -> None:
    row = await tampered.fetchrow(_CAST)
    assert row is not None
    await tampered.execute("SET LOCAL session_replication_role = replica")
    await tampered.execute(ONE_OF_EACH_LINE.format(**{name: str(value) for name, value in row.items()}))
    forged = await tampered.fetch(
        "SELECT t.journal_id, t.event, d.kind AS debit, c.kind AS credit FROM transfer t JOIN account d "
        "ON d.id = t.debit_account_id JOIN account c ON c.id = t.credit_account_id WHERE t.debit_version > 900000"
    )
    assert len(forged) == await tampered.fetchval("SELECT count(*) FROM chart")
    named = {finding.row.partition("/")[0] for finding in await collect(tampered, funding.check, servicing.check)}
    unnamed = {t["event"] for t in forged if str(t["journal_id"]) not in named}
    # What gives an investment back names it, and the ledger refuses it without.
    assert unnamed == {"revoke", "cancel", "expire"}
    named |= {finding.row.partition("/")[0] for finding in await collect(tampered, ledger.check)}
    assert [str(t["event"]) for t in forged if str(t["journal_id"]) not in named] == []


async def test_the_documented_reasons_of_transfers_are_those_of_every_event(tampered: Connection) -> None:
    documented = [row["event"] for row in worked_table("check-books.md", "What justifies a transfer")]
    events = await tampered.fetch("SELECT DISTINCT event FROM chart ORDER BY event")
    assert sorted(documented) == [row["event"] for row in events]


async def test_every_kind_of_event_is_held_against_what_it_reports(tampered: Connection) -> None:
    """A second one of each name, with an id that fits what it says, and the last one of each taken away."""
    names = {row["name"] for row in await tampered.fetch("SELECT DISTINCT name FROM outbox")}
    assert len(names) > 25
    double = """SELECT outbox_append(jsonb_agg(jsonb_build_object('name', name, 'version', version, 'aggregate_id',
      aggregate_id, 'payload', payload))) FROM (SELECT DISTINCT ON (name) * FROM outbox ORDER BY name, seq DESC) o"""
    delete = "DELETE FROM outbox WHERE seq IN (SELECT max(seq) FROM outbox GROUP BY name)"
    last = {
        row["name"]: f"event of loan {row['aggregate_id']} version"
        for row in await tampered.fetch("SELECT DISTINCT ON (name) * FROM outbox ORDER BY name, seq DESC")
    }
    for statement, unseen in (
        (double, forged_answers.MAY_COME_TWICE.keys()),
        (delete, forged_answers.NOTHING_RESTS_ON),
    ):
        transaction = tampered.transaction()
        await transaction.start()
        await tampered.execute("SET LOCAL session_replication_role = replica")
        await tampered.execute(statement)
        rows = [finding.row for finding in await collect(tampered, *EVERY_CHECK) if finding.table == "outbox"]
        await transaction.rollback()
        found = {name for name in names if any(name in row.split() or row.startswith(last[name]) for row in rows)}
        assert names - found == unseen


async def test_what_is_changed_together_is_named(tampered: Connection) -> None:
    row = await tampered.fetchrow(_CAST)
    assert row is not None
    cast = {name: str(value) for name, value in row.items()}
    missed = []
    for lie, (statements, (table, column, expected)) in TOGETHER.items():
        transaction = tampered.transaction()
        await transaction.start()
        await tampered.execute("SET LOCAL session_replication_role = replica")
        await tampered.execute(statements.format(**cast))
        findings = await collect(tampered, *EVERY_CHECK)
        await transaction.rollback()
        wanted = None if expected is None else expected.format(**cast)
        named = [f for f in findings if (f.table, f.column) == (table, column) and wanted in (None, f.expected)]
        if not named:
            missed.append(f"{lie}: {[str(finding) for finding in findings]}")
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
