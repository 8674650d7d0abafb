"""A feature's SQL names the tables of that feature and no others: what belongs to another is asked of its functions."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from architecture.test_house_rules import ROOT, python_files

MIGRATIONS = ROOT / "migrations" / "versions"
# The features whose tables a migration makes; the number states which.
OWNERS = {
    "0001": {"platform"},
    "0002": {"ledger"},
    "0003": {"identity"},
    "0004": {"realtime"},
    "0005": {"loans", "underwriting"},
    "0006": {"funding"},
    "0007": {"servicing"},
    "0008": {"approvals"},
    "0009": {"risk_reporting"},
}
# (file, table): why it may. The proof of the books holds each feature's rows against a second source, often another's.
EXCEPTIONS = {
    ("entrypoints/books.py", "transfer"): "how many there are, for the progress bar of the proof",
    ("entrypoints/books.py", "chain_head"): "the proof prints the heads of all chains",
    ("platform/chain.py", "ledger_segment"): "the heads that the chains record of each other are compared in one place",
    ("platform/chain.py", "transfer"): "which rows no seal covers is asked of every chain alike",
    ("risk_reporting/check.py", "approval"): "a model was promoted by two people",
    ("risk_reporting/check.py", "outbox"): "the method that is kept was published, and a promotion was asked for",
    ("risk_reporting/check.py", "inbox"): "a method that was handled is kept",
    ("underwriting/answers_check.py", "outbox"): "each answer and each prose is kept as it came",
    ("underwriting/answers_check.py", "inbox"): "each request that was handled has its answer",
    ("identity/check.py", "audit_entry"): "a role, a verification and a relation are what an act has set",
    ("funding/check/events.py", "inbox"): "a milestone whose event was handled has its row",
    ("funding/check/events.py", "loan_funding"): "a milestone is a part of what its loan asks for",
    ("risk_reporting/check.py", "row_history"): "a promotion of the last days was announced",
    ("approvals/check.py", "row_history"): "an approval that was decided was proposed before",
    ("funding/check/events.py", "outbox"): "each event reports what happened, and all that happened is reported",
    ("funding/check/events.py", "row_history"): "an event reports what a row was at its time",
    ("loans/check.py", "outbox"): "each event reports a version of its loan",
    ("loans/check.py", "audit_entry"): "the terms of an accepted offer are sealed in the audit trail",
    ("servicing/check/events.py", "outbox"): "each event reports what happened, and all that happened is reported",
    ("servicing/check/events.py", "row_history"): "an event reports what a row was at its time",
    ("servicing/check/loans.py", "audit_entry"): "the terms of a drawn loan are sealed in the audit trail",
    ("servicing/check/loans.py", "row_history"): "a day of maturity is one that the schedule has had",
    ("servicing/check/loans.py", "chart"): "which journals pay a borrower or a holder is the chart's to say",
    ("funding/check/bank.py", "account"): "client accounts hold what the statements say",
    ("funding/check/bank.py", "transfer"): "each payment has its journal",
    ("funding/check/bank.py", "approval"): "an account was accepted by two people",
    ("funding/check/transfers.py", "account"): "a transfer goes between the accounts that its payment names",
    ("funding/check/transfers.py", "transfer"): "each transfer has the payment or the finding that it follows from",
    ("servicing/check/flows.py", "account"): "a transfer goes between the accounts of its loan",
    ("servicing/check/flows.py", "transfer"): "each transfer of a loan has the row that it follows from",
    ("servicing/check/flows.py", "line_allocation"): "what a loan has from suspense was allocated to it",
    ("servicing/check/shares.py", "account"): "a share goes to its holder's wallet, and its tax to the tax account",
    ("funding/check/investments.py", "account"): "escrow holds what was invested",
    ("funding/check/investments.py", "hold"): "each ticket holds its money",
    ("funding/check/investments.py", "hold_outcome"): "each ticket holds its money until it ends",
    ("funding/check/investments.py", "transfer"): "each ticket that ended has its journal",
    ("funding/check/investments.py", "loan"): "a ticket is in its loan's currency and status",
    ("funding/check/investments.py", "loan_funding"): "a loan's funding is the sum of its tickets",
    ("funding/check/investments.py", "row_history"): "the history of rows is what they are held against",
    ("ledger/check.py", "row_history"): "the history of rows is what they are held against",
    ("loans/check.py", "row_history"): "the history of rows is what they are held against",
    ("servicing/check/loans.py", "account"): "a loan's accounts hold what is owed and declared",
    ("servicing/check/loans.py", "transfer"): "a drawdown pays the loan's borrower",
    ("servicing/check/loans.py", "loan"): "a loan is serviced on the terms of its offer",
    ("servicing/check/loans.py", "position"): "a drawdown turns each stake into one holding",
    ("servicing/check/loans.py", "bank_receipt"): "each receipt names what brought it",
    ("servicing/check/loans.py", "bank_statement_line"): "each receipt has its day from its line",
    ("servicing/check/loans.py", "reconciliation_item"): "an allocation's line is that of its item",
    ("servicing/check/loans.py", "line_allocation"): "each receipt names what brought it",
    ("servicing/check/replays.py", "row_history"): "the history of rows is what they are held against",
    (
        "servicing/store/statistics.py",
        "loan",
    ): "loans are counted by risk category set by set, all that were ever drawn",
    ("servicing/check/shares.py", "row_history"): "the history of rows is what they are held against",
    ("servicing/check/shares.py", "transfer"): "each share that was paid has its journal",
    ("servicing/check/tax.py", "audit_entry"): "a tax rate is what its investor has set",
    ("servicing/check/tax.py", "row_history"): "tax is withheld by the rate of its moment",
}
# (migration, table) of functions inside the database: why they may.
FUNCTION_EXCEPTIONS = {
    ("0001", "ledger_segment"): "each chain records the heads of the others",
    ("0002", "chain_head"): "the ledger seals its own chain under the lock of the heads",
    ("0006", "app_user"): "funding_facts decides a batch of tickets in one look: who may invest",
    ("0006", "related_party"): "funding_facts: who is related to the borrower",
    ("0006", "loan"): "funding_facts: whether the loan is open",
    ("0006", "idempotency"): "one look sees both stores of keys, so that no ticket inserts one more row",
}

_CREATED = re.compile(r"CREATE (?:UNLOGGED )?TABLE (?:IF NOT EXISTS )?\"?(\w+)")
_ROW_CALLS = frozenset(f"rows.{name}" for name in ("insert", "insert_returning", "insert_many", "update"))
_VERB = re.compile(r"\b(SELECT|INSERT|UPDATE|DELETE)\b")
_NAMED = re.compile(r"\b(?:FROM|JOIN|INTO|UPDATE|USING|TABLE)\s+(?:ONLY\s+)?\"?(\w+)")


def tables() -> dict[str, str]:
    """Every table of the schema and the number of the migration that makes it."""
    return {name: file.name[:4] for file in MIGRATIONS.glob("0*") for name in _CREATED.findall(file.read_text())}


def named_tables(source: str, known: dict[str, str]) -> Iterator[str]:
    """The tables that the SQL in a module reads or writes."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in _ROW_CALLS and len(node.args) > 1:
            table = node.args[1]
            assert isinstance(table, ast.Constant | ast.Name), f"a table by name: {ast.unparse(node)}"
            if isinstance(table, ast.Constant) and table.value in known:
                yield str(table.value)
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            # A statement may be put together from parts: a part without a verb still names its tables in capitals.
            yield from (name for name in _NAMED.findall(node.value) if name in known and _is_sql(node.value))


def _is_sql(text: str) -> bool:
    return bool(_VERB.search(text) or re.match(r"\s*(FROM|LEFT JOIN|JOIN)\b", text))


def found_exceptions() -> set[tuple[str, str]]:
    known = tables()
    return {
        (str(file.relative_to(ROOT / "src" / "halfpenny")), table)
        for file in python_files("src/halfpenny")
        for table in named_tables(file.read_text(), known)
        if file.relative_to(ROOT / "src" / "halfpenny").parts[0] not in OWNERS[known[table]]
    }


def test_every_migration_has_its_owner() -> None:
    assert set(tables().values()) <= OWNERS.keys()
    assert len(tables()) > 30


def test_sql_names_only_the_tables_of_its_own_feature() -> None:
    """Every exception is listed with its reason, and none is listed that is not needed."""
    assert found_exceptions() == EXCEPTIONS.keys()


def function_bodies(migration: str) -> list[str]:
    """The bodies of the functions and triggers that a migration defines."""
    return re.findall(r"AS\s+\$(?P<tag>\w*)\$(.*?)\$(?P=tag)\$", migration, re.DOTALL)


def test_functions_in_the_database_name_only_the_tables_of_their_own_feature() -> None:
    known = tables()
    bodies = [(file.name[:4], body) for file in MIGRATIONS.glob("0*") for _, body in function_bodies(file.read_text())]
    assert len(bodies) > 20
    found = {
        (number, table)
        for number, body in bodies
        for table in _NAMED.findall(body)
        if table in known and known[table] != number
    }
    assert found == FUNCTION_EXCEPTIONS.keys()


def test_it_sees_the_body_of_a_function() -> None:
    [(_, body)] = function_bodies("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1 FROM loan $$;")
    assert _NAMED.findall(body) == ["loan"]


def test_it_sees_a_foreign_table() -> None:
    known = {"loan": "0005", "account": "0002"}
    assert list(named_tables('x = "SELECT 1 FROM loan l JOIN account a ON true"', known)) == ["loan", "account"]
    assert list(named_tables('f"SELECT {columns} FROM loan WHERE id = $1"', known)) == ["loan"]
    assert list(named_tables('await rows.insert(connection, "loan", row)', known)) == ["loan"]
    assert list(named_tables('await rows.update(connection, "account", {}, "id = $1", 1)', known)) == ["account"]
    assert list(named_tables('"Money from account to account, see loan"', known)) == []


def test_paths_are_as_the_exceptions_write_them() -> None:
    assert all((ROOT / "src" / "halfpenny" / Path(file)).is_file() for file, _ in EXCEPTIONS)
