"""Makes the demo's history, day by day, through the same functions that people's requests call.

The sandbox's clock is put back to the first day and moved forward from there, so that every figure, date and ledger
entry is the one that the platform itself would have made on that day; at the end the clock has the real time.
"""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import TypeAlias

from halfpenny import funding, servicing
from halfpenny.loans import Status
from halfpenny.platform import clock
from halfpenny.platform.database import Database
from halfpenny.primitives.ids import LoanId, UserId, uuid7
from halfpenny.primitives.money import Currency, Money, format_minor
from halfpenny_demo.seeding import store
from halfpenny_demo.seeding.plan import HISTORY_DAYS, LoanScenario, split_into_tickets
from halfpenny_demo.seeding.steps import OPEN, REACHED_FUNDING, LoanStep, SeedContext, SeededLoan, assess, steps_of
from halfpenny_messages import LoanAssessed, LoanSubmitted

_DEPOSIT_INTERVAL_DAYS = 45
_INVESTORS_A_LOAN = 60
_CONCURRENT = 4
# A ticket is about as large in every currency.
_TICKET_SIZE = {Currency.EUR: 1, Currency.PLN: 4, Currency.USD: 1}
# Asks the risk service; the answers are in the order of the questions.
AssessLoans = Callable[[Sequence[LoanSubmitted]], Awaitable[list[LoanAssessed]]]
Progress = Callable[[int, int], None]
# Minor units by investor and currency.
Deposits: TypeAlias = dict[tuple[UserId, Currency], int]


class History:
    """One seeding run: the scenarios, and what happens on which day. ``now`` is when it ends."""

    def __init__(
        self,
        database: Database,
        desk: funding.FundingDesk,
        context: SeedContext,
        assess_loans: AssessLoans,
        rng: random.Random,
        now: datetime,
    ) -> None:
        self._assess_loans = assess_loans
        self._database = database
        self._desk = desk
        self._context = context
        self._dice = rng
        self._now = now
        self._first = (now - timedelta(days=HISTORY_DAYS)).replace(hour=9, minute=0, second=0, microsecond=0)
        self._semaphore = asyncio.Semaphore(_CONCURRENT)
        self._seeded_loans: list[SeededLoan] = []
        # By day of the history; 0 is the first.
        self._steps: dict[int, list[tuple[SeededLoan, LoanStep]]] = defaultdict(list)
        self._tickets: dict[int, list[tuple[SeededLoan, UserId, int]]] = defaultdict(list)

    def plan(self, scenarios: Sequence[LoanScenario], investors: Sequence[UserId]) -> None:
        """Plan what happens to each loan, and who puts how much into it."""
        for scenario in scenarios:
            day = HISTORY_DAYS - scenario.applied_days_ago
            seeded = SeededLoan(scenario, (self._first + timedelta(days=day)).date())
            self._seeded_loans.append(seeded)
            for after, step in steps_of(seeded):
                self._steps[day + after].append((seeded, step))
            if scenario.target in REACHED_FUNDING:
                self._plan_tickets(seeded, investors)

    def _plan_tickets(self, seeded: SeededLoan, investors: Sequence[UserId]) -> None:
        scenario, rng = seeded.scenario, self._dice
        total = scenario.application.amount_minor * scenario.funded_percent // 100
        chosen = rng.sample(list(investors), min(len(investors), _INVESTORS_A_LOAN))
        size = _TICKET_SIZE[scenario.application.currency]
        for place, amount in split_into_tickets(rng, total, range(len(chosen)), size):
            seeded.tickets.append((OPEN + rng.randint(0, scenario.funding_days), chosen[place], amount))
        # The last ticket of a full loan closes it on its planned day.
        _, investor, amount = seeded.tickets[-1]
        seeded.tickets[-1] = (seeded.full_after_days, investor, amount)

    def assign_tickets_to(self, investor: UserId, wanted: dict[Status, int]) -> None:
        """Make the demo's investor the holder of one middling ticket in so many loans of each status."""
        left = dict(wanted)
        for seeded in self._seeded_loans:
            small = [place for place, ticket in enumerate(seeded.tickets) if 50_000 <= ticket[2] <= 750_000]
            if left.get(seeded.scenario.target) and small:
                left[seeded.scenario.target] -= 1
                day, _, amount = seeded.tickets[small[0]]
                seeded.tickets[small[0]] = (day, investor, amount)

    async def run(self, progress: Progress) -> None:
        """From the first day until now. ``progress`` is called after each day: (done, of how many)."""
        for seeded in self._seeded_loans:
            day = HISTORY_DAYS - seeded.scenario.applied_days_ago
            for after, investor, amount in seeded.tickets:
                self._tickets[day + after].append((seeded, investor, amount))
        deposits = self._needed_deposits()
        for day in range(HISTORY_DAYS + 1):
            async with self._database.unit_of_work() as connection:
                await clock.simulate_time(connection, min(self._first + timedelta(days=day), self._now))
            await self._run_day(day, deposits.get(day, {}))
            progress(day, HISTORY_DAYS)
        async with self._database.unit_of_work() as connection:
            await clock.simulate_time(connection, None)

    def _needed_deposits(self) -> dict[int, Deposits]:
        """What each investor pays in ahead of each stretch of days, so that every planned ticket is covered.

        Keyed by the day on which the stretch begins.
        """
        wanted: dict[int, Deposits] = defaultdict(lambda: defaultdict(int))
        for day, tickets in self._tickets.items():
            for seeded, investor, amount in tickets:
                currency = seeded.scenario.application.currency
                wanted[day // _DEPOSIT_INTERVAL_DAYS * _DEPOSIT_INTERVAL_DAYS][investor, currency] += amount
        return wanted

    async def _run_day(self, day: int, deposits: Deposits) -> None:
        if deposits:
            await self._pay_in(deposits)
        await self._ask([seeded for seeded, step in self._steps[day] if step is assess])
        async with asyncio.TaskGroup() as group:
            # Side by side: no loan has two scenes on one day, and what they share is locked in one order.
            for seeded, step in self._steps[day]:
                group.create_task(self._run_step(seeded, step))
        await self._invest(self._tickets[day])
        await funding.expire(self._database)
        await servicing.close_days(self._database)
        await servicing.pay_distributions(self._database)

    async def _ask(self, waiting: Sequence[SeededLoan]) -> None:
        """Put the day's applications to the risk service, outside of every transaction."""
        if not waiting:
            return
        async with self._database.reading() as connection:
            questions = await store.submissions(connection, [seeded.loan for seeded in waiting])
        for seeded, answer in zip(waiting, await self._assess_loans(questions), strict=True):
            seeded.answer = answer

    async def _run_step(self, seeded: SeededLoan, step: LoanStep) -> None:
        async with self._semaphore, self._database.unit_of_work() as connection:
            await step(connection, self._context, seeded)

    async def _pay_in(self, deposits: Deposits) -> None:
        async with self._database.unit_of_work() as connection:
            for (investor, currency), minor in deposits.items():
                # People pay in round sums, and a little more than they have plans for.
                whole = -(-minor // 50_000) * 50_000
                await funding.request_deposit(connection, investor, Money(whole, currency))
        while await funding.settle_payments(self._database):
            pass

    async def _invest(self, tickets: Sequence[tuple[SeededLoan, UserId, int]]) -> None:
        """All tickets of the day at the desk, as if they had come in together."""
        await asyncio.gather(
            *(
                self._desk.invest(_ticket(seeded.loan, investor, amount, seeded.scenario.application.currency))
                for seeded, investor, amount in tickets
            )
        )

    def answered(self) -> list[LoanId]:
        """Loans that the risk service has answered for."""
        unanswered = (Status.DRAFT, Status.SUBMITTED)
        return [seeded.loan for seeded in self._seeded_loans if seeded.scenario.target not in unanswered]


def _ticket(loan_id: LoanId, investor: UserId, minor: int, currency: Currency) -> funding.Ticket:
    fingerprint = funding.ticket_fingerprint(loan_id, format_minor(minor), currency.value)
    return funding.Ticket(loan_id, investor, minor, currency.value, f"seed-{uuid7()}", fingerprint)
