"""Row 10: default interest is the contract rate and a margin, and the law's maximum of the day limits all of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx2
import pytest

from halfpenny import loans, servicing
from halfpenny.identity import Role
from halfpenny.loans.decision import Decision, Verdict
from halfpenny.loans.service import deciding
from halfpenny.platform import clock
from halfpenny.platform.database import Database
from halfpenny.primitives.money import Currency
from halfpenny.servicing.model.engine import replay
from halfpenny.servicing.model.events import LegalMaximumChange
from halfpenny.servicing.store import serviced_loans
from servicing import world
from support import lending
from support.people import make_somebody

PLN = Currency.PLN
Client = httpx2.AsyncClient
# From 4 September to 8 October 2025 the maximum was 16.5 % and 20.5 %, then 16 % and 20 %, then less.
IN_SEPTEMBER_2025 = datetime(2025, 9, 25, 9, tzinfo=UTC)


async def go_back(database: Database, moment: datetime) -> None:
    async with database.unit_of_work() as connection:
        await clock.simulate_time(connection, moment)


# Offers and quotes.


async def offer(database: Database, rate: str, currency: Currency) -> loans.Loan:
    async with database.unit_of_work() as connection:
        borrower = await lending.person(connection, "borrower")
        administrator = await lending.person(connection, "administrator")
        loan = await lending.assessed(connection, borrower, currency=currency)
    decision = Decision(
        Verdict.APPROVE, loan.version, loans.DecisionReason.WITHIN_POLICY, "Sound.", annual_rate=Decimal(rate)
    )
    async with database.unit_of_work() as connection:
        made, _ = await deciding.decide_on(connection, administrator, loan.id, decision, lending.RULES)
    return made


async def state(database: Database) -> list[Any]:
    async with database.reading() as connection:
        return [
            await connection.fetch("SELECT id, status, version, annual_rate, product_terms FROM loan"),
            await connection.fetchval("SELECT count(*) FROM loan_decision"),
            await connection.fetchval("SELECT count(*) FROM loan_funding"),
            await connection.fetchval("SELECT count(*) FROM outbox"),
            await connection.fetchval("SELECT count(*) FROM audit_entry"),
        ]


async def test_an_offer_above_the_maximum_is_refused_and_nothing_has_changed(database: Database) -> None:
    lawful = await offer(database, "14.5", PLN)
    assert lawful.offer is not None and lawful.offer.annual_rate == Decimal("14.5")
    async with database.unit_of_work() as connection:
        borrower = await lending.person(connection, "borrower")
        administrator = await lending.person(connection, "administrator")
        loan = await lending.assessed(connection, borrower, currency=PLN)
    before = await state(database)
    decision = Decision(
        Verdict.APPROVE, loan.version, loans.DecisionReason.WITHIN_POLICY, "Sound.", annual_rate=Decimal("14.500001")
    )
    with pytest.raises(loans.RateAboveLegalMaximum) as refused:
        async with database.unit_of_work() as connection:
            await deciding.decide_on(connection, administrator, loan.id, decision, lending.RULES)
    assert refused.value.data == {"governing_law": "PL", "maximum": "14.5", "since": "2026-03-05"}
    assert await state(database) == before


async def test_another_currency_has_no_maximum_there(database: Database) -> None:
    assert (await offer(database, "31", Currency.EUR)).offer is not None


async def test_a_maximum_that_falls_before_acceptance_stops_it(database: Database) -> None:
    """16.2 % was lawful when it was decided and is not a few days later, when the maximum is 16 %."""
    await go_back(database, datetime(2025, 10, 5, 9, tzinfo=UTC))
    made = await offer(database, "16.2", PLN)
    await world.advance(database, timedelta(days=5))
    before = await state(database)
    with pytest.raises(loans.RateAboveLegalMaximum):
        async with database.unit_of_work() as connection:
            await deciding.accept(connection, made.borrower_id, made.id)
    assert await state(database) == before


QUOTE = {
    "currency": "PLN",
    "repayment": "bullet",
    "interest_mode": "serviced",
    "principal": "250000.00",
    "periods": 6,
    "advanced_on": "2025-05-08",
}


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"annual_rate": "17.5"}, 200),
        ({"annual_rate": "17.500001"}, 409),
        ({"monthly_rate": "1.46"}, 409),
        ({"annual_rate": "17.500001", "advanced_on": "2025-05-07"}, 200),
        ({"annual_rate": "40", "governing_law": "DE"}, 200),
        ({"annual_rate": "40", "currency": "EUR"}, 200),
    ],
)
async def test_a_quote_ends_at_the_maximum_of_its_day(client: Client, changes: dict[str, str], status: int) -> None:
    answer = await client.post("/api/v1/quotes", json=QUOTE | changes)
    assert answer.status_code == status, answer.text
    if status == 409:
        assert answer.json()["code"] == "rate_above_legal_maximum"


async def test_a_quote_says_what_overdue_amounts_would_bear(client: Client) -> None:
    answer = await client.post("/api/v1/quotes", json=QUOTE | {"annual_rate": "17.2"})
    assert answer.json()["default_rate"] == "21.5"
    assert answer.json()["legal_maximum"] == {"since": "2025-05-08", "annual_rate": "17.5", "default_rate": "21.5"}
    answer = await client.post("/api/v1/quotes", json=QUOTE | {"annual_rate": "12.25"})
    assert answer.json()["default_rate"] == "17.25"


# A drawn loan.


async def test_a_running_loan_is_limited_from_the_day_on_which_the_maximum_falls(
    client: Client, database: Database
) -> None:
    """Agreed at 10.25 % and 10 points: 20.25 % are lawful in September 2025, 20 % from 9 October, 19 % in December."""
    await go_back(database, IN_SEPTEMBER_2025)
    product = loans.ProductSettings(default_margin=Decimal(10))
    rules = replace(lending.RULES, product=product)
    made = await world.drawn(database, [4_123_450, 5_876_550], term_months=3, rules=rules, currency=PLN)
    path = f"/api/v1/loans/{made.loan.id}/rates"
    first = (await client.get(path)).json()
    assert first["default"] == {"agreed": "20.25", "rate": "20.25", "limited": False, "on_overdue_interest": False}
    await world.go_to(database, date(2025, 10, 9))
    assert await servicing.limit_rates(database) > 0
    assert await servicing.limit_rates(database) == 0
    found = (await client.get(path)).json()
    assert (found["default"]["rate"], found["default"]["limited"]) == ("20", True)
    assert found["legal_maximum"] == {"since": "2025-10-09", "contract": "16", "default": "20"}
    assert (found["contract"]["rate"], found["contract"]["limited"]) == ("10.25", False)
    # The closes of the days find the later changes by themselves.
    await world.go_to(database, date(2026, 1, 20))
    await servicing.close_days(database)
    found = (await client.get(path)).json()
    assert [one["since"] for one in found["legal_maxima"]] == ["2025-09-04", "2025-10-09", "2025-11-06", "2025-12-04"]
    assert found["default"]["rate"] == "19"
    async with database.reading() as connection:
        serviced = await serviced_loans.find(connection, made.loan.id)
        events = await serviced_loans.events(connection, made.loan.id)
        accrued = await connection.fetch("SELECT * FROM accrual WHERE loan_id = $1 ORDER BY 1", made.loan.id)
    assert serviced is not None
    assert sum(isinstance(event, LegalMaximumChange) for event in events) == 3
    for row in accrued:
        position = replay(serviced.terms, events, row["business_date"])
        assert row["default_interest_minor"] == position.default_interest_due
    assert accrued[-1]["default_interest_minor"] > 0
    assert await world.problems(database) == []
    staff = await make_somebody(database, Role.ADMINISTRATOR)
    redemption = await client.get(f"/api/v1/loans/{made.loan.id}/redemption", headers=staff.headers)
    minor = int(Decimal(redemption.json()["redemption"]).scaleb(2))
    await world.repay(database, made, minor)
    async with database.reading() as connection:
        assert (await loans.get(connection, made.loan.id)).status is loans.Status.REPAID
    assert await world.problems(database) == []


async def test_a_drawdown_above_the_maximum_of_its_day_is_refused(database: Database) -> None:
    """Accepted at 16.3 % while that was lawful, funded, and the maximum is 16 % when it would be drawn."""
    await go_back(database, datetime(2025, 10, 6, 9, tzinfo=UTC))
    made = await world.ready(database, [100_000], currency=PLN, annual_rate=Decimal("16.3"))
    await world.advance(database, world.REFLECTION)
    before = await state(database)
    with pytest.raises(loans.RateAboveLegalMaximum):
        async with database.unit_of_work() as connection:
            await servicing.draw_down(connection, made.loan.id, made.staff)
    assert await state(database) == before
    async with database.reading() as connection:
        assert await connection.fetchval("SELECT count(*) FROM serviced_loan") == 0
