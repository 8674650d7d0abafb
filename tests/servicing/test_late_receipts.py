"""Receipts that the bank reports late or takes back (row 2 of the servicing issue): booked, and netted per holder."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from halfpenny import loans, servicing
from halfpenny.identity import Role
from halfpenny.ledger import Account, AccountKind
from halfpenny.loans import LendingRules, Status
from halfpenny.platform import clock
from halfpenny.platform.database import Database
from halfpenny.primitives.money import Money
from halfpenny.servicing.acts import SETTLE_OVERPAID, OverpaidSettlement, arrears_acts
from halfpenny.servicing.model.correcting import HolderRecord, correct
from halfpenny.servicing.model.engine import replay
from halfpenny.servicing.model.events import Apply, Event
from halfpenny.servicing.model.flows import flows_of, parts_by_day
from halfpenny.servicing.model.sharing import share_from_the_first_day
from halfpenny.servicing.model.terms import LoanTerms
from halfpenny.servicing.service import bank_receipts, reversing, tax_profiles
from halfpenny.servicing.statuses import OverpaidBearer
from halfpenny.servicing.store import serviced_loans
from servicing import world
from support.bank import credits_in_suspense, receive
from support.lending_strategies import loan_histories
from support.people import make_somebody, sign_in

STAKES = [123_457, 200_003, 676_540]
Client = httpx2.AsyncClient


async def drawn_together(database: Database, count: int) -> list[world.Drawn]:
    """Loans alike, drawn down on one day."""
    ready = [await world.ready(database, STAKES) for _ in range(count)]
    await world.advance(database, world.REFLECTION)
    made = []
    async with database.unit_of_work() as connection:
        today = await clock.business_date(connection)
        for one in ready:
            done = await servicing.draw_down(connection, one.loan.id, one.staff)
            made.append(replace(one, loan=done.loan, drawn_on=today))
    return made


async def due_dates(database: Database, made: world.Drawn) -> list[date]:
    async with database.reading() as connection:
        return [row["due_on"] for row in await serviced_loans.instalments(connection, made.loan.id)]


async def book(
    database: Database, made: world.Drawn, minor: int, received_on: date, apply: Apply = Apply.DUE
) -> servicing.PostingResult:
    """Money of an earlier day that is received today."""
    async with database.unit_of_work() as connection:
        await world.deposit(connection, made.borrower, minor)
        wallet = Account(AccountKind.WALLET, made.borrower, world.EUR)
        return await servicing.receive_from_bank(
            connection, made.loan.id, Money(minor, world.EUR), received_on, made.staff, source=wallet, apply=apply
        )


async def go(database: Database, day: date) -> None:
    await world.go_to(database, day)
    await servicing.close_days(database)


async def holdings(database: Database, made: world.Drawn) -> dict[int, tuple[int, ...]]:
    """By stake: what each holder has come to, and what they have had too much."""
    async with database.reading() as connection:
        rows = await connection.fetch("SELECT * FROM holding WHERE loan_id = $1", made.loan.id)
    names = ("outstanding", "interest", "withheld", "lost", "recovered", "overpaid")
    return {row["stake_minor"]: tuple(row[f"{name}_minor"] for name in names) for row in rows}


async def taxed(database: Database, *drawn: world.Drawn) -> None:
    async with database.unit_of_work() as connection:
        for made in drawn:
            for person in made.stakes:
                await tax_profiles.set_tax_profile(connection, person, "PL", False, 19_000_000)


async def test_a_receipt_reported_late_is_booked_and_everybody_is_brought_to_what_is_right(database: Database) -> None:
    late, twin = await drawn_together(database, 2)
    await taxed(database, late, twin)
    first, second, third, *_ = await due_dates(database, late)
    await go(database, first + timedelta(days=3))
    await book(database, twin, 3_300, first + timedelta(days=3))
    await go(database, first + timedelta(days=20))
    for made in (late, twin):
        await book(database, made, 8_600, first + timedelta(days=20))
    await servicing.pay_distributions(database)
    before = await world.wallets(database, list(late.stakes))
    done = await book(database, late, 3_300, first + timedelta(days=3))
    # Default interest on 33.00 never was, and what came in on the twentieth was early for that much more.
    assert done.moved.default_interest < 0 < done.moved.held
    kept = await holdings(database, late)
    # 0.18 of default interest less (0.05 of it the platform's), 0.13 of interest more, after tax: the second holder's
    # part of it is less than half a cent.
    assert {stake: holder[-1] for stake, holder in kept.items()} == {123_457: 1, 200_003: 0, 676_540: 3}
    assert await world.balances(database, late.loan.id, AccountKind.OVERPAID_DISTRIBUTION) == [
        sum(holder[-1] for holder in kept.values())
    ]
    await servicing.pay_distributions(database)
    assert await world.wallets(database, list(late.stakes)) == before
    assert await world.problems(database) == []
    await go(database, second)
    for made in (late, twin):
        await book(database, made, 9_000, second)
    await go(database, third + timedelta(days=1))
    await servicing.pay_distributions(database)
    assert await world.problems(database) == []
    corrected = await holdings(database, late)
    assert all(holder[-1] == 0 for holder in corrected.values())
    assert corrected == await holdings(database, twin)
    assert await world.balances(database, late.loan.id, AccountKind.OVERPAID_DISTRIBUTION) == [0]
    assert sum(await world.wallets(database, list(late.stakes))) == sum(
        await world.wallets(database, list(twin.stakes))
    )


async def test_a_bounced_receipt_is_netted_from_the_next_shares(client: Client, database: Database) -> None:
    made, twin = await drawn_together(database, 2)
    await taxed(database, made, twin)
    first, second, *_ = await due_dates(database, made)
    staff = await sign_in(database, made.administrator, Role.ADMINISTRATOR)
    await go(database, first + timedelta(days=1))
    posted = await receive(database, made.loan.id, 8_542, first, made.administrator)
    assert posted.receipt_id is not None
    await servicing.pay_distributions(database)
    had = await world.wallets(database, list(made.stakes))
    await go(database, first + timedelta(days=9))
    path = f"/api/v1/receipts/{posted.receipt_id}/reverse"
    body = {
        "reversed_on": (first + timedelta(days=9)).isoformat(),
        "reference": "RTRN/4711",
        "reason": "No funds on the account.",
    }
    early = body | {"reversed_on": (first - timedelta(days=1)).isoformat()}
    for wrong, where, status, code in (
        (early, path, 409, "reversal_before_receipt"),
        (body | {"reversed_on": (first + timedelta(days=10)).isoformat()}, path, 422, "future_effective_date"),
        (body, f"/api/v1/receipts/{uuid4()}/reverse", 404, "unknown_receipt"),
        (body | {"reason": ""}, path, 422, "malformed"),
    ):
        refused = await client.post(where, json=wrong, headers=staff.paying())
        assert (refused.status_code, refused.json()["code"]) == (status, code), refused.text
    done = await client.post(path, json=body, headers=staff.paying())
    assert done.status_code == 200, done.text
    assert (done.json()["days_past_due"], done.json()["receipt"]["amount"]) == (9, "-85.42")
    # The credit stands in suspense again, until it is returned or matched to what it was for.
    assert list((await credits_in_suspense(database)).values()) == [8_542]
    again = await client.post(path, json=body, headers=staff.paying())
    assert (again.status_code, again.json()["code"]) == (409, "receipt_reversed")
    assert await world.wallets(database, list(made.stakes)) == had
    assert sum(holder[-1] for holder in (await holdings(database, made)).values()) == sum(had)
    assert await world.problems(database) == []
    await go(database, second + timedelta(days=2))
    for one in (made, twin):
        async with database.reading() as connection:
            due = await servicing.amount_due(connection, one.loan.id)
        await book(database, one, due, second + timedelta(days=2))
    await servicing.pay_distributions(database)
    assert await world.problems(database) == []
    assert await holdings(database, made) == await holdings(database, twin)
    assert await world.balances(database, made.loan.id, AccountKind.OVERPAID_DISTRIBUTION) == [0]
    await shown_in_the_proof(client, database, made)


async def shown_in_the_proof(client: Client, database: Database, made: world.Drawn) -> None:
    """The correction and what was netted from the share after it, for an investor and in the year's statement."""
    investor = await sign_in(database, next(iter(made.stakes)), Role.INVESTOR)
    listed = await client.get(f"/api/v1/loans/{made.loan.id}/distributions", headers=investor.headers)
    proofs: list[Any] = [
        (await client.get(f"/api/v1/distributions/{one['id']}/proof", headers=investor.headers)).json()
        for one in listed.json()["items"]
    ]
    assert [proof["correction"] for proof in proofs] == [False, True, False]
    paid, taken, netted = (proof["money_out"][0] for proof in proofs)
    assert taken["interest"] == f"-{paid['interest']}" and taken["paid"] == "0.00"
    assert taken["netted"] == f"-{netted['netted']}"


async def test_a_bounced_redemption_opens_the_loan_again(database: Database) -> None:
    made = await world.drawn(database, STAKES)
    day = made.drawn_on + timedelta(days=11)
    await go(database, day + timedelta(days=1))
    async with database.reading() as connection:
        figure = await bank_receipts.owed_on(connection, made.loan.id, day)
    paid = await receive(database, made.loan.id, figure, day, made.administrator)
    assert paid.loan.status is Status.REPAID and paid.receipt_id is not None
    await servicing.pay_distributions(database)
    await go(database, day + timedelta(days=4))
    async with database.unit_of_work() as connection:
        [back] = await reversing.reverse_receipt(
            connection, UUID(paid.receipt_id), day + timedelta(days=4), made.staff, "Recalled.", reference="RTRN/8"
        )
    assert (back.loan.status, back.position.principal_outstanding) == (Status.ACTIVE, 1_000_000)
    assert await world.problems(database) == []
    async with database.reading() as connection:
        figure = (await servicing.redemption_on(connection, made.loan.id, None)).payable
    again = await book(database, made, figure, day + timedelta(days=4))
    assert again.loan.status is Status.REPAID
    await servicing.pay_distributions(database)
    kinds = (AccountKind.OVERPAID_DISTRIBUTION, AccountKind.INVESTOR_CLAIMS, AccountKind.COLLECTIONS)
    assert await world.balances(database, made.loan.id, *kinds) == [0, 0, 0]
    assert await world.problems(database) == []
    async with database.reading() as connection:
        assert (await loans.get(connection, made.loan.id)).status is Status.REPAID


@pytest.mark.parametrize("bearer", ["platform", "holders"])
async def test_two_people_decide_who_bears_what_a_closed_loan_leaves(
    client: Client, database: Database, bearer: str
) -> None:
    """Default interest was paid and shared, the loan redeemed; then the bank finds that nothing had been late."""
    made = await world.drawn(database, STAKES)
    first, *_ = await due_dates(database, made)
    await go(database, first + timedelta(days=30))
    async with database.reading() as connection:
        figure = (await servicing.redemption_on(connection, made.loan.id, None)).payable
    assert (await book(database, made, figure, first + timedelta(days=30))).loan.status is Status.REPAID
    await servicing.pay_distributions(database)
    one = await make_somebody(database, Role.SERVICER)
    other = await make_somebody(database, Role.ADMINISTRATOR)
    path = f"/api/v1/loans/{made.loan.id}/overpaid"
    body = {"bearer": bearer, "reason": "The bank apologised."}
    refused = await client.post(path, json=body, headers=one.paying())
    waiting = refused.json()["approval"]["id"] if refused.status_code == 202 else None
    if waiting is not None:
        refused = await client.post(f"/api/v1/approvals/{waiting}/approve", headers=other.headers)
    assert (refused.status_code, refused.json()["code"]) == (409, "nothing_overpaid")
    done = await book(database, made, 8_542, first)
    assert (done.loan.status, done.moved.default_interest < 0) == (Status.REPAID, True)
    overpaid = {stake: holder[-1] for stake, holder in (await holdings(database, made)).items()}
    assert sum(overpaid.values()) == -done.moved.default_interest
    before = await world.wallets(database, list(made.stakes))
    asked = await client.post(path, json=body, headers=one.paying())
    assert asked.status_code == 202
    assert await world.wallets(database, list(made.stakes)) == before
    approve = f"/api/v1/approvals/{asked.json()['approval']['id']}/approve"
    own = await client.post(approve, headers=one.headers)
    assert (own.status_code, own.json()["code"]) == (403, "four_eyes")
    settled = await client.post(approve, headers=other.headers)
    assert (settled.status_code, settled.json()["result"]["bearer"]) == (200, bearer)
    taken = [was - now for was, now in zip(before, await world.wallets(database, list(made.stakes)), strict=True)]
    assert taken == ([overpaid[stake] for stake in made.stakes.values()] if bearer == "holders" else [0, 0, 0])
    assert all(holder[-1] == 0 for holder in (await holdings(database, made)).values())
    assert await world.balances(database, made.loan.id, AccountKind.OVERPAID_DISTRIBUTION) == [0]
    await servicing.pay_distributions(database)
    assert await world.problems(database) == []


async def test_reading_what_was_too_much_waits_for_nobody(database: Database) -> None:
    """A settlement that was proposed is looked at while somebody else changes the holdings."""
    made = await world.drawn(database, STAKES)
    first, *_ = await due_dates(database, made)
    await go(database, first + timedelta(days=1))
    posted = await receive(database, made.loan.id, 8_542, first, made.administrator)
    await servicing.pay_distributions(database)
    async with database.unit_of_work() as connection:
        [_] = await reversing.reverse_receipt(
            connection, UUID(posted.receipt_id or ""), first + timedelta(days=1), made.staff, "Bounced."
        )
    act = next(act for act in arrears_acts(0, LendingRules()) if act.name == SETTLE_OVERPAID)
    payload = OverpaidSettlement(OverpaidBearer.PLATFORM)
    async with database.unit_of_work() as connection:
        locked = await connection.fetch("SELECT FROM holding WHERE overpaid_minor > 0 FOR UPDATE")
        assert len(locked) == 3
        async with asyncio.timeout(5), database.reading() as other:
            state = await act.read(other, made.loan.id, payload, False)
    assert state.facts["overpaid"] == "85.42"


async def test_any_order_of_arrival_ends_in_the_same_books(database: Database) -> None:
    """Five receipts of five days, received in four orders, with a distribution paid between any two; taxed."""
    random_ = random.Random("arrival")
    drawn = await drawn_together(database, 4)
    await taxed(database, *drawn)
    first, second, third, *_ = await due_dates(database, drawn[0])
    received = [
        (first - timedelta(days=2), 4_001, Apply.DUE),
        (first + timedelta(days=6), 4_900, Apply.DUE),
        (second, 33_333, Apply.PREPAY),
        (second, 777, Apply.DUE),
        (third + timedelta(days=1), 8_200, Apply.DUE),
    ]
    await go(database, third + timedelta(days=2))
    for made in drawn:
        for day, minor, apply in received if made is drawn[0] else random_.sample(received, len(received)):
            await book(database, made, minor, day, apply)
            await servicing.pay_distributions(database)
    assert await world.problems(database) == []
    found = [await holdings(database, made) for made in drawn]
    ended = [
        # What was had too much on the way may still wait for the next money: everything else is the same.
        {stake: holder[:-1] for stake, holder in one.items()}
        for one in found
    ]
    assert ended[1:] == [ended[0]] * 3
    for made in drawn:
        async with database.reading() as connection:
            figure = (await servicing.redemption_on(connection, made.loan.id, None)).payable
        await book(database, made, figure, third + timedelta(days=2))
    await servicing.pay_distributions(database)
    assert await world.problems(database) == []
    found = [await holdings(database, made) for made in drawn]
    assert found[1:] == [found[0]] * 3
    earned = [sorted(await world.wallets(database, list(made.stakes))) for made in drawn]
    assert earned[1:] == [earned[0]] * 3


@given(
    loan_histories(receipts_only=True),
    st.lists(st.integers(1, 10**7), min_size=1, max_size=4),
    st.integers(0, 10**8),
    st.randoms(use_true_random=False),
)
def test_corrections_on_the_way_end_where_the_whole_comes_to(
    history: tuple[LoanTerms, list[Event], date], stakes: list[int], rate: int, shuffled: random.Random
) -> None:
    """Receipts arrive one after the other in any order; each correction brings everybody, taxed, to what is right."""
    terms, events, as_of = history
    arriving = list(events)
    shuffled.shuffle(arriving)
    whole = terms.principal.minor
    split = [stake * whole // sum(stakes) for stake in stakes]
    split[0] += whole - sum(split)
    holders = [(UUID(int=place), stake) for place, stake in enumerate(split)]
    had: dict[UUID, HolderRecord] = {}
    for count in range(len(arriving) + 1):
        position = replay(terms, (), as_of, recorded=arriving[:count])
        should = share_from_the_first_day(holders, terms.advanced_on, parts_by_day(terms, position), lambda *_: rate)
        for correction in correct(should, [had.get(one, HolderRecord(one, *[0] * 7)) for one, _ in holders]):
            before = had.get(correction.position_id, HolderRecord(correction.position_id, *[0] * 7))
            assert correction.paid >= 0
            had[correction.position_id] = HolderRecord(
                correction.position_id,
                *(
                    getattr(before, name) + getattr(correction, name)
                    for name in ("principal", "interest", "default_interest", "recovered", "lost", "withheld")
                ),
                before.overpaid - correction.netted,
            )
    position = replay(terms, (), as_of, recorded=events)
    right = share_from_the_first_day(holders, terms.advanced_on, parts_by_day(terms, position), lambda *_: rate)
    names = ("principal", "interest", "default_interest", "recovered", "lost", "withheld")
    for one in right:
        record = had[one.position_id]
        assert [getattr(record, name) for name in names] == [getattr(one, name) for name in names]
        assert record.overpaid >= 0


@given(loan_histories(), st.lists(st.integers(1, 10**7), min_size=1, max_size=5))
def test_the_days_add_up_to_the_flows_and_the_shares_to_the_days(
    history: tuple[LoanTerms, list[Event], date], stakes: list[int]
) -> None:
    terms, events, as_of = history
    position = replay(terms, (), as_of, recorded=events)
    days, flows = parts_by_day(terms, position), flows_of(terms, position)
    names = ("principal", "interest", "default_interest", "recovered", "lost")
    totals = {name: sum(getattr(day, name) for day in days) for name in names}
    assert totals == {name: getattr(flows, name) for name in names}
    assert [day.effective_date for day in days] == sorted({day.effective_date for day in days})
    # Stakes are what the loan was drawn with.
    whole = position.drawn
    weights = sum(stakes)
    split = [stake * whole // weights for stake in stakes]
    split[0] += whole - sum(split)
    holders = share_from_the_first_day(
        [(UUID(int=place), stake) for place, stake in enumerate(split)], terms.advanced_on, days
    )
    assert {name: sum(getattr(holder, name) for holder in holders) for name in names} == totals
    assert sum(holder.outstanding for holder in holders) == position.principal_outstanding
    assert all(holder.outstanding >= 0 and 0 <= holder.recovered <= holder.lost for holder in holders)
