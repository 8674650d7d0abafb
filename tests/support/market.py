"""A small market: loans of different terms in every listed status, and some that nobody may see."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from itertools import cycle, islice

from halfpenny import loans
from halfpenny.loans.decision import Decision, Verdict
from halfpenny.loans.service import deciding
from halfpenny.platform.database import Connection, Database
from halfpenny.primitives.ids import UserId
from halfpenny.primitives.money import Currency
from halfpenny_messages import PropertyKind
from support import lending

CITIES = ("Seattle", "Łódź", "Cork", "Kraków")
KINDS = (PropertyKind.HOUSE, PropertyKind.TOWNHOUSE, PropertyKind.COMMERCIAL, PropertyKind.LAND)
# How a loan gets from open funding to each status.
PATHS: dict[str, tuple[str, ...]] = {
    "funding": (),
    "expired": ("expire",),
    "funded": ("complete_funding",),
    "active": ("complete_funding", "meet_conditions", "draw_down"),
    "defaulted": ("complete_funding", "meet_conditions", "draw_down", "default"),
    "repaid": ("complete_funding", "meet_conditions", "draw_down", "repay"),
}


async def open_loan(connection: Connection, borrower: UserId, administrator: UserId, number: int) -> loans.Loan:
    """The loan with that number: amount, rate, term, place and kind follow from it."""
    plain = lending.application()
    kind = KINDS[number % len(KINDS)]
    terms = lending.application(
        amount_minor=10_000_000 + number * 1_234_500,
        currency=list(Currency)[number % 3],
        term_months=6 + number % 5 * 3,
        property=replace(
            plain.property,
            kind=kind,
            city=CITIES[number % len(CITIES)],
            year_built=None if kind is PropertyKind.LAND else 1900 + number,
            valuation_minor=50_000_000 + number * 777_700,
            gdv_minor=90_000_000,
        ),
    )
    loan = await lending.assessed(
        connection, borrower, property=terms.property, amount_minor=terms.amount_minor,
        currency=terms.currency, term_months=terms.term_months,
    )  # fmt: skip
    decision = Decision(
        Verdict.APPROVE,
        loan.version,
        loans.DecisionReason.WITHIN_POLICY,
        "Sound.",
        annual_rate=Decimal("8.25") + number % 4,
    )
    loan, outcome = await deciding.decide_on(connection, administrator, loan.id, decision, lending.RULES)
    assert outcome.final
    return await deciding.accept(connection, borrower, loan.id)


async def furnish(database: Database, size: int = 12) -> list[loans.Loan]:
    """``size`` listed loans over all PATHS, partly funded, and three that are not public."""
    made = []
    async with database.unit_of_work() as connection:
        administrator = await lending.person(connection, "administrator")
        for number, status in enumerate(islice(cycle(PATHS), size)):
            borrower = await lending.person(connection, "borrower")
            loan = await open_loan(connection, borrower, administrator, number)
            share = loan.application.amount_minor if PATHS[status] not in ((), ("expire",)) else 5_000 * number
            if share:
                await loans.add_funded(connection, [(loan.id, share, 1 + number % 3, 1)])
            for step in PATHS[status]:
                await loans.transition(connection, loan.id, step)
            made.append(loan.id)
        borrower = await lending.person(connection, "borrower")
        await lending.submitted(connection, borrower)
        await lending.assessed(connection, borrower)
        await lending.offered(connection, borrower, administrator)
        found = await loans.get_many(connection, made)
    return [found[loan_id] for loan_id in made]
