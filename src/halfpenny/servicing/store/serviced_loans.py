"""SQL of serviced loans: their terms and sums, dated events, schedule, accrual segments."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from halfpenny import ledger
from halfpenny.ledger import AccountKind
from halfpenny.platform import rows
from halfpenny.platform.database import Connection, Record
from halfpenny.primitives.money import Currency
from halfpenny.servicing import codec
from halfpenny.servicing.model.events import Event
from halfpenny.servicing.model.flows import Flows
from halfpenny.servicing.model.position import LoanPosition, LoanStanding
from halfpenny.servicing.model.segments import AccrualSegment
from halfpenny.servicing.model.serviced_loan import InstalmentBalance, Release, ServicedLoan
from halfpenny.servicing.model.terms import LoanTerms
from halfpenny.servicing.statuses import SegmentKind

_LAST_DAY = date(9999, 12, 31)
# The number of the last event of the loan that the parameter or column {loan} names; none yet is 0.
LAST_EVENT = "(SELECT coalesce(max(e.number), 0) FROM servicing_event e WHERE e.loan_id = {loan})"

LIST_OVERDUE = (
    "SELECT loan_id, days_past_due, total_due_minor, currency FROM serviced_loan WHERE days_past_due > 0 "
    "AND (days_past_due, loan_id) < ($1, $2) ORDER BY days_past_due DESC, loan_id DESC LIMIT $3"
)
INSTALMENT_COLUMNS = (
    *("loan_id", "number", "kind", "due_on", "principal_minor", "interest_minor", "fees_minor", "balance_minor"),
    *("reserved", "unpaid_minor", "settled_on"),
)
RELEASE_COLUMNS = ("loan_id", "due_on", "amount_minor", "fee_minor")
SEGMENT_COLUMNS = (*("loan_id", "kind", "starts_on", "ends_on", "accrued_before", "per_day", "scale", "less_minor"),)
LIST_INSTALMENTS = "SELECT * FROM instalment WHERE loan_id = $1 ORDER BY number"


def _serviced_loan(row: Record) -> ServicedLoan:
    return ServicedLoan(
        loan_id=row["loan_id"],
        borrower_id=row["borrower_id"],
        currency=Currency(row["currency"]),
        terms=codec.read_terms(row["terms"]),
        posted=codec.read_flows(row["posted"]),
        closed_on=row["closed_on"],
        unlikely_to_pay=row["unlikely_to_pay"],
        standing=LoanStanding(row["standing"]),
        days_past_due=row["days_past_due"],
        principal_outstanding=row["principal_outstanding_minor"],
        replayed_on=row["replayed_on"],
    )


async def find(connection: Connection, loan_id: UUID, *, lock: bool = False) -> ServicedLoan | None:
    row = await connection.fetchrow(
        f"SELECT * FROM serviced_loan WHERE loan_id = $1{' FOR NO KEY UPDATE' if lock else ''}", loan_id
    )
    return _serviced_loan(row) if row else None


async def events(connection: Connection, loan_id: UUID) -> list[Event]:
    found = await connection.fetch("SELECT kind, data FROM servicing_event WHERE loan_id = $1 ORDER BY number", loan_id)
    return [codec.read_event(row["kind"], row["data"]) for row in found]


async def events_until(connection: Connection, loan_id: UUID, number: int) -> list[Event]:
    """The events up to that number: what was known when the loan had no more of them."""
    found = await connection.fetch(
        "SELECT kind, data FROM servicing_event WHERE loan_id = $1 AND number <= $2 ORDER BY number", loan_id, number
    )
    return [codec.read_event(row["kind"], row["data"]) for row in found]


async def loan_of_receipt(connection: Connection, receipt_id: str) -> UUID | None:
    """The loan that a receipt of this id was posted for."""
    found: UUID | None = await connection.fetchval(
        "SELECT loan_id FROM servicing_event WHERE kind = 'receipt' AND data->>'id' = $1", receipt_id
    )
    return found


async def insert(connection: Connection, loan_id: UUID, borrower_id: UUID, terms: LoanTerms) -> ServicedLoan:
    """A loan enters servicing, before anything has been posted."""
    accounts = {
        column: ledger.account_id(kind, loan_id, terms.currency)
        for column, kind in (
            ("reserve_account_id", AccountKind.INTEREST_RESERVE),
            ("collections_account_id", AccountKind.COLLECTIONS),
            ("payable_account_id", AccountKind.DISTRIBUTION_PAYABLE),
            ("receivable_account_id", AccountKind.LOAN_RECEIVABLE),
            ("claims_account_id", AccountKind.INVESTOR_CLAIMS),
        )
    }
    loan = {
        "loan_id": loan_id,
        "borrower_id": borrower_id,
        "currency": terms.currency,
        "terms": codec.to_json(terms),
        "posted": codec.to_json(Flows()),
        "standing": LoanStanding.CURRENT,
        "advanced_on": terms.advanced_on,
        "matures_on": terms.advanced_on,
        "replayed_on": terms.advanced_on,
        "principal_outstanding_minor": terms.principal.minor,
        "count_due_date": terms.count_due_date,
    }
    return _serviced_loan(await rows.insert_returning(connection, "serviced_loan", loan | accounts))


async def add_events(
    connection: Connection,
    loan_id: UUID,
    new: Sequence[tuple[Event, UUID | None]],
    first_number: int,
    today: date,
) -> None:
    """Append events, each with who recorded it (None where nobody did).

    Those of a day after ``today``, the business date, are planned: the close of their day replays.
    """
    added = [
        {
            "loan_id": loan_id,
            "number": first_number + place,
            "kind": codec.event_name(event),
            "effective_date": event.effective_date,
            "data": codec.to_json(event),
            "recorded_by": recorded_by,
            "planned": event.effective_date > today,
        }
        for place, (event, recorded_by) in enumerate(new)
    ]
    await rows.insert_many(connection, "servicing_event", added)


async def store_position(connection: Connection, loan_id: UUID, position: LoanPosition, posted: Flows) -> None:
    """The sums and marks that the last replay left."""
    left = {
        "posted": codec.to_json(posted),
        "standing": position.standing,
        "matures_on": position.schedule.ends_on,
        "principal_outstanding_minor": position.principal_outstanding,
        "total_due_minor": position.total_due,
        "oldest_unpaid_due_on": position.oldest_unpaid_due_on,
        "days_past_due": position.days_past_due,
        "defaulted_on": position.defaulted_on,
        "closed_on": position.closed_on,
        "replayed_on": position.as_of,
        "advance_payment_minor": position.advance_held,
    }
    await rows.update(connection, "serviced_loan", left, "loan_id = $1", loan_id)


async def set_unlikely_to_pay(connection: Connection, loan_id: UUID, marked: bool) -> None:
    await rows.update(connection, "serviced_loan", {"unlikely_to_pay": marked}, "loan_id = $1", loan_id)


def instalment_rows(loan_id: UUID, instalments: Sequence[InstalmentBalance]) -> list[tuple[Any, ...]]:
    """Rows of ``instalment`` in the order of INSTALMENT_COLUMNS."""
    return [
        (
            loan_id,
            item.row.number,
            item.row.kind.value,
            item.row.due_on,
            item.row.principal,
            item.row.interest,
            item.row.fees,
            item.row.balance,
            item.row.reserved,
            item.unpaid,
            item.settled_on,
        )
        for item in instalments
    ]


def release_rows(loan_id: UUID, releases: Sequence[Release]) -> list[tuple[Any, ...]]:
    """Rows of ``reserve_release`` in the order of RELEASE_COLUMNS."""
    return [(loan_id, release.due_on, release.amount, release.fee) for release in releases]


def segment_rows(
    loan_id: UUID,
    contract: Sequence[AccrualSegment],
    overdue: Sequence[AccrualSegment],
    default_interest_settled: int,
) -> list[tuple[Any, ...]]:
    """Rows of ``accrual_segment`` in the order of SEGMENT_COLUMNS."""
    segments: list[tuple[Any, ...]] = [
        (loan_id, kind, s.start, s.end, s.before, s.per_day, s.scale, less)
        for kind, segments, less in (
            (SegmentKind.CONTRACT, contract, 0),
            (SegmentKind.DEFAULT, overdue, default_interest_settled),
        )
        for s in segments
        if s.end > s.start
    ]
    if contract:
        # After the last day the interest stays what it came to: one flat segment, so that SQL needs no special case.
        last = contract[-1]
        total = last.accrued_minor(last.end) * last.scale
        segments.append((loan_id, SegmentKind.CONTRACT, last.end, _LAST_DAY, total, 0, last.scale, 0))
    return segments


async def rewrite_schedule(
    connection: Connection, loan_id: UUID, instalments: Sequence[InstalmentBalance], releases: Sequence[Release]
) -> None:
    await connection.execute("DELETE FROM instalment WHERE loan_id = $1", loan_id)
    await connection.execute("DELETE FROM reserve_release WHERE loan_id = $1", loan_id)
    await _insert_all(connection, "instalment", INSTALMENT_COLUMNS, instalment_rows(loan_id, instalments))
    await _insert_all(connection, "reserve_release", RELEASE_COLUMNS, release_rows(loan_id, releases))


async def rewrite_segments(
    connection: Connection,
    loan_id: UUID,
    contract: Sequence[AccrualSegment],
    overdue: Sequence[AccrualSegment],
    default_interest_settled: int,
) -> None:
    await connection.execute("DELETE FROM accrual_segment WHERE loan_id = $1", loan_id)
    segments = segment_rows(loan_id, contract, overdue, default_interest_settled)
    await _insert_all(connection, "accrual_segment", SEGMENT_COLUMNS, segments)


async def _insert_all(
    connection: Connection, table: str, columns: Sequence[str], filled: Sequence[tuple[Any, ...]]
) -> None:
    await rows.insert_many(connection, table, (dict(zip(columns, row, strict=True)) for row in filled))


async def instalments(connection: Connection, loan_id: UUID) -> list[Record]:
    return await connection.fetch(LIST_INSTALMENTS, loan_id)


async def overdue_page(connection: Connection, days: int, loan_id: UUID, limit: int) -> list[Record]:
    return await connection.fetch(LIST_OVERDUE, days, loan_id, limit)


async def next_event_number(connection: Connection, loan_id: UUID) -> int:
    highest = await connection.fetchval(f"SELECT {LAST_EVENT.format(loan='$1')}", loan_id)
    return int(highest) + 1
