"""All SQL of underwriting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from halfpenny.platform import rows
from halfpenny.platform.database import Connection, Record
from halfpenny.primitives.ids import uuid7


@dataclass(frozen=True, slots=True)
class Assessment:
    """One answer as it came. ``current`` is whether it was about the loan's terms of that moment.

    ``narrative`` is the prose that was written about it later, if any was.
    """

    id: UUID
    loan_id: UUID
    loan_version: int
    model_version: str
    current: bool
    answer: dict[str, Any]
    received_at: datetime
    narrative: dict[str, Any] | None = None


async def known(connection: Connection, loan_id: UUID, loan_version: int, model_version: str) -> bool:
    """Whether this model has answered for these terms already."""
    found: bool = await connection.fetchval(
        "SELECT EXISTS (SELECT FROM assessment WHERE loan_id = $1 AND loan_version = $2 AND model_version = $3)",
        loan_id,
        loan_version,
        model_version,
    )
    return found


async def insert(
    connection: Connection,
    loan_id: UUID,
    loan_version: int,
    model_version: str,
    current: bool,
    answer: dict[str, Any],
) -> None:
    row = {"id": uuid7(), "loan_id": loan_id, "loan_version": loan_version, "model_version": model_version}
    row |= {"current": current, "answer": answer}
    await rows.insert(connection, "assessment", row, computed={"received_at": "business_now()"})


async def insert_narrative(
    connection: Connection, loan_id: UUID, loan_version: int, model_version: str, narrative: dict[str, Any]
) -> bool:
    """Keep prose beside the answer that it is about; False where there is no such answer. A second one is ignored."""
    found: bool = await connection.fetchval(
        "WITH answer AS (SELECT id FROM assessment WHERE loan_id = $1 AND loan_version = $2 AND model_version = $3), "
        "kept AS (INSERT INTO assessment_narrative (assessment_id, narrative, received_at) "
        "SELECT id, $4, business_now() FROM answer ON CONFLICT DO NOTHING) SELECT EXISTS (SELECT FROM answer)",
        loan_id,
        loan_version,
        model_version,
        narrative,
    )
    return found


# A handful of answers a loan: read whole, newest first.
OF_LOAN = (
    "SELECT assessment.*, narrative FROM assessment LEFT JOIN assessment_narrative ON assessment_id = assessment.id "
    "WHERE loan_id = $1 ORDER BY assessment.id DESC LIMIT $2"
)


async def of_loan(connection: Connection, loan_id: UUID, limit: int) -> list[Assessment]:
    return [_assessment(row) for row in await connection.fetch(OF_LOAN, loan_id, limit)]


DECIDED_ON = (
    "SELECT assessment.*, NULL AS narrative FROM assessment "
    "WHERE loan_id = $1 AND loan_version = $2 AND current ORDER BY id DESC LIMIT 1"
)


async def decided_on(connection: Connection, loan_id: UUID, terms_version: int) -> Assessment | None:
    """The answer that a loan with these terms goes by; None where it has none."""
    row = await connection.fetchrow(DECIDED_ON, loan_id, terms_version)
    return None if row is None else _assessment(row)


@dataclass(frozen=True, slots=True)
class AnswerFigures:
    """One answer without its prose, reasons and comparables: what reports over many loans read."""

    loan_id: UUID
    model_version: str
    current: bool
    received_at: datetime
    answer: dict[str, Any]


ASSESSED_PAGE = (
    "SELECT DISTINCT loan_id FROM assessment "
    "WHERE loan_id > coalesce($1::uuid, '00000000-0000-0000-0000-000000000000') ORDER BY loan_id LIMIT $2"
)
_FIGURES = (
    "SELECT loan_id, model_version, current, received_at, answer - '{reasons,principal_against,principal_for,"
    "narrative,valuation,price_terms}'::text[] AS answer FROM assessment WHERE loan_id = ANY($1) ORDER BY loan_id, id"
)


async def assessed_page(connection: Connection, after: UUID | None, limit: int) -> dict[UUID, list[AnswerFigures]]:
    """Loans that were ever assessed, by id, each with its answers, oldest first."""
    loan_ids = [row["loan_id"] for row in await connection.fetch(ASSESSED_PAGE, after, limit)]
    found: dict[UUID, list[AnswerFigures]] = {loan_id: [] for loan_id in loan_ids}
    for row in await connection.fetch(_FIGURES, loan_ids):
        found[row["loan_id"]].append(AnswerFigures(*row.values()))
    return found


@dataclass(frozen=True, slots=True)
class CurrentAnswer:
    """The answer that a loan goes by: the newest that was about its terms of that moment.

    ``answers`` is how many of those there were, which only ever rises.
    """

    loan_id: UUID
    loan_version: int
    model_version: str
    received_at: datetime
    answer: dict[str, Any]
    answers: int


CURRENT_PAGE = (
    "SELECT loan_id, count(*) AS answers FROM assessment "
    "WHERE current AND loan_id > coalesce($1::uuid, '00000000-0000-0000-0000-000000000000') "
    "GROUP BY loan_id ORDER BY loan_id LIMIT $2"
)
_CURRENT = (
    "SELECT DISTINCT ON (loan_id) loan_id, loan_version, model_version, received_at, answer, "
    "count(*) OVER (PARTITION BY loan_id) AS answers FROM assessment "
    "WHERE current AND loan_id = ANY($1) ORDER BY loan_id, id DESC"
)


async def current_page(connection: Connection, after: UUID | None, limit: int) -> list[tuple[UUID, int]]:
    """(loan, how many answers it took over) by id: what a projection compares itself with."""
    found = await connection.fetch(CURRENT_PAGE, after, limit)
    return [(row["loan_id"], row["answers"]) for row in found]


async def current_answers(connection: Connection, loan_ids: Sequence[UUID]) -> list[CurrentAnswer]:
    """The answers that these loans go by; a loan without one is left out."""
    return [rows.read(CurrentAnswer, row) for row in await connection.fetch(_CURRENT, list(loan_ids))]


def _assessment(row: Record) -> Assessment:
    return Assessment(
        row["id"],
        row["loan_id"],
        row["loan_version"],
        row["model_version"],
        row["current"],
        row["answer"],
        row["received_at"],
        row["narrative"],
    )
