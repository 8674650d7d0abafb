"""Words that may be about a person stand in their own row alone, where they can be erased."""

from __future__ import annotations

from consistency.world import make_books
from halfpenny.platform.database import Database

# The trigger's second argument names the columns that stay out of the history of rows.
_LEFT_OUT = r"""
SELECT DISTINCT c.relname AS table_name, unnest(string_to_array(
  split_part(encode(t.tgargs, 'escape'), '\000', 2), ',')) AS column_name
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid
WHERE p.proname = 'record_row_history'"""

# Left out of the history for another reason, or named in the trail on purpose.
_ELSEWHERE = {
    "loan_funding.funded_minor": "every ticket moves it: it is held against the ledger",
    "loan_funding.investors": "every ticket moves it: it is held against the ledger",
    "loan_funding.version": "every ticket moves it: it is held against the ledger",
    "loan_funding.status": "every ticket moves it: it is held against the ledger",
    "panel_valuer.name": "the evidence of a condition names its valuer, and is held against the trail",
}


async def test_words_that_stay_out_of_history_stay_out_of_the_audit_trail_too(database: Database) -> None:
    """Both are sealed and never erased: what may be about a person stands in its own row alone."""
    await make_books(database)
    async with database.reading() as connection:
        rows = await connection.fetch(_LEFT_OUT)
        columns = {(row["table_name"], row["column_name"]) for row in rows}
        assert {("decision_review", "answer"), ("valuation_report", "note"), ("app_user", "email")} <= columns
        leaks = {
            f"{table}.{column}": await connection.fetch(
                f"SELECT DISTINCT r.{column}::text AS words, e.action FROM {table} r "
                f"JOIN audit_entry e ON position(r.{column}::text IN e.data::text) > 0 "
                f"WHERE length(r.{column}::text) > 4"
            )
            for table, column in columns
            if f"{table}.{column}" not in _ELSEWHERE
        }
    assert {name: found for name, found in leaks.items() if found} == {}
