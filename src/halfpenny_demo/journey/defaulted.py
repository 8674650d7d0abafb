"""The scenario ``default``: a borrower stops paying, the house is sold, and the investors share what comes."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Any

from halfpenny.primitives.money import format_minor, parse_minor
from halfpenny_demo.journey import balances, clock, opening, terms
from halfpenny_demo.journey.opening import Participants
from halfpenny_demo.journey.session import JourneySession
from halfpenny_demo.logins import Logins

# An auction brings less than the valuation: enough for costs and most of the principal.
FROM_THE_AUCTION = "1180000.00"
COURT_AND_AGENT = "18450.25"


async def run_scenario(session: JourneySession, logins: Logins) -> None:
    """Fund, default, recover. Raises JourneyFailed."""
    async with AsyncExitStack() as stack:
        participants = await opening.register_participants(session, logins)
        await opening.apply(session, participants, "serviced")
        await opening.decide(session, participants)
        await opening.watch(session, participants, stack)
        held = await opening.fund(session, participants)
        await opening.draw_down(session, participants)
        await _stop_paying(session, participants)
        await _recover(session, participants)
        await balances.verify_balances(session, participants, held, borrower_deposits=0, whole=False)
    session.begin_section("The oracle")
    await clock.check_books(session)


async def _stop_paying(session: JourneySession, participants: Participants) -> None:
    """Two instalments are missed; after more than ninety days past due the close itself calls it a default."""
    session.begin_section("Nothing is paid")
    ada = participants.administrators[0]
    await session.request(
        ada,
        "POST",
        f"{participants.loan}/acceleration",
        {"reason": "too early"},
        pays=True,
        status=409,
        code="not_in_default",
    )
    await clock.advance(session, "45d")

    async def late() -> Any:
        page = await session.request(ada, "GET", "/api/v1/arrears?limit=200", quiet=True)
        return next(
            (one for one in page["items"] if one["loan_id"] == participants.loan_id and one["days_past_due"] > 7), None
        )

    found = await session.wait_for("the daily close noticed it", late)
    session.print_note(
        f"{found['days_past_due']} days past due, {found['total_due']} EUR due, bucket {found['bucket']}"
    )
    # One instalment alone is less than a hundredth of the loan: the days count from the second.
    await clock.advance(session, "110d")

    async def in_default() -> Any:
        loan = await session.request(ada, "GET", participants.loan, quiet=True)
        return loan if loan["status"] == "defaulted" else None

    await session.wait_for("more than ninety days past due: the loan is in default", in_default)
    question = {"query": opening.LISTED, "variables": {"id": participants.loan_id}}

    async def shown() -> Any:
        answer = await session.request(None, "POST", "/graphql", question, quiet=True)
        return answer["data"]["loan"]["status"] == "defaulted" or None

    await session.wait_for("the marketplace shows it too", shown)


async def _recover(session: JourneySession, participants: Participants) -> None:
    """A recovery case: costs first, then principal; what is missing is a loss that all share."""
    session.begin_section("Recovery")
    ada, zofia = participants.administrators
    reason = {"reason": "The borrower does not answer; the charge is enforced."}
    await session.request(ada, "POST", f"{participants.loan}/acceleration", reason, pays=True, show="total_due")
    await session.request(
        participants.borrower, "POST", f"{participants.loan}/recovery", reason, status=403, code="wrong_role"
    )
    await session.request(ada, "POST", f"{participants.loan}/recovery", reason, status=201, show="status")
    cost = {"amount": COURT_AND_AGENT, "currency": terms.CURRENCY, "kind": "court", "reason": "Order for sale"}
    await session.request(ada, "POST", f"{participants.loan}/recovery/costs", cost, pays=True, show="total_due")
    await clock.advance(session, "31d")
    case = await session.request(None, "GET", f"{participants.loan}/recovery", show="opened_on update_overdue")
    session.expect(case["update_overdue"] is True, "everybody sees that an update is overdue", case)
    shown = {"text": "The court has ordered the sale; the auction is next month."}
    await session.request(zofia, "POST", f"{participants.loan}/recovery/updates", shown, status=201, show="number")
    case = await session.request(None, "GET", f"{participants.loan}/recovery", show="next_update_due_on update_overdue")
    session.expect(case["update_overdue"] is False, "and that one came", case)
    await clock.advance(session, "28d")
    day = (
        await session.request(ada, "GET", f"{participants.loan}/redemption", show="principal recovery_costs payable")
    )["on"]
    await _auction_price(session, participants, day)
    principal = parse_minor(FROM_THE_AUCTION) - parse_minor(COURT_AND_AGENT)
    [paid] = await balances.distributions_paid(session, participants, 1)
    session.expect(
        paid["principal"] == format_minor(principal),
        "the advanced costs come back first, then principal, before any interest",
        paid,
    )
    reason = {"reason": "The house is sold; the company has no other assets."}
    write_off = f"{participants.loan}/write-off"
    waiting = await session.request(ada, "POST", write_off, reason, pays=True, status=202, show="approval.status")
    approve = f"/api/v1/approvals/{waiting['approval']['id']}/approve"
    await session.request(ada, "POST", approve, {}, status=403, code="four_eyes")
    await session.request(participants.administrators[1], "POST", approve, {}, show="status result.status")
    loss = parse_minor(terms.AMOUNT) - principal
    session.print_note(f"a loss of {format_minor(loss)} EUR is shared by the positions")
    await opening.wallets(session, participants.investors)


async def _auction_price(session: JourneySession, participants: Participants, day: str) -> None:
    """Money from outside: one person alone cannot book it, the bank's statement can, and it counts once."""
    ada = participants.administrators[0]
    paid_by = {"payer": "King County Superior Court", "reference": "Sale of parcel 531810-1230"}
    receipt = {
        "amount": FROM_THE_AUCTION,
        "currency": terms.CURRENCY,
        "received_on": day,
        "loan_id": participants.loan_id,
        **paid_by,
    }
    waiting = await session.request(ada, "POST", "/api/v1/receipts", receipt, pays=True, status=202, show="receipt_id")
    approve = f"/api/v1/approvals/{waiting['approval']['id']}/approve"
    await session.request(ada, "POST", approve, {}, status=403, code="four_eyes")
    credit = {"account": terms.CURRENCY, "amount": FROM_THE_AUCTION, "day": day, **paid_by}
    await session.request(
        ada, "POST", "/api/v1/sandbox/bank/credits", credit, pays=True, status=201, show="booked_on payer amount"
    )
    await clock.advance(session, "1d")

    async def booked() -> Any:
        shown = await session.request(ada, "GET", f"/api/v1/receipts/{waiting['receipt_id']}", quiet=True)
        return shown if shown["allocations"] else None

    shown = await session.wait_for("the day's statement shows the credit, and the loan has it", booked)
    session.expect(shown["remaining"] == "0.00", "nothing of it is left in suspense", shown)
    zofia = participants.administrators[1]
    await session.request(zofia, "POST", approve, {}, status=409, code="approval_stale")
