"""The scenario ``journey``: a loan that pays as agreed, and is repaid early."""

from __future__ import annotations

from contextlib import AsyncExitStack
from datetime import date

from halfpenny.primitives.money import format_minor, parse_minor
from halfpenny_demo.journey import balances, clock, opening, terms
from halfpenny_demo.journey.opening import Participants
from halfpenny_demo.journey.session import API, JourneySession
from halfpenny_demo.logins import Logins

MONTHS_SERVICED = 2
# What the sale of the house brings: enough for the loan and its last interest.
FROM_THE_SALE = "1500000.00"


async def run_scenario(session: JourneySession, logins: Logins) -> None:
    """From application to the last cent in the investors' wallets. Raises JourneyFailed."""
    async with AsyncExitStack() as stack:
        participants = await opening.register_participants(session, logins)
        await opening.apply(session, participants, "serviced")
        await opening.decide(session, participants)
        await opening.watch(session, participants, stack)
        held = await opening.fund(session, participants)
        await opening.draw_down(session, participants)
        await _service(session, participants)
        await _redeem(session, participants)
        await balances.verify_balances(
            session, participants, held, borrower_deposits=parse_minor(FROM_THE_SALE), whole=True
        )
    await _withdraw(session, participants)
    session.begin_section("The oracle")
    await clock.check_books(session)


async def _service(session: JourneySession, participants: Participants) -> None:
    """Interest, month by month, from the borrower's wallet to the investors'."""
    session.begin_section("Months pass, interest is paid and shared")
    borrower = participants.borrower
    schedule = await session.request(borrower, "GET", f"{participants.loan}/schedule", quiet=True)
    today = date.fromisoformat(
        (await session.request(borrower, "GET", f"{participants.loan}/redemption", show="on payable"))["on"]
    )
    for instalment in schedule["instalments"][:MONTHS_SERVICED]:
        due_on = date.fromisoformat(instalment["due_on"])
        await clock.advance(session, f"{(due_on - today).days}d")
        today = due_on
        body = {"amount": instalment["total"], "currency": terms.CURRENCY, "apply": "due"}
        paid = await session.request(
            borrower, "POST", f"{participants.loan}/repayments", body, pays=True, status=201, show="receipt.interest"
        )
        session.expect(paid["receipt"]["interest"] == instalment["interest"], "the interest is the schedule's", paid)
        session.expect(paid["total_due"] == "0.00", "nothing is due any more", paid["total_due"])
    distributions = await balances.distributions_paid(session, participants, MONTHS_SERVICED)
    session.table(
        "Distributions, EUR",
        ("number", "day", "interest", "principal"),
        [(str(one["number"]), one["effective_date"], one["interest"], one["principal"]) for one in distributions],
    )
    outsider = participants.investors[0]
    for foreign in (f"{API}/loans/{participants.loan_id}/ledger",):
        await session.request(outsider, "GET", foreign, status=403, code="wrong_role")
    await opening.wallets(session, participants.investors)


async def _redeem(session: JourneySession, participants: Participants) -> None:
    """The house is sold, and the loan is paid off with one euro too much."""
    session.begin_section("The house is sold, the loan is redeemed")
    borrower = participants.borrower
    before = await opening.available(session, borrower)
    body = {"amount": FROM_THE_SALE}
    await session.request(
        borrower, "POST", f"{API}/wallets/EUR/deposits", body, pays=True, status=202, show="amount status"
    )

    async def arrived() -> int | None:
        there = await opening.available(session, borrower)
        return there if there == before + parse_minor(FROM_THE_SALE) else None

    wallet = await session.wait_for("the bank settled the price of the house", arrived)
    await clock.advance(session, "12d")
    payoff = await session.request(
        borrower, "GET", f"{participants.loan}/redemption", show="principal interest payable"
    )
    too_much = format_minor(parse_minor(payoff["payable"]) + 100)
    body = {"amount": too_much, "currency": terms.CURRENCY, "apply": "prepay"}
    await session.request(
        participants.investors[0],
        "POST",
        f"{participants.loan}/repayments",
        body,
        pays=True,
        status=403,
        code="wrong_role",
    )
    paid = await session.request(
        borrower,
        "POST",
        f"{participants.loan}/repayments",
        body,
        pays=True,
        status=201,
        show="status receipt.principal",
    )
    session.expect(paid["status"] == "repaid", "the loan is repaid", paid["status"])
    left = await opening.available(session, borrower)
    session.expect(left == wallet - parse_minor(payoff["payable"]), "the euro too much stayed with the borrower", left)
    await session.request(
        borrower, "POST", f"{participants.loan}/repayments", body, pays=True, status=409, code="loan_closed"
    )
    await balances.distributions_paid(session, participants, MONTHS_SERVICED + 1)


async def _withdraw(session: JourneySession, participants: Participants) -> None:
    """Money leaves again; what is not there cannot."""
    session.begin_section("Money goes home")
    person = participants.investors[1]
    there = await opening.available(session, person)
    path = f"{API}/wallets/EUR/withdrawals"
    more = {"amount": format_minor(there + 1)}
    await session.request(person, "POST", path, more, pays=True, status=409, code="insufficient_available")
    body = {"amount": format_minor(there)}
    await session.request(person, "POST", path, body, pays=True, status=202, show="amount status")

    async def withdrawal_settled() -> bool | None:
        for wallet in await session.request(person, "GET", f"{API}/wallets", quiet=True):
            if wallet["currency"] == terms.CURRENCY and wallet["balance"] != "0.00":
                return None
        return True

    await session.wait_for("the bank paid the withdrawal", withdrawal_settled)
    await opening.wallets(session, [participants.borrower, *participants.investors])
