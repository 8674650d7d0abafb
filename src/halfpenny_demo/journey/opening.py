"""The first half of every scenario: from registration to a loan that is paid out."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import uuid4

from halfpenny.primitives.money import parse_minor
from halfpenny_demo.journey import clock, terms
from halfpenny_demo.journey.session import API, JourneySession, Participant, new_participant
from halfpenny_demo.journey.watcher import Watcher, watching
from halfpenny_demo.logins import Login, Logins

LISTED = """
query ($id: ID!) {
  loan(id: $id) {
    title status terms { amount { amount currency } annualRate ltv }
    funding { target { amount } funded { amount } percent investors version } risk { grade reasons { code text } }
  }
}
"""
DEPOSITS = {"Ines Almeida": "700000.00", "Tomasz Wrona": "500000.00", "Pia Lindqvist": "300000.00"}
# A fourth of the loan, rounded up to the cent.
FIRST_TICKET = "308641.98"


@dataclass
class Participants:
    """Everybody, and the loan that they meet over."""

    borrower: Participant
    investors: list[Participant]
    administrators: list[Participant]
    loan_id: str = ""
    watcher: Watcher | None = None
    own: dict[str, Watcher] = field(default_factory=dict)

    @property
    def loan(self) -> str:
        return f"{API}/loans/{self.loan_id}"


async def register_participants(session: JourneySession, logins: Logins) -> Participants:
    """New people register, administrators sign in, investors bring money."""
    session.begin_section("People")
    participants = Participants(
        new_participant("Marta Kowalczyk", "borrower"),
        [new_participant(name, "investor") for name in DEPOSITS],
        [_known("Ada Winter", logins.administrators[0]), _known("Zofia Marek", logins.administrators[1])],
    )
    await session.request(
        None,
        "POST",
        f"{API}/auth/register",
        {
            "email": "eve@journey.example",
            "password": "not an administrator",
            "full_name": "Eve",
            "role": "administrator",
        },
        status=422,
        code="malformed",
    )
    for person in (participants.borrower, *participants.investors):
        body = {"email": person.email, "password": person.password, "full_name": person.name, "role": person.role}
        await session.request(None, "POST", f"{API}/auth/register", body, status=202)
    for person in (participants.borrower, *participants.investors, *participants.administrators):
        await sign_in(session, person)
    session.begin_section("Money comes in")
    for person in participants.investors:
        body = {"amount": DEPOSITS[person.name]}
        await session.request(
            person, "POST", f"{API}/wallets/EUR/deposits", body, pays=True, status=202, show="amount status"
        )
    for person in participants.investors:
        await session.wait_for(f"the bank settled {person.name}'s deposit", partial(_deposited, session, person))
    await wallets(session, participants.investors)
    return participants


async def sign_in(session: JourneySession, person: Participant) -> None:
    answer = await session.request(
        None, "POST", f"{API}/auth/login", {"email": person.email, "password": person.password}, quiet=True
    )
    person.token = answer["access_token"]
    person.user_id = (await session.request(person, "GET", f"{API}/me", show="full_name roles"))["id"]


async def available(session: JourneySession, person: Participant, currency: str = terms.CURRENCY) -> int:
    """What is in the wallet to spend, minor units."""
    for wallet in await session.request(person, "GET", f"{API}/wallets", quiet=True):
        if wallet["currency"] == currency:
            return parse_minor(wallet["available"])
    return 0


async def wallets(session: JourneySession, people: list[Participant]) -> None:
    """The wallets as a table."""
    rows = []
    for person in people:
        for wallet in await session.request(person, "GET", f"{API}/wallets", quiet=True):
            if wallet["currency"] == terms.CURRENCY:
                rows.append((person.name, wallet["balance"], wallet["available"]))
    session.table("Wallets, EUR", ("who", "balance", "available"), rows)


async def apply(session: JourneySession, participants: Participants, interest_mode: str) -> None:
    """The application and the risk service's answer to it."""
    session.begin_section("An application and its assessment")
    today = datetime.now(UTC).date()
    body = terms.application(today, interest_mode)
    refused = body | {"amount": 1234567.89}
    await session.request(participants.borrower, "POST", f"{API}/loans", refused, status=422, code="malformed_amount")
    unknown = body | {"status": "approved"}
    await session.request(participants.borrower, "POST", f"{API}/loans", unknown, status=422, code="unknown_field")
    answer = await session.request(
        participants.borrower, "POST", f"{API}/loans", body, status=201, show="status version amount"
    )
    participants.loan_id = answer["id"]

    async def assessed() -> Any:
        loan = await session.request(participants.borrower, "GET", participants.loan, quiet=True)
        return loan if loan["status"] == "assessed" else None

    await session.wait_for("the risk service answered", assessed)
    await verify_report(session, participants)
    loan = await session.wait_for("the risk service answered again", assessed)
    risk = loan["risk"]
    session.print_note(
        f"grade {risk['grade']}, chance of default {risk['probability_of_default']}, by {risk['model_version']}"
    )
    for reason in risk["reasons"][:4]:
        session.print_note(f"because: {reason['text']['en']}")
    await session.request(participants.investors[0], "GET", participants.loan, status=404, code="loan_not_found")
    await session.request(
        None, "POST", "/graphql", {"query": LISTED, "variables": {"id": participants.loan_id}}, show="data.loan"
    )


async def verify_report(session: JourneySession, participants: Participants) -> None:
    """The surveyor's report: uploaded by the borrower, verified by staff, and only then more than an owner's word."""
    ada, borrower = participants.administrators[0], participants.borrower
    valuer = terms.valuer(datetime.now(UTC).date())
    added = await session.request(ada, "POST", f"{API}/valuers", valuer, status=201, show="name registration_number")
    reports = f"{participants.loan}/valuation-reports"
    report = terms.valuation_report(datetime.now(UTC).date(), added["id"])
    await session.request(borrower, "POST", reports, report | {"document": "bm8="}, status=422, code="document_not_pdf")
    uploaded = await session.request(borrower, "POST", reports, report, status=201, show="status amount source")
    verify = f"{reports}/{uploaded['id']}/verify"
    checks = {"checks": ["figure_and_date", "valuer_and_registration", "property_facts", "purchase_history"]}
    await session.request(borrower, "POST", verify, checks, status=403, code="wrong_role")
    await session.request(ada, "POST", verify, {"checks": []}, status=422, code="checks_missing")
    await session.request(ada, "POST", verify, checks, show="status checked_at")


async def decide(session: JourneySession, participants: Participants) -> None:
    """Two administrators, because of the amount; then the borrower accepts."""
    session.begin_section("Four eyes, an offer, and the borrower's acceptance")
    ada, zofia = participants.administrators
    version = (await session.request(ada, "GET", participants.loan, show="status version"))["version"]
    decision = {
        "decision": "approve",
        "annual_rate": terms.RATE,
        "reason_code": "within_policy",
        "reason": "Sound security and a clear exit strategy.",
    }
    path = f"{participants.loan}/decision"
    await session.request(
        participants.borrower, "POST", path, decision | {"version": version}, status=403, code="wrong_role"
    )
    without_code = {name: value for name, value in decision.items() if name != "reason_code"} | {"version": version}
    await session.request(ada, "POST", path, without_code, status=422, code="missing_field")
    await session.request(ada, "POST", path, decision | {"version": version - 1}, status=409, code="stale_version")
    await session.request(ada, "POST", path, decision | {"version": version}, status=202)
    await session.request(ada, "POST", path, decision | {"version": version}, status=403, code="four_eyes")
    await session.request(zofia, "POST", path, decision | {"version": version}, show="status")
    await session.request(
        participants.investors[0], "POST", f"{participants.loan}/accept", status=403, code="wrong_role"
    )
    await session.request(participants.borrower, "POST", f"{participants.loan}/accept", show="status")


async def watch(session: JourneySession, participants: Participants, stack: AsyncExitStack) -> None:
    """Somebody unknown watches the loan, every investor their own news."""
    session.begin_section("The loan is in the market, and people watch")
    question = {"query": LISTED, "variables": {"id": participants.loan_id}}

    async def listed() -> Any:
        answer = await session.request(None, "POST", "/graphql", question, quiet=True)
        return answer["data"]["loan"]

    loan = await session.wait_for("the marketplace lists the loan", listed)
    session.print_note(f"{loan['title']}: {loan['terms']['annualRate']} % a year, LTV {loan['terms']['ltv']} %")
    participants.watcher = await stack.enter_async_context(watching(session, f"loan:{participants.loan_id}"))
    for person in participants.investors:
        participants.own[person.name] = await stack.enter_async_context(watching(session, "me", person))


async def fund(session: JourneySession, participants: Participants) -> dict[str, int]:
    """Tickets taken and refused until the last cent; returns what each investor has in the loan, minor units."""
    ines, tomasz, pia = participants.investors
    session.begin_section("Tickets that are refused")
    path = f"{participants.loan}/invest"
    await session.request(ines, "POST", path, _eur("100.00"), status=400, code="idempotency_key_missing")
    await session.request(ines, "POST", path, _eur("1e3"), pays=True, status=422, code="malformed_amount")
    await session.request(ines, "POST", path, _eur("49.99"), pays=True, status=409, code="below_minimum")
    await session.request(pia, "POST", path, _eur("300000.01"), pays=True, status=409, code="insufficient_available")
    await session.request(
        participants.borrower, "POST", path, _eur("100.00"), pays=True, status=403, code="self_dealing"
    )
    nowhere = f"{API}/loans/{uuid4()}/invest"
    await session.request(ines, "POST", nowhere, _eur("100.00"), pays=True, status=404, code="loan_not_found")
    session.begin_section("Tickets that are taken")
    key, show = str(uuid4()), "funding.funded funding.remaining"
    first = await session.request(ines, "POST", path, _eur(FIRST_TICKET), key=key, status=201, show=show)
    again = await session.request(ines, "POST", path, _eur(FIRST_TICKET), key=key, status=201, show=show)
    session.expect(again == first, "the same key and body get the first answer again")
    await session.request(ines, "POST", path, _eur("99.00"), key=key, status=422, code="idempotency_key_reused")
    await session.request(tomasz, "POST", path, _eur("370000.01"), pays=True, status=201, show=show)
    ticket = await session.request(pia, "POST", path, _eur("250000.00"), pays=True, status=201, show=show)
    await session.request(ines, "POST", path, _eur("350000.00"), pays=True, status=409, code="exceeds_remaining")
    rest = ticket["funding"]["remaining"]
    await session.request(ines, "POST", path, _eur(rest), pays=True, status=201, show=show)
    await session.request(pia, "POST", path, _eur("50.00"), pays=True, status=409, code="loan_fully_funded")
    session.begin_section("Second thoughts within the days of reflection")
    revoke = f"{API}/investments/{ticket['investment']['id']}/revoke"
    await session.request(ines, "POST", revoke, {}, pays=True, status=404, code="investment_not_found")
    await session.request(pia, "POST", revoke, {}, pays=True, show="investment.amount investment.status")
    await session.request(tomasz, "POST", path, _eur("129999.99"), pays=True, status=201, show=show)
    last = await session.request(pia, "POST", path, _eur("120000.01"), pays=True, status=201, show=show)
    session.expect(last["funding"]["funded"] == terms.AMOUNT, "the loan is funded to the cent", last["funding"])
    await _all_notified(session, participants, last["funding"])
    await wallets(session, participants.investors)
    held = {ines.name: parse_minor(FIRST_TICKET) + parse_minor(rest), tomasz.name: 50_000_000, pia.name: 12_000_001}
    session.expect(sum(held.values()) == parse_minor(terms.AMOUNT), "the tickets add up to the loan", held)
    return held


async def _all_notified(session: JourneySession, participants: Participants, funding: dict[str, Any]) -> None:
    """The watcher saw the last state, and every investor each milestone once."""
    if participants.watcher is not None:
        await participants.watcher.wait_for(
            "fully funded",
            lambda frame: (frame.get("data") or {}).get("version") == funding["version"],
        )
        sequence = [frame["seq"] for frame in participants.watcher.frames]
        session.expect(sequence == sorted(set(sequence)), "the watcher's sequence numbers only rise", sequence)
    for person in participants.investors:

        async def milestones(who: Participant = person) -> Any:
            page = await session.request(who, "GET", f"{API}/notifications?limit=200", quiet=True)
            percents = [
                one["data"]["percent"]
                for one in page["items"]
                if one["kind"] == "milestone" and one["data"].get("loan_id") == participants.loan_id
            ]
            return percents if {75, 100} <= set(percents) else None

        notified = await session.wait_for(f"{person.name} has the notices of 75 and 100 %", milestones)
        session.expect(len(notified) == len(set(notified)), "each milestone was shown once", notified)
        session.expect({75, 100} <= set(notified) <= {25, 50, 75, 100}, f"{person.name}: each one since", notified)

    async def shown() -> Any:
        answer = await session.request(
            None, "POST", "/graphql", {"query": LISTED, "variables": {"id": participants.loan_id}}, quiet=True
        )
        loan = answer["data"]["loan"]
        return loan if loan["funding"]["percent"] == 100 and loan["status"] == "funded" else None

    await session.wait_for("the marketplace shows it fully funded", shown)


async def draw_down(session: JourneySession, participants: Participants) -> None:
    """Evidence, the days of reflection, and the money's way to the borrower."""
    session.begin_section("Conditions, reflection, drawdown")
    ada, zofia = participants.administrators
    drawdown = f"{participants.loan}/drawdown"
    await session.request(ada, "POST", drawdown, {}, pays=True, status=409, code="wrong_status")
    evidence = terms.conditions(datetime.now(UTC).date())
    await session.request(
        participants.borrower, "POST", f"{participants.loan}/conditions", evidence, status=403, code="wrong_role"
    )
    await session.request(ada, "POST", f"{participants.loan}/conditions", evidence, show="status")
    await session.request(ada, "POST", drawdown, {}, pays=True, status=409, code="reflection_running")
    await clock.advance(session, "5d")
    await session.request(ada, "POST", drawdown, {}, pays=True, status=403, code="separation_of_duties")
    answer = await session.request(zofia, "POST", drawdown, {}, pays=True)
    session.print_note(", ".join(f"{name} {value}" for name, value in answer.items() if isinstance(value, str)))
    await wallets(session, [participants.borrower])


def _eur(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": terms.CURRENCY}


def _known(name: str, login: Login) -> Participant:
    return Participant(name, "administrator", login.email, login.password)


async def _deposited(session: JourneySession, person: Participant) -> int | None:
    there = await available(session, person)
    return there if there == parse_minor(DEPOSITS[person.name]) else None
