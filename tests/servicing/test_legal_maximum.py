"""Row 10: default interest is the contract rate and a margin, and the law's maximum of the day limits all of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import httpx2
import pytest

from halfpenny import loans, servicing
from halfpenny.identity import Role
from halfpenny.loans.decision import Decision, Verdict
from halfpenny.loans.errors import OfferExpired
from halfpenny.loans.service import deciding
from halfpenny.platform import clock
from halfpenny.platform.database import Database
from halfpenny.primitives import legal_maximum
from halfpenny.primitives.legal_maximum import LegalMaximum, MaximumRates
from halfpenny.primitives.money import Currency
from halfpenny.primitives.rate import Rate
from halfpenny.servicing import codec
from halfpenny.servicing.model.engine import replay
from halfpenny.servicing.model.events import LegalMaximumChange
from halfpenny.servicing.service import bank_receipts
from halfpenny.servicing.store import legal_limits, serviced_loans
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


async def test_a_maximum_that_falls_after_acceptance_limits_the_drawdown_and_lets_funding_open(
    client: Client, database: Database
) -> None:
    """Accepted at 16.4 % when 16.5 % was lawful, opened to investors when 16 % is: the agreement stands."""
    await go_back(database, datetime(2025, 10, 6, 9, tzinfo=UTC))
    made = await offer(database, "16.4", PLN)
    async with database.unit_of_work() as connection:
        await deciding.accept(connection, made.borrower_id, made.id, open_at_once=False)
    await world.advance(database, timedelta(days=4))
    async with database.unit_of_work() as connection:
        opened = await loans.open_funding(connection, loans.SYSTEM, made.id)
    assert opened.status is loans.Status.FUNDING and opened.offer is not None
    assert opened.offer.annual_rate == Decimal("16.4")
    # Investors see both before they put money in.
    contract = (await client.get(f"/api/v1/loans/{made.id}/rates")).json()["contract"]
    assert contract == {"agreed": "16.4", "rate": "16", "limited": True}


async def test_an_accepted_offer_that_is_over_opens_no_funding(database: Database) -> None:
    made = await offer(database, "14.5", PLN)
    async with database.unit_of_work() as connection:
        await deciding.accept(connection, made.borrower_id, made.id, open_at_once=False)
    await world.advance(database, timedelta(days=90))
    before = await state(database)
    with pytest.raises(OfferExpired):
        async with database.unit_of_work() as connection:
            await loans.open_funding(connection, loans.SYSTEM, made.id)
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


@pytest.mark.parametrize("mode", list(loans.LoanInterestMode))
async def test_a_loan_agreed_above_the_maximum_of_its_drawdown_is_drawn_at_the_maximum(
    client: Client, database: Database, mode: loans.LoanInterestMode
) -> None:
    """Accepted at 16.3 % while that was lawful, funded; the maximum is 16 % when it is drawn, and falls to 15.5 %."""
    await go_back(database, datetime(2025, 10, 6, 9, tzinfo=UTC))
    made = await world.ready(
        database, [12_000_000], currency=PLN, annual_rate=Decimal("16.3"), mode=mode, term_months=3
    )
    await world.advance(database, world.REFLECTION)
    path = f"/api/v1/loans/{made.loan.id}"
    preview = (await client.get(f"{path}/schedule")).json()["instalments"]
    async with database.unit_of_work() as connection:
        done = await servicing.draw_down(connection, made.loan.id, made.staff)
    assert done.loan.status is loans.Status.ACTIVE
    rows = done.position.schedule.instalments
    # 16 % of 120,000.00 PLN are 1,600.00 a month.
    assert sum(row.interest for row in rows) == 480_000
    assert sum(int(Decimal(row["interest"]).scaleb(2)) for row in preview) == 480_000
    found = (await client.get(f"{path}/rates")).json()
    assert found["contract"] == {"agreed": "16.3", "rate": "16", "limited": True}
    assert (found["default"]["agreed"], found["default"]["rate"]) == ("21.3", "20")
    assert await world.problems(database) == []
    await world.go_to(database, date(2025, 12, 20))
    await servicing.close_days(database)
    assert (await client.get(f"{path}/rates")).json()["contract"]["rate"] == "15"
    assert await world.problems(database) == []


# A change that the table has and the loan's log does not.


def publish(monkeypatch: pytest.MonkeyPatch, currency: Currency, *rows: tuple[date, str, str]) -> None:
    """Let the table have these rows for the currency, under Polish law, and the rest as it is."""
    rates = tuple(MaximumRates(day, Rate.parse_annual(one), Rate.parse_annual(other)) for day, one, other in rows)
    law = LegalMaximum("PL", currency, "made up for a test", default_interest_on_interest=True, rates=rates)
    table = {**legal_maximum.published(), ("PL", currency): law}
    monkeypatch.setattr(legal_maximum, "published", lambda: table)


async def changes_of(database: Database, loan_id: UUID) -> list[tuple[date, str, str, UUID | None]]:
    async with database.reading() as connection:
        rows = await connection.fetch(
            "SELECT kind, data, recorded_by FROM servicing_event WHERE loan_id = $1 ORDER BY number", loan_id
        )
    found = [(codec.read_event(row["kind"], row["data"]), row["recorded_by"]) for row in rows]
    return [
        (event.effective_date, str(event.contract), str(event.default), by)
        for event, by in found
        if isinstance(event, LegalMaximumChange)
    ]


async def figures(client: Client, database: Database, made: world.Drawn) -> list[Any]:
    """All that is worked out when somebody asks."""
    staff = await make_somebody(database, Role.ADMINISTRATOR)
    path = f"/api/v1/loans/{made.loan.id}"
    async with database.reading() as connection:
        today = await clock.business_date(connection)
        due = await servicing.amount_due(connection, made.loan.id)
        owed = await bank_receipts.owed_on(connection, made.loan.id, today)
    later = f"{path}/redemption?on={today + timedelta(days=40)}"
    read = [await client.get(one, headers=staff.headers) for one in (f"{path}/rates", f"{path}/redemption", later)]
    schedule = (await client.get(f"{path}/schedule", headers=staff.headers)).json()
    rows = [(row["due_on"], row["principal"], row["interest"]) for row in schedule["instalments"]]
    return [due, owed, rows, *(answer.json() for answer in read)]


async def test_what_is_shown_of_a_loan_has_the_changes_that_its_log_does_not_have_yet(
    client: Client, database: Database
) -> None:
    """16.2 % is 16 % from 9 October, 15.5 % from 6 November and 15 % from 4 December 2025 on."""
    await go_back(database, IN_SEPTEMBER_2025)
    made = await world.drawn(database, [30_000_000], term_months=4, currency=PLN, annual_rate=Decimal("16.2"))
    await world.go_to(database, date(2025, 11, 20))
    before = await figures(client, database, made)
    assert await changes_of(database, made.loan.id) == []
    await servicing.limit_rates(database)
    assert len(await changes_of(database, made.loan.id)) == 2
    after = await figures(client, database, made)
    assert before == after
    assert before[3]["contract"]["rate"] == "15.5"


async def test_a_change_of_the_law_is_recorded_by_nobody_whoever_pays_first(database: Database) -> None:
    await go_back(database, IN_SEPTEMBER_2025)
    made = await world.drawn(database, [30_000_000], term_months=4, currency=PLN, annual_rate=Decimal("16.2"))
    await world.go_to(database, date(2025, 11, 20))
    await world.repay(database, made, 100_000)
    found = await changes_of(database, made.loan.id)
    assert found == [(date(2025, 10, 9), "16", "20", None), (date(2025, 11, 6), "15.5", "19.5", None)]
    async with database.reading() as connection:
        payers = await connection.fetch("SELECT recorded_by FROM servicing_event WHERE kind = 'receipt'")
    assert [row["recorded_by"] for row in payers] == [made.borrower]


async def test_a_law_that_is_published_after_the_advance_limits_from_its_own_day(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Drawn in euro, which knew no maximum; the table then has one from long before, and one more, published late."""
    made = await world.drawn(database, [1_000_000], term_months=3)
    long_ago, drawn_on = (date(2016, 1, 1), "9", "13"), made.drawn_on
    assert await changes_of(database, made.loan.id) == []
    await world.go_to(database, drawn_on + timedelta(days=40))
    await servicing.close_days(database)
    publish(monkeypatch, Currency.EUR, long_ago)
    await servicing.limit_rates(database)
    wanted: list[tuple[date, str, str, UUID | None]] = [(drawn_on, "9", "13", None)]
    assert await changes_of(database, made.loan.id) == wanted
    assert await world.problems(database) == []
    late = (drawn_on - timedelta(days=3), "7.5", "11.5")
    publish(monkeypatch, Currency.EUR, long_ago, late)
    await servicing.limit_rates(database)
    wanted.append((drawn_on, "7.5", "11.5", None))
    assert await changes_of(database, made.loan.id) == wanted
    assert await world.problems(database) == []
    running = (drawn_on + timedelta(days=20), "8", "12")
    publish(monkeypatch, Currency.EUR, long_ago, late, running)
    await servicing.limit_rates(database)
    await servicing.limit_rates(database)
    wanted.append((running[0], "8", "12", None))
    assert await changes_of(database, made.loan.id) == wanted
    assert await world.problems(database) == []


async def test_a_log_without_a_change_that_was_applied_is_found(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await world.drawn(database, [1_000_000], term_months=3)
    publish(monkeypatch, Currency.EUR, (date(2016, 1, 1), "9", "13"))
    async with database.unit_of_work() as connection:
        maximum = legal_maximum.published()["PL", Currency.EUR].rates[0]
        await legal_limits.mark_applied(connection, "PL", Currency.EUR, maximum)
    problems = await world.problems(database)
    assert any(f"{made.loan.id}/legal_maximum_change/{made.drawn_on}" in one for one in problems)
