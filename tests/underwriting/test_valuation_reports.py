"""Row 1: a report counts once staff have verified its document, and until then it is the owner's word."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from halfpenny import loans
from halfpenny.platform.clock import business_date
from halfpenny.platform.database import Database
from halfpenny.underwriting import valuation_reports
from halfpenny.underwriting.valuation_reports.rest import router
from halfpenny_demo.valuation_document import report_document
from halfpenny_messages import ReassessmentRequested, decode_payload
from support import lending
from support.edge import Client
from support.lending_app import lending_client
from support.people import Somebody, make_somebody

CHECKS = {"checks": [check.value for check in valuation_reports.ReportCheck]}
DOCUMENT = report_document("Birch & Stone", "12 Quay Street", "455000.00 EUR", "2026-10-01")


@pytest.fixture
async def client(database: Database) -> AsyncIterator[Client]:
    async with lending_client(database, router) as client:
        yield client


@pytest.fixture
async def people(database: Database) -> dict[str, Somebody]:
    roles = {"owner": "borrower", "other": "borrower", "staff": "administrator", "second": "underwriter"}
    return {name: await make_somebody(database, role) for name, role in roles.items()}


async def start(client: Client, database: Database, people: dict[str, Somebody]) -> tuple[loans.Loan, dict[str, Any]]:
    """An assessed loan, and the body of a report for it by a valuer of the panel."""
    async with database.unit_of_work() as connection:
        loan = await lending.assessed(connection, people["owner"].user_id)
        today = await business_date(connection)
    valuer = {"name": "Birch & Stone", "registration_body": "RICS", "registration_number": "0815", "country": "US"}
    added = await client.post("/api/v1/valuers", json=valuer, headers=people["staff"].headers)
    again = await client.post("/api/v1/valuers", json=valuer, headers=people["staff"].headers)
    assert (added.status_code, again.json()["code"]) == (201, "valuer_listed")
    body = {
        "valuer_id": added.json()["id"],
        "source": "survey",
        "amount": "455000.00",
        "valued_on": (today - timedelta(days=20)).isoformat(),
        "document": base64.b64encode(DOCUMENT).decode(),
    }
    return loan, body


async def test_row_1_a_verified_report_is_the_loans_valuation_and_is_assessed(
    client: Client, database: Database, people: dict[str, Somebody]
) -> None:
    loan, body = await start(client, database, people)
    path = f"/api/v1/loans/{loan.id}/valuation-reports"
    owner, staff = people["owner"].headers, people["staff"].headers
    uploaded = (await client.post(path, json=body, headers=owner)).json()
    async with database.reading() as connection:
        unchanged = await loans.get(connection, loan.id)
    assert unchanged.version == loan.version and unchanged.application == loan.application
    waiting = (await client.get("/api/v1/valuation-reports", headers=staff)).json()["items"]
    assert [report["id"] for report in waiting] == [uploaded["id"]]
    verify = f"{path}/{uploaded['id']}/verify"
    answers = [
        await client.post(verify, json=CHECKS, headers=owner),
        await client.post(verify, json={"checks": CHECKS["checks"][1:]}, headers=staff),
        await client.post(verify, json=CHECKS, headers=staff),
        await client.post(verify, json=CHECKS, headers=staff),
    ]
    codes = [answer.json().get("code") for answer in answers]
    assert codes == ["wrong_role", "checks_missing", None, "valuation_report_checked"]
    async with database.reading() as connection:
        after = await loans.get(connection, loan.id)
        event = await connection.fetchrow(
            "SELECT * FROM outbox WHERE aggregate_id = $1 ORDER BY seq DESC LIMIT 1", loan.id
        )
        audited = await connection.fetchval(
            "SELECT data FROM audit_entry WHERE action = 'valuation_report.verify' AND subject_id = $1", loan.id
        )
    asset = after.application.property
    assert (asset.valuation_minor, asset.valuer, str(asset.valuation_report_id)) == (
        45_500_000,
        "Birch & Stone",
        uploaded["id"],
    )
    assert audited["checks"] == sorted(CHECKS["checks"])
    asked = decode_payload(event["name"], event["version"], event["payload"])
    assert isinstance(asked, ReassessmentRequested) and asked.loan.property.report_verified
    document = await client.get(f"{path}/{uploaded['id']}/document", headers=owner)
    assert document.content == DOCUMENT and "attachment" in document.headers["content-disposition"]
    hidden = await client.get(f"{path}/{uploaded['id']}/document", headers=people["other"].headers)
    assert hidden.json()["code"] == "loan_not_found"


async def test_row_10_a_report_with_an_implausible_figure_is_refused_and_kept_nowhere(
    client: Client, database: Database, people: dict[str, Somebody]
) -> None:
    loan, body = await start(client, database, people)
    path = f"/api/v1/loans/{loan.id}/valuation-reports"
    answer = await client.post(path, json=body | {"amount": "70000000000.00"}, headers=people["owner"].headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "amount_implausible")
    assert answer.json()["data"] == {"field": "amount", "maximum_euros": 1_000_000_000}
    async with database.reading() as connection:
        assert await connection.fetchval("SELECT count(*) FROM valuation_report") == 0
        assert await loans.get(connection, loan.id) == loan


async def test_row_1_another_figure_ends_what_was_verified(
    client: Client, database: Database, people: dict[str, Somebody]
) -> None:
    loan, body = await start(client, database, people)
    path = f"/api/v1/loans/{loan.id}/valuation-reports"
    report = (await client.post(path, json=body, headers=people["owner"].headers)).json()
    await client.post(f"{path}/{report['id']}/verify", json=CHECKS, headers=people["staff"].headers)
    async with database.unit_of_work() as connection:
        raised = loans.Valuation(61_000_000, loan.application.property.valued_on, "Birch & Stone", body_source())
        borrower = loans.Actor(loans.ActorKind.BORROWER, people["owner"].user_id)
        changed = await loans.revalue(connection, borrower, loan.id, raised)
    assert changed.application.property.valuation_report_id is None


def body_source() -> loans.ValuationSource:
    return loans.ValuationSource.SURVEY


async def test_row_1_nobody_verifies_what_they_uploaded(
    client: Client, database: Database, people: dict[str, Somebody]
) -> None:
    loan, body = await start(client, database, people)
    path = f"/api/v1/loans/{loan.id}/valuation-reports"
    report = (await client.post(path, json=body, headers=people["second"].headers)).json()
    own = await client.post(f"{path}/{report['id']}/verify", json=CHECKS, headers=people["second"].headers)
    assert own.json()["code"] == "four_eyes"
    another = await client.post(f"{path}/{report['id']}/verify", json=CHECKS, headers=people["staff"].headers)
    assert another.json()["status"] == "verified"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"source": "owner"}, "owner_has_no_report"),
        ({"amount": "0.00"}, "report_amount_not_positive"),
        ({"valued_on": "2199-01-01"}, "report_dated_in_future"),
        ({"document": base64.b64encode(b"<svg onload=alert(1)>").decode()}, "document_not_pdf"),
        ({"document": base64.b64encode(DOCUMENT[:-20]).decode()}, "document_not_pdf"),
        ({"document": "A"}, "document_not_pdf"),
        ({"document": base64.b64encode(b"%PDF-" + bytes(600_001) + b"%%EOF").decode()}, "document_too_large"),
        ({"valuer_id": "0190d0c0-0000-7000-8000-000000000000"}, "valuer_not_on_panel"),
    ],
)
async def test_row_1_what_is_no_report_is_refused_and_nothing_is_kept(
    client: Client, database: Database, people: dict[str, Somebody], changes: dict[str, Any], code: str
) -> None:
    loan, body = await start(client, database, people)
    path = f"/api/v1/loans/{loan.id}/valuation-reports"
    answer = await client.post(path, json=body | changes, headers=people["owner"].headers)
    assert answer.json()["code"] == code
    assert (await client.get(path, headers=people["owner"].headers)).json() == {"items": []}


async def test_row_1_a_valuer_off_the_panel_or_of_another_country_counts_no_more(
    client: Client, database: Database, people: dict[str, Somebody]
) -> None:
    loan, body = await start(client, database, people)
    owner, staff = people["owner"].headers, people["staff"].headers
    path = f"/api/v1/loans/{loan.id}/valuation-reports"
    foreign = {"name": "Brzoza", "registration_body": "CRRM", "registration_number": "4", "country": "PL"}
    added = (await client.post("/api/v1/valuers", json=foreign, headers=staff)).json()
    answer = await client.post(path, json=body | {"valuer_id": added["id"]}, headers=owner)
    assert answer.json()["code"] == "valuer_of_another_country"
    report = (await client.post(path, json=body, headers=owner)).json()
    assert (await client.post(f"/api/v1/valuers/{body['valuer_id']}/remove", headers=staff)).status_code == 200
    late = await client.post(f"{path}/{report['id']}/verify", json=CHECKS, headers=staff)
    assert late.json()["code"] == "valuer_not_on_panel"
    refused = await client.post(f"{path}/{report['id']}/refuse", json={"note": "Off the panel."}, headers=staff)
    assert refused.json()["status"] == "refused"
    async with database.reading() as connection:
        assert (await loans.get(connection, loan.id)).application.property.valuation_report_id is None
