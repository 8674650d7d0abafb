"""Row 9: what was agreed stays agreed. Every setting of lending is changed after an offer was accepted, the service is
started anew with it, and the loan is drawn and serviced to the cent like its twin, which never saw the change."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

import httpx2
import pytest
from pydantic_settings import BaseSettings

from halfpenny import loans
from halfpenny.entrypoints.api import create_app, guarded
from halfpenny.entrypoints.lending_settings import ApprovalSettings, LendingSettings, ServicingSettings
from halfpenny.entrypoints.settings import Settings
from halfpenny.entrypoints.worker import Resources, periodic_jobs
from halfpenny.identity import Role
from halfpenny.loans import LoanInterestMode
from halfpenny.platform.database import Database
from halfpenny.platform.documents import DocumentStore
from halfpenny.primitives.fees import FeeKind
from halfpenny.primitives.money import Currency, parse_minor
from halfpenny.servicing.model.events import Apply
from servicing import world
from support.people import make_somebody, signing_key_file

# Every figure of these moves something in the two lives below.
AGREED: dict[str, Any] = {
    "fee_percents": {FeeKind.ARRANGEMENT: Decimal("1.5"), FeeKind.EXIT: Decimal("1.25")},
    "default_margin_points": Decimal("4.35"),
    "minimum_interest_months": 2,
    "rebate_of_retained_interest": True,
    "materiality_above": 100,
    "materiality_above_percent": Decimal("1"),
}
# Each setting of the business, with another value than the one under which the offer was accepted.
LATER: dict[str, Any] = {
    "second_approval_above": 1,
    "borrower_ceiling": 1,
    "minimum_term_months": 20,
    "maximum_term_months": 3,
    "maximum_annual_rate": Decimal(5),
    "fee_percents": {FeeKind.ARRANGEMENT: Decimal(4), FeeKind.EXIT: Decimal(3)},
    "default_margin_points": Decimal(21),
    "governing_law": "DE",
    "materiality_above": 200,
    "materiality_above_percent": Decimal(2),
    "minimum_interest_months": 3,
    "rebate_of_retained_interest": False,
    "funding_days": 2,
    "maximum_funding_days": 31,
    "minimum_ticket": 5_000,
    "lender_name": "Another lender",
    "lender_address": "Another street 2",
    "units_per_eur": {Currency.PLN: Decimal(9), Currency.GBP: Decimal(2)},
    "sandbox": False,
    "withholding_percent": {"PL": (Decimal(30), Decimal(30))},
    "approval_days": 3,
    "role_grant_wait_hours": 1,
    "second_person_above": 0,
    "receipt_excess_above": 0,
    "promotion_key_file": signing_key_file(),
    "waiver_above": 0,
}
SECTIONS: dict[str, type[BaseSettings]] = {
    "lending": LendingSettings,
    "servicing": ServicingSettings,
    "approvals": ApprovalSettings,
}
STAKES = [400_001, 799_999]
MODES = (LoanInterestMode.SERVICED, LoanInterestMode.RETAINED)


def test_every_setting_of_the_business_is_changed_below() -> None:
    assert {name for section in SECTIONS.values() for name in section.model_fields} == set(LATER)


def changed(settings: Settings, **values: Any) -> Settings:
    """The settings as a start with other values would read them."""
    sections = {
        name: section(**{field: values[field] for field in section.model_fields if field in values})
        for name, section in SECTIONS.items()
    }
    return settings.model_copy(update=sections)


@asynccontextmanager
async def started(settings: Settings) -> AsyncIterator[httpx2.AsyncClient]:
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        transport = httpx2.ASGITransport(guarded(app, settings))
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
            yield client


@dataclass
class Twins:
    """Two loans on the same offer: one stays with the service as it was, the other meets the changed one."""

    unchanged: world.Drawn
    changed: world.Drawn


async def twins(database: Database, rules: loans.LendingRules, mode: LoanInterestMode) -> Twins:
    made = [
        await world.ready(database, STAKES, mode=mode, term_months=4, rules=rules, currency=Currency.PLN)
        for _ in range(2)
    ]
    return Twins(*made)


async def shown(client: httpx2.AsyncClient, made: world.Drawn, headers: dict[str, str]) -> list[Any]:
    """What everybody sees of the loan: terms, schedule, order of payment, and what redeems it."""
    path = f"/api/v1/loans/{made.loan.id}"
    answers = [await client.get(path + end, headers=headers) for end in ("", "/schedule", "/waterfall", "/redemption")]
    found = [answer.json() for answer in answers]
    return [found[0]["offer"] | {"funding_deadline": None}, found[0]["status"], *found[1:]]


async def booked(database: Database, made: world.Drawn) -> list[tuple[Any, ...]]:
    """What moved on the loan's accounts, what happened to it, and what its holders have."""
    async with database.reading() as connection:
        transfers = await connection.fetch(
            "SELECT t.event, d.kind, c.kind AS to_kind, t.amount, t.effective_date FROM transfer t "
            "JOIN account d ON d.id = t.debit_account_id JOIN account c ON c.id = t.credit_account_id "
            "WHERE d.owner_id = $1 OR c.owner_id = $1 ORDER BY 5, 1, 2, 3, 4",
            made.loan.id,
        )
        events = await connection.fetch(
            "SELECT kind, effective_date FROM servicing_event WHERE loan_id = $1 ORDER BY number", made.loan.id
        )
        accrued = await connection.fetch(
            "SELECT business_date, interest_minor, default_interest_minor FROM accrual WHERE loan_id = $1 ORDER BY 1",
            made.loan.id,
        )
        holdings = await connection.fetch(
            "SELECT stake_minor, outstanding_minor, interest_minor, withheld_minor FROM holding WHERE loan_id = $1 "
            "ORDER BY 1",
            made.loan.id,
        )
    return [tuple(row) for row in (*transfers, *events, *accrued, *holdings)]


async def serve(
    database: Database, client: httpx2.AsyncClient, made: world.Drawn, headers: dict[str, str], *, minor: int = 0
) -> None:
    """The borrower pays ``minor``, or what redeems the loan today as the service says."""
    if not minor:
        answer = await client.get(f"/api/v1/loans/{made.loan.id}/redemption", headers=headers)
        minor = parse_minor(answer.json()["redemption"])
    await world.repay(database, made, minor, Apply.DUE)


@pytest.mark.parametrize("name", sorted(LATER))
async def test_a_setting_changed_after_acceptance_changes_nothing_of_the_loan(
    settings: Settings, database: Database, documents: DocumentStore, name: str
) -> None:
    before = changed(settings, **AGREED)
    after = changed(settings, **(AGREED | {name: LATER[name]}))
    pairs = [await twins(database, before.lending.rules, mode) for mode in MODES]
    serviced = pairs[MODES.index(LoanInterestMode.SERVICED)]
    everybody = [one for pair in pairs for one in (pair.unchanged, pair.changed)]
    await world.advance(database, world.REFLECTION)
    staff = await make_somebody(database, Role.ADMINISTRATOR)

    async with started(before) as old, started(after) as new:
        sides = [(old, "unchanged"), (new, "changed")]
        for client, side in sides:
            for pair in pairs:
                path = f"/api/v1/loans/{getattr(pair, side).loan.id}/drawdown"
                drawn = await client.post(path, headers=staff.paying())
                assert drawn.status_code == 200, drawn.text

        async def same() -> None:
            for pair in pairs:
                ours, theirs = [await shown(client, getattr(pair, side), staff.headers) for client, side in sides]
                assert ours == theirs

        async def close() -> None:
            """As the worker of the changed service does."""
            jobs = {job.name: job for job in periodic_jobs(Resources(after, database, documents))}
            await jobs["close_days"].run()
            await jobs["pay_distributions"].run()

        await same()
        first = serviced.unchanged.drawn_on
        await world.go_to(database, first + timedelta(days=50))
        await close()
        await same()
        for client, side in sides:
            for pair in pairs:
                if pair is not serviced:
                    await serve(database, client, getattr(pair, side), staff.headers)
            await serve(database, client, getattr(serviced, side), staff.headers, minor=5_000)
        # Two instalments are above the share agreed, one of them is not: the days count from the second.
        await world.go_to(database, first + timedelta(days=175))
        await close()
        await same()
        for client, side in sides:
            await serve(database, client, getattr(serviced, side), staff.headers)
        await world.advance(database, timedelta(days=1))
        await close()
        await same()
    for pair in pairs:
        found = await booked(database, pair.changed)
        assert found == await booked(database, pair.unchanged)
        assert len(found) > 40
    async with database.reading() as connection:
        for one in everybody:
            assert (await loans.get(connection, one.loan.id)).status is loans.Status.REPAID
    assert await world.problems(database) == []


async def test_the_terms_of_an_offer_are_those_of_its_day(database: Database) -> None:
    """The margin under which it was decided stands in the offer, in the drawn loan and in the sealed trail."""
    first = loans.LendingRules(product=loans.ProductSettings(default_margin=Decimal("3.75")))
    made = await world.drawn(database, STAKES, rules=first)
    assert made.loan.offer is not None
    assert made.loan.offer.product_terms.default_margin == Decimal("3.75")
    assert made.loan.offer.default_rate == Decimal("14")
    assert (made.loan.offer.product_terms.product, made.loan.offer.product_terms.version) == ("serviced", 1)
    async with database.reading() as connection:
        stored = await connection.fetchval("SELECT terms FROM serviced_loan WHERE loan_id = $1", made.loan.id)
        sealed = await connection.fetchval(
            "SELECT data->'terms'->'product_terms' FROM audit_entry WHERE action = 'loan.accept' AND subject_id = $1",
            made.loan.id,
        )
    assert stored["default_rate"] == {"millionths": 14_000_000}
    assert sealed["default_margin"] == "3.75"
