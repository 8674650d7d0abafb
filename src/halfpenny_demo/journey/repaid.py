"""The story ``journey``: a loan that pays as agreed, and is repaid early."""

from __future__ import annotations

from contextlib import AsyncExitStack
from datetime import date

from halfpenny.primitives.money import format_minor, parse_minor
from halfpenny_demo.journey import books, clock, opening, terms
from halfpenny_demo.journey.opening import Cast
from halfpenny_demo.journey.stage import API, Stage
from halfpenny_demo.logins import Logins

MONTHS_SERVICED = 2
# What the sale of the house brings: enough for the loan and its last interest.
FROM_THE_SALE = "1500000.00"


async def play(stage: Stage, logins: Logins) -> None:
    """From application to the last cent in the investors' wallets. Raises JourneyFailed."""
    async with AsyncExitStack() as stack:
        cast = await opening.gather(stage, logins)
        await opening.apply(stage, cast, "serviced")
        await opening.decide(stage, cast)
        await opening.watch(stage, cast, stack)
        held = await opening.fund(stage, cast)
        await opening.draw_down(stage, cast)
        await _service(stage, cast)
        await _redeem(stage, cast)
        await books.prove(stage, cast, held, borrower_deposits=parse_minor(FROM_THE_SALE), whole=True)
    await _withdraw(stage, cast)
    stage.act("The oracle")
    await clock.check_books(stage)


async def _service(stage: Stage, cast: Cast) -> None:
    """Interest, month by month, from the borrower's wallet to the investors'."""
    stage.act("Months pass, interest is paid and shared")
    borrower = cast.borrower
    schedule = await stage.ask(borrower, "GET", f"{cast.loan}/schedule", quiet=True)
    today = date.fromisoformat((await stage.ask(borrower, "GET", f"{cast.loan}/redemption", show="on payable"))["on"])
    for instalment in schedule["instalments"][:MONTHS_SERVICED]:
        due_on = date.fromisoformat(instalment["due_on"])
        await clock.advance(stage, f"{(due_on - today).days}d")
        today = due_on
        body = {"amount": instalment["total"], "currency": terms.CURRENCY}
        paid = await stage.ask(
            borrower, "POST", f"{cast.loan}/repayments", body, pays=True, status=201, show="receipt.interest"
        )
        stage.must(paid["receipt"]["interest"] == instalment["interest"], "the interest is the schedule's", paid)
        stage.must(paid["total_due"] == "0.00", "nothing is due any more", paid["total_due"])
    distributions = await books.distributions_paid(stage, cast, MONTHS_SERVICED)
    stage.table(
        "Distributions, EUR",
        ("number", "day", "interest", "principal"),
        [(str(one["number"]), one["effective_date"], one["interest"], one["principal"]) for one in distributions],
    )
    stranger = cast.investors[0]
    for foreign in (f"{API}/loans/{cast.loan_id}/ledger",):
        await stage.ask(stranger, "GET", foreign, status=403, code="wrong_role")
    await opening.wallets(stage, cast.investors)


async def _redeem(stage: Stage, cast: Cast) -> None:
    """The house is sold, and the loan is paid off with one euro too much."""
    stage.act("The house is sold, the loan is redeemed")
    borrower = cast.borrower
    before = await opening.available(stage, borrower)
    body = {"amount": FROM_THE_SALE}
    await stage.ask(borrower, "POST", f"{API}/wallets/EUR/deposits", body, pays=True, status=202, show="amount status")

    async def arrived() -> int | None:
        there = await opening.available(stage, borrower)
        return there if there == before + parse_minor(FROM_THE_SALE) else None

    wallet = await stage.until("the bank settled the price of the house", arrived)
    await clock.advance(stage, "12d")
    payoff = await stage.ask(borrower, "GET", f"{cast.loan}/redemption", show="principal interest payable")
    too_much = format_minor(parse_minor(payoff["payable"]) + 100)
    body = {"amount": too_much, "currency": terms.CURRENCY}
    await stage.ask(
        cast.investors[0], "POST", f"{cast.loan}/repayments", body, pays=True, status=403, code="wrong_role"
    )
    paid = await stage.ask(
        borrower, "POST", f"{cast.loan}/repayments", body, pays=True, status=201, show="status receipt.principal"
    )
    stage.must(paid["status"] == "repaid", "the loan is repaid", paid["status"])
    left = await opening.available(stage, borrower)
    stage.must(left == wallet - parse_minor(payoff["payable"]), "the euro too much stayed with the borrower", left)
    await stage.ask(borrower, "POST", f"{cast.loan}/repayments", body, pays=True, status=409, code="loan_closed")
    await books.distributions_paid(stage, cast, MONTHS_SERVICED + 1)


async def _withdraw(stage: Stage, cast: Cast) -> None:
    """Money leaves again; what is not there cannot."""
    stage.act("Money goes home")
    person = cast.investors[1]
    there = await opening.available(stage, person)
    path = f"{API}/wallets/EUR/withdrawals"
    more = {"amount": format_minor(there + 1)}
    await stage.ask(person, "POST", path, more, pays=True, status=409, code="insufficient_available")
    body = {"amount": format_minor(there)}
    await stage.ask(person, "POST", path, body, pays=True, status=202, show="amount status")

    async def gone() -> bool | None:
        for wallet in await stage.ask(person, "GET", f"{API}/wallets", quiet=True):
            if wallet["currency"] == terms.CURRENCY and wallet["balance"] != "0.00":
                return None
        return True

    await stage.until("the bank paid the withdrawal", gone)
    await opening.wallets(stage, [cast.borrower, *cast.investors])
