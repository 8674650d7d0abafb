"""How a tamperer changes a stored value: another plausible one of its type, and how it is put in place."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from halfpenny.platform.database import Connection

# Everything that would stand in the tamperer's way.
DISARM = """
DO $$ DECLARE r record; BEGIN
  FOR r IN SELECT conrelid::regclass AS t, conname FROM pg_constraint c
    WHERE connamespace = 'public'::regnamespace AND contype IN ('c', 'f', 'p', 'u') AND conrelid <> 0
    ORDER BY contype IN ('p', 'u')
  LOOP EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', r.t, r.conname); END LOOP;
  FOR r IN SELECT indexrelid::regclass AS i FROM pg_index x JOIN pg_class c ON c.oid = x.indrelid
    WHERE c.relnamespace = 'public'::regnamespace AND indisunique AND NOT indisprimary
  LOOP EXECUTE format('DROP INDEX %s', r.i); END LOOP;
  FOR r IN SELECT attrelid::regclass AS t, attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    WHERE c.relnamespace = 'public'::regnamespace AND attidentity <> ''
  LOOP EXECUTE format('ALTER TABLE %s ALTER %I DROP IDENTITY', r.t, r.attname); END LOOP;
END $$
"""
COLUMNS = """
SELECT c.relname AS table_name, a.attname AS column_name, format_type(a.atttypid, a.atttypmod) AS type,
       EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary
         AND a.attnum = ANY (i.indkey)) AS in_key
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY c.relname, a.attnum
"""
ALLOWED = """
SELECT conrelid::regclass::text AS table_name, pg_get_constraintdef(oid) AS definition FROM pg_constraint
WHERE contype = 'c' AND connamespace = 'public'::regnamespace AND conrelid <> 0
"""

# One transfer for each line of the chart that follows from nothing, between accounts of one loan and its borrower.
ONE_OF_EACH_LINE = """
INSERT INTO account (id, kind, owner_id, currency)
SELECT account_id_of(k.kind, o.owner, 'EUR'), k.kind, o.owner, 'EUR'
FROM (SELECT debit AS kind FROM chart UNION SELECT credit FROM chart) k CROSS JOIN LATERAL (SELECT CASE
  WHEN k.kind IN ('client_bank', 'own_bank', 'fee_income', 'tax_payable', 'default_income', 'suspense',
    'payouts_in_transit') THEN NULL WHEN k.kind = 'wallet' THEN '{borrower}'::uuid ELSE '{active}'::uuid END AS owner) o
ON CONFLICT DO NOTHING;
INSERT INTO transfer (journal_id, ordinal, event, reference, effective_date, debit_account_id, credit_account_id,
  amount, currency, debit_version, credit_version, debit_balance, credit_balance)
SELECT uuidv7(), 0, h.event, '{active}', business_date(), d.id, c.id, 1, 'EUR', 900000 + row_number() OVER (),
  900000 + row_number() OVER (), 0, 0
FROM chart h
JOIN account d ON d.kind = h.debit AND d.currency = 'EUR'
  AND coalesce(d.owner_id, '{active}') IN ('{active}', '{borrower}')
JOIN account c ON c.kind = h.credit AND c.currency = 'EUR'
  AND coalesce(c.owner_id, '{active}') IN ('{active}', '{borrower}')
"""


@dataclass(frozen=True)
class Column:
    table: str
    name: str
    type: str
    in_key: bool

    def __str__(self) -> str:
        return f"{self.table}.{self.name}"


@dataclass(frozen=True)
class Change:
    """One tampering: the SQL expression that a column is set to, and the value before it."""

    column: Column
    ctid: str
    expression: str
    before: Any
    key: tuple[str, ...]

    @property
    def sql(self) -> str:
        name = self.column.name
        return f"""UPDATE "{self.column.table}" SET "{name}" = {self.expression} WHERE ctid = '{self.ctid}'"""

    def __str__(self) -> str:
        return f"{self.column} of {'/'.join(self.key)} from {self.before!r} by {self.expression}"


async def columns(connection: Connection) -> list[Column]:
    """Every column of every table, as the live schema has them."""
    rows = await connection.fetch(COLUMNS)
    return [Column(row["table_name"], row["column_name"], row["type"], row["in_key"]) for row in rows]


async def allowed_values(connection: Connection) -> dict[tuple[str, str], list[str]]:
    """The words that a CHECK lists for a column: another of them is the most plausible lie."""
    found: dict[tuple[str, str], list[str]] = {}
    for row in await connection.fetch(ALLOWED):
        match = re.match(r"CHECK \(\((\w+) = ANY \(ARRAY\[(.*)\]\)\)\)$", row["definition"])
        if match:
            found[row["table_name"].strip('"'), match[1]] = re.findall(r"'([^']+)'::text", match[2])
    return found


def changes(column: Column, row: Any, key: tuple[str, ...], allowed: list[str], up: bool) -> Iterator[Change]:
    """What a value can be changed to; a document is changed leaf by leaf."""
    value = row[column.name]
    for expression in _expressions(column, value, allowed, "+" if up else "-"):
        yield Change(column, row["ctid"], expression, value, key)


def _expressions(column: Column, value: Any, allowed: list[str], sign: str) -> Iterator[str]:
    name = f'"{column.name}"'
    if column.type in ("bigint", "integer", "smallint", "double precision") or column.type.startswith("numeric"):
        yield f"coalesce({name}, 0) {sign} 1"
    elif column.type == "boolean":
        yield f"NOT coalesce({name}, false)"
    elif column.type == "date":
        yield f"coalesce({name} {sign} 1, current_date)"
    elif column.type.startswith("timestamp"):
        # The smallest step that matters to anybody: a day's step would hide a check that looks at the day only.
        yield f"coalesce({name} {sign} interval '1 second', now())"
    elif column.type == "interval":
        yield f"{name} {sign} interval '1 second'"
    elif column.type == "uuid":
        yield "gen_random_uuid()"
    elif column.type == "bytea":
        yield f"sha256(coalesce({name}, ''))"
    elif column.type == "text[]":
        yield f"array_append({name}, 'more')"
    elif column.type == "jsonb":
        yield from (_leaf(name, path, leaf) for path, leaf in _leaves(value, ()))
    elif column.type == "json":
        found = None if value is None else json.loads(value)  # travels as text
        yield from (f"{_leaf(f'{name}::jsonb', path, leaf)}::json" for path, leaf in _leaves(found, ()))
    elif column.name == "currency":
        yield "CASE currency WHEN 'PLN' THEN 'GBP' ELSE 'PLN' END"
    else:
        others = [word for word in allowed if word != value]
        yield f"'{others[0]}'" if others else f"coalesce({name}, '') || 'x'"


def _leaves(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(value, dict):
        for name, each in value.items():
            yield from _leaves(each, (*path, name))
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from _leaves(each, (*path, str(number)))
    else:
        yield path, value


def _leaf(name: str, path: tuple[str, ...], leaf: Any) -> str:
    changed: Any = 1
    if isinstance(leaf, bool):
        changed = not leaf
    elif isinstance(leaf, int | float):
        changed = leaf + 1
    elif isinstance(leaf, str):
        changed = leaf + "1" if re.fullmatch(r"[0-9.]+", leaf) else leaf + "x"
    if not path:
        return f"'{json.dumps(changed)}'::jsonb"
    return f"jsonb_set({name}, '{{{','.join(path)}}}', '{json.dumps(changed)}')"
