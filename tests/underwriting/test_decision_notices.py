"""The borrower is notified of a decision, once, with what there is to be read or answered."""

from __future__ import annotations

from halfpenny import loans, underwriting
from halfpenny.platform.database import Database
from support import lending
from support.notices import deliver, notices


async def delivered(database: Database) -> None:
    """Delivered twice, as a queue may."""
    for _ in range(2):
        await deliver(database, [underwriting.DECISIONS_SUBSCRIPTION])


async def test_a_decline_is_reported_with_where_its_letter_is(database: Database) -> None:
    async with database.unit_of_work() as connection:
        borrower = await lending.person(connection, "borrower")
        administrator = await lending.person(connection, "administrator")
        loan = await lending.assessed(connection, borrower)
        decision = loans.Decision(
            loans.Verdict.DECLINE, loan.version, loans.DecisionReason.LEVERAGE, "Too much is lent on it."
        )
        await loans.decide_on(connection, administrator, loan.id, decision, lending.RULES)
    await delivered(database)
    [(kind, data)] = await notices(database, borrower)
    assert kind == "loan_declined"
    assert data == {
        "loan_id": str(loan.id),
        "title": loan.title,
        "letter": f"/api/v1/loans/{loan.id}/decision-letter",
    }
    assert await notices(database, administrator) == []


async def test_an_offer_is_reported_with_its_terms(database: Database) -> None:
    async with database.unit_of_work() as connection:
        borrower = await lending.person(connection, "borrower")
        administrator = await lending.person(connection, "administrator")
        loan = await lending.offered(connection, borrower, administrator)
    await delivered(database)
    [(kind, data)] = await notices(database, borrower)
    assert loan.offer is not None
    assert (kind, data["annual_rate"]) == ("loan_offered", f"{loan.offer.annual_rate:f}")
    assert data["funding_deadline"] == loan.offer.funding_deadline.isoformat()
