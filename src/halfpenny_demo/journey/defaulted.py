"""The story ``default``: a borrower stops paying, the house is sold, and the investors share what comes."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Any

from halfpenny.primitives.money import format_minor, parse_minor
from halfpenny_demo.journey import books, clock, opening, terms
from halfpenny_demo.journey.opening import Cast
from halfpenny_demo.journey.stage import Stage
from halfpenny_demo.logins import Logins

# An auction brings less than the valuation: enough for costs and most of the principal.
FROM_THE_AUCTION = "1180000.00"
COURT_AND_AGENT = "18450.25"


async def play(stage: Stage, logins: Logins) -> None:
    """Fund, default, recover. Raises JourneyFailed."""
    async with AsyncExitStack() as stack:
        cast = await opening.gather(stage, logins)
        await opening.apply(stage, cast, "serviced")
        await opening.decide(stage, cast)
        await opening.watch(stage, cast, stack)
        held = await opening.fund(stage, cast)
        await opening.draw_down(stage, cast)
        await _stop_paying(stage, cast)
        await _recover(stage, cast)
        await books.prove(stage, cast, held, borrower_deposits=0, whole=False)
    stage.act("The oracle")
    await clock.check_books(stage)


async def _stop_paying(stage: Stage, cast: Cast) -> None:
    """Two instalments are missed; after more than ninety days past due the close itself calls it a default."""
    stage.act("Nothing is paid")
    ada = cast.administrators[0]
    await stage.ask(
        ada, "POST", f"{cast.loan}/acceleration", {"reason": "too early"}, pays=True, status=409, code="not_in_default"
    )
    await clock.advance(stage, "45d")

    async def late() -> Any:
        page = await stage.ask(ada, "GET", "/api/v1/arrears?limit=200", quiet=True)
        return next((one for one in page["items"] if one["loan_id"] == cast.loan_id and one["days_past_due"] > 7), None)

    found = await stage.until("the daily close noticed it", late)
    stage.say(f"{found['days_past_due']} days past due, {found['total_due']} EUR due, bucket {found['bucket']}")
    await clock.advance(stage, "80d")

    async def in_default() -> Any:
        loan = await stage.ask(ada, "GET", cast.loan, quiet=True)
        return loan if loan["status"] == "defaulted" else None

    await stage.until("more than ninety days past due: the loan is in default", in_default)
    question = {"query": opening.LISTED, "variables": {"id": cast.loan_id}}

    async def shown() -> Any:
        answer = await stage.ask(None, "POST", "/graphql", question, quiet=True)
        return answer["data"]["loan"]["status"] == "defaulted" or None

    await stage.until("the marketplace says so too", shown)


async def _recover(stage: Stage, cast: Cast) -> None:
    """A recovery case: costs first, then principal; what is missing is a loss that all share."""
    stage.act("Recovery")
    ada, zofia = cast.administrators
    reason = {"reason": "The borrower does not answer; the charge is enforced."}
    await stage.ask(ada, "POST", f"{cast.loan}/acceleration", reason, pays=True, show="total_due")
    await stage.ask(cast.borrower, "POST", f"{cast.loan}/recovery", reason, status=403, code="wrong_role")
    await stage.ask(ada, "POST", f"{cast.loan}/recovery", reason, status=201, show="status")
    cost = {"amount": COURT_AND_AGENT, "currency": terms.CURRENCY, "kind": "court", "reason": "Order for sale"}
    await stage.ask(ada, "POST", f"{cast.loan}/recovery/costs", cost, pays=True, show="total_due")
    await clock.advance(stage, "31d")
    case = await stage.ask(None, "GET", f"{cast.loan}/recovery", show="opened_on update_overdue")
    stage.must(case["update_overdue"] is True, "everybody sees that an update is overdue", case)
    told = {"text": "The court has ordered the sale; the auction is next month."}
    await stage.ask(zofia, "POST", f"{cast.loan}/recovery/updates", told, status=201, show="number")
    case = await stage.ask(None, "GET", f"{cast.loan}/recovery", show="next_update_due_on update_overdue")
    stage.must(case["update_overdue"] is False, "and that one came", case)
    await clock.advance(stage, "28d")
    day = (await stage.ask(ada, "GET", f"{cast.loan}/redemption", show="principal recovery_costs payable"))["on"]
    receipt = {
        "amount": FROM_THE_AUCTION,
        "currency": terms.CURRENCY,
        "received_on": day,
        "payer": "King County Superior Court",
        "reference": "Sale of parcel 531810-1230",
        "loan_id": cast.loan_id,
    }
    show = "receipt.recovery_costs receipt.principal receipt.interest"
    paid = await stage.ask(ada, "POST", "/api/v1/receipts", receipt, pays=True, status=201, show=show)
    used = paid["receipt"]
    stage.must(used["recovery_costs"] == COURT_AND_AGENT, "the advanced costs come back first", used)
    principal = parse_minor(FROM_THE_AUCTION) - parse_minor(COURT_AND_AGENT)
    stage.must(used["principal"] == format_minor(principal), "then principal, before any interest", used)
    await books.distributions_paid(stage, cast, 1)
    reason = {"reason": "The house is sold; the company has no other assets."}
    write_off = f"{cast.loan}/write-off"
    waiting = await stage.ask(ada, "POST", write_off, reason, pays=True, status=202, show="approval.status")
    approve = f"/api/v1/approvals/{waiting['approval']['id']}/approve"
    await stage.ask(ada, "POST", approve, {}, status=403, code="four_eyes")
    await stage.ask(cast.administrators[1], "POST", approve, {}, show="status result.status")
    loss = parse_minor(terms.AMOUNT) - principal
    stage.say(f"a loss of {format_minor(loss)} EUR is shared by the positions")
    await opening.wallets(stage, cast.investors)
