"""Row 13, as people use it: the borrower's page of a decline, the staff's queue, the case, and the answer."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from html import unescape
from typing import Any
from uuid import UUID

import pytest

from halfpenny import loans
from halfpenny.platform import clock
from halfpenny.platform.database import Database
from halfpenny.primitives.ids import uuid7
from halfpenny.underwriting import documents
from halfpenny.underwriting.pages import router
from halfpenny.underwriting.reviews.rest import router as rest
from halfpenny_demo.valuation_document import report_document
from halfpenny_messages import MOST_PRINCIPAL_REASONS
from support import lending
from support.edge import Client
from support.lending_app import lending_client
from support.people import Somebody, make_somebody
from underwriting.test_assessments import answer, deliver

PDF = report_document("Nobody", "Prosta 7", "Accounts", "2026-03-31")
FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.fixture
async def client(database: Database) -> AsyncIterator[Client]:
    async with lending_client(database, router, rest) as client:
        yield client


@pytest.fixture
async def people(database: Database) -> dict[str, Somebody]:
    roles = {
        **{"owner": "borrower", "other": "borrower"},
        **{"first": "underwriter", "second": "administrator", "auditor": "auditor"},
    }
    return {name: await make_somebody(database, role) for name, role in roles.items()}


async def declined(database: Database, people: dict[str, Somebody]) -> loans.Loan:
    """Assessed, then declined by ``first``."""
    async with database.unit_of_work() as connection:
        loan = await lending.submitted(connection, people["owner"].user_id)
    await deliver(database, answer(loan.id, loan.terms_version, recommendation="refer"))
    async with database.unit_of_work() as connection:
        now = await loans.get(connection, loan.id)
        decision = loans.Decision(
            loans.Verdict.DECLINE, now.version, loans.DecisionReason.LEVERAGE, "Too much for a bungalow."
        )
        found, _ = await loans.decide_on(connection, people["first"].user_id, loan.id, decision, lending.RULES)
    return found


def page_headers(who: Somebody, language: str = "en") -> dict[str, str]:
    return {**who.headers, "accept": "text/html", "accept-language": language}


def words(page: Any) -> str:
    """What a reader sees, without the markup."""
    text = re.sub(r"<[^>]+>", " ", page.text)
    return " ".join(unescape(text).replace("\xa0", " ").split())


async def status_of(database: Database, loan_id: UUID) -> tuple[str, list[str]]:
    async with database.reading() as connection:
        found = await connection.fetch("SELECT status FROM decision_review WHERE loan_id = $1 ORDER BY id", loan_id)
        return (await loans.get(connection, loan_id)).status.value, [row["status"] for row in found]


@pytest.mark.parametrize("language", ["en", "pl"])
async def test_row_13_a_borrower_asks_on_the_page_and_reads_the_answer_there(
    client: Client, database: Database, people: dict[str, Somebody], language: str
) -> None:
    loan = await declined(database, people)
    page, headers = f"/borrow/{loan.id}/review", page_headers(people["owner"], language)
    shown = await client.get(page, headers=headers)
    assert shown.status_code == 200
    expected = {
        "en": ("Your application was declined", "At 52% of the value: grade A.", "within 30 days"),
        "pl": ("Odmowa udzielenia pożyczki", "Przy 52% wartości: ocena A.", "w ciągu 30 dni"),
    }[language]
    assert all(part in words(shown) for part in expected) and "Too much for a bungalow" not in shown.text
    for code in ("en", "pl"):
        assert f"/api/v1/loans/{loan.id}/decision-letter?language={code}" in shown.text
    asked = await client.post(page, content="statement=The+roof+%26+cellar%0D%0Aare+new.", headers=headers | FORM)
    assert (asked.status_code, asked.headers["location"]) == (303, page)
    after = await client.get(page, headers=headers)
    assert "The roof &amp; cellar\nare new." in after.text and "<form" not in after.text
    again = await client.post(page, content="statement=Once+more.", headers=headers | FORM)
    assert again.status_code == 409
    assert {"en": "asked for already", "pl": "już się zwrócono"}[language] in words(again)
    assert await status_of(database, loan.id) == ("declined", ["open"])


@pytest.mark.parametrize("content", ["", "statement=", f"statement={'x' * 5_001}", "statement=%ff", "statement=%00"])
async def test_row_13_a_request_that_cannot_be_read_changes_nothing(
    client: Client, database: Database, people: dict[str, Somebody], content: str
) -> None:
    loan = await declined(database, people)
    refused = await client.post(
        f"/borrow/{loan.id}/review", content=content, headers=page_headers(people["owner"]) | FORM
    )
    assert refused.status_code == 422
    assert await status_of(database, loan.id) == ("declined", [])


async def test_row_13_the_page_of_a_decline_is_for_its_borrower_alone(
    client: Client, database: Database, people: dict[str, Somebody]
) -> None:
    loan = await declined(database, people)
    page = f"/borrow/{loan.id}/review"
    for who, status in (("other", 404), ("first", 403), ("auditor", 403)):
        assert (await client.get(page, headers=page_headers(people[who]))).status_code == status
        posted = await client.post(page, content="statement=Mine.", headers=page_headers(people[who]) | FORM)
        assert posted.status_code == status
    assert (await client.get(page, headers={"accept": "text/html"})).status_code == 303
    async with database.unit_of_work() as connection:
        running = await lending.submitted(connection, people["owner"].user_id)
    early = await client.get(f"/borrow/{running.id}/review", headers=page_headers(people["owner"]))
    assert early.status_code == 409
    assert await status_of(database, loan.id) == ("declined", [])


@pytest.mark.parametrize("language", ["en", "pl"])
async def test_row_13_staff_see_what_waits_look_at_the_case_and_answer(
    client: Client, database: Database, people: dict[str, Somebody], language: str
) -> None:
    loan = await declined(database, people)
    staff = page_headers(people["second"], language)
    empty = await client.get("/staff/queues/reviews", headers=staff)
    assert {"en": "No review waits", "pl": "Żadna prośba nie czeka"}[language] in words(empty)
    body = {"statement": "The <roof> is new."}
    asked = await client.post(f"/api/v1/loans/{loan.id}/reviews", json=body, headers=people["owner"].headers)
    case = f"/staff/reviews/{asked.json()['id']}"
    queue = await client.get("/staff/queues/reviews", headers=staff)
    company = loan.application.borrower.company
    assert case in queue.text and company in words(queue)
    shown = await client.get(case, headers=staff)
    for part in ("The <roof> is new.", "Too much for a bungalow.", company):
        assert part in words(shown)
    assert {"en": "At 52% of the value: grade A.", "pl": "Przy 52% wartości: ocena A."}[language] in words(shown)
    assert {"en": "not stated", "pl": "nie podano"}[language] in words(shown) and "<textarea" in shown.text
    # Whoever took the decision, and whoever only reads, has no form and may not send one.
    for who, status in (("first", 403), ("auditor", 403)):
        theirs = page_headers(people[who], language)
        assert "<textarea" not in (await client.get(case, headers=theirs)).text
        sent = await client.post(case, content="outcome=upheld&answer=No.", headers=theirs | FORM)
        assert sent.status_code == status
    for content in ("outcome=upheld&answer=", "answer=Fine.", "outcome=open&answer=Kept+words."):
        refused = await client.post(case, content=content, headers=staff | FORM)
        assert refused.status_code == 422 and "<textarea" in refused.text
    assert "Kept words." in refused.text
    assert await status_of(database, loan.id) == ("declined", ["open"])
    answered = await client.post(case, content="outcome=overturned&answer=You+are+right.", headers=staff | FORM)
    assert (answered.status_code, answered.headers["location"]) == (303, case)
    assert await status_of(database, loan.id) == ("submitted", ["overturned"])
    after = await client.get(case, headers=staff)
    assert "You are right." in words(after) and "<textarea" not in after.text
    late = await client.post(case, content="outcome=upheld&answer=No.", headers=staff | FORM)
    assert late.status_code == 409
    read = await client.get(f"/borrow/{loan.id}/review", headers=page_headers(people["owner"], language))
    assert "You are right." in words(read)
    assert {"en": "decided anew", "pl": "rozpatrzony ponownie"}[language] in words(read)


async def decline_again(database: Database, people: dict[str, Somebody], loan: loans.Loan, why: str) -> None:
    """Decided anew after a review, on a new answer, and declined by somebody else with a reason of no model's."""
    async with database.reading() as connection:
        now = await loans.get(connection, loan.id)
    await deliver(database, answer(loan.id, now.terms_version))
    async with database.unit_of_work() as connection:
        now = await loans.get(connection, loan.id)
        decision = loans.Decision(loans.Verdict.DECLINE, now.version, loans.DecisionReason.EXIT, why)
        await loans.decide_on(connection, people["second"].user_id, loan.id, decision, lending.RULES)


async def test_row_13_an_earlier_review_shows_nothing_of_a_later_decision(
    client: Client, database: Database, people: dict[str, Somebody]
) -> None:
    loan = await declined(database, people)
    owner, staff = people["owner"].headers, page_headers(people["auditor"])
    first = (await client.post(f"/api/v1/loans/{loan.id}/reviews", json={"statement": "Look."}, headers=owner)).json()
    assert "Too much for a bungalow." in words(await client.get(f"/staff/reviews/{first['id']}", headers=staff))
    await client.post(
        f"/staff/reviews/{first['id']}",
        content="outcome=overturned&answer=Anew.",
        headers=page_headers(people["second"]) | FORM,
    )
    await decline_again(database, people, loan, "The buyer withdrew.")
    asked = await client.post(f"/api/v1/loans/{loan.id}/reviews", json={"statement": "Once more."}, headers=owner)
    earlier = words(await client.get(f"/staff/reviews/{first['id']}", headers=staff))
    assert "Declined on" not in earlier and "The buyer withdrew." not in earlier and "Grade" not in earlier
    assert "Anew." in earlier
    later = words(await client.get(f"/staff/reviews/{asked.json()['id']}", headers=staff))
    assert "Declined on" in later and "The buyer withdrew." in later


async def test_row_13_pages_state_at_most_four_principal_reasons(
    client: Client, database: Database, people: dict[str, Somebody]
) -> None:
    """A decision whose code is none of the model's four has its own reason first: the least of theirs is left out."""
    async with database.unit_of_work() as connection:
        loan = await lending.submitted(connection, people["owner"].user_id)
    given = answer(loan.id, loan.terms_version, recommendation="decline")
    [one] = given["principal_against"][:1]
    codes = ("leverage", "valuation", "term", "adverse_records")
    given["principal_against"] = [one | {"code": code} for code in codes]
    await deliver(database, given)
    async with database.unit_of_work() as connection:
        now = await loans.get(connection, loan.id)
        decision = loans.Decision(loans.Verdict.DECLINE, now.version, loans.DecisionReason.EXIT, "No buyer.")
        await loans.decide_on(connection, people["first"].user_id, loan.id, decision, lending.RULES)
    shown = await client.get(f"/borrow/{loan.id}/review", headers=page_headers(people["owner"]))
    principal = shown.text.partition("<ol")[2].partition("</ol>")[0]
    assert principal.count("<li") == MOST_PRINCIPAL_REASONS


@pytest.mark.parametrize("language", ["en", "pl"])
async def test_row_14_the_case_lists_the_documents_and_what_was_not_received(
    client: Client, database: Database, people: dict[str, Somebody], language: str
) -> None:
    async with database.unit_of_work() as connection:
        loan = await lending.submitted(connection, people["owner"].user_id)
        for kind, year in (("accounts", 2025), ("business_plan", None)):
            uploaded = documents.UploadedDocument(documents.DocumentKind(kind), year, PDF)
            await documents.upload(connection, people["owner"].user_id, loan.id, uploaded)
        decision = loans.Decision(loans.Verdict.DECLINE, loan.version, loans.DecisionReason.EXIT, "Not credible.")
        await loans.decide_on(connection, people["first"].user_id, loan.id, decision, lending.RULES)
    asked = await client.post(
        f"/api/v1/loans/{loan.id}/reviews", json={"statement": "Look."}, headers=people["owner"].headers
    )
    headers = page_headers(people["second"], language)
    shown = await client.get(f"/staff/reviews/{asked.json()['id']}", headers=headers)
    parts = {
        "en": ("Accounts 2025", "Business plan", "Not received: Accounts (1 of 2)", "Not received: Ownership"),
        "pl": ("Sprawozdanie finansowe 2025", "Biznesplan", "Brak: Sprawozdanie finansowe (1 z 2)", "Brak: Struktura"),
    }[language]
    assert all(part in words(shown) for part in parts), words(shown)
    assert words(shown).count(parts[1]) == 1, "what was received is not asked for again"
    # Nobody had assessed these terms, and the page claims no such thing.
    assert {"en": "The model's assessment", "pl": "Ocena tych warunków przez model"}[language] not in words(shown)


async def test_row_13_the_queue_is_for_staff_and_names_what_is_overdue(
    client: Client, database: Database, people: dict[str, Somebody]
) -> None:
    loan = await declined(database, people)
    await client.post(
        f"/api/v1/loans/{loan.id}/reviews", json={"statement": "Look again."}, headers=people["owner"].headers
    )
    outsider = await client.get("/staff/queues/reviews", headers=page_headers(people["owner"]))
    assert outsider.status_code == 403 and "Something went wrong" not in outsider.text
    assert "Overdue" not in words(await client.get("/staff/queues/reviews", headers=page_headers(people["auditor"])))
    async with database.unit_of_work() as connection:
        await clock.advance(connection, timedelta(days=31))
    assert "Overdue" in words(await client.get("/staff/queues/reviews", headers=page_headers(people["auditor"])))
    missing = await client.get(f"/staff/reviews/{uuid7()}", headers=page_headers(people["second"]))
    assert missing.status_code == 404
