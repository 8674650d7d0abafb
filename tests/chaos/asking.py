"""Ways to ask: the desk in this process, or an API over HTTP."""

from __future__ import annotations

from chaos.tally import Ask, Order, Outcome
from funding.world import World, make_ticket
from halfpenny.funding.desk.desk import FundingDesk
from halfpenny.primitives.errors import HalfpennyError, Unavailable


def at_the_desk(desk: FundingDesk, world: World) -> Ask:
    async def ask(order: Order) -> Outcome:
        ticket = make_ticket(order.loan_id, world.investors[order.investor], order.amount_minor, order.key)
        try:
            answer = await desk.invest(ticket)
        except Unavailable:
            return Outcome(503)
        except HalfpennyError:
            return Outcome(409)
        return Outcome(201, str(answer.investment_id))

    return ask
