"""All SQL of loans. Callers own the transaction; whoever locks takes loan_funding rows first, then loan rows."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec

from halfpenny.loans.decision import Decision, FirstApproval
from halfpenny.loans.model import (
    PUBLIC_STATUSES,
    RAISING_STATUSES,
    Application,
    Borrower,
    Charge,
    FundingState,
    Insurance,
    Loan,
    Offer,
    Property,
    RiskSummary,
    Status,
    Valuation,
)
from halfpenny.loans.statuses import FundingStatus
from halfpenny.platform import rows
from halfpenny.platform.database import Connection, Record
from halfpenny.primitives.ids import LoanId, UserId, uuid7
from halfpenny.primitives.money import Currency

# What the funding row has of its own; version and status are read under other names, as a loan has both too.
_FUNDING_NAMED = (
    rows.columns(FundingState, "f.", leave_out=("loan_id", "borrower_id", "currency", "version", "status"))
    + ", f.version AS funding_version, f.status AS funding_status"
)
_FUNDING = f"f.loan_id, f.borrower_id, f.currency, {_FUNDING_NAMED}"
_SELECT = f"""
SELECT l.*, {rows.columns(Property, "p.")}, f.loan_id AS funding_loan_id, {_FUNDING_NAMED}
FROM loan l JOIN property p ON p.id = l.property_id LEFT JOIN loan_funding f ON f.loan_id = l.id
"""
_PUBLIC = [status.value for status in PUBLIC_STATUSES]
_PUBLIC_FUNDING = f"SELECT {_FUNDING} FROM loan_funding f JOIN loan l ON l.id = f.loan_id WHERE l.status = ANY($1)"


def _read_funding(row: Record | Mapping[str, Any]) -> FundingState:
    return rows.read(FundingState, row, version=row["funding_version"], status=row["funding_status"])


def _read_loan(row: Record) -> Loan:
    terms = rows.read(Application, row, property=rows.read(Property, row), borrower=rows.read(Borrower, row))
    offer = rows.read(Offer, row) if row["annual_rate"] is not None else None
    funding = _read_funding({**row, "loan_id": row["id"]}) if row["funding_loan_id"] else None
    return rows.read(Loan, row, application=terms, offer=offer, funding=funding)


def _loan_values(terms: Application) -> dict[str, Any]:
    return rows.values(terms.borrower) | rows.values(terms, leave_out=("property", "borrower"))


def _property_values(terms: Application) -> dict[str, Any]:
    return rows.values(terms.property) | {"currency": terms.currency}


async def find(connection: Connection, loan_ids: Sequence[UUID]) -> list[Loan]:
    found = await connection.fetch(f"{_SELECT} WHERE l.id = ANY($1) ORDER BY l.id", list(loan_ids))
    return [_read_loan(row) for row in found]


async def own_page(connection: Connection, borrower_id: UUID, after: UUID | None, limit: int) -> list[Loan]:
    """A borrower's loans, newest first."""
    return [_read_loan(row) for row in await connection.fetch(OWN_PAGE, borrower_id, after, limit)]


# Named so that the test of query plans can ask for them.
OWN_PAGE = (
    f"{_SELECT} WHERE l.borrower_id = $1 AND l.id < coalesce($2::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff') "
    "ORDER BY l.id DESC LIMIT $3"
)
AWAITING_DECISION_PAGE = (
    f"{_SELECT} WHERE l.status IN ('submitted', 'assessed') "
    "AND l.id > coalesce($1::uuid, '00000000-0000-0000-0000-000000000000') ORDER BY l.id LIMIT $2"
)
PAGE_IN = (
    f"{_SELECT} WHERE l.id > coalesce($1::uuid, '00000000-0000-0000-0000-000000000000') AND l.status = ANY($3) "
    "ORDER BY l.id LIMIT $2"
)
NEWEST_DECLINE = (
    "SELECT id FROM loan_decision WHERE loan_id = $1 AND verdict = 'decline' ORDER BY loan_version DESC LIMIT 1"
)
PAST_DEADLINE = (
    "SELECT f.loan_id FROM loan_funding f WHERE f.status IN ('pending', 'open') "
    "AND f.deadline <= business_now() ORDER BY f.deadline, f.loan_id LIMIT $1"
)


async def page_in(connection: Connection, statuses: Collection[Status], after: UUID | None, limit: int) -> list[Loan]:
    """Loans in any of the statuses, by id."""
    found = await connection.fetch(PAGE_IN, after, limit, [status.value for status in statuses])
    return [_read_loan(row) for row in found]


async def awaiting_decision_page(connection: Connection, after: UUID | None, limit: int) -> list[Loan]:
    """Loans that wait for an administrator, oldest first."""
    return [_read_loan(row) for row in await connection.fetch(AWAITING_DECISION_PAGE, after, limit)]


async def lock(connection: Connection, loan_ids: Sequence[UUID]) -> list[Loan]:
    """The loans, locked until the transaction ends: funding rows by id, then loan rows by id."""
    wanted = sorted(loan_ids)
    await connection.fetch(
        "SELECT 1 FROM loan_funding WHERE loan_id = ANY($1) ORDER BY loan_id FOR NO KEY UPDATE", wanted
    )
    await connection.fetch("SELECT 1 FROM loan WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE", wanted)
    return await find(connection, wanted)


async def public_funding(connection: Connection, loan_ids: Collection[UUID]) -> list[FundingState]:
    """The hot rows of those of the loans that anyone may see, not locked."""
    found = await connection.fetch(f"{_PUBLIC_FUNDING} AND f.loan_id = ANY($2)", _PUBLIC, list(loan_ids))
    return [_read_funding(row) for row in found]


async def newest_public_funding(connection: Connection, limit: int) -> list[FundingState]:
    """The hot rows of the newest loans that anyone may see."""
    found = await connection.fetch(f"{_PUBLIC_FUNDING} ORDER BY f.loan_id DESC LIMIT $2", _PUBLIC, limit)
    return [_read_funding(row) for row in found]


async def lock_funding(connection: Connection, loan_ids: Collection[UUID]) -> dict[LoanId, FundingState]:
    found = await connection.fetch(
        f"SELECT {_FUNDING} FROM loan_funding f WHERE loan_id = ANY($1) ORDER BY loan_id FOR NO KEY UPDATE",
        list(loan_ids),
    )
    return {LoanId(row["loan_id"]): _read_funding(row) for row in found}


async def add_funded(
    connection: Connection, changes: Sequence[tuple[UUID, int, int, int]]
) -> dict[LoanId, FundingState]:
    updated = await connection.fetch(
        "UPDATE loan_funding f SET funded_minor = f.funded_minor + d.added, investors = f.investors + d.joined, "
        "version = f.version + d.steps, status = CASE WHEN f.status NOT IN ('open', 'full') THEN f.status "
        "WHEN f.funded_minor + d.added = f.target_minor THEN 'full' ELSE 'open' END "
        "FROM unnest($1::uuid[], $2::bigint[], $3::int[], $4::bigint[]) AS d(id, added, joined, steps) "
        "WHERE f.loan_id = d.id "
        f"RETURNING {_FUNDING}",
        [change[0] for change in changes],
        [change[1] for change in changes],
        [change[2] for change in changes],
        [change[3] for change in changes],
    )
    return {LoanId(row["loan_id"]): _read_funding(row) for row in updated}


async def insert(
    connection: Connection, loan_id: UUID, borrower_id: UUID, entered_by: UUID, terms: Application, now: datetime
) -> None:
    """A new draft, at version 1."""
    property_id = uuid7()
    await rows.insert(connection, "property", {"id": property_id} | _property_values(terms))
    loan = {"id": loan_id, "borrower_id": borrower_id, "entered_by": entered_by, "property_id": property_id}
    state = {"status": Status.DRAFT, "version": 1, "terms_version": 1, "created_at": now, "changed_at": now}
    await rows.insert(connection, "loan", loan | _loan_values(terms) | state)


_OF_LOAN = "id = (SELECT property_id FROM loan WHERE id = $1)"
# What it was to be worth after the works is below what it is worth now: that figure is out of date.
_GDV_STILL_ABOVE = "gdv_minor = CASE WHEN gdv_minor >= $2 THEN gdv_minor END"
_NEW_TERMS = "version = version + 1, terms_version = version + 1"


async def rewrite(connection: Connection, loan_id: UUID, terms: Application, now: datetime) -> None:
    """Replace a draft's terms."""
    await rows.update(connection, "property", _property_values(terms), _OF_LOAN, loan_id)
    await rows.update(
        connection, "loan", _loan_values(terms) | {"changed_at": now}, "id = $1", loan_id, also=_NEW_TERMS
    )


async def revalue(connection: Connection, loan_id: UUID, valuation: Valuation, now: datetime) -> None:
    """Take over another valuation: what the loan's risk rests on has changed, so its terms have a new version."""
    found = {
        "valuation_minor": valuation.amount_minor,
        "valued_on": valuation.valued_on,
        "valuer": valuation.valuer,
        "valuation_source": valuation.source,
        "valuation_report_id": valuation.report_id,
    }
    await rows.update(connection, "property", found, _OF_LOAN, loan_id, also=_GDV_STILL_ABOVE)
    await rows.update(connection, "loan", {"changed_at": now}, "id = $1", loan_id, also=_NEW_TERMS)


async def set_status(
    connection: Connection,
    loan_ids: Sequence[UUID],
    target: Status,
    drawn_down_on: date | None,
    matures_on: date | None,
) -> None:
    """Set the status and count the version up; callers have locked the rows and checked the table."""
    await connection.execute(
        "UPDATE loan SET status = $2, version = version + 1, changed_at = business_now(), "
        "submitted_at = CASE WHEN $2 = 'submitted' THEN coalesce(submitted_at, business_now()) ELSE submitted_at END, "
        "drawn_down_on = coalesce($3, drawn_down_on), matures_on = coalesce($4, matures_on) WHERE id = ANY($1)",
        list(loan_ids),
        target.value,
        drawn_down_on,
        matures_on,
    )


async def set_funding_status(connection: Connection, loan_ids: Sequence[UUID], status: str) -> None:
    await connection.execute(
        "UPDATE loan_funding SET status = $2, version = version + 1 WHERE loan_id = ANY($1) AND status <> $2",
        list(loan_ids),
        status,
    )


async def set_terms_version(connection: Connection, loan_id: UUID) -> None:
    """The terms are those of the present version: what the risk service is asked about."""
    await connection.execute("UPDATE loan SET terms_version = version WHERE id = $1", loan_id)


async def set_risk(connection: Connection, loan_id: UUID, risk: RiskSummary) -> Any:
    """Returns what the row now holds."""
    kept = msgspec.to_builtins(risk)
    await rows.update(connection, "loan", {"risk": kept}, "id = $1", loan_id)
    return kept


async def set_maturity(connection: Connection, loan_id: UUID, matures_on: date) -> None:
    await rows.update(connection, "loan", {"matures_on": matures_on}, "id = $1", loan_id)


async def increment_version(connection: Connection, loan_id: UUID) -> None:
    """Count the version up where something but the status changed."""
    await connection.execute(
        "UPDATE loan SET version = version + 1, changed_at = business_now() WHERE id = $1", loan_id
    )


async def set_decided(
    connection: Connection, loan_id: UUID, decision: Decision, offer: Offer | None, decided_by: UUID, now: datetime
) -> None:
    """Who decided when and why, and the terms of an approval."""
    decided = {
        "decided_by": decided_by,
        "decision_reason_code": decision.reason_code,
        "decision_reason": decision.reason,
        "decided_at": now,
    }
    await rows.update(connection, "loan", (rows.values(offer) if offer else {}) | decided, "id = $1", loan_id)


async def clear_decided(connection: Connection, loan_id: UUID) -> None:
    """The loan is undecided again; what was decided stays among its decisions."""
    nothing = dict.fromkeys(("decided_by", "decision_reason_code", "decision_reason", "decided_at"))
    await rows.update(connection, "loan", nothing, "id = $1", loan_id)


async def insert_funding(
    connection: Connection,
    loan: Loan,
    offer: Offer,
    ticket: tuple[int, int, int | None],
) -> None:
    """The hot row, pending until the borrower accepts. ``ticket`` is minimum, step and maximum, minor units."""
    minimum, step, maximum = ticket
    await rows.insert(
        connection,
        "loan_funding",
        {
            "loan_id": loan.id,
            "borrower_id": loan.borrower_id,
            "currency": loan.application.currency,
            "target_minor": loan.application.amount_minor,
            "status": FundingStatus.PENDING,
            "deadline": offer.funding_deadline,
            "minimum_minor": minimum,
            "step_minor": step,
            "maximum_minor": maximum,
        },
    )


async def insert_decision(
    connection: Connection,
    loan: Loan,
    decision: Decision,
    final: bool,
    offer: Offer | None,
    made_by: UUID,
    now: datetime,
) -> dict[str, Any]:
    """Returns what the audit trail keeps of it: with the figures that were decided on."""
    decision_id = uuid7()
    await rows.insert(
        connection,
        "loan_decision",
        {
            "id": decision_id,
            "loan_id": loan.id,
            "loan_version": loan.version,
            "verdict": decision.verdict,
            "final": final,
            "annual_rate": offer.annual_rate if offer else None,
            "funding_deadline": offer.funding_deadline if offer else None,
            "reason_code": decision.reason_code,
            "reason": decision.reason,
            "made_by": made_by,
            "made_at": now,
        },
    )
    return {
        "decision_id": str(decision_id),
        "decided_version": str(loan.version),
        "final": final,
        "annual_rate": str(offer.annual_rate) if offer else None,
        "funding_deadline": offer.funding_deadline.isoformat() if offer else None,
        "decided_on": await connection.fetchval(
            f"SELECT jsonb_build_object({_DECIDED_ON}) FROM loan WHERE id = $1", loan.id
        ),
    }


# What the borrower said of the company: nobody changes it once somebody has decided on it.
BORROWER_FIGURES = (
    "income_minor",
    "assets_minor",
    "debts_minor",
    "adverse_records",
    "years_trading",
    "yearly_costs_minor",
    "premises",
)
# What a decision was made on; the offer's own figures follow from it.
DECIDED_ON = ("amount_minor", "currency", "term_months", "interest_mode", "charge_rank", *BORROWER_FIGURES)
# What borrower and lender have agreed on once the offer is accepted, by the table that keeps it.
AGREED_TERMS: Mapping[str, tuple[str, ...]] = {
    "loan": (
        "borrower_id",
        "property_id",
        "amount_minor",
        "currency",
        "term_months",
        "purpose",
        "exit_strategy",
        "interest_mode",
        "charge_rank",
        "prior_debt_minor",
        "annual_rate",
        "fees",
        "product_terms",
        "funding_deadline",
        *BORROWER_FIGURES,
    ),
    "loan_funding": ("target_minor", "minimum_minor", "step_minor", "maximum_minor"),
}
_DECIDED_ON = ", ".join(f"'{name}', {name}" for name in DECIDED_ON)
_TERM_PAIRS = ", ".join(f"'{name}', {table}.{name}" for table, names in AGREED_TERMS.items() for name in names)


async def agreed_terms(connection: Connection, loan_id: UUID) -> dict[str, Any]:
    """The terms of an offer as their rows keep them."""
    found: dict[str, Any] = await connection.fetchval(
        f"SELECT jsonb_build_object({_TERM_PAIRS}) FROM loan JOIN loan_funding ON loan_funding.loan_id = loan.id "
        "WHERE loan.id = $1",
        loan_id,
    )
    return found


async def first_approvals(connection: Connection, loan_ids: Sequence[UUID]) -> dict[UUID, FirstApproval]:
    """Approvals of the loans' present versions that wait for a second person."""
    found = await connection.fetch(
        "SELECT d.* FROM loan_decision d JOIN loan l ON l.id = d.loan_id AND l.version = d.loan_version "
        "WHERE d.loan_id = ANY($1) AND NOT d.final AND d.verdict = 'approve'",
        list(loan_ids),
    )
    return {row["loan_id"]: rows.read(FirstApproval, row) for row in found}


async def insert_edit(connection: Connection, loan_id: UUID, version: int, editor_id: UUID, now: datetime) -> None:
    edit = {"loan_id": loan_id, "version": version, "editor_id": editor_id, "edited_at": now}
    await rows.insert(connection, "loan_edit", edit)


async def editors(connection: Connection, loan_id: UUID) -> frozenset[UserId]:
    found = await connection.fetch("SELECT DISTINCT editor_id FROM loan_edit WHERE loan_id = $1", loan_id)
    return frozenset(UserId(row["editor_id"]) for row in found)


async def approvers(connection: Connection, loan_id: UUID) -> frozenset[UserId]:
    """Everybody who approved the loan, also as the first of two."""
    found = await connection.fetch(
        "SELECT DISTINCT made_by FROM loan_decision WHERE loan_id = $1 AND verdict = 'approve'", loan_id
    )
    return frozenset(UserId(row["made_by"]) for row in found)


async def decliners(connection: Connection, loan_id: UUID) -> frozenset[UserId]:
    """Everybody who declined the loan."""
    found = await connection.fetch(
        "SELECT DISTINCT made_by FROM loan_decision WHERE loan_id = $1 AND verdict = 'decline'", loan_id
    )
    return frozenset(UserId(row["made_by"]) for row in found)


async def newest_decline(connection: Connection, loan_id: UUID) -> UUID | None:
    """The id of the last decision that declined the loan."""
    found: UUID | None = await connection.fetchval(NEWEST_DECLINE, loan_id)
    return found


async def recorders(connection: Connection, loan_id: UUID) -> frozenset[UserId]:
    """Everybody who recorded evidence for the loan's conditions."""
    found = await connection.fetch("SELECT DISTINCT recorded_by FROM loan_condition WHERE loan_id = $1", loan_id)
    return frozenset(UserId(row["recorded_by"]) for row in found)


async def raised(connection: Connection, borrower_id: UUID, but: UUID) -> list[tuple[Currency, int]]:
    """What the borrower raises or raised in the last twelve months on other loans, by currency, minor units."""
    found = await connection.fetch(
        "SELECT currency, sum(amount_minor)::bigint AS minor FROM loan WHERE borrower_id = $1 AND id <> $2 "
        "AND status = ANY($3) AND decided_at > business_now() - interval '12 months' GROUP BY currency",
        borrower_id,
        but,
        [status.value for status in RAISING_STATUSES],
    )
    return [(Currency(row["currency"]), row["minor"]) for row in found]


async def insert_condition(
    connection: Connection,
    loan_id: UUID,
    evidence: Charge | Valuation | Insurance,
    recorded_by: UUID,
    now: datetime,
) -> dict[str, Any]:
    """Keep one piece of evidence; later ones of its kind are added, earlier ones stay to be read.

    Returns what the audit trail keeps of it.
    """
    columns: dict[str, Any]
    match evidence:
        case Charge():
            columns = {"charge_rank": evidence.rank, "registered_on": evidence.registered_on}
        case Valuation():
            columns = {
                "valuer": evidence.valuer,
                "valued_on": evidence.valued_on,
                "amount_minor": evidence.amount_minor,
            }
        case Insurance():
            columns = {
                "insurer": evidence.insurer,
                "policy": evidence.policy,
                "expires_on": evidence.expires_on,
                "amount_minor": evidence.sum_minor,
            }
    columns |= {
        "id": uuid7(),
        "loan_id": loan_id,
        "kind": type(evidence).__name__.lower(),
        "recorded_by": recorded_by,
        "recorded_at": now,
    }
    await rows.insert(connection, "loan_condition", columns)
    return {name: str(value) for name, value in columns.items() if name not in {"recorded_by", "recorded_at"}}


async def set_conditions(connection: Connection, loan_id: UUID, conditions: frozenset[str]) -> None:
    await rows.update(connection, "loan", {"conditions": sorted(conditions)}, "id = $1", loan_id)


async def past_deadline(connection: Connection, limit: int) -> list[UUID]:
    """Loans whose offer or funding period has ended by the business clock, earliest first."""
    return [row["loan_id"] for row in await connection.fetch(PAST_DEADLINE, limit)]


VERSIONS_PAGE = (
    "SELECT l.id, l.version, f.version AS funding_version FROM loan l JOIN loan_funding f ON f.loan_id = l.id "
    "WHERE l.id > coalesce($1::uuid, '00000000-0000-0000-0000-000000000000') ORDER BY l.id LIMIT $2"
)


async def versions_page(connection: Connection, after: UUID | None, limit: int) -> list[tuple[UUID, int, int]]:
    """(loan, version, version of its funding) of every loan that was ever offered, by id."""
    found = await connection.fetch(VERSIONS_PAGE, after, limit)
    return [(row["id"], row["version"], row["funding_version"]) for row in found]
