"""Answers of the risk service: taken over, late, double, stale, unreadable; and who may read what of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from halfpenny import loans, underwriting
from halfpenny.loans.rest import router as loans_router
from halfpenny.platform.consistency import collect
from halfpenny.platform.database import Connection, Database
from halfpenny.platform.queue import Message
from halfpenny.platform.queue.handling import DeadLettered, Handled, Verdict, handle
from halfpenny.primitives.ids import uuid7
from halfpenny.underwriting import OWN_FIGURES, PUBLIC_FIGURES, SUBSCRIPTION, store
from halfpenny.underwriting.rest import router
from halfpenny_messages import LOAN_ASSESSED, LOAN_NARRATIVE_WRITTEN, decode_payload, to_builtins
from support import lending
from support.edge import Client
from support.lending_app import lending_client
from support.people import make_somebody

NOON = datetime(2026, 2, 1, 12, tzinfo=UTC)


def answer(loan_id: UUID, loan_version: int, **changes: Any) -> dict[str, Any]:
    """A complete answer as JSON."""

    def text(english: str, polish: str) -> dict[str, str]:
        return {"en": english, "pl": polish}

    return {
        "loan_id": str(loan_id),
        "request_id": str(uuid7()),
        "loan_version": loan_version,
        "model_version": "rules-1",
        "grade": "B",
        "recommendation": "approve",
        "probability_of_default": "0.031",
        "loss_given_default": "0.22",
        "expected_loss": "0.00682",
        "exit_shortfall_probability": "0.04",
        "suggested_rate_percent": "10.25",
        "ltv": "0.6",
        "ltv_at_low": "0.666667",
        "ltc": "0.57",
        "ltgdv": "0.5",
        "base_score": "-3.9",
        "score": "-3.44",
        "reasons": [
            {
                "code": "ltv",
                "text": text("The loan is 60 % of the value.", "Pożyczka to 60 % wartości."),
                "contribution": "0.4",
                "audience": ["borrower", "investor", "staff"],
            },
            {
                "code": "debts",
                "text": text("Debts are a third of the assets.", "Długi to jedna trzecia majątku."),
                "contribution": "0.06",
                "audience": ["borrower", "staff"],
            },
        ],
        "principal_against": [
            {
                "code": "leverage",
                "text": text("The loan is 60 % of the value.", "Pożyczka to 60 % wartości."),
                "contribution": "0.4",
                "change": text("At 52% of the value: grade A.", "Przy 52% wartości: ocena A."),
                "audience": ["borrower", "investor", "staff"],
            },
            {
                "code": "debts",
                "text": text("Debts are a third of the assets.", "Długi to jedna trzecia majątku."),
                "contribution": "0.06",
                "audience": ["borrower", "staff"],
            },
        ],
        "principal_for": [
            {
                "code": "term",
                "text": text("The loan runs for 6 months.", "Pożyczka trwa 6 mies."),
                "contribution": "-0.2",
                "audience": ["borrower", "investor", "staff"],
            },
        ],
        "valuation": {
            "source": "valuer",
            "market": None,
            "value": "500000.00",
            "low": "450000.00",
            "high": "550000.00",
            "used": "500000.00",
            "currency": "EUR",
            "confidence": "0.9",
            "index_volatility": "0.08",
            "comparables": [],
        },
        "price_terms": [{"code": "funds", "text": text("Cost of funds", "Koszt pieniądza"), "rate_percent": "10.25"}],
        "stress": [],
        "narrative": None,
        "challenger": None,
        "flags": [],
    } | changes


async def deliver(
    database: Database,
    *payloads: dict[str, Any],
    at: datetime = NOON,
    message_id: UUID | None = None,
    name: str = LOAN_ASSESSED,
) -> list[Verdict]:
    async def nothing(_connection: Connection, _messages: Sequence[Message]) -> None:
        return None

    messages = [Message(message_id or uuid7(), name, 1, at, payload) for payload in payloads]
    verdicts: list[Verdict] = []
    for message in messages:
        verdicts += await handle(database, SUBSCRIPTION, [message], nothing)
    return verdicts


async def stored(database: Database, loan_id: UUID) -> list[store.Assessment]:
    async with database.reading() as connection:
        return await store.of_loan(connection, loan_id, 10)


@pytest.fixture
async def loan(database: Database) -> loans.Loan:
    async with database.unit_of_work() as connection:
        return await lending.submitted(connection, await lending.person(connection, "borrower"))


@pytest.fixture
async def client(database: Database) -> AsyncIterator[Client]:
    async with lending_client(database, router, loans_router) as client:
        yield client


async def fresh(database: Database, loan: loans.Loan) -> loans.Loan:
    async with database.reading() as connection:
        return await loans.get(connection, loan.id)


async def test_an_answer_makes_a_submitted_loan_assessed(database: Database, loan: loans.Loan) -> None:
    assert await deliver(database, answer(loan.id, loan.terms_version)) == [Handled()]
    after = await fresh(database, loan)
    assert after.status is loans.Status.ASSESSED
    assert after.risk is not None
    assert (after.risk.grade, str(after.risk.suggested_rate), after.risk.assessed_at) == ("B", "10.25", NOON)
    assert [assessment.current for assessment in await stored(database, loan.id)] == [True]


async def test_a_double_has_no_second_effect(database: Database, loan: loans.Loan) -> None:
    one = answer(loan.id, loan.terms_version)
    message_id = uuid7()
    await deliver(database, one, message_id=message_id)
    version = (await fresh(database, loan)).version
    # The same message again, and the same answer under another message's id.
    assert await deliver(database, one, message_id=message_id) == [Handled()]
    assert await deliver(database, one) == [Handled()]
    assert (await fresh(database, loan)).version == version
    assert len(await stored(database, loan.id)) == 1


async def test_an_answer_to_older_terms_is_kept_and_does_nothing(database: Database, loan: loans.Loan) -> None:
    lower = loans.Valuation(40_000_000, loan.application.property.valued_on, "Alder & Finch Surveyors")
    async with database.unit_of_work() as connection:
        owner = loans.Actor(loans.ActorKind.BORROWER, loan.borrower_id)
        changed = await loans.revalue(connection, owner, loan.id, lower)
    assert await deliver(database, answer(loan.id, loan.terms_version)) == [Handled()]
    after = await fresh(database, loan)
    assert (after.status, after.risk) == (loans.Status.SUBMITTED, None)
    assert [assessment.current for assessment in await stored(database, loan.id)] == [False]
    await deliver(database, answer(loan.id, changed.terms_version, grade="C"))
    assert (await fresh(database, loan)).status is loans.Status.ASSESSED


async def test_a_new_models_answer_is_taken_over_and_an_older_one_is_not(database: Database, loan: loans.Loan) -> None:
    await deliver(database, answer(loan.id, 2))
    newer = answer(loan.id, 2, model_version="boosted-3", grade="A", suggested_rate_percent="9.10")
    await deliver(database, newer, at=NOON + timedelta(hours=1))
    late = answer(loan.id, 2, model_version="rules-0", grade="E")
    await deliver(database, late, at=NOON - timedelta(hours=1))
    after = await fresh(database, loan)
    assert after.status is loans.Status.ASSESSED
    assert after.risk is not None
    assert (after.risk.grade, after.risk.model_version) == ("A", "boosted-3")
    assert [assessment.current for assessment in await stored(database, loan.id)] == [False, True, True]


async def test_an_answer_after_the_withdrawal_changes_nothing(database: Database, loan: loans.Loan) -> None:
    async with database.unit_of_work() as connection:
        await loans.withdraw(connection, loan.borrower_id, loan.id)
    assert await deliver(database, answer(loan.id, 2)) == [Handled()]
    assert (await fresh(database, loan)).status is loans.Status.WITHDRAWN
    assert [assessment.current for assessment in await stored(database, loan.id)] == [False]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"grade": "Z"}, "malformed_message"),
        ({"probability_of_default": 0.03}, "malformed_message"),
        ({"approved": True}, "malformed_message"),
        ({"loan_id": str(uuid7())}, "loan_not_found"),
    ],
)
async def test_what_cannot_be_used_is_set_aside_by_name(
    database: Database, loan: loans.Loan, changes: dict[str, Any], reason: str
) -> None:
    [verdict] = await deliver(database, answer(loan.id, 2) | changes)
    assert isinstance(verdict, DeadLettered)
    assert verdict.reason == reason
    assert (await fresh(database, loan)).version == loan.version
    assert await stored(database, loan.id) == []


async def test_an_unknown_version_is_set_aside(database: Database, loan: loans.Loan) -> None:
    async def nothing(_connection: Connection, _messages: Sequence[Message]) -> None:
        return None

    message = Message(uuid7(), LOAN_ASSESSED, 9, NOON, answer(loan.id, 2))
    [verdict] = await handle(database, SUBSCRIPTION, [message], nothing)
    assert isinstance(verdict, DeadLettered)
    assert (await fresh(database, loan)).status is loans.Status.SUBMITTED


async def test_each_reader_gets_the_reasons_that_are_for_them(client: Client, database: Database) -> None:
    borrower = await make_somebody(database, "borrower")
    staff = await make_somebody(database, "administrator")
    investor = await make_somebody(database, "investor")
    async with database.unit_of_work() as connection:
        loan = await lending.submitted(connection, borrower.user_id)
    path = f"/api/v1/loans/{loan.id}/assessment"
    early = await client.get(path, headers=borrower.headers)
    assert (early.status_code, early.json()["code"]) == (404, "no_assessment_yet")
    await deliver(database, answer(loan.id, loan.terms_version))

    own = (await client.get(path, headers=borrower.headers)).json()
    assert [reason["code"] for reason in own["principal_against"]] == ["leverage", "debts"]
    assert own["principal_against"][0]["change"]["en"] == "At 52% of the value: grade A."
    assert [reason["code"] for reason in own["principal_for"]] == ["term"]
    assert "contribution" not in str(own)
    whole = (await client.get(path, headers=staff.headers)).json()
    assert whole["score"] == "-3.44"
    assert whole["recommendation"] == "approve"
    # The amount over loan to cost is the price that was paid, which no listing states.
    assert own["ltc"] == whole["ltc"] == "0.57"
    hidden = await client.get(path, headers=investor.headers)
    assert (hidden.status_code, hidden.json()["code"]) == (404, "loan_not_found")

    ready = await fresh(database, loan)
    decision = {"decision": "approve", "version": ready.version, "reason_code": "within_policy", "reason": "Sound."}
    await client.post(f"/api/v1/loans/{loan.id}/decision", json=decision, headers=staff.headers)
    shown = (await client.get(path, headers=investor.headers)).json()
    assert [reason["code"] for reason in shown["principal_against"]] == ["leverage"]
    assert "ltc" not in shown and shown["ltgdv"] == "0.5"
    assert set(PUBLIC_FIGURES) <= shown.keys() and not set(OWN_FIGURES) & shown.keys()
    # The loan itself keeps them with their direction, and what would change one with it.
    kept = (await fresh(database, loan)).risk
    assert kept is not None
    assert [(reason.code, reason.favours) for reason in kept.reasons] == [
        ("leverage", False),
        ("debts", False),
        ("term", True),
    ]
    assert kept.reasons[0].english == "The loan is 60 % of the value. At 52% of the value: grade A."
    assert (kept.recommendation, kept.flags) == (whole["recommendation"], tuple(whole["flags"]))


async def test_staff_may_ask_again(client: Client, database: Database, loan: loans.Loan) -> None:
    staff = await make_somebody(database, "administrator")
    other = await make_somebody(database, "borrower")
    path = f"/api/v1/loans/{loan.id}/assessment"
    assert (await client.post(path, headers=other.headers)).status_code == 403
    assert (await client.post(path, headers=staff.headers)).status_code == 202
    async with database.reading() as connection:
        assert (await lending.events_of(connection, loan.id))[-1] == "loan.reassessment_requested"
        row = await connection.fetchrow("SELECT * FROM outbox ORDER BY seq DESC LIMIT 1")
    asked = decode_payload(row["name"], row["version"], row["payload"])
    assert to_builtins(asked)["cause"] == "requested_by_staff"


async def test_nobody_asks_about_a_withdrawn_loan(client: Client, database: Database, loan: loans.Loan) -> None:
    staff = await make_somebody(database, "administrator")
    async with database.unit_of_work() as connection:
        await loans.withdraw(connection, loan.borrower_id, loan.id)
    answered = await client.post(f"/api/v1/loans/{loan.id}/assessment", headers=staff.headers)
    assert (answered.status_code, answered.json()["code"]) == (409, "nothing_to_assess")


async def test_the_list_of_answers_is_served_by_an_index(database: Database) -> None:
    async with database.unit_of_work() as connection:
        await connection.execute(f"PREPARE listing(uuid, int) AS {store.OF_LOAN}")
        await connection.execute("SET LOCAL plan_cache_mode = force_generic_plan; SET LOCAL enable_seqscan = off")
        plan = "\n".join(row[0] for row in await connection.fetch("EXPLAIN EXECUTE listing(NULL, 10)"))
    assert "Seq Scan" not in plan
    assert "Sort" not in plan


async def test_after_a_new_model_every_loan_that_is_not_over_is_asked_about(
    database: Database, loan: loans.Loan
) -> None:
    async with database.unit_of_work() as connection:
        administrator = await lending.person(connection, "administrator")
        funding = await lending.funding(connection, loan.borrower_id, administrator)
        over = await lending.submitted(connection, loan.borrower_id)
        await loans.withdraw(connection, loan.borrower_id, over.id)
    received: list[int] = []
    assert await underwriting.request_all_reassessments(database, received.append) == 2
    assert received == [2]
    async with database.reading() as connection:
        rows = await connection.fetch(
            "SELECT aggregate_id, payload FROM outbox WHERE name = 'loan.reassessment_requested' ORDER BY seq"
        )
    assert [(row["aggregate_id"], row["payload"]["cause"]) for row in rows] == [
        (loan.id, "model_changed"),
        (funding.id, "model_changed"),
    ]


async def test_a_question_put_again_that_never_went_out_is_named(
    database: Database, superuser: Database, loan: loans.Loan
) -> None:
    async with database.unit_of_work() as connection:
        administrator = await lending.person(connection, "administrator")
        await underwriting.request_reassessment(connection, administrator, loan.id)
    await underwriting.request_all_reassessments(database)
    async with superuser.unit_of_work() as connection:
        assert await collect(connection, loans.check) == []
        await connection.execute("SET LOCAL session_replication_role = replica")
        await connection.execute(
            "DELETE FROM outbox WHERE seq = (SELECT min(seq) FROM outbox WHERE name = 'loan.reassessment_requested')"
        )
        [finding] = await collect(connection, loans.check)
        assert str(loan.id) in finding.row and finding.table == "outbox" and finding.column == "times"


def prose(loan: loans.Loan, model_version: str) -> dict[str, Any]:
    return {
        "loan_id": str(loan.id),
        "request_id": str(uuid7()),
        "loan_version": loan.terms_version,
        "model_version": model_version,
        "narrative": {
            "text": {"en": "The suggested rate is 9.75% a year.", "pl": "Sugerowana stopa to 9,75% rocznie."},
            "label": {"en": "Written by AI.", "pl": "Napisane przez AI."},
            "written_by": "ai",
            "model": "a-model",
        },
    }


async def test_row_12_prose_completes_the_answer_that_was_stored_without_it(
    database: Database, client: Client, loan: loans.Loan
) -> None:
    one = answer(loan.id, loan.terms_version)
    written = prose(loan, one["model_version"])
    # Prose that overtakes its answer is tried again later, and changes nothing until then.
    [early] = await deliver(database, written, name=LOAN_NARRATIVE_WRITTEN)
    assert not isinstance(early, Handled)
    await deliver(database, one)
    before = await stored(database, loan.id)
    assert before[0].narrative is None
    for _ in range(2):
        assert await deliver(database, written, name=LOAN_NARRATIVE_WRITTEN) == [Handled()]
    [after] = await stored(database, loan.id)
    assert after.answer == before[0].answer, "an answer is never changed"
    assert after.narrative == written["narrative"]
    staff = await make_somebody(database, "administrator")
    shown = (await client.get(f"/api/v1/loans/{loan.id}/assessment", headers=staff.headers)).json()
    assert shown["narrative"]["written_by"] == "ai"
    assert (await fresh(database, loan)).version == loan.version + 1, "prose is no change of the loan"


async def test_row_12_prose_about_another_model_s_answer_waits_for_it(database: Database, loan: loans.Loan) -> None:
    await deliver(database, answer(loan.id, loan.terms_version))
    [verdict] = await deliver(database, prose(loan, "another-model+policy-9"), name=LOAN_NARRATIVE_WRITTEN)
    assert not isinstance(verdict, Handled)
    assert [one.narrative for one in await stored(database, loan.id)] == [None]
