"""Row 13: the letter to a borrower whose application was declined, in both languages, for its two sides alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date

import pytest

from halfpenny import loans
from halfpenny.platform.database import Database
from halfpenny.underwriting.letter import (
    MOST_REASONS,
    DeclinedApplication,
    LetterLanguage,
    LetterReason,
    letter_data,
    render,
)
from halfpenny.underwriting.rest import router
from support import lending
from support.edge import Client
from support.lending_app import lending_client
from support.people import make_somebody
from underwriting.test_assessments import answer, deliver


def application(*reasons: LetterReason) -> DeclinedApplication:
    return DeclinedApplication(
        creditor="Mosty sp. z o.o.",
        creditor_address="Prosta 7, 61-001 Poznań",
        company="Żuraw #strong[Holding] $x^2$",
        title="Land in Łódź-Śródmieście, 900 m²",
        amount="410000.00 PLN",
        applied_on=date(2026, 9, 4),
        declined_on=date(2026, 9, 18),
        reference="a-reference",
        model_version="model-7+policy-3",
        reasons=reasons,
    )


@pytest.mark.parametrize("language", list(LetterLanguage))
def test_row_13_the_letter_names_what_a_notice_must(language: LetterLanguage) -> None:
    reasons = [LetterReason(f"Reason {number}.", "With less: grade C." if number else None) for number in range(6)]
    data = letter_data(application(*reasons), language)
    assert (data["creditor"], data["creditor_address"]) == ("Mosty sp. z o.o.", "Prosta 7, 61-001 Poznań")
    assert [reason["text"] for reason in data["reasons"]] == [f"Reason {n}." for n in range(MOST_REASONS)]
    assert [fact["value"] for fact in data["facts"]][2:4] == ["2026-09-04", "2026-09-18"]
    rights = data["sections"][-1]["text"]
    for right in {
        "en": ("a person", "contest", "60 days", "30 days"),
        "pl": ("osoba", "zakwestionować", "60 dni", "30 dni"),
    }[language]:
        assert right in rights
    content = render(application(*reasons), language)
    assert content.startswith(b"%PDF-") and len(content) > 5_000


def test_row_13_a_letter_without_an_assessment_says_so() -> None:
    data = letter_data(application(), LetterLanguage.ENGLISH)
    assert len(data["reasons"]) == 1 and "on request" in data["reasons"][0]["text"]


@pytest.fixture
async def client(database: Database) -> AsyncIterator[Client]:
    async with lending_client(database, router) as client:
        yield client


async def test_row_13_the_letter_is_for_the_borrower_and_staff_once_it_was_declined(
    client: Client, database: Database
) -> None:
    borrower = await make_somebody(database, "borrower")
    other = await make_somebody(database, "borrower")
    staff = await make_somebody(database, "administrator")
    async with database.unit_of_work() as connection:
        loan = await lending.submitted(connection, borrower.user_id)
    await deliver(database, answer(loan.id, loan.terms_version))
    path = f"/api/v1/loans/{loan.id}/decision-letter"
    early = await client.get(path, headers=borrower.headers)
    assert (early.status_code, early.json()["code"]) == (409, "application_not_declined")
    async with database.unit_of_work() as connection:
        now = await loans.get(connection, loan.id)
        decision = loans.Decision(
            loans.Verdict.DECLINE, now.version, loans.DecisionReason.EXIT, "The exit is not credible within the term."
        )
        await loans.decide_on(connection, staff.user_id, loan.id, decision, lending.RULES)
    for reader in (borrower, staff):
        for language in ("en", "pl"):
            found = await client.get(f"{path}?language={language}", headers=reader.headers)
            assert found.status_code == 200 and found.headers["content-type"] == "application/pdf"
            assert found.content.startswith(b"%PDF-")
    assert (await client.get(path, headers=other.headers)).status_code == 404
    assert (await client.get(f"{path}?language=de", headers=borrower.headers)).status_code == 422
