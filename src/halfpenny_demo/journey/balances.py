"""Where every cent of one loan is: read from its ledger, its distributions and everybody's wallets."""

from __future__ import annotations

from collections import Counter
from typing import Any

from halfpenny.primitives.money import format_minor, parse_minor
from halfpenny_demo.journey.opening import DEPOSITS, Participants, available
from halfpenny_demo.journey.session import API, JourneySession, Participant

# What must be empty when a loan has ended. Debits add to the first kinds, credits to the others.
LOAN_ACCOUNTS = (
    "escrow",
    "collections",
    "distribution_payable",
    "interest_reserve",
    "loan_receivable",
    "investor_claims",
    "recovery_advance",
    "advance_payments",
)


async def all_items(session: JourneySession, who: Participant, path: str) -> list[dict[str, Any]]:
    """All items of a list, page by page."""
    items: list[dict[str, Any]] = []
    after = ""
    while True:
        page = await session.request(who, "GET", f"{path}?limit=100{after}", quiet=True)
        items += page["items"]
        if page["next_cursor"] is None:
            return items
        after = f"&after={page['next_cursor']}"


async def distributions_paid(
    session: JourneySession, participants: Participants, at_least: int
) -> list[dict[str, Any]]:
    """The loan's distributions, once there are that many and all are paid."""

    async def poll() -> list[dict[str, Any]] | None:
        found = await all_items(session, participants.administrators[0], f"{participants.loan}/distributions")
        paid = len(found) >= at_least and all(one["status"] == "paid" for one in found)
        return found if paid else None

    return await session.wait_for(f"{at_least} distributions were paid", poll)


async def settled_accounts(session: JourneySession, participants: Participants) -> Counter[str]:
    """Net of each kind of account over the loan's transfers, minor units: credits less debits."""
    net: Counter[str] = Counter()
    for row in await all_items(session, participants.administrators[0], f"{participants.loan}/ledger"):
        amount = parse_minor(row["amount"])
        net[row["debit"]["kind"]] -= amount
        net[row["credit"]["kind"]] += amount
    return net


async def shares_of(session: JourneySession, person: Participant, distributions: list[dict[str, Any]]) -> Counter[str]:
    """What an investor was paid by their own proofs, by part, minor units."""
    parts: Counter[str] = Counter()
    for one in distributions:
        proof = await session.request(person, "GET", f"{API}/distributions/{one['id']}/proof", quiet=True)
        for share in proof["money_out"]:
            for part in ("principal", "interest", "default_interest", "recovered", "withheld", "paid"):
                parts[part] += parse_minor(share[part])
    return parts


async def verify_balances(
    session: JourneySession, participants: Participants, held: dict[str, int], *, borrower_deposits: int, whole: bool
) -> None:
    """Every cent is where it belongs. ``whole``: the principal came back in full; else a loss was shared."""
    session.begin_section("Where every cent is")
    distributions = await all_items(session, participants.administrators[0], f"{participants.loan}/distributions")
    rows, received = [], Counter[str]()
    for person in participants.investors:
        parts = await shares_of(session, person, distributions)
        received.update(parts)
        wallet = await available(session, person)
        expected = parse_minor(DEPOSITS[person.name]) - held[person.name] + parts["paid"]
        session.expect(wallet == expected, f"{person.name}'s wallet is what the proofs add up to", (wallet, expected))
        if whole:
            session.expect(parts["principal"] == held[person.name], f"{person.name} has the whole stake back", parts)
        gained = format_minor(parts["paid"] - held[person.name])
        rows.append((person.name, format_minor(held[person.name]), format_minor(parts["paid"]), gained))
    session.table("What each investor put in and got back, EUR", ("who", "put in", "got back", "gained"), rows)
    declared = sum(parse_minor(one["total"]) for one in distributions)
    session.expect(
        received["paid"] + received["withheld"] == declared,
        "the investors' receipts and taxes are what was distributed, to the cent",
        (dict(received), declared),
    )
    net = await settled_accounts(session, participants)
    for kind in LOAN_ACCOUNTS:
        session.expect(net[kind] == 0, f"the loan's {kind.replace('_', ' ')} is empty", net[kind])
    brought_in = borrower_deposits + sum(parse_minor(amount) for amount in DEPOSITS.values())
    kept = sum([await available(session, person) for person in (participants.borrower, *participants.investors)])
    earned = net["fee_income"] + net["default_income"] + net["tax_payable"]
    # What came for the loan straight from the bank, and what the platform paid out for it, went past the wallets.
    past_wallets = -net["suspense"] - net["client_bank"] - net["own_bank"]
    session.expect(
        brought_in + past_wallets == kept + earned,
        f"{format_minor(brought_in + past_wallets)} came in: {format_minor(kept)} is in wallets, "
        f"{format_minor(earned)} is fees and taxes, and nothing is left over",
        (brought_in, past_wallets, kept, earned),
    )
