"""A whole marketplace against a naive model in memory: whatever happens in whatever order, the cents agree.

Crash and retry are among the rules: a connection is cut in the middle of a batch, a desk dies, keys come again.
Short in CI; ``make chaos`` plays two thousand runs of fifty steps. Hypothesis prints how to repeat a failure.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from hypothesis.stateful import run_state_machine_as_test as play

from chaos.tally import size
from funding.world import EUR, bulk_investors, check_books, escrow, make_ticket, wallet
from halfpenny import funding, ledger, loans, servicing
from halfpenny.funding import DeskSettings, FundingDesk
from halfpenny.funding.model import InvestmentConfirmation, Ticket
from halfpenny.funding.service import tickets
from halfpenny.platform.clock import advance, business_now
from halfpenny.platform.database import Database
from halfpenny.primitives.errors import HalfpennyError, Unavailable
from halfpenny.primitives.ids import UserId
from halfpenny.primitives.money import Money
from support import lending

T = TypeVar("T")
PEOPLE = 4
people = st.integers(0, PEOPLE - 1)
amounts = st.one_of(st.sampled_from([4_999, 5_000, 7_500, 20_000, 60_000]), st.integers(1, 80_000))
MINIMUM = 5_000


@dataclass
class ModelTicket:
    order: Ticket
    answer: InvestmentConfirmation
    investor: int
    loan: UUID
    amount: int
    state: str = "committed"


@dataclass
class ModelLoan:
    target: int
    deadline: datetime
    state: str = "open"
    waiting: list[tuple[int, int]] = field(default_factory=list)


class Marketplace(RuleBasedStateMachine):
    """The naive model: dictionaries, one thing at a time, no clock but the database's."""

    runner: asyncio.Runner
    database: Database

    def __init__(self) -> None:
        super().__init__()
        self.balances = dict.fromkeys(range(PEOPLE), 0)
        self.held = dict.fromkeys(range(PEOPLE), 0)
        self.loans: dict[UUID, ModelLoan] = {}
        self.tickets: list[ModelTicket] = []
        self.pending: list[tuple[str, int, int]] = []
        self.people: list[UserId] = []
        self.desk: FundingDesk | None = None

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    @initialize()
    def begin(self) -> None:
        async def make() -> None:
            async with self.database.unit_of_work() as connection:
                self.people = await bulk_investors(connection, PEOPLE)
                self.borrower = await lending.person(connection, "borrower")
                self.staff = await lending.person(connection, "administrator")
                self.colleague = await lending.person(connection, "administrator")
            # Every run is a world of its own; what earlier ones left pending is not this one's business.
            while await funding.settle_payments(self.database):
                pass
            self.desk = self._new_desk()

        self.wait(make())

    def _new_desk(self) -> FundingDesk:
        desk = FundingDesk(self.database, DeskSettings(batch_tickets=4, attempt_s=5, settle_s=20, wait_s=20))
        desk.start()
        return desk

    def teardown(self) -> None:
        if self.desk is not None:
            self.wait(self.desk.stop())

    # Money in and out.

    @rule(who=people, amount=st.integers(1, 90_000))
    def deposit(self, who: int, amount: int) -> None:
        async def ask() -> None:
            async with self.database.unit_of_work() as connection:
                await funding.request_deposit(connection, self.people[who], Money(amount, EUR))

        self.wait(ask())
        self.pending.append(("deposit", who, amount))

    @rule(who=people, amount=st.one_of(st.integers(1, 90_000), st.just(5_013)))
    def withdraw(self, who: int, amount: int) -> None:
        async def ask() -> str:
            try:
                async with self.database.unit_of_work() as connection:
                    await funding.request_withdrawal(connection, self.people[who], Money(amount, EUR))
            except HalfpennyError as refused:
                return refused.code
            return "accepted"

        enough = self.balances[who] - self.held[who] >= amount
        assert self.wait(ask()) == ("accepted" if enough else "insufficient_available")
        if enough:
            self.held[who] += amount
            self.pending.append(("withdrawal", who, amount))

    @rule()
    def bank_answers(self) -> None:
        self.wait(funding.settle_payments(self.database))
        for direction, who, amount in self.pending:
            if direction == "deposit":
                self.balances[who] += amount
                continue
            self.held[who] -= amount
            if amount % 100 != 13:
                self.balances[who] -= amount
        self.pending.clear()

    # Loans.

    @rule(goal=st.sampled_from([20_000, 50_000, 120_000]))
    def open_loan(self, goal: int) -> None:
        async def make() -> loans.Loan:
            async with self.database.unit_of_work() as connection:
                return await lending.funding(connection, self.borrower, self.staff, amount_minor=goal)

        if len(self.loans) < 4:
            loan = self.wait(make())
            assert loan.funding is not None
            self.loans[loan.id] = ModelLoan(goal, loan.funding.deadline)

    def _is_late(self, loan: UUID) -> bool:
        async def now() -> datetime:
            async with self.database.reading() as connection:
                return await business_now(connection)

        return self.wait(now()) >= self.loans[loan].deadline

    def _funded(self, loan: UUID) -> int:
        return sum(ticket.amount for ticket in self.tickets if ticket.loan == loan and ticket.state == "committed")

    def _expected(self, loan: UUID, who: int, amount: int) -> str:
        model, rest = self.loans[loan], self.loans[loan].target - self._funded(loan)
        if model.state != "open":
            return "loan_not_open"
        if rest == 0:
            return "loan_fully_funded"
        if self._is_late(loan):
            return "loan_not_open"
        if amount > rest:
            return "exceeds_remaining"
        if amount < MINIMUM and amount != rest:
            return "below_minimum"
        return "taken" if self.balances[who] - self.held[who] >= amount else "insufficient_available"

    def _pick(self, place: int) -> UUID:
        return list(self.loans)[place % len(self.loans)]

    async def _answer_of(self, ticket: Ticket) -> InvestmentConfirmation | str:
        assert self.desk is not None
        while True:
            try:
                return await self.desk.invest(ticket)
            except Unavailable:
                continue
            except HalfpennyError as refused:
                return refused.code

    def _apply(self, ticket: Ticket, who: int, expected: str, outcome: InvestmentConfirmation | str) -> None:
        if expected != "taken":
            assert outcome == expected
            return
        assert isinstance(outcome, InvestmentConfirmation), outcome
        self.balances[who] -= ticket.amount_minor
        self.tickets.append(ModelTicket(ticket, outcome, who, ticket.loan_id, ticket.amount_minor))
        assert outcome.funded_minor == self._funded(ticket.loan_id)

    @precondition(lambda self: self.loans)
    @rule(who=people, place=st.integers(0, 9), amount=amounts)
    def invest(self, who: int, place: int, amount: int) -> None:
        loan = self._pick(place)
        ticket = make_ticket(loan, self.people[who], amount)
        expected = self._expected(loan, who, amount)
        self._apply(ticket, who, expected, self.wait(self._answer_of(ticket)))

    @precondition(lambda self: self.loans)
    @rule(place=st.integers(0, 9), orders=st.lists(st.tuples(people, amounts), min_size=2, max_size=9))
    def crowd(self, place: int, orders: list[tuple[int, int]]) -> None:
        """Many at once on one loan: decided in the order in which they came, batch by batch."""
        loan = self._pick(place)
        asked = [(who, make_ticket(loan, self.people[who], amount)) for who, amount in orders]

        async def all_at_once() -> list[InvestmentConfirmation | str]:
            return list(await asyncio.gather(*(self._answer_of(ticket) for _, ticket in asked)))

        for (who, ticket), outcome in zip(asked, self.wait(all_at_once()), strict=True):
            self._apply(ticket, who, self._expected(loan, who, ticket.amount_minor), outcome)

    @precondition(lambda self: self.loans)
    @rule(who=people, place=st.integers(0, 9), amount=amounts, turns=st.integers(0, 40))
    def invest_while_the_connection_breaks(self, who: int, place: int, amount: int, turns: int) -> None:
        loan = self._pick(place)
        ticket = make_ticket(loan, self.people[who], amount)
        expected = self._expected(loan, who, amount)

        async def cut() -> InvestmentConfirmation | str:
            assert self.desk is not None
            outcome = asyncio.ensure_future(self._answer_of(ticket))
            for _ in range(turns):
                await asyncio.sleep(0)
            if self.desk._connection is not None:
                self.desk._connection.terminate()
            return await outcome

        self._apply(ticket, who, expected, self.wait(cut()))

    @rule()
    def desk_dies_and_another_starts(self) -> None:
        async def restart() -> None:
            assert self.desk is not None
            await self.desk.stop()
            self.desk = self._new_desk()

        self.wait(restart())

    @precondition(lambda self: self.tickets)
    @rule(place=st.integers(0, 99))
    def repeat_a_key(self, place: int) -> None:
        ticket = self.tickets[place % len(self.tickets)]
        assert self.wait(self._answer_of(ticket.order)) == ticket.answer

    @precondition(lambda self: self.tickets)
    @rule(place=st.integers(0, 99))
    def reuse_a_key(self, place: int) -> None:
        ticket = self.tickets[place % len(self.tickets)]
        other = make_ticket(ticket.loan, self.people[ticket.investor], ticket.amount + 1, ticket.order.key)
        assert self.wait(self._answer_of(other)) == "idempotency_key_reused"

    # Tickets that end.

    @precondition(lambda self: self.tickets)
    @rule(place=st.integers(0, 99))
    def revoke(self, place: int) -> None:
        ticket = self.tickets[place % len(self.tickets)]

        async def back() -> str:
            try:
                async with self.database.unit_of_work() as connection:
                    now = await business_now(connection)
                    await funding.revoke(connection, self.people[ticket.investor], ticket.answer.investment_id)
            except HalfpennyError as refused:
                return refused.code
            assert ticket.answer.revocable_until is not None and now < ticket.answer.revocable_until
            return "revoked"

        outcome = self.wait(back())
        if ticket.state != "committed" or self.loans[ticket.loan].state != "open":
            assert outcome == "not_revocable"
        elif outcome == "revoked":
            ticket.state = "revoked"
            self.balances[ticket.investor] += ticket.amount
            self._serve(ticket.loan)
        else:
            assert outcome == "reflection_over"

    def _serve(self, loan: UUID) -> None:
        """Whoever waits gets what is free, in order; who has not enough money is taken off the list."""
        model, left = self.loans[loan], []
        for who, wanted in model.waiting:
            rest = model.target - self._funded(loan)
            amount = min(wanted, rest)
            if amount == 0:
                left.append((who, wanted))
            elif self._expected(loan, who, amount) == "taken":
                self.balances[who] -= amount
                answer = self.wait(self._newest(loan, who))
                order = make_ticket(loan, self.people[who], amount, answer[1])
                self.tickets.append(ModelTicket(order, answer[0], who, loan, amount))
                if amount < wanted:
                    left.append((who, wanted - amount))
        model.waiting = left

    async def _newest(self, loan: UUID, who: int) -> tuple[InvestmentConfirmation, str]:
        async with self.database.reading() as connection:
            row = await connection.fetchrow(
                "SELECT * FROM investment WHERE loan_id = $1 AND investor_id = $2 ORDER BY answer_version DESC LIMIT 1",
                loan,
                self.people[who],
            )
        assert row is not None
        answer = InvestmentConfirmation(
            row["id"], loan, self.people[who], row["amount_minor"], "EUR", row["revocable_until"],
            row["answer_target_minor"], row["answer_funded_minor"], row["answer_investors"], row["answer_version"],
        )  # fmt: skip
        return answer, row["idempotency_key"]

    @precondition(lambda self: self.loans)
    @rule(who=people, place=st.integers(0, 9), amount=st.integers(MINIMUM, 60_000))
    def wait_for_a_full_loan(self, who: int, place: int, amount: int) -> None:
        loan = self._pick(place)

        async def join() -> str:
            try:
                async with self.database.unit_of_work() as connection:
                    await tickets.join_waiting_list(connection, self.people[who], loan, Money(amount, EUR))
            except HalfpennyError as refused:
                return refused.code
            return "waiting"

        full = self.loans[loan].state == "open" and self._funded(loan) == self.loans[loan].target
        assert self.wait(join()) == ("waiting" if full else "loan_not_full")
        if full:
            self.loans[loan].waiting.append((who, amount))

    def _return_all(self, loan: UUID, state: str) -> None:
        self.loans[loan].state = state
        self.loans[loan].waiting.clear()
        for ticket in self.tickets:
            if ticket.loan == loan and ticket.state == "committed":
                ticket.state = "returned"
                self.balances[ticket.investor] += ticket.amount

    @precondition(lambda self: self.loans)
    @rule(place=st.integers(0, 9))
    def cancel(self, place: int) -> None:
        loan = self._pick(place)

        async def end() -> str:
            actor = loans.Actor(loans.ActorKind.ADMINISTRATOR, self.staff)
            try:
                async with self.database.unit_of_work() as connection:
                    await funding.cancel(connection, loan, actor, "No longer wanted.")
            except HalfpennyError as refused:
                return refused.code
            return "cancelled"

        outcome = self.wait(end())
        assert (outcome == "cancelled") == (self.loans[loan].state == "open")
        if outcome == "cancelled":
            self._return_all(loan, "cancelled")

    @rule(hours=st.sampled_from([1, 25, 100]))
    def time_passes(self, hours: int) -> None:
        self.wait(self._pass(timedelta(hours=hours)))

    async def _pass(self, by: timedelta) -> None:
        async with self.database.unit_of_work() as connection:
            await advance(connection, by)
        while await funding.expire(self.database):
            pass
        async with self.database.reading() as connection:
            for loan, model in self.loans.items():
                status = (await loans.get(connection, loan)).status
                if model.state == "open" and status is loans.Status.EXPIRED:
                    assert self._funded(loan) < model.target
                    self._return_all(loan, "expired")

    @rule()
    def a_month_passes(self) -> None:
        self.wait(self._pass(timedelta(days=31)))
        for loan, model in self.loans.items():
            # Whoever was not full by the deadline has been ended; full loans wait for drawdown.
            assert model.state != "open" or self._funded(loan) == model.target

    @precondition(lambda self: self.loans)
    @rule(place=st.integers(0, 9))
    def draw_down(self, place: int) -> None:
        loan = self._pick(place)
        model = self.loans[loan]

        async def pay_out() -> str:
            async with self.database.reading() as connection:
                until = await funding.reflection_running_until(connection, loan)
            try:
                async with self.database.unit_of_work() as connection:
                    found = await loans.get(connection, loan)
                    if found.status is loans.Status.FUNDED:
                        evidence = lending.evidence(found.application)
                        await loans.record_conditions(connection, self.colleague, loan, evidence)
                    actor = loans.Actor(loans.ActorKind.ADMINISTRATOR, self.staff)
                    await servicing.draw_down(connection, loan, actor)
            except HalfpennyError as refused:
                if refused.code == "reflection_running":
                    assert until is not None
                return refused.code
            assert until is None
            return "paid out"

        outcome = self.wait(pay_out())
        full = model.state == "open" and self._funded(loan) == model.target
        assert outcome in (("paid out", "reflection_running") if full else ("wrong_status",)), outcome
        if outcome == "paid out":
            model.state = "drawn"

    @precondition(lambda self: any(model.state == "drawn" for model in self.loans.values()))
    @rule(place=st.integers(0, 9), part=st.integers(1, 30_000))
    def repay(self, place: int, part: int) -> None:
        """How a receipt is split is servicing's to prove; here no cent of it may be lost on its way."""
        drawn = [loan for loan, model in self.loans.items() if model.state == "drawn"]
        loan = drawn[place % len(drawn)]

        async def pay() -> None:
            try:
                async with self.database.unit_of_work() as connection:
                    await servicing.repay(connection, loan, self.borrower, Money(part, EUR))
            except HalfpennyError as refused:
                assert refused.code in ("insufficient_available", "loan_closed")
            await servicing.pay_distributions(self.database)

        self.wait(pay())
        for who, balance in enumerate(self._wallets()):
            assert balance >= self.balances[who]
            self.balances[who] = balance

    def _wallets(self) -> list[int]:
        async def read() -> list[int]:
            async with self.database.reading() as connection:
                found = await ledger.balances(connection, [wallet(person) for person in self.people])
            return [balance.posted for balance in found.values()]

        return self.wait(read())

    @invariant()
    def the_cents_agree(self) -> None:
        if not self.people:
            return

        async def read() -> None:
            async with self.database.reading() as connection:
                found = await ledger.balances(connection, [wallet(person) for person in self.people])
                for who, balance in enumerate(found.values()):
                    assert (balance.posted, balance.pending) == (self.balances[who], self.held[who])
                for loan, model in self.loans.items():
                    stands = await ledger.balances(connection, [escrow(loan)])
                    held = next(iter(stands.values())).posted
                    expected = 0 if model.state in ("drawn", "cancelled", "expired") else self._funded(loan)
                    assert held == expected, model.state

        self.wait(read())


@pytest.mark.timeout(36_000)
def test_the_marketplace_agrees_with_the_model(database_url: str) -> None:
    with asyncio.Runner() as runner:
        database = runner.run(Database.connect(database_url))

        class Ours(Marketplace):
            pass

        Ours.runner, Ours.database = runner, database
        try:
            play(  # type: ignore[no-untyped-call]
                Ours,
                settings=settings(
                    max_examples=size(10, 2_000),
                    stateful_step_count=size(25, 50),
                    deadline=None,
                    print_blob=True,
                    suppress_health_check=list(HealthCheck),
                ),
            )
            runner.run(check_books_before_drawdown(database))
        finally:
            runner.run(database.close())


async def check_books_before_drawdown(database: Database) -> None:
    """The oracle once more over everything that all runs have left, but for loans that have been paid out."""
    async with database.reading() as connection:
        drawn = await connection.fetchval("SELECT count(*) FROM loan WHERE status IN ('active', 'repaid', 'matured')")
    if not drawn:
        await check_books(database)
    async with database.reading() as connection:
        assert not await connection.fetchval("SELECT sum(debits) - sum(credits) FROM account")
