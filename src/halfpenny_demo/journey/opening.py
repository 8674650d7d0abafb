"""The first half of every story: from strangers to a loan that is paid out."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import uuid4

from halfpenny.primitives.money import parse_minor
from halfpenny_demo.journey import clock, terms
from halfpenny_demo.journey.stage import API, Person, Stage, stranger
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
class Cast:
    """Everybody, and the loan that they meet over."""

    borrower: Person
    investors: list[Person]
    administrators: list[Person]
    loan_id: str = ""
    watcher: Watcher | None = None
    own: dict[str, Watcher] = field(default_factory=dict)

    @property
    def loan(self) -> str:
        return f"{API}/loans/{self.loan_id}"


async def gather(stage: Stage, logins: Logins) -> Cast:
    """Strangers register, administrators sign in, investors bring money."""
    stage.act("People")
    cast = Cast(
        stranger("Marta Kowalczyk", "borrower"),
        [stranger(name, "investor") for name in DEPOSITS],
        [_known("Ada Winter", logins.administrators[0]), _known("Zofia Marek", logins.administrators[1])],
    )
    await stage.ask(
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
    for person in (cast.borrower, *cast.investors):
        body = {"email": person.email, "password": person.password, "full_name": person.name, "role": person.role}
        await stage.ask(None, "POST", f"{API}/auth/register", body, status=202)
    for person in (cast.borrower, *cast.investors, *cast.administrators):
        await sign_in(stage, person)
    stage.act("Money comes in")
    for person in cast.investors:
        body = {"amount": DEPOSITS[person.name]}
        await stage.ask(
            person, "POST", f"{API}/wallets/EUR/deposits", body, pays=True, status=202, show="amount status"
        )
    for person in cast.investors:
        await stage.until(f"the bank settled {person.name}'s deposit", partial(_deposited, stage, person))
    await wallets(stage, cast.investors)
    return cast


async def sign_in(stage: Stage, person: Person) -> None:
    answer = await stage.ask(
        None, "POST", f"{API}/auth/login", {"email": person.email, "password": person.password}, quiet=True
    )
    person.token = answer["access_token"]
    person.user_id = (await stage.ask(person, "GET", f"{API}/me", show="full_name roles"))["id"]


async def available(stage: Stage, person: Person, currency: str = terms.CURRENCY) -> int:
    """What is in the wallet to spend, minor units."""
    for wallet in await stage.ask(person, "GET", f"{API}/wallets", quiet=True):
        if wallet["currency"] == currency:
            return parse_minor(wallet["available"])
    return 0


async def wallets(stage: Stage, people: list[Person]) -> None:
    """The wallets as a table."""
    rows = []
    for person in people:
        for wallet in await stage.ask(person, "GET", f"{API}/wallets", quiet=True):
            if wallet["currency"] == terms.CURRENCY:
                rows.append((person.name, wallet["balance"], wallet["available"]))
    stage.table("Wallets, EUR", ("who", "balance", "available"), rows)


async def apply(stage: Stage, cast: Cast, interest_mode: str) -> None:
    """The application and the risk service's answer to it."""
    stage.act("An application, and what the risk service says")
    today = datetime.now(UTC).date()
    body = terms.application(today, interest_mode)
    refused = body | {"amount": 1234567.89}
    await stage.ask(cast.borrower, "POST", f"{API}/loans", refused, status=422, code="malformed_amount")
    unknown = body | {"status": "approved"}
    await stage.ask(cast.borrower, "POST", f"{API}/loans", unknown, status=422, code="unknown_field")
    answer = await stage.ask(cast.borrower, "POST", f"{API}/loans", body, status=201, show="status version amount")
    cast.loan_id = answer["id"]

    async def assessed() -> Any:
        loan = await stage.ask(cast.borrower, "GET", cast.loan, quiet=True)
        return loan if loan["status"] == "assessed" else None

    loan = await stage.until("the risk service answered", assessed)
    risk = loan["risk"]
    stage.say(f"grade {risk['grade']}, chance of default {risk['probability_of_default']}, by {risk['model_version']}")
    for reason in risk["reasons"][:4]:
        stage.say(f"because: {reason['text']['en']}")
    await stage.ask(cast.investors[0], "GET", cast.loan, status=404, code="loan_not_found")
    await stage.ask(None, "POST", "/graphql", {"query": LISTED, "variables": {"id": cast.loan_id}}, show="data.loan")


async def decide(stage: Stage, cast: Cast) -> None:
    """Two administrators, because of the amount; then the borrower accepts."""
    stage.act("Four eyes, an offer, and the borrower's yes")
    ada, zofia = cast.administrators
    version = (await stage.ask(ada, "GET", cast.loan, show="status version"))["version"]
    decision = {"decision": "approve", "annual_rate": terms.RATE, "reason": "Sound security and a clear way out."}
    path = f"{cast.loan}/decision"
    await stage.ask(cast.borrower, "POST", path, decision | {"version": version}, status=403, code="wrong_role")
    await stage.ask(ada, "POST", path, decision | {"version": version - 1}, status=409, code="stale_version")
    await stage.ask(ada, "POST", path, decision | {"version": version}, status=202)
    await stage.ask(ada, "POST", path, decision | {"version": version}, status=403, code="four_eyes")
    await stage.ask(zofia, "POST", path, decision | {"version": version}, show="status")
    await stage.ask(cast.investors[0], "POST", f"{cast.loan}/accept", status=403, code="wrong_role")
    await stage.ask(cast.borrower, "POST", f"{cast.loan}/accept", show="status")


async def watch(stage: Stage, cast: Cast, stack: AsyncExitStack) -> None:
    """Somebody unknown watches the loan, every investor their own news."""
    stage.act("The loan is in the market, and people watch")
    question = {"query": LISTED, "variables": {"id": cast.loan_id}}

    async def listed() -> Any:
        answer = await stage.ask(None, "POST", "/graphql", question, quiet=True)
        return answer["data"]["loan"]

    loan = await stage.until("the marketplace lists the loan", listed)
    stage.say(f"{loan['title']}: {loan['terms']['annualRate']} % a year, LTV {loan['terms']['ltv']} %")
    cast.watcher = await stack.enter_async_context(watching(stage, f"loan:{cast.loan_id}"))
    for person in cast.investors:
        cast.own[person.name] = await stack.enter_async_context(watching(stage, "me", person))


async def fund(stage: Stage, cast: Cast) -> dict[str, int]:
    """Tickets taken and refused until the last cent; returns what each investor has in the loan, minor units."""
    ines, tomasz, pia = cast.investors
    stage.act("Tickets that are refused")
    path = f"{cast.loan}/invest"
    await stage.ask(ines, "POST", path, _eur("100.00"), status=400, code="idempotency_key_missing")
    await stage.ask(ines, "POST", path, _eur("1e3"), pays=True, status=422, code="malformed_amount")
    await stage.ask(ines, "POST", path, _eur("49.99"), pays=True, status=409, code="below_minimum")
    await stage.ask(pia, "POST", path, _eur("300000.01"), pays=True, status=409, code="insufficient_available")
    await stage.ask(cast.borrower, "POST", path, _eur("100.00"), pays=True, status=403, code="self_dealing")
    nowhere = f"{API}/loans/{uuid4()}/invest"
    await stage.ask(ines, "POST", nowhere, _eur("100.00"), pays=True, status=404, code="loan_not_found")
    stage.act("Tickets that are taken")
    key, show = str(uuid4()), "funding.funded funding.remaining"
    first = await stage.ask(ines, "POST", path, _eur(FIRST_TICKET), key=key, status=201, show=show)
    again = await stage.ask(ines, "POST", path, _eur(FIRST_TICKET), key=key, status=201, show=show)
    stage.must(again == first, "the same key and body get the first answer again")
    await stage.ask(ines, "POST", path, _eur("99.00"), key=key, status=422, code="idempotency_key_reused")
    await stage.ask(tomasz, "POST", path, _eur("370000.01"), pays=True, status=201, show=show)
    ticket = await stage.ask(pia, "POST", path, _eur("250000.00"), pays=True, status=201, show=show)
    await stage.ask(ines, "POST", path, _eur("350000.00"), pays=True, status=409, code="exceeds_remaining")
    rest = ticket["funding"]["remaining"]
    await stage.ask(ines, "POST", path, _eur(rest), pays=True, status=201, show=show)
    await stage.ask(pia, "POST", path, _eur("50.00"), pays=True, status=409, code="loan_fully_funded")
    stage.act("Second thoughts within the days of reflection")
    revoke = f"{API}/investments/{ticket['investment']['id']}/revoke"
    await stage.ask(ines, "POST", revoke, {}, pays=True, status=404, code="investment_not_found")
    await stage.ask(pia, "POST", revoke, {}, pays=True, show="investment.amount investment.status")
    await stage.ask(tomasz, "POST", path, _eur("129999.99"), pays=True, status=201, show=show)
    last = await stage.ask(pia, "POST", path, _eur("120000.01"), pays=True, status=201, show=show)
    stage.must(last["funding"]["funded"] == terms.AMOUNT, "the loan is funded to the cent", last["funding"])
    await _all_have_heard(stage, cast, last["funding"])
    await wallets(stage, cast.investors)
    held = {ines.name: parse_minor(FIRST_TICKET) + parse_minor(rest), tomasz.name: 50_000_000, pia.name: 12_000_001}
    stage.must(sum(held.values()) == parse_minor(terms.AMOUNT), "the tickets add up to the loan", held)
    return held


async def _all_have_heard(stage: Stage, cast: Cast, funding: dict[str, Any]) -> None:
    """The watcher saw the last state, and every investor each milestone once."""
    if cast.watcher is not None:
        await cast.watcher.until(
            "fully funded",
            lambda frame: (frame.get("data") or {}).get("version") == funding["version"],
        )
        sequence = [frame["seq"] for frame in cast.watcher.frames]
        stage.must(sequence == sorted(set(sequence)), "the watcher's sequence numbers only rise", sequence)
    for person in cast.investors:

        async def milestones(who: Person = person) -> Any:
            page = await stage.ask(who, "GET", f"{API}/notifications?limit=200", quiet=True)
            percents = [
                one["data"]["percent"]
                for one in page["items"]
                if one["kind"] == "milestone" and one["data"].get("loan_id") == cast.loan_id
            ]
            return percents if 100 in percents else None

        heard = await stage.until(f"{person.name} heard of 100 %", milestones)
        stage.must(len(heard) == len(set(heard)), "each milestone was told once", heard)
        stage.must({75, 100} <= set(heard) <= {25, 50, 75, 100}, f"{person.name} heard of every one since", heard)

    async def shown() -> Any:
        answer = await stage.ask(
            None, "POST", "/graphql", {"query": LISTED, "variables": {"id": cast.loan_id}}, quiet=True
        )
        loan = answer["data"]["loan"]
        return loan if loan["funding"]["percent"] == 100 and loan["status"] == "funded" else None

    await stage.until("the marketplace shows it fully funded", shown)


async def draw_down(stage: Stage, cast: Cast) -> None:
    """Evidence, the days of reflection, and the money's way to the borrower."""
    stage.act("Conditions, reflection, drawdown")
    ada, zofia = cast.administrators
    drawdown = f"{cast.loan}/drawdown"
    await stage.ask(ada, "POST", drawdown, {}, pays=True, status=409, code="wrong_status")
    evidence = terms.conditions(datetime.now(UTC).date())
    await stage.ask(cast.borrower, "POST", f"{cast.loan}/conditions", evidence, status=403, code="wrong_role")
    await stage.ask(ada, "POST", f"{cast.loan}/conditions", evidence, show="status")
    await stage.ask(ada, "POST", drawdown, {}, pays=True, status=409, code="reflection_running")
    await clock.advance(stage, "5d")
    await stage.ask(ada, "POST", drawdown, {}, pays=True, status=403, code="separation_of_duties")
    answer = await stage.ask(zofia, "POST", drawdown, {}, pays=True)
    stage.say(", ".join(f"{name} {value}" for name, value in answer.items() if isinstance(value, str)))
    await wallets(stage, [cast.borrower])


def _eur(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": terms.CURRENCY}


def _known(name: str, login: Login) -> Person:
    return Person(name, "administrator", login.email, login.password)


async def _deposited(stage: Stage, person: Person) -> int | None:
    there = await available(stage, person)
    return there if there == parse_minor(DEPOSITS[person.name]) else None
