"""The redemption statement: each day's figure redeems on that day, a further day's cost and until when it holds."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from halfpenny import servicing
from halfpenny.identity import Role
from halfpenny.loans import LoanInterestMode
from halfpenny.platform.database import Database
from halfpenny.platform.papers import PaperLanguage
from halfpenny.primitives.money import Currency, Money
from halfpenny.servicing.model.due_dates import MonthEnd, add_months
from halfpenny.servicing.model.engine import replay
from halfpenny.servicing.model.events import Event, Extension, Waiver
from halfpenny.servicing.model.payoff import payoff_by_day, receive
from halfpenny.servicing.model.redemption import Payoff
from halfpenny.servicing.model.terms import LoanTerms
from halfpenny.servicing.model.waterfall import Component, WaivedComponent
from halfpenny.servicing.redemption_letter import VALID_DAYS, RedemptionStatement, redemption_data, render
from halfpenny.servicing.rest import loan_routes
from servicing import world
from support.edge import Client
from support.lending_app import lending_client
from support.lending_strategies import loan_histories
from support.people import make_somebody, sign_in

FIRST = date(2026, 3, 1)


@settings(max_examples=150)
@given(loan_histories(), st.integers(1, VALID_DAYS), st.integers(0, 90), st.data())
def test_the_figure_of_each_day_redeems_on_that_day(
    history: tuple[LoanTerms, list[Event], date], days: int, later: int, data: st.DataObject
) -> None:
    """Also on the day on which something is waived, or the loan extended after its maturity."""
    terms, events, last = history
    on = last + timedelta(days=later)
    known = [event for event in events if event.effective_date <= on]
    position = replay(terms, (), on, recorded=known)
    assume(position.closed_on is None)
    waivable = [one for one in WaivedComponent if position.owed[Component(one.value)]]
    for waived in data.draw(st.lists(st.sampled_from(waivable), unique=True)) if waivable else []:
        component = Component(waived.value)
        minor = data.draw(st.integers(1, position.owed[component]))
        known.append(Waiver(on, component, Money(minor, terms.currency)))
    if data.draw(st.booleans()):
        known.append(Extension(on, data.draw(st.integers(1, 12))))
    before = replay(terms, (), on, recorded=known)
    assume(before.closed_on is None)
    by_day = payoff_by_day(terms, known, on, days)
    assert [one.on for one in by_day] == [on + timedelta(days=after) for after in range(days)]
    for one in by_day:
        assume(one.payable)
        receipt = receive(terms, known, one.on, Money(one.payable, terms.currency))
        closed = replay(terms, [receipt], one.on, recorded=known)
        assert (closed.closed_on, closed.total_due, closed.waived) == (one.on, 0, before.waived)


def days_from(first: Payoff, *more: int) -> list[Payoff]:
    days = [first]
    for step in more:
        last = days[-1]
        days.append(replace(last, on=last.on + timedelta(days=1), interest=last.interest + step))
    return days


def statement(*more: int, **parts: int) -> RedemptionStatement:
    plain = {"principal": 12_000_000, "interest": 34_521, "fees": 0, "default_interest": 0, "recovery_costs": 0}
    first = Payoff(FIRST, **plain | {"from_reserve": 0, "from_advance": 0} | parts)
    return RedemptionStatement(
        lender="Mosty sp. z o.o.",
        lender_address="Prosta 7, 61-001 Poznań",
        borrower="Żuraw #strong[Holding] $x^2$",
        title="Loft, Łódź",
        secured_on="Piotrkowska 1, Łódź",
        reference="a-reference",
        issued_on=FIRST,
        currency=Currency.PLN,
        days=days_from(first, *more),
    )


@pytest.mark.parametrize("language", list(PaperLanguage))
def test_a_day_costs_the_same_or_the_paper_says_that_it_changes(language: PaperLanguage) -> None:
    even = redemption_data(statement(*[3_945] * 13), language)
    rounded = redemption_data(statement(*[3_945] * 6, 3_946, *[3_945] * 6), language)
    changing = redemption_data(statement(*[3_945] * 6, 5_100, *[3_945] * 6), language)
    amount = {"en": "PLN\u00a039.45", "pl": "39,45\u00a0zł"}[language]
    assert amount in even["each_day"] and amount in rounded["each_day"] and amount not in changing["each_day"]
    assert even["each_day"] != rounded["each_day"]
    assert len(even["days"]) == VALID_DAYS
    figure, last = {"en": ("120,345.21", "14 March 2026"), "pl": ("120\u00a0345,21", "14 marca 2026")}[language]
    assert even["payable"][1] == even["days"][0][1] == figure and even["days"][0][2] == ""
    assert even["facts"][-1]["value"] == even["days"][-1][0] == last and last in even["holds"]
    # Whatever changes a figure without a payment of it is said.
    changes = {
        PaperLanguage.ENGLISH: (
            "another payment", "new charge", "waiver", "pause of interest", "extension", "acceleration", "write-off",
            "legal maximum", "takes a payment back",
        ),
        PaperLanguage.POLISH: (
            "inna wpłata", "nowa opłata", "umorzenie", "zawieszenie", "przedłużenie", "natychmiastowej wymagalności",
            "spisanie w straty", "odsetki maksymalne", "cofnie wpłatę",
        ),
    }  # fmt: skip
    assert [change for change in changes[language] if change not in even["holds"]] == []
    # Nothing that is nil has a line, and what somebody else pays is taken off.
    assert len(even["parts"]) == 2 and even["less"] == []
    kept = redemption_data(statement(fees=1_000, from_reserve=10_000, from_advance=25_521), language)
    assert len(kept["parts"]) == 3 and len(kept["less"]) == 2
    assert kept["payable"][1] == {"en": "120,000.00", "pl": "120\u00a0000,00"}[language]
    assert all(text for text in (even["intro"], even["how"], even["pay"], even["by_day"]))
    content = render(statement(*[3_945] * 13, fees=1_000, from_reserve=10_000), language)
    assert content.startswith(b"%PDF-") and len(content) > 5_000


@pytest.fixture
async def client(database: Database) -> AsyncIterator[Client]:
    async with lending_client(database, loan_routes.router) as client:
        yield client


@pytest.mark.parametrize("mode", [LoanInterestMode.SERVICED, LoanInterestMode.RETAINED])
async def test_its_two_sides_have_it_until_the_loan_is_paid_off(
    client: Client, database: Database, mode: LoanInterestMode
) -> None:
    made = await world.drawn(database, [250_000], mode=mode)
    path = f"/api/v1/loans/{made.loan.id}/redemption-statement"
    borrower = await sign_in(database, made.borrower, Role.BORROWER)
    staff, other_borrower = await make_somebody(database, "servicer"), await make_somebody(database, "borrower")
    for who in (borrower, staff):
        for language in ("en", "pl"):
            answer = await client.get(f"{path}?language={language}", headers=who.headers)
            assert (answer.status_code, answer.headers["content-type"]) == (200, "application/pdf")
            assert f"redemption-{made.loan.id}-{language}.pdf" in answer.headers["content-disposition"]
    assert (await client.get(path, headers=other_borrower.headers)).json()["code"] == "loan_not_found"
    # Both figures have the same bounds, and say them.
    first, last = made.drawn_on, add_months(made.drawn_on, 12, MonthEnd.CLAMP)
    for route in (path, f"/api/v1/loans/{made.loan.id}/redemption"):
        for day in (first - timedelta(days=1), last + timedelta(days=1), date.min, date(9999, 12, 20), date.max):
            refused = await client.get(f"{route}?on={day}", headers=staff.headers)
            assert (refused.status_code, refused.json()["code"]) == (422, "redemption_day_out_of_range")
            assert refused.json()["data"] == {"first": f"{first}", "last": f"{last}"}
        for day in (first, last):
            assert (await client.get(f"{route}?on={day}", headers=staff.headers)).status_code == 200
    # What it says for a later day is what is asked of a payer on that day.
    later = made.drawn_on + timedelta(days=9)
    async with database.reading() as connection:
        by_day = await servicing.redemption_by_day(connection, made.loan.id, None, VALID_DAYS)
    await world.go_to(database, later)
    async with database.reading() as connection:
        asked = await servicing.redemption_on(connection, made.loan.id, None)
    assert asked == by_day[9] and all(one.on < other.on for one, other in pairwise(by_day))
    await world.repay(database, made, asked.payable)
    closed = await client.get(path, headers=staff.headers)
    assert (closed.status_code, closed.json()["code"]) == (409, "loan_closed")
