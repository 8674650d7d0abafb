"""Which loan the demo makes on each property, and how far it has come. Pure: random numbers in, scenarios out."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from halfpenny.loans import (
    Application,
    Borrower,
    Condition,
    ExitStrategy,
    LoanInterestMode,
    LoanPurpose,
    Property,
    PropertyKind,
    Status,
    ValuationSource,
)
from halfpenny.primitives.money import Currency
from halfpenny_demo.seeding.homes import Home
from halfpenny_demo.seeding.people import Company

# How many loans stand where today, and how many days ago each of them was applied for.
_STATUSES: tuple[tuple[Status, int, tuple[int, int]], ...] = (
    (Status.WRITTEN_OFF, 3, (176, 180)),
    (Status.IN_RECOVERY, 4, (162, 174)),
    (Status.DEFAULTED, 4, (143, 156)),
    (Status.REPAID, 38, (140, 178)),
    (Status.MATURED, 5, (125, 150)),
    (Status.ACTIVE, 52, (40, 176)),
    (Status.DECLINED, 8, (20, 170)),
    (Status.WITHDRAWN, 4, (15, 160)),
    (Status.EXPIRED, 5, (70, 170)),
    (Status.CANCELLED, 3, (40, 150)),
    (Status.CONDITIONS_MET, 4, (26, 40)),
    (Status.FUNDED, 5, (20, 35)),
    (Status.FUNDING, 40, (7, 28)),
    (Status.ACCEPTED, 2, (5, 9)),
    (Status.OFFERED, 5, (4, 12)),
    (Status.APPROVED, 2, (3, 6)),
    (Status.ASSESSED, 8, (2, 6)),
    (Status.SUBMITTED, 4, (1, 2)),
    (Status.DRAFT, 4, (1, 20)),
)
_SPANS = {status: span for status, _, span in _STATUSES}
HISTORY_DAYS = 182
# These never paid: monthly interest that nobody pays makes a default ninety days after the first of it was due.
_NEVER_PAID = frozenset({Status.WRITTEN_OFF, Status.IN_RECOVERY, Status.DEFAULTED})
_PURPOSES = (
    (LoanPurpose.PURCHASE, "Buy and renovate for sale"),
    (LoanPurpose.PURCHASE, "Buy at auction, then refinance"),
    (LoanPurpose.WORKS, "Finish a renovation"),
    (LoanPurpose.REFINANCE, "Bridge until the old house is sold"),
    (LoanPurpose.WORKS, "Convert the attic and the basement"),
    (LoanPurpose.REFINANCE, "Release equity for the next purchase"),
    (LoanPurpose.WORKS, "Repair storm damage before the sale"),
    (LoanPurpose.OTHER, "Pay out a co-owner"),
)
_EXITS = (
    ExitStrategy.SALE,
    ExitStrategy.SALE,
    ExitStrategy.SALE,
    ExitStrategy.REFINANCE,
    ExitStrategy.REFINANCE,
)
_SURVEYOR = "Alder & Finch Surveyors"
_MODES = (LoanInterestMode.RETAINED, LoanInterestMode.RETAINED, LoanInterestMode.SERVICED, LoanInterestMode.ROLLED_UP)
_DESCRIPTIONS = {
    "poor": "Needs work throughout: roof, wiring and both bathrooms. Sound structure.",
    "fair": "Lived in until the purchase; kitchen and heating are due for replacement.",
    "average": "Well kept, of its time. New flooring and paint are planned, and a second bathroom.",
    "good": "Renovated in recent years; the works are limited to the garden side and the terrace.",
    "excellent": "Architect's house in first-class condition; no works, the loan bridges a sale.",
}


@dataclass(frozen=True, slots=True)
class LoanScenario:
    """One loan of the demo: what is asked for by whom, and where it stands today.

    ``applied_days_ago`` counts back from today; ``funded_percent`` is how much of it investors have put in by
    then (of loans that are or were open); ``redeemed_after_days`` is when a repaid loan was paid off;
    ``awaits_second_approval`` says that one administrator has approved a large loan and another one is due.
    """

    target: Status
    company: Company
    application: Application
    applied_days_ago: int
    grade: str
    suggested_rate: Decimal
    funded_percent: int
    funding_days: int
    redeemed_after_days: int
    awaits_second_approval: bool = False


def make_scenarios(rng: random.Random, homes: Sequence[Home], companies: Sequence[Company]) -> list[LoanScenario]:
    """A scenario for each home, oldest first."""
    targets = [(status, span) for status, count, span in _STATUSES for _ in range(count)]
    *others, dearest = sorted(homes, key=lambda home: home.value_minor)
    shuffled = rng.sample(others, len(others))
    # The dearest home is left for the end, where applications still wait for their decisions.
    targets.remove((Status.ASSESSED, _SPANS[Status.ASSESSED]))
    scenarios = [
        _scenario(rng, home, status, span, companies[number % len(companies)])
        for number, (home, (status, span)) in enumerate(zip(shuffled, targets, strict=True))
    ]
    scenarios.append(_large_scenario(rng, dearest, companies[-1]))
    return sorted(scenarios, key=lambda scenario: -scenario.applied_days_ago)


def _large_scenario(rng: random.Random, home: Home, company: Company) -> LoanScenario:
    """An application above the limit for a single approval; the first administrator has said yes."""
    scenario = _scenario(rng, home, Status.ASSESSED, (3, 3), company)
    amount = home.value_minor * 60 // 100 // 10_000 * 10_000
    return replace(
        scenario, application=replace(scenario.application, amount_minor=amount), awaits_second_approval=True
    )


def reassigned_to(scenario: LoanScenario, company: Company, amount_minor: int) -> LoanScenario:
    """The same scenario as another borrower's, with an amount of its own."""
    borrower = Borrower(
        company.name,
        company.income_minor,
        company.assets_minor,
        company.debts_minor,
        company.adverse_records,
    )
    application = replace(scenario.application, borrower=borrower, amount_minor=amount_minor)
    return replace(scenario, company=company, application=application)


def _scenario(rng: random.Random, home: Home, status: Status, span: tuple[int, int], company: Company) -> LoanScenario:
    applied = rng.randint(*span)
    # A loan that is past its maturity had the shortest term.
    term = 3 if status is Status.MATURED else rng.choice((9, 12, 12, 12, 15, 18))
    if status is Status.ACTIVE:
        # Still running today: the term is longer than what has passed of it.
        term = max(term, applied // 30 + 2)
    application = application_for(rng, home, company, term)
    if status in _NEVER_PAID:
        application = replace(application, interest_mode=LoanInterestMode.SERVICED)
    elif status is Status.MATURED:
        application = replace(application, interest_mode=LoanInterestMode.RETAINED)
    ltv = application.amount_minor * 100 // home.value_minor
    spread = Decimal(max(0, ltv - 35)) * Decimal("0.11") + Decimal(company.adverse_records) * Decimal("0.60")
    full = status not in (Status.FUNDING, Status.EXPIRED, Status.CANCELLED)
    return LoanScenario(
        target=status,
        company=company,
        application=application,
        applied_days_ago=applied,
        grade=_grade(ltv, company.adverse_records),
        suggested_rate=(Decimal("6.90") + spread).quantize(Decimal("0.05")),
        funded_percent=100 if full else rng.randint(6, 97),
        funding_days=rng.randint(1, 9),
        redeemed_after_days=rng.randint(60, 115),
    )


def application_for(rng: random.Random, home: Home, company: Company, term_months: int) -> Application:
    """A bridge loan on the home: 30 to 68 % of its value, in whole hundreds of euros."""
    amount_minor = home.value_minor * rng.randint(30, 68) // 100 // 10_000 * 10_000
    works = home.condition in ("poor", "fair", "average")
    renovation = home.value_minor * rng.randint(4, 14) // 100 // 10_000 * 10_000 if works else 0
    purpose, purpose_note = rng.choice(_PURPOSES)
    return Application(
        property=Property(
            kind=PropertyKind(home.kind),
            address=home.address,
            city=home.city,
            country=home.country,
            lat=home.lat,
            lon=home.lon,
            description=_DESCRIPTIONS[home.condition],
            year_built=home.year_built,
            area_m2=home.area_m2,
            beds=home.beds,
            condition=Condition(home.condition),
            purchase_price_minor=home.value_minor * rng.randint(86, 100) // 100 // 10_000 * 10_000,
            valuation_minor=home.value_minor,
            valued_on=home.valued_on,
            valuation_source=ValuationSource.SURVEY,
            valuer=_SURVEYOR,
            renovation_cost_minor=renovation,
            gdv_minor=home.value_minor + renovation * 14 // 10 if works else None,
        ),
        borrower=Borrower(
            company.name,
            company.income_minor,
            company.assets_minor,
            company.debts_minor,
            company.adverse_records,
        ),
        charge_rank=1,
        prior_debt_minor=0,
        amount_minor=amount_minor,
        currency=Currency.EUR,
        term_months=term_months,
        purpose=purpose,
        purpose_note=purpose_note,
        exit_strategy=rng.choice(_EXITS),
        interest_mode=rng.choice(_MODES),
    )


def _grade(ltv_percent: int, adverse_records: int) -> str:
    """A rough first grade, until the risk service has answered."""
    step = (ltv_percent > 45) + (ltv_percent > 55) + (ltv_percent > 63) + adverse_records
    return "ABCDE"[min(step, 4)]


def split_into_tickets(rng: random.Random, total_minor: int, investors: Sequence[int]) -> list[tuple[int, int]]:
    """(investor, minor units) that add up to the total: whole fifties of euros but for the last, which is the rest."""
    tickets: list[tuple[int, int]] = []
    left = total_minor
    for investor in rng.sample(list(investors), len(investors)):
        wish = rng.choice((50, 100, 250, 500, 1_000, 2_500, 5_000, 7_500, 10_000, 15_000, 25_000)) * 100
        wish = min(wish * rng.randint(1, 3), left)
        # What would be too small for a ticket of its own goes into this one.
        amount = left if left - wish < 5_000 else wish
        tickets.append((investor, amount))
        left -= amount
        if not left:
            return tickets
    # Too large for the investors of the day: the last one in takes the rest.
    investor, amount = tickets.pop()
    return [*tickets, (investor, amount + left)]
