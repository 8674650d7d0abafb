"""Row 13: the letter to a borrower whose application was declined, in both languages, for its two sides alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date
from uuid import UUID

import pytest

from halfpenny import loans
from halfpenny.platform.database import Database
from halfpenny.platform.papers import PaperLanguage
from halfpenny.underwriting import service
from halfpenny.underwriting.letter import DeclinedApplication, LetterReason, letter_data, render
from halfpenny.underwriting.rest import router
from halfpenny_messages import MOST_PRINCIPAL_REASONS
from support import lending
from support.edge import Client
from support.lending_app import lending_client
from support.people import Somebody, make_somebody
from underwriting.test_assessments import answer, deliver


def application(
    *reasons: LetterReason, model_version: str | None = "model-7+policy-3", recommended: bool = False
) -> DeclinedApplication:
    return DeclinedApplication(
        creditor="Mosty sp. z o.o.",
        creditor_address="Prosta 7, 61-001 Poznań",
        company="Żuraw #strong[Holding] $x^2$",
        secured_on="Piotrkowska 1, Łódź-Śródmieście",
        amount={"amount": "410000.00", "currency": "PLN"},
        applied_on=date(2026, 9, 4),
        declined_on=date(2026, 9, 18),
        reference="a-reference",
        model_version=model_version,
        recommended=recommended,
        reasons=reasons,
    )


@pytest.mark.parametrize("language", list(PaperLanguage))
def test_row_13_the_letter_names_what_a_notice_must(language: PaperLanguage) -> None:
    reasons = [LetterReason(f"Reason {number}.", "With less: grade C." if number else None) for number in range(6)]
    data = letter_data(application(*reasons), language)
    assert (data["creditor"], data["creditor_address"]) == ("Mosty sp. z o.o.", "Prosta 7, 61-001 Poznań")
    assert [reason["text"] for reason in data["reasons"]] == [f"Reason {n}." for n in range(MOST_PRINCIPAL_REASONS)]
    assert [fact["value"] for fact in data["facts"]][1:4] == {
        "en": ["PLN\u00a0410,000.00", "4 September 2026", "18 September 2026"],
        "pl": ["410\u00a0000,00\u00a0zł", "4 września 2026", "18 września 2026"],
    }[language]
    rights = data["sections"][-1]["text"]
    for right in {
        "en": ("a person", "contest", "60 days", "30 days"),
        "pl": ("osoba", "zakwestionować", "60 dni", "30 dni"),
    }[language]:
        assert right in rights
    content = render(application(*reasons), language)
    assert content.startswith(b"%PDF-") and len(content) > 5_000


@pytest.mark.parametrize("language", list(PaperLanguage))
def test_row_13_a_letter_claims_an_assessment_by_a_model_only_where_there_was_one(language: PaperLanguage) -> None:
    reason = LetterReason("Reason.", None)
    by_model, by_person = (
        letter_data(application(reason, model_version=version), language) for version in ("model-7+policy-3", None)
    )
    claims = {
        "en": ("A risk model assessed", "the automated assessment", "assessed by"),
        "pl": ("Model ryzyka ocenił", "automatyczna ocena", "ocena:"),
    }[language]
    for claim in claims:
        assert claim in str(by_model) and claim not in str(by_person)
    assert by_person["footer"].endswith("a-reference") and "None" not in by_person["footer"]
    assert [section["heading"] for section in by_person["sections"]] == [
        section["heading"] for section in by_model["sections"]
    ]
    assert render(application(reason, model_version=None), language).startswith(b"%PDF-")


@pytest.mark.parametrize("language", list(PaperLanguage))
def test_row_13_a_letter_against_the_models_advice_says_that_a_person_decided_otherwise(
    language: PaperLanguage,
) -> None:
    data = letter_data(application(LetterReason("Reason.", None), recommended=True), language)
    text = data["sections"][0]["text"]
    for claim in {"en": ("recommended the loan", "otherwise"), "pl": ("zalecił pożyczkę", "inaczej")}[language]:
        assert claim in text
    assert {"en": "Under a reason of the model", "pl": "Pod przyczyną z modelu"}[language] not in text


# What the model says of the loan: leverage and debts against it, in this order. The reasons of the letter by code.
MODEL_LEVERAGE, MODEL_DEBTS = "The loan is 60 % of the value.", "Debts are a third of the assets."
REASONS_OF_LETTERS = [
    ("approve", loans.DecisionReason.EXIT, []),
    ("approve", loans.DecisionReason.LEVERAGE, []),
    ("approve", loans.DecisionReason.IDENTITY_NOT_VERIFIED, []),
    ("refer", loans.DecisionReason.IDENTITY_NOT_VERIFIED, []),
    ("refer", loans.DecisionReason.LEVERAGE, [MODEL_LEVERAGE, MODEL_DEBTS]),
    ("refer", loans.DecisionReason.DEBTS, [MODEL_DEBTS, MODEL_LEVERAGE]),
    ("decline", loans.DecisionReason.DEBTS, [MODEL_DEBTS, MODEL_LEVERAGE]),
    ("decline", loans.DecisionReason.WORKS, [None, MODEL_LEVERAGE, MODEL_DEBTS]),
]


@pytest.mark.parametrize(("recommendation", "code", "expected"), REASONS_OF_LETTERS)
async def test_row_13_the_reasons_are_those_that_the_decision_rests_on(
    database: Database, recommendation: str, code: loans.DecisionReason, expected: list[str | None]
) -> None:
    borrower = await make_somebody(database, "borrower")
    staff = await make_somebody(database, "administrator")
    async with database.unit_of_work() as connection:
        loan = await lending.submitted(connection, borrower.user_id)
    await deliver(database, answer(loan.id, loan.terms_version, recommendation=recommendation))
    letter = await letter_of(database, await decline(database, staff, loan.id, code))
    own = loans.REASON_TEXTS[code].en
    assert [reason.text for reason in letter.reasons] == [text or own for text in expected or [None]]
    assert letter.recommended == (recommendation == "approve")
    assert letter.model_version == "rules-1"


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


async def decline(database: Database, staff: Somebody, loan_id: UUID, code: loans.DecisionReason) -> loans.Loan:
    async with database.unit_of_work() as connection:
        now = await loans.get(connection, loan_id)
        decision = loans.Decision(loans.Verdict.DECLINE, now.version, code, "As the code says.")
        loan, _ = await loans.decide_on(connection, staff.user_id, loan_id, decision, lending.RULES)
    return loan


async def letter_of(database: Database, loan: loans.Loan) -> DeclinedApplication:
    async with database.reading() as connection:
        return await service.declined_application(connection, loan, "A lender", "A street 1", PaperLanguage.ENGLISH)


async def test_row_13_a_decline_without_an_assessment_has_the_decisions_reason_alone(database: Database) -> None:
    borrower = await make_somebody(database, "borrower")
    staff = await make_somebody(database, "administrator")
    async with database.unit_of_work() as connection:
        loan = await lending.submitted(connection, borrower.user_id)
    declined = await decline(database, staff, loan.id, loans.DecisionReason.OUTSIDE_LENDING_POLICY)
    letter = await letter_of(database, declined)
    assert letter.model_version is None
    assert [reason.text for reason in letter.reasons] == [
        loans.REASON_TEXTS[loans.DecisionReason.OUTSIDE_LENDING_POLICY].en
    ]


@pytest.mark.parametrize("answered_again", [False, True])
async def test_row_13_the_letter_is_about_the_terms_that_were_decided_on(
    database: Database, answered_again: bool
) -> None:
    """Assessed, valued anew, declined: what a model said of the valuation before is no reason for this decision."""
    borrower = await make_somebody(database, "borrower")
    staff = await make_somebody(database, "administrator")
    valuer = await make_somebody(database, "administrator")
    async with database.unit_of_work() as connection:
        loan = await lending.submitted(connection, borrower.user_id)
    await deliver(database, answer(loan.id, loan.terms_version))
    async with database.unit_of_work() as connection:
        value = loans.Valuation(29_900_000, loan.application.property.valued_on, "Somebody else")
        actor = loans.Actor(loans.ActorKind.ADMINISTRATOR, valuer.user_id)
        await loans.revalue(connection, actor, loan.id, value)
        terms = (await loans.get(connection, loan.id)).terms_version
    assert terms > loan.terms_version
    if answered_again:
        await deliver(database, answer(loan.id, terms, model_version="rules-2", recommendation="refer"))
    declined = await decline(database, staff, loan.id, loans.DecisionReason.LEVERAGE)
    letter = await letter_of(database, declined)
    if answered_again:
        assert letter.model_version == "rules-2"
        assert letter.reasons[0] == LetterReason("The loan is 60 % of the value.", "At 52% of the value: grade A.")
    else:
        assert letter.model_version is None
        assert letter.reasons == [LetterReason(loans.REASON_TEXTS[loans.DecisionReason.LEVERAGE].en, None)]
