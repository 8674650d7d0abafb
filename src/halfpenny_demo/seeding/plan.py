"""Which loan the demo makes on each property, and how far it has come. Pure: random numbers in, scenarios out."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from halfpenny.loans import (
    IN_DEFAULT_STATUSES,
    Application,
    Borrower,
    ExitStrategy,
    LoanInterestMode,
    LoanPurpose,
    Property,
    Status,
    ValuationSource,
)
from halfpenny.primitives.money import Currency
from halfpenny_demo.seeding.people import Company
from halfpenny_demo.seeding.properties import DemoProperty

# How many loans stand where today, and how many days ago each of them was applied for.
_STATUSES: tuple[tuple[Status, int, tuple[int, int]], ...] = (
    (Status.WRITTEN_OFF, 3, (207, 211)),
    (Status.IN_RECOVERY, 4, (193, 205)),
    (Status.DEFAULTED, 4, (174, 187)),
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
HISTORY_DAYS = 213
# These never paid: two months of interest that nobody pays are more than a hundredth of the debt, and ninety days after
# the second fell due they make a default.
_NEVER_PAID = IN_DEFAULT_STATUSES | {Status.WRITTEN_OFF}
_SOLD, _REFINANCED = (ExitStrategy.SALE,), (ExitStrategy.REFINANCE,)
_EITHER = (ExitStrategy.SALE, ExitStrategy.REFINANCE)
# Each with the exits that it leaves open: what is bought for sale is sold.
_PURPOSES = (
    (LoanPurpose.PURCHASE, "Buy and renovate for sale", "Zakup i remont na sprzedaż", _SOLD),
    (LoanPurpose.PURCHASE, "Buy at auction, then refinance", "Zakup na licytacji, potem refinansowanie", _REFINANCED),
    (LoanPurpose.WORKS, "Finish a renovation", "Dokończenie remontu", _EITHER),
    (LoanPurpose.REFINANCE, "Bridge until the property is sold", "Pomost do sprzedaży nieruchomości", _SOLD),
    (LoanPurpose.WORKS, "Convert the attic and the basement", "Adaptacja poddasza i piwnicy", _EITHER),
    (
        LoanPurpose.REFINANCE,
        "Release equity for the next purchase",
        "Uwolnienie kapitału na kolejny zakup",
        _REFINANCED,
    ),
    (LoanPurpose.OTHER, "Pay out a co-owner", "Spłata współwłaściciela", _EITHER),
)
# Nobody renovates land.
_WITHOUT_WORKS = tuple(purpose for purpose in _PURPOSES if purpose[0] is not LoanPurpose.WORKS)
SURVEYOR = "Alder & Finch Surveyors"
_MODES = (LoanInterestMode.RETAINED, LoanInterestMode.RETAINED, LoanInterestMode.SERVICED, LoanInterestMode.ROLLED_UP)
# How many of a country's borrowers the loans that were not repaid are spread over.
_WEAKEST = 4
_COUNTRIES = {Currency.EUR: ("DE", "IE", "EE"), Currency.PLN: ("PL",), Currency.USD: ("US",)}
# Percent of the value that is asked for: most ask for about half, and those who are declined asked for too much.
_LOAN_TO_VALUE = (30, 60)
_TOO_MUCH = (76, 88)
# Works cost money that the value does not show yet: less is lent on them.
_MOST_WITH_WORKS = 52
# Most of those that were not repaid were lent more than others, to borrowers with more debts.
_NOT_REPAID = (55, 61)
# How far offers are from the suggested rate, in points: mostly not at all.
_RATE_CHANGES = (*[Decimal(0)] * 6, Decimal("0.25"), Decimal("-0.20"))


@dataclass(frozen=True, slots=True)
class LoanScenario:
    """One loan of the demo: what is asked for by whom, and where it stands today.

    ``applied_days_ago`` counts back from today; ``rate_change`` is how many points the offer is from the suggested
    rate; ``funded_percent`` is how much of it investors have put in by
    then (of loans that are or were open); ``redeemed_after_days`` is when a repaid loan was paid off;
    ``awaits_second_approval`` means that one administrator has approved a large loan and another one is due.
    """

    target: Status
    company: Company
    application: Application
    applied_days_ago: int
    rate_change: Decimal
    funded_percent: int
    funding_days: int
    redeemed_after_days: int
    awaits_second_approval: bool = False


def make_scenarios(
    rng: random.Random, properties: Sequence[DemoProperty], companies: Sequence[Company], today: date
) -> list[LoanScenario]:
    """A scenario for each property, oldest first: as many properties as ``_STATUSES`` counts."""
    targets = [(status, span) for status, count, span in _STATUSES for _ in range(count)]
    *others, dearest = sorted(properties, key=_euro_value)
    shuffled = rng.sample(others, len(others))
    # The dearest property is left for the end, where applications still wait for their decisions.
    targets.remove((Status.ASSESSED, _SPANS[Status.ASSESSED]))
    by_country = {
        currency: [company for company in companies if company.country in countries]
        for currency, countries in _COUNTRIES.items()
    }
    scenarios = []
    for number, (asset, (status, span)) in enumerate(zip(shuffled, targets, strict=True)):
        borrowers = by_country[asset.currency]
        if status in _NEVER_PAID:
            borrowers = sorted(borrowers, key=_weakness)[-_WEAKEST:]
        scenarios.append(_scenario(rng, asset, status, span, borrowers[number % len(borrowers)], today))
    scenarios.append(_large_scenario(rng, dearest, by_country[dearest.currency][-1], today))
    return sorted(scenarios, key=lambda scenario: -scenario.applied_days_ago)


def _weakness(company: Company) -> tuple[int, float]:
    """Adverse records first, then debts to assets: the weakest business comes last."""
    return company.adverse_records, company.debts_minor / company.assets_minor


def _euro_value(asset: DemoProperty) -> Decimal:
    return asset.value_minor / asset.currency.units_per_eur


def _large_scenario(rng: random.Random, asset: DemoProperty, company: Company, today: date) -> LoanScenario:
    """An application above the limit for a single approval; the first administrator has approved it."""
    scenario = _scenario(rng, asset, Status.ASSESSED, (3, 3), company, today)
    amount = asset.value_minor * 58 // 100 // 10_000 * 10_000
    return replace(
        scenario, application=replace(scenario.application, amount_minor=amount), awaits_second_approval=True
    )


def reassigned_to(scenario: LoanScenario, company: Company) -> LoanScenario:
    """The same scenario as another borrower's."""
    application = replace(scenario.application, borrower=_borrower(company, scenario.application.currency))
    return replace(scenario, company=company, application=application)


def _borrower(company: Company, currency: Currency) -> Borrower:
    rate = currency.units_per_eur
    return Borrower(
        company.name,
        int(company.income_minor * rate),
        int(company.assets_minor * rate),
        int(company.debts_minor * rate),
        company.adverse_records,
    )


def _scenario(
    rng: random.Random, asset: DemoProperty, status: Status, span: tuple[int, int], company: Company, today: date
) -> LoanScenario:
    applied = rng.randint(*span)
    # A loan that is past its maturity had the shortest term.
    term = 3 if status is Status.MATURED else rng.choice((9, 12, 12, 12, 15, 18))
    if status is Status.ACTIVE:
        # Still running today: the term is longer than what has passed of it.
        term = max(term, applied // 30 + 2)
    asked = _TOO_MUCH if status is Status.DECLINED else _NOT_REPAID if status in _NEVER_PAID else _LOAN_TO_VALUE
    percent = rng.randint(*asked)
    application = application_for(rng, asset, company, term, percent, today - timedelta(days=applied))
    if status in _NEVER_PAID:
        application = replace(application, interest_mode=LoanInterestMode.SERVICED)
    elif status is Status.MATURED:
        application = replace(application, interest_mode=LoanInterestMode.RETAINED)
    full = status not in (Status.FUNDING, Status.EXPIRED, Status.CANCELLED)
    return LoanScenario(
        target=status,
        company=company,
        application=application,
        applied_days_ago=applied,
        rate_change=rng.choice(_RATE_CHANGES),
        funded_percent=100 if full else rng.randint(6, 97),
        funding_days=rng.randint(1, 9),
        redeemed_after_days=rng.randint(60, 115),
    )


def application_for(
    rng: random.Random,
    asset: DemoProperty,
    company: Company,
    term_months: int,
    loan_to_value_percent: int,
    applied_on: date,
) -> Application:
    """A bridge loan on the property, in whole hundreds, first in rank, on a report that is one to eight weeks old."""
    purpose, english, polish, exits = rng.choice(_PURPOSES if asset.condition else _WITHOUT_WORKS)
    renovation = 0
    if purpose is LoanPurpose.WORKS:
        renovation = asset.value_minor * rng.randint(4, 12) // 100 // 10_000 * 10_000
        if loan_to_value_percent <= _LOAN_TO_VALUE[1]:
            loan_to_value_percent = min(loan_to_value_percent, _MOST_WITH_WORKS)
    return Application(
        property=Property(
            kind=asset.kind,
            address=asset.address,
            city=asset.city,
            country=asset.country,
            lat=asset.lat,
            lon=asset.lon,
            description=asset.description,
            year_built=asset.year_built,
            area_m2=asset.area_m2,
            beds=asset.beds,
            condition=asset.condition,
            valuation_minor=asset.value_minor,
            valued_on=applied_on - timedelta(days=rng.randint(7, 56)),
            valuation_source=ValuationSource.SURVEY,
            valuer=SURVEYOR,
            renovation_cost_minor=renovation,
            gdv_minor=asset.value_minor + renovation * 14 // 10 if renovation else None,
            **_bought(rng, asset, purpose, applied_on),
        ),
        borrower=_borrower(company, asset.currency),
        charge_rank=1,
        prior_debt_minor=0,
        amount_minor=asset.value_minor * loan_to_value_percent // 100 // 10_000 * 10_000,
        currency=asset.currency,
        term_months=term_months,
        purpose=purpose,
        purpose_note=polish if asset.currency is Currency.PLN else english,
        exit_strategy=rng.choice(exits),
        interest_mode=rng.choice(_MODES),
    )


def _bought(rng: random.Random, asset: DemoProperty, purpose: LoanPurpose, applied_on: date) -> dict[str, Any]:
    """What is or was paid: the value where it is being bought; else years ago, at the recorded price of a real sale."""
    if purpose is LoanPurpose.PURCHASE:
        return {"purchase_price_minor": asset.value_minor}
    if asset.sold_on is not None:
        return {"purchase_price_minor": asset.value_minor, "purchased_on": asset.sold_on}
    price = asset.value_minor * rng.randint(55, 90) // 100 // 100_000 * 100_000
    return {"purchase_price_minor": price, "purchased_on": applied_on - timedelta(days=rng.randint(800, 3_500))}


def split_into_tickets(
    rng: random.Random, total_minor: int, investors: Sequence[int], size: int = 1
) -> list[tuple[int, int]]:
    """(investor, minor units) that add up to the total: whole fifties but for the last, which is the rest.

    ``size`` multiplies the tickets, for a currency whose unit is worth less than a euro.
    """
    tickets: list[tuple[int, int]] = []
    left = total_minor
    for investor in rng.sample(list(investors), len(investors)):
        chosen = rng.choice((50, 100, 250, 500, 1_000, 2_500, 5_000, 7_500, 10_000, 15_000, 25_000)) * 100
        chosen = min(chosen * size * rng.randint(1, 3), left)
        # What would be too small for a ticket of its own goes into this one.
        amount = left if left - chosen < 5_000 else chosen
        tickets.append((investor, amount))
        left -= amount
        if not left:
            return tickets
    # Too large for the investors of the day: the last one in takes the rest.
    investor, amount = tickets.pop()
    return [*tickets, (investor, amount + left)]
