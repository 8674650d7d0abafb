"""Plays the demo's past, day by day, through the same functions that people's requests call.

The sandbox's clock is put back to the first day and moved forward from there, so that every figure, date and ledger
entry is the one that the platform itself would have made on that day; at the end the clock tells the real time.
"""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from halfpenny import funding, servicing
from halfpenny.loans import Status
from halfpenny.platform import clock
from halfpenny.platform.database import Database
from halfpenny.primitives.ids import LoanId, UserId, uuid7
from halfpenny.primitives.money import Currency, Money, format_minor
from halfpenny_demo.seeding.plan import HISTORY_DAYS, Story, split_into_tickets
from halfpenny_demo.seeding.scenes import OPEN, REACHED_FUNDING, Part, Scene, Stage, script

_STRETCH_DAYS = 45
_CROWD = 60
_LANES = 4
_EUR = Currency.EUR
Told = Callable[[int, int], None]


class History:
    """One seeding run: the stories, and what happens on which day. ``now`` is when it ends."""

    def __init__(
        self, database: Database, desk: funding.FundingDesk, stage: Stage, dice: random.Random, now: datetime
    ) -> None:
        self._database = database
        self._desk = desk
        self._stage = stage
        self._dice = dice
        self._now = now
        self._first = (now - timedelta(days=HISTORY_DAYS)).replace(hour=9, minute=0, second=0, microsecond=0)
        self._lanes = asyncio.Semaphore(_LANES)
        self._parts: list[Part] = []
        # By day of the history; 0 is the first.
        self._scenes: dict[int, list[tuple[Part, Scene]]] = defaultdict(list)
        self._tickets: dict[int, list[tuple[Part, UserId, int]]] = defaultdict(list)

    def cast(self, stories: Sequence[Story], investors: Sequence[UserId]) -> None:
        """Plan what happens to each loan, and who puts how much into it."""
        for story in stories:
            day = HISTORY_DAYS - story.applied_days_ago
            part = Part(story, (self._first + timedelta(days=day)).date())
            self._parts.append(part)
            for after, scene in script(part):
                self._scenes[day + after].append((part, scene))
            if story.target in REACHED_FUNDING:
                self._plan_tickets(part, investors)

    def _plan_tickets(self, part: Part, investors: Sequence[UserId]) -> None:
        story, dice = part.story, self._dice
        total = story.application.amount_minor * story.funded_percent // 100
        crowd = dice.sample(list(investors), min(len(investors), _CROWD))
        for place, amount in split_into_tickets(dice, total, range(len(crowd))):
            part.tickets.append((OPEN + dice.randint(0, story.funding_days), crowd[place], amount))
        # The last ticket of a full loan closes it on its planned day.
        _, investor, amount = part.tickets[-1]
        part.tickets[-1] = (part.full_after_days, investor, amount)

    def hand_tickets_to(self, investor: UserId, wanted: dict[Status, int]) -> None:
        """Make the demo's investor the holder of one middling ticket in so many loans of each status."""
        left = dict(wanted)
        for part in self._parts:
            small = [place for place, ticket in enumerate(part.tickets) if 50_000 <= ticket[2] <= 750_000]
            if left.get(part.story.target) and small:
                left[part.story.target] -= 1
                day, _, amount = part.tickets[small[0]]
                part.tickets[small[0]] = (day, investor, amount)

    async def play(self, told: Told) -> None:
        """From the first day until now. ``told`` hears of each day: (done, of how many)."""
        for part in self._parts:
            day = HISTORY_DAYS - part.story.applied_days_ago
            for after, investor, amount in part.tickets:
                self._tickets[day + after].append((part, investor, amount))
        deposits = self._needed_deposits()
        for day in range(HISTORY_DAYS + 1):
            async with self._database.unit_of_work() as connection:
                await clock.simulate_time(connection, min(self._first + timedelta(days=day), self._now))
            await self._play_day(day, deposits.get(day, {}))
            told(day, HISTORY_DAYS)
        async with self._database.unit_of_work() as connection:
            await clock.simulate_time(connection, None)

    def _needed_deposits(self) -> dict[int, dict[UserId, int]]:
        """What each investor pays in ahead of each stretch of days, so that every planned ticket is covered.

        Keyed by the day on which the stretch begins; minor units.
        """
        wanted: dict[int, dict[UserId, int]] = defaultdict(lambda: defaultdict(int))
        for day, tickets in self._tickets.items():
            for _, investor, amount in tickets:
                wanted[day // _STRETCH_DAYS * _STRETCH_DAYS][investor] += amount
        return wanted

    async def _play_day(self, day: int, deposits: dict[UserId, int]) -> None:
        if deposits:
            await self._pay_in(deposits)
        async with asyncio.TaskGroup() as group:
            # Side by side: no loan has two scenes on one day, and what they share is locked in one order.
            for part, scene in self._scenes[day]:
                group.create_task(self._act(part, scene))
        await self._invest(self._tickets[day])
        await funding.expire(self._database)
        await servicing.close_days(self._database)
        await servicing.pay_distributions(self._database)

    async def _act(self, part: Part, scene: Scene) -> None:
        async with self._lanes, self._database.unit_of_work() as connection:
            await scene(connection, self._stage, part)

    async def _pay_in(self, deposits: dict[UserId, int]) -> None:
        async with self._database.unit_of_work() as connection:
            for investor, minor in deposits.items():
                # People pay in round sums, and a little more than they have plans for.
                whole = -(-minor // 50_000) * 50_000
                await funding.request_deposit(connection, investor, Money(whole, _EUR))
        while await funding.settle_payments(self._database):
            pass

    async def _invest(self, tickets: Sequence[tuple[Part, UserId, int]]) -> None:
        """All tickets of the day at the desk, as if they had come in together."""
        await asyncio.gather(
            *(self._desk.invest(_ticket(part.loan, investor, amount)) for part, investor, amount in tickets)
        )

    def unasked(self) -> list[LoanId]:
        """Loans that the risk service is not to hear of by itself."""
        return [
            part.loan
            for part in self._parts
            if part.story.target is Status.SUBMITTED or part.story.awaits_second_approval
        ]


def _ticket(loan_id: LoanId, investor: UserId, minor: int) -> funding.Ticket:
    investment_id = uuid7()
    fingerprint = funding.ticket_fingerprint(loan_id, format_minor(minor), _EUR.value)
    return funding.Ticket(investment_id, loan_id, investor, minor, _EUR.value, f"seed-{investment_id}", fingerprint)
