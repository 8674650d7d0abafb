"""Row 14: accounts of two years, ownership and business plan as documents of an application, listed as asked for."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from halfpenny import loans
from halfpenny.platform.database import Database
from halfpenny.primitives.ids import LoanId, UserId, uuid7
from halfpenny.underwriting import reviews
from halfpenny.underwriting.documents.model import (
    ACCOUNTS_YEARS,
    MOST_DOCUMENTS,
    ApplicationDocument,
    DocumentKind,
    asked_for,
)
from halfpenny.underwriting.documents.rest import router
from halfpenny.underwriting.pdf import MAX_DOCUMENT_BYTES
from halfpenny_demo.valuation_document import report_document
from support import lending
from support.edge import Client
from support.lending_app import lending_client
from support.people import Somebody, make_somebody

PDF = report_document("Nobody", "Prosta 7", "Accounts", "2026-03-31")


@pytest.fixture
async def client(database: Database) -> AsyncIterator[Client]:
    async with lending_client(database, router) as client:
        yield client


@pytest.fixture
async def people(database: Database) -> dict[str, Somebody]:
    roles = {"owner": "borrower", "other": "borrower", "staff": "underwriter"}
    return {name: await make_somebody(database, role) for name, role in roles.items()}


def body(kind: str, document: bytes = PDF, **more: Any) -> dict[str, Any]:
    return {"kind": kind, "document": base64.b64encode(document).decode(), **more}


async def submitted(database: Database, owner: Somebody) -> loans.Loan:
    async with database.unit_of_work() as connection:
        return await lending.submitted(connection, owner.user_id)


async def kept(database: Database, loan_id: UUID) -> int:
    async with database.reading() as connection:
        found: int = await connection.fetchval("SELECT count(*) FROM application_document WHERE loan_id = $1", loan_id)
        return found


async def test_row_14_documents_are_attached_listed_as_asked_for_and_read(
    client: Client, database: Database, people: dict[str, Somebody]
) -> None:
    loan = await submitted(database, people["owner"])
    path, owner, staff = f"/api/v1/loans/{loan.id}/documents", people["owner"].headers, people["staff"].headers
    before = (await client.get(path, headers=owner)).json()
    needed = {"accounts": 2, "ownership": 1, "business_plan": 1}
    assert before["items"] == []
    assert before["asked_for"] == [{"kind": kind, "needed": number, "received": 0} for kind, number in needed.items()]
    year = datetime.now(UTC).year
    first = await client.post(path, json=body("accounts", financial_year=year - 1), headers=owner)
    assert first.status_code == 201 and "uploaded_by" not in first.json()
    for sent, who in (
        (body("accounts", financial_year=year - 3), staff),
        (body("ownership"), owner),
        (body("business_plan"), owner),
    ):
        assert (await client.post(path, json=sent, headers=who)).status_code == 201
    after = (await client.get(path, headers=staff)).json()
    assert [asked["received"] for asked in after["asked_for"]] == [2, 1, 1] and len(after["items"]) == 4
    assert after["items"][0]["kind"] == "business_plan" and after["items"][-1]["uploaded_by"] == str(
        people["owner"].user_id
    )
    document = await client.get(f"{path}/{first.json()['id']}", headers=staff)
    assert document.content == PDF and document.headers["content-type"] == "application/pdf"
    async with database.reading() as connection:
        # Nothing about the loan has changed, and the trail holds the digests alone.
        assert await loans.get(connection, loan.id) == loan
        audited = await connection.fetch(
            "SELECT data FROM audit_entry WHERE action = 'application_document.upload' AND subject_id = $1", loan.id
        )
    assert [len(row["data"]["document_sha256"]) for row in audited] == [64] * 4


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (body("accounts"), "financial_year_missing"),
        (body("ownership", financial_year=2025), "financial_year_not_of_accounts"),
        (body("accounts", financial_year=1999), "financial_year_out_of_range"),
        (body("accounts", financial_year=2199), "financial_year_out_of_range"),
        (body("business_plan", b"a plan"), "document_not_pdf"),
        (body("business_plan", PDF[:-8] + b"x" * 2_000), "document_not_pdf"),
        (body("business_plan", b"%PDF-1.4" + b"0" * MAX_DOCUMENT_BYTES + b"%%EOF"), "document_too_large"),
        (body("diary"), "malformed"),
    ],
)
async def test_row_14_what_is_no_such_document_is_refused_and_nothing_is_kept(
    client: Client, database: Database, people: dict[str, Somebody], sent: dict[str, Any], code: str
) -> None:
    loan = await submitted(database, people["owner"])
    refused = await client.post(f"/api/v1/loans/{loan.id}/documents", json=sent, headers=people["owner"].headers)
    assert (refused.status_code, refused.json()["code"]) == (422, code)
    assert await kept(database, loan.id) == 0


async def test_row_14_documents_are_for_the_borrower_and_staff_and_come_before_the_decision(
    client: Client, database: Database, people: dict[str, Somebody]
) -> None:
    loan = await submitted(database, people["owner"])
    path, owner, other = f"/api/v1/loans/{loan.id}/documents", people["owner"].headers, people["other"].headers
    ours = await client.post(path, json=body("ownership"), headers=owner)
    for hidden in (
        await client.post(path, json=body("ownership"), headers=other),
        await client.get(path, headers=other),
        await client.get(f"{path}/{ours.json()['id']}", headers=other),
    ):
        assert (hidden.status_code, hidden.json()["code"]) == (404, "loan_not_found")
    another = await submitted(database, people["owner"])
    elsewhere = await client.get(f"/api/v1/loans/{another.id}/documents/{ours.json()['id']}", headers=owner)
    assert elsewhere.json()["code"] == "application_document_not_found"
    for _ in range(MOST_DOCUMENTS - 1):
        assert (await client.post(path, json=body("ownership"), headers=owner)).status_code == 201
    full = await client.post(path, json=body("ownership"), headers=owner)
    assert (full.status_code, full.json()["code"]) == (409, "too_many_documents")
    assert await kept(database, loan.id) == MOST_DOCUMENTS
    async with database.unit_of_work() as connection:
        await loans.withdraw(connection, people["owner"].user_id, another.id)
    late = await client.post(f"/api/v1/loans/{another.id}/documents", json=body("ownership"), headers=owner)
    assert (late.status_code, late.json()["code"]) == (409, "wrong_status")
    assert await kept(database, another.id) == 0


@pytest.mark.parametrize("ago", [0, 2, 10])
async def test_row_14_a_second_set_of_accounts_of_one_year_is_refused(
    client: Client, database: Database, people: dict[str, Somebody], ago: int
) -> None:
    loan, another = await submitted(database, people["owner"]), await submitted(database, people["owner"])
    year, owner = datetime.now(UTC).year - ago, people["owner"].headers
    path, sent = f"/api/v1/loans/{loan.id}/documents", body("accounts", financial_year=year)
    assert (await client.post(path, json=sent, headers=owner)).status_code == 201
    before = (await client.get(path, headers=owner)).json()
    for who in ("owner", "staff"):
        refused = await client.post(path, json=sent, headers=people[who].headers)
        assert (refused.status_code, refused.json()["code"]) == (409, "accounts_of_year_present")
        assert refused.json()["data"] == {"financial_year": year}
    assert (await client.get(path, headers=owner)).json() == before
    # Another year, another kind and another loan are no second set.
    other_year = body("accounts", financial_year=year - 1 if ago < 10 else year + 1)
    elsewhere = f"/api/v1/loans/{another.id}/documents"
    for where, taken in ((path, other_year), (path, body("ownership")), (elsewhere, sent)):
        assert (await client.post(where, json=taken, headers=owner)).status_code == 201


async def test_documents_are_taken_while_a_decline_is_under_review(
    client: Client, database: Database, people: dict[str, Somebody]
) -> None:
    """What the letter invites: the borrower sends what was not known."""
    loan = await submitted(database, people["owner"])
    async with database.unit_of_work() as connection:
        decision = loans.Decision(loans.Verdict.DECLINE, loan.version, loans.DecisionReason.EXIT, "Not credible.")
        await loans.decide_on(connection, people["staff"].user_id, loan.id, decision, lending.RULES)
    path, owner = f"/api/v1/loans/{loan.id}/documents", people["owner"].headers
    before = await client.post(path, json=body("ownership"), headers=owner)
    assert (before.status_code, before.json()["code"], await kept(database, loan.id)) == (409, "wrong_status", 0)
    async with database.unit_of_work() as connection:
        review = await reviews.request_review(connection, people["owner"].user_id, loan.id, "There is a buyer.")
    assert (await client.post(path, json=body("ownership"), headers=owner)).status_code == 201
    async with database.unit_of_work() as connection:
        other = (await make_somebody(database, "underwriter")).user_id
        await reviews.decide(connection, other, review.id, overturned=False, answer="It stands.")
    after = await client.post(path, json=body("business_plan"), headers=owner)
    assert (after.status_code, after.json()["code"], await kept(database, loan.id)) == (409, "wrong_status", 1)


@given(st.lists(st.tuples(st.sampled_from(DocumentKind), st.integers(2016, 2026)), max_size=12))
def test_row_14_what_is_asked_for_counts_years_and_never_more_than_it_needs(
    found: list[tuple[DocumentKind, int]],
) -> None:
    documents = [
        ApplicationDocument(
            *(uuid7(), LoanId(UUID(int=1)), kind, year if kind is DocumentKind.ACCOUNTS else None),
            *("0" * 64, UserId(UUID(int=2)), datetime(2026, 1, 1, tzinfo=UTC)),
        )
        for kind, year in found
    ]
    accounts, ownership, plan = asked_for(documents)
    years = {year for kind, year in found if kind is DocumentKind.ACCOUNTS}
    assert (accounts.needed, accounts.received) == (ACCOUNTS_YEARS, min(ACCOUNTS_YEARS, len(years)))
    for asked, kind in ((ownership, DocumentKind.OWNERSHIP), (plan, DocumentKind.BUSINESS_PLAN)):
        assert (asked.kind, asked.needed) == (kind, 1)
        assert asked.received == int(any(other is kind for other, _ in found))
