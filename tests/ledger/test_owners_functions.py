"""Functions that run with the rights of the schema's owner do nothing for the application but what they are for."""

from __future__ import annotations

import asyncpg
import pytest

from halfpenny.platform.database import Connection, Database
from support import lending

OWNERS = """
SELECT p.proname AS name, coalesce(array_to_string(p.proconfig, ';'), '') AS settings,
       p.prorettype = 'trigger'::regtype AS is_trigger,
       p.proacl IS NULL OR EXISTS (SELECT FROM aclexplode(p.proacl) x WHERE x.grantee = 0) AS is_public,
       has_function_privilege('halfpenny_app', p.oid, 'EXECUTE') AS is_granted
FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace AND p.prosecdef ORDER BY 1
"""


async def test_each_looks_for_its_tables_in_public_first_and_is_nobodys_but_the_applications(
    database: Database,
) -> None:
    async with database.reading() as connection:
        functions = await connection.fetch(OWNERS)
    assert {"ledger_post", "ledger_lock", "record_row_history", "row_history_seal"} <= {f["name"] for f in functions}
    for function in functions:
        # A table of a session's own comes last, or it would stand before ours.
        assert "search_path=public, pg_temp" in function["settings"], function["name"]
        assert not function["is_public"], function["name"]
        assert function["is_granted"] is not function["is_trigger"], function["name"]


async def _trigger_on_own_table(connection: Connection, table: str, key: str) -> None:
    await connection.execute(f"CREATE TEMP TABLE {table} (id text, status text)")
    await connection.execute(
        f"CREATE TRIGGER keep AFTER INSERT ON pg_temp.{table} REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT "
        f"EXECUTE FUNCTION public.record_row_history('{key}', '', 'insert')"
    )
    await connection.execute(f"INSERT INTO pg_temp.{table} VALUES ('forged', 'repaid')")


ADD_A_LINE = """
CREATE FUNCTION pg_temp.evil() RETURNS text LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO public.chart VALUES ('gift', 'wallet', 'escrow', false, NULL, NULL); RETURN 'x';
END $$
"""


@pytest.mark.parametrize(("table", "key"), [("loan", "id"), ("foo", "id || pg_temp.evil()"), ("chart", "id")])
@pytest.mark.parametrize("allowed", [False, True])
async def test_the_application_writes_no_history_and_nothing_as_the_owner(
    database: Database, superuser: Database, table: str, key: str, allowed: bool
) -> None:
    """Neither may it make such a trigger nor, if it could, would one on a table of its own write anything."""
    if allowed:
        async with superuser.unit_of_work() as connection:
            await connection.execute("GRANT EXECUTE ON FUNCTION record_row_history() TO halfpenny_app")
    async with database.reading() as connection:
        before = await connection.fetchval("SELECT (SELECT count(*) FROM row_history) + (SELECT count(*) FROM chart)")
        await connection.execute(ADD_A_LINE)
        with pytest.raises(
            asyncpg.InsufficientPrivilegeError, match="no history is kept of" if allowed else "permission denied"
        ):
            await _trigger_on_own_table(connection, table, key)
        assert before == await connection.fetchval(
            "SELECT (SELECT count(*) FROM public.row_history) + (SELECT count(*) FROM public.chart)"
        )


async def test_of_a_table_that_the_application_made_in_our_schema_there_is_no_history(
    database: Database, superuser: Database
) -> None:
    """Where somebody has let it make tables and call the function: the history is of the owner's tables alone."""
    async with superuser.unit_of_work() as connection:
        await connection.execute("GRANT EXECUTE ON FUNCTION record_row_history() TO halfpenny_app")
        await connection.execute("GRANT CREATE ON SCHEMA public TO halfpenny_app")
    async with database.reading() as connection:
        before = await connection.fetchval("SELECT count(*) FROM row_history")
        await connection.execute("CREATE TABLE wallet_line (id text, status text)")
        await connection.execute(
            "CREATE TRIGGER keep AFTER INSERT ON wallet_line REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT "
            "EXECUTE FUNCTION record_row_history('id', '', 'insert')"
        )
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match=r"no history is kept of public\.wallet_line"):
            await connection.execute("INSERT INTO wallet_line VALUES ('forged', 'repaid')")
        assert await connection.fetchval("SELECT count(*) FROM row_history") == before


async def test_a_key_is_read_as_columns_and_not_as_an_expression(database: Database, superuser: Database) -> None:
    async with superuser.unit_of_work() as connection:
        await connection.execute(
            "CREATE TRIGGER odd AFTER INSERT ON app_user REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT "
            "EXECUTE FUNCTION record_row_history('id || version()', '', 'insert')"
        )
    with pytest.raises(asyncpg.UndefinedColumnError, match="version"):
        async with database.unit_of_work() as connection:
            await lending.person(connection, "investor")


async def test_a_table_of_the_sessions_own_does_not_stand_before_ours(database: Database) -> None:
    """Every function of the owner's reads our accounts, whatever the session calls its own."""
    async with database.reading() as connection:
        await connection.execute("CREATE TEMP TABLE account (LIKE public.account)")
        await connection.execute("CREATE TEMP TABLE chain_head (LIKE public.chain_head)")
        await connection.execute("SELECT row_history_seal(1000)")
        bank = await connection.fetchval("SELECT account_id_of('client_bank', NULL, 'EUR')")
        await connection.execute(
            "SELECT * FROM ledger_lock(ARRAY[($1, 'client_bank', NULL, 'EUR')::account_name])", bank
        )
        assert await connection.fetchval("SELECT count(*) FROM pg_temp.account") == 0
        assert await connection.fetchval("SELECT count(*) FROM public.account") == 1
        assert await connection.fetchval("SELECT count(*) FROM public.chain_head WHERE chain = 'row_history'") == 1
