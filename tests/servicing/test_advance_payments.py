"""Money before its due date (row 3 of the servicing issue), and the one redemption figure (row 12)."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from halfpenny import servicing
from halfpenny.identity import Role
from halfpenny.ledger import AccountKind
from halfpenny.loans import LoanInterestMode, Status
from halfpenny.platform.database import Database
from halfpenny.primitives.money import Currency, Money, format_minor, parse_minor
from halfpenny.servicing import errors
from halfpenny.servicing.model.engine import replay
from halfpenny.servicing.model.events import Apply, Event
from halfpenny.servicing.model.payoff import payoff, receive
from halfpenny.servicing.store import serviced_loans
from servicing import world
from support.lending_strategies import loan_histories
from support.people import Somebody, sign_in
from support.quotes import ask

STAKES = [250_001, 749_999]
Client = httpx2.AsyncClient


async def paid(database: Database, made: world.Drawn, minor: int) -> servicing.PostingResult:
    """From the wallet, without stating what the rest is for."""
    return await world.repay(database, made, minor, None)


async def kept(database: Database, made: world.Drawn) -> Any:
    async with database.reading() as connection:
        row = await connection.fetchrow("SELECT * FROM serviced_loan WHERE loan_id = $1", made.loan.id)
        first, *_ = await serviced_loans.instalments(connection, made.loan.id)
    return row, first


async def test_money_a_day_early_waits_and_pays_on_its_day(database: Database) -> None:
    made = await world.drawn(database, STAKES)
    _, first = await kept(database, made)
    await world.go_to(database, first["due_on"] - timedelta(days=1))
    await servicing.close_days(database)
    done = await paid(database, made, first["interest_minor"])
    assert (done.moved.held, done.moved.principal, done.moved.interest) == (8_542, 0, 0)
    assert (done.position.advance_held, done.position.principal_outstanding) == (8_542, 1_000_000)
    assert await world.balances(database, made.loan.id, AccountKind.ADVANCE_PAYMENTS) == [8_542]
    assert await world.problems(database) == []
    await world.go_to(database, first["due_on"] + timedelta(days=3))
    await servicing.close_days(database)
    row, first = await kept(database, made)
    assert (row["advance_payment_minor"], row["total_due_minor"], row["days_past_due"]) == (0, 0, 0)
    assert (first["unpaid_minor"], first["settled_on"]) == (0, first["due_on"])
    assert row["principal_outstanding_minor"] == 1_000_000
    assert await servicing.pay_distributions(database) == 2
    kinds = (AccountKind.ADVANCE_PAYMENTS, AccountKind.COLLECTIONS, AccountKind.DISTRIBUTION_PAYABLE)
    assert await world.balances(database, made.loan.id, *kinds) == [0, 0, 0]
    assert sum(await world.wallets(database, list(made.stakes))) == 8_542
    assert await world.problems(database) == []


async def test_a_part_that_waits_leaves_the_rest_of_the_instalment_overdue(database: Database) -> None:
    made = await world.drawn(database, STAKES)
    _, first = await kept(database, made)
    await paid(database, made, 5_000)
    await paid(database, made, 1_042)
    await world.go_to(database, first["due_on"] + timedelta(days=2))
    await servicing.close_days(database)
    row, first = await kept(database, made)
    assert (first["unpaid_minor"], row["days_past_due"], row["advance_payment_minor"]) == (2_500, 1, 0)
    await servicing.pay_distributions(database)
    assert await world.problems(database) == []


async def test_more_than_the_next_instalment_asks_and_changes_nothing(client: Client, database: Database) -> None:
    made = await world.drawn(database, STAKES)
    borrower: Somebody = await sign_in(database, made.borrower, Role.BORROWER)
    async with database.unit_of_work() as connection:
        await world.deposit(connection, made.borrower, 40_000)
    path = f"/api/v1/loans/{made.loan.id}/repayments"
    before = await world.wallets(database, [made.borrower])
    asked = await client.post(path, json={"amount": "310.00", "currency": "EUR"}, headers=borrower.paying())
    assert (asked.status_code, asked.json()["code"]) == (409, "apply_needed")
    outcomes = {name: asked.json()["data"][name] for name in ("due", "prepay")}
    assert outcomes["due"]["waits_as_advance_payment"] == "85.42"
    assert outcomes["due"]["goes_back"] == "224.58"
    assert outcomes["prepay"]["repays_principal"] == "310.00"
    assert await world.wallets(database, [made.borrower]) == before
    wrong = {"amount": "310.00", "currency": "EUR", "apply": "later"}
    assert (await client.post(path, json=wrong, headers=borrower.paying())).status_code == 422
    async with database.reading() as connection:
        assert await serviced_loans.events(connection, made.loan.id) == []
    body = {"amount": "310.00", "currency": "EUR", "apply": "prepay"}
    done = await client.post(path, json=body, headers=borrower.paying())
    assert (done.status_code, done.json()["principal_outstanding"]) == (201, "9690.00")
    body = {"amount": "90.00", "currency": "EUR", "apply": "due"}
    done = await client.post(path, json=body, headers=borrower.paying())
    # The next instalment is that of the smaller principal by now; what is beyond it stays in the wallet.
    assert done.json()["advance_payment"] != "0.00" and done.json()["receipt"]["returned"] != "0.00"
    await servicing.pay_distributions(database)
    assert await world.problems(database) == []


async def test_the_bank_may_not_guess_either(database: Database) -> None:
    made = await world.drawn(database, STAKES)
    with pytest.raises(errors.ApplyNeeded):
        async with database.unit_of_work() as connection:
            await servicing.receive_from_bank(
                connection, made.loan.id, Money(77_700, world.EUR), made.drawn_on, made.staff
            )
    assert await world.balances(database, made.loan.id, AccountKind.COLLECTIONS) == [0]


async def test_what_waits_pays_of_the_redemption(database: Database) -> None:
    made = await world.drawn(database, STAKES)
    await paid(database, made, 6_000)
    await world.go_to(database, made.drawn_on + timedelta(days=17))
    async with database.reading() as connection:
        figure = await servicing.redemption_on(connection, made.loan.id, None)
    assert figure.from_advance == 6_000
    done = await paid(database, made, figure.payable)
    assert (done.loan.status, done.moved.returned, done.moved.held) == (Status.REPAID, 0, -6_000)
    await servicing.pay_distributions(database)
    assert await world.balances(database, made.loan.id, AccountKind.ADVANCE_PAYMENTS) == [0]
    assert await world.problems(database) == []


async def test_a_cent_less_than_the_figure_does_not_redeem(database: Database) -> None:
    made = await world.drawn(database, STAKES)
    await world.go_to(database, made.drawn_on + timedelta(days=9))
    async with database.reading() as connection:
        payable = (await servicing.redemption_on(connection, made.loan.id, None)).payable
    with pytest.raises(errors.ApplyNeeded):
        await paid(database, made, payable - 1)
    assert (await paid(database, made, payable)).loan.status is Status.REPAID


async def test_one_figure_redeems_a_retained_loan_and_the_reserve_pays_the_rest(
    client: Client, database: Database
) -> None:
    made = await world.drawn(database, STAKES, mode=LoanInterestMode.RETAINED, term_months=6)
    borrower = await sign_in(database, made.borrower, Role.BORROWER)
    path = f"/api/v1/loans/{made.loan.id}"
    shown = (await client.get(f"{path}/redemption", headers=borrower.headers)).json()
    # 10,000.00 at 10.25 % for six months: 512.50 lie in the reserve, to the cent that each month rounds.
    assert (shown["owed"], shown["from_reserve"]) == ("10000.00", "512.52")
    assert shown["redemption"] == shown["payable"] == "9487.48"
    same = ("owed", "from_reserve", "from_advance_payment", "redemption", "payable")
    on = made.drawn_on.isoformat()
    terms = {"principal": "10000.00", "annual_rate": "10.25", "advanced_on": on, "redeemed_on": on, "periods": 6}
    quoted = ask(**terms, repayment="bullet", interest_mode="retained")
    assert {name: shown[name] for name in same} == {name: quoted[name] for name in same}
    async with database.unit_of_work() as connection:
        await world.deposit(connection, made.borrower, 948_748)
    before = (await world.wallets(database, [made.borrower]))[0]
    body = {"amount": shown["payable"], "currency": "EUR"}
    done = await client.post(f"{path}/repayments", json=body, headers=borrower.paying())
    assert done.json()["status"] == "repaid"
    assert done.json()["receipt"]["from_reserve"] == "512.52"
    assert (await world.wallets(database, [made.borrower]))[0] == before - 948_748
    await servicing.pay_distributions(database)
    assert sum(await world.wallets(database, list(made.stakes))) == 1_000_000
    kinds = (AccountKind.INTEREST_RESERVE, AccountKind.COLLECTIONS, AccountKind.INVESTOR_CLAIMS)
    assert await world.balances(database, made.loan.id, *kinds) == [0, 0, 0]
    assert await world.problems(database) == []


@pytest.mark.parametrize("early", ["85.42", "30.01"])
async def test_schedule_and_redemption_agree_on_a_due_day_before_its_close(
    client: Client, database: Database, early: str
) -> None:
    made = await world.drawn(database, STAKES)
    borrower = await sign_in(database, made.borrower, Role.BORROWER)
    path = f"/api/v1/loans/{made.loan.id}"
    rows = (await client.get(f"{path}/schedule", headers=borrower.headers)).json()["instalments"]
    due_on = date.fromisoformat(rows[0]["due_on"])
    await world.go_to(database, due_on - timedelta(days=1))
    await world.repay(database, made, parse_minor(early), Apply.DUE)
    await world.go_to(database, due_on)
    async with database.reading() as connection:
        due = await servicing.amount_due(connection, made.loan.id)
    [first, *_] = (await client.get(f"{path}/schedule", headers=borrower.headers)).json()["instalments"]
    shown = (await client.get(f"{path}/redemption", headers=borrower.headers)).json()
    assert (first["unpaid"], shown["interest"], shown["from_advance_payment"]) == (format_minor(due),) * 2 + ("0.00",)
    assert due == 8_542 - parse_minor(early)


@given(loan_histories(receipts_only=True), st.integers(0, 2))
def test_paying_the_figure_redeems_and_a_cent_less_never_does(history: tuple[Any, list[Event], Any], less: int) -> None:
    terms, events, as_of = history
    before = replay(terms, (), as_of, recorded=events)
    figure = payoff(terms, events, as_of)
    assert figure.owed == figure.payable + figure.from_reserve + figure.from_advance
    assert min(figure.payable, figure.from_reserve, figure.from_advance) >= 0
    if before.closed_on is not None or figure.payable - less <= 0:
        return
    amount = Money(figure.payable - less, Currency.EUR)
    receipt = receive(terms, events, as_of, amount, apply=Apply.DUE)
    after = replay(terms, [receipt], as_of, recorded=events)
    # Where several receipts share the day, a smaller one comes first and the larger one redeems: still on this day.
    assert (after.closed_on == as_of) == (less == 0), format_minor(figure.payable)
    if less == 0:
        assert after.returned == before.returned
