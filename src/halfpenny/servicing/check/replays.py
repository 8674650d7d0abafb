"""What servicing writes ahead equals a replay of the loan's events on its terms.

Schedules, releases of the reserve, accrual segments and sums are computed once more by the engine, as of the day of
their last replay, and compared row by row. Accruals of past days rest on what was known when their day was closed:
where the present segments differ, the replay of that moment decides.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec

from halfpenny.platform.consistency import ROW, TIMEOUT_S, Finding, Progress
from halfpenny.platform.database import Connection, Record
from halfpenny.primitives.errors import HalfpennyError
from halfpenny.servicing import codec
from halfpenny.servicing.check.accruals import AccrualDay, Close, accrual_findings
from halfpenny.servicing.check.corrections import corrected, correction_findings, held
from halfpenny.servicing.model.engine import replay
from halfpenny.servicing.model.events import Event
from halfpenny.servicing.model.flows import DistributionPart, Flows, flows_of, parts_by_day
from halfpenny.servicing.model.position import LoanPosition
from halfpenny.servicing.model.serviced_loan import Release, instalment_balances, releases_ahead
from halfpenny.servicing.model.terms import LoanTerms
from halfpenny.servicing.store import serviced_loans as store

_BATCH_SIZE = 100
_BASIS = "a replay of the loan's events"

_LOANS = "SELECT * FROM serviced_loan WHERE loan_id > $1 ORDER BY loan_id LIMIT $2"
_EVENTS = (
    "SELECT loan_id, kind, data, recorded_at FROM servicing_event WHERE loan_id = ANY ($1) ORDER BY loan_id, number"
)
_REPLAYED = (
    "SELECT row_key::uuid AS loan_id, (data->>'replayed_on')::date AS replayed_on, recorded_at FROM row_history "
    "WHERE table_name = 'serviced_loan' AND row_key = ANY ($1::text[]) AND data ? 'replayed_on' ORDER BY seq"
)
_ACCRUALS = "SELECT * FROM accrual WHERE loan_id = ANY ($1) ORDER BY loan_id, business_date"
_CLOSES = "SELECT business_date, first_loan_id, last_loan_id, closed_at FROM close_range ORDER BY business_date"


@dataclass(frozen=True, slots=True)
class LoanRecord:
    """All that is kept of one loan, as rows."""

    row: Record
    terms: LoanTerms
    events: tuple[tuple[Event, datetime], ...]
    replayed: tuple[tuple[date, datetime], ...]
    accruals: tuple[AccrualDay, ...]
    closes: tuple[Close, ...]

    def known_at(self, moment: datetime) -> tuple[tuple[Event, ...], date]:
        """The events that had been recorded, and the day that they had been replayed to."""
        days = [day for day, since in self.replayed if since <= moment]
        return tuple(event for event, since in self.events if since <= moment), days[-1] if days else date.min


async def replays(connection: Connection, progress: Progress) -> AsyncIterator[Finding]:
    """Replay every serviced loan and compare."""
    count = await connection.fetchval("SELECT count(*) FROM serviced_loan")
    closes = await connection.fetch(_CLOSES, timeout=TIMEOUT_S)
    done, after = 0, UUID(int=0)
    while rows := await connection.fetch(_LOANS, after, _BATCH_SIZE, timeout=TIMEOUT_S):
        loan_ids = [row["loan_id"] for row in rows]
        kept = await _kept_rows(connection, loan_ids)
        shared_to = await corrected(connection, loan_ids)
        for record in await _records(connection, rows, closes):
            if isinstance(record, Finding):
                yield record
                continue
            for finding in _loan_findings(record, kept):
                yield finding
            loan_id = record.row["loan_id"]
            if loan_id in shared_to:
                found = await held(connection, loan_id)
                for finding in correction_findings(
                    loan_id, record.terms.advanced_on, _days(record), shared_to[loan_id], found
                ):
                    yield finding
        done, after = done + len(rows), rows[-1]["loan_id"]
        progress("replays", done, count)


_KEPT_TABLES: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "instalment": (store.INSTALMENT_COLUMNS, ("number",)),
    "reserve_release": (store.RELEASE_COLUMNS, ("due_on",)),
    "accrual_segment": (store.SEGMENT_COLUMNS, ("kind", "starts_on")),
}
KeptRows = dict[tuple[str, UUID], list[tuple[Any, ...]]]


async def _kept_rows(connection: Connection, loan_ids: Sequence[UUID]) -> KeptRows:
    kept: KeptRows = {}
    for table, (columns, _) in _KEPT_TABLES.items():
        rows = await connection.fetch(f"SELECT {', '.join(columns)} FROM {table} WHERE loan_id = ANY ($1)", loan_ids)
        for row in rows:
            kept.setdefault((table, row["loan_id"]), []).append(tuple(row))
    return kept


async def _records(
    connection: Connection, rows: Sequence[Record], closes: Sequence[Record]
) -> list[LoanRecord | Finding]:
    """All that is kept of each loan, or the finding that it cannot even be read."""
    ids = [row["loan_id"] for row in rows]
    events, replayed, accruals = (
        _by_loan(found)
        for found in (
            await connection.fetch(_EVENTS, ids, timeout=TIMEOUT_S),
            await connection.fetch(_REPLAYED, [str(one) for one in ids], timeout=TIMEOUT_S),
            await connection.fetch(_ACCRUALS, ids, timeout=TIMEOUT_S),
        )
    )
    records: list[LoanRecord | Finding] = []
    for row in rows:
        loan_id = row["loan_id"]
        try:
            read = codec.read_terms(row["terms"])
            recorded = tuple(
                (codec.read_event(e["kind"], e["data"]), e["recorded_at"]) for e in events.get(loan_id, ())
            )
        except (msgspec.ValidationError, HalfpennyError, KeyError) as error:
            unreadable = f"unreadable: {error}"
            records.append(
                Finding("serviced_loan", str(loan_id), ROW, unreadable, "terms and events of a loan", _BASIS)
            )
            continue
        records.append(
            LoanRecord(
                row,
                read,
                recorded,
                tuple((r["replayed_on"], r["recorded_at"]) for r in replayed.get(loan_id, ())),
                tuple(
                    AccrualDay(a["business_date"], a["interest_minor"], a["default_interest_minor"])
                    for a in accruals.get(loan_id, ())
                ),
                tuple(
                    Close(c["business_date"], c["closed_at"])
                    for c in closes
                    if c["first_loan_id"] <= loan_id <= c["last_loan_id"]
                ),
            )
        )
    return records


def _by_loan(rows: Iterable[Record]) -> dict[UUID, list[Record]]:
    found: dict[UUID, list[Record]] = {}
    for row in rows:
        found.setdefault(row["loan_id"], []).append(row)
    return found


def _loan_findings(record: LoanRecord, kept: KeptRows) -> Iterator[Finding]:
    loan_id, row = record.row["loan_id"], record.row
    events = [event for event, _ in record.events]
    try:
        position = replay(record.terms, (), row["replayed_on"], recorded=events)
    except Exception as error:  # whatever was done to the events: it is a finding, not the end of the check
        yield Finding("servicing_event", str(loan_id), ROW, f"{type(error).__name__}: {error}", "replayable", _BASIS)
        return
    last_close = max((close.day for close in record.closes), default=date.min)
    ahead = releases_ahead(record.terms, position)
    taken = [release for release in ahead if release.due_on <= last_close]
    yield from _sum_findings(row, position, _after_releases(flows_of(record.terms, position), taken))
    expected = {
        "instalment": store.instalment_rows(loan_id, instalment_balances(position)),
        "reserve_release": store.release_rows(loan_id, [release for release in ahead if release not in taken]),
        "accrual_segment": store.segment_rows(
            loan_id, position.schedule.segments, position.overdue_segments, position.default_interest_settled
        ),
    }
    for table, (columns, key) in _KEPT_TABLES.items():
        yield from _row_findings(table, columns, key, kept.get((table, loan_id), []), expected[table])
    yield from accrual_findings(
        loan_id,
        record.terms,
        record.accruals,
        record.closes,
        record.known_at,
        [since for _, since in (*record.events, *record.replayed)],
        expected["accrual_segment"],
        position,
    )


def _days(record: LoanRecord) -> list[DistributionPart]:
    """What each day has brought the investors: the replay, and the releases that closes have made since."""
    events = [event for event, _ in record.events]
    position = replay(record.terms, (), record.row["replayed_on"], recorded=events)
    last_close = max((close.day for close in record.closes), default=date.min)
    taken = [one for one in releases_ahead(record.terms, position) if one.due_on <= last_close]
    later = [DistributionPart(one.due_on, interest=one.amount - one.fee) for one in taken]
    return [*parts_by_day(record.terms, position), *later]


def _after_releases(flows: Flows, taken: Sequence[Release]) -> Flows:
    """The sums with the releases that closes have made since the replay."""
    amount, fee = sum(one.amount for one in taken), sum(one.fee for one in taken)
    return replace(
        flows, released=flows.released + amount, interest=flows.interest + amount - fee, fees=flows.fees + fee
    )


def _sum_findings(row: Record, position: LoanPosition, flows: Flows) -> Iterator[Finding]:
    expected = {
        "matures_on": position.schedule.ends_on,
        "principal_outstanding_minor": position.principal_outstanding,
        "defaulted_on": position.defaulted_on,
        "closed_on": position.closed_on,
        "advance_payment_minor": position.advance_held,
    }
    found = {column: row[column] for column in expected}
    posted = codec.read_flows(row["posted"])
    found |= {f"posted.{name}": value for name, value in asdict(posted).items()}
    expected |= {f"posted.{name}": value for name, value in asdict(flows).items()}
    for column, value in expected.items():
        if found[column] != value:
            yield Finding("serviced_loan", str(row["loan_id"]), column, str(found[column]), str(value), _BASIS)


def _row_findings(
    table: str,
    columns: Sequence[str],
    key: Sequence[str],
    found: Iterable[tuple[Any, ...]],
    expected: Iterable[tuple[Any, ...]],
) -> Iterator[Finding]:
    places = [columns.index(column) for column in ("loan_id", *key)]

    def by_key(rows: Iterable[tuple[Any, ...]]) -> dict[str, tuple[Any, ...]]:
        return {"/".join(str(row[place]) for place in places): row for row in rows}

    kept, again = by_key(found), by_key(expected)
    for name in sorted(kept.keys() | again.keys()):
        if name not in again:
            yield Finding(table, name, ROW, "present", "missing", _BASIS)
        elif name not in kept:
            yield Finding(table, name, ROW, "missing", "present", _BASIS)
        else:
            for column, one, other in zip(columns, kept[name], again[name], strict=True):
                if one != other:
                    yield Finding(table, name, column, str(one), str(other), _BASIS)
