"""How many ordinary applications get an answer without a person: the share of the policy as it is, by a command.

An ordinary application asks for 60 % of the value on a surveyor's report of the last three months, which staff have
verified, from a borrower with nothing against it. They are drawn, with a fixed seed, over the demo's markets: real
homes' neighbourhoods in Seattle in dollars, Poland in złoty, Germany and Ireland in euros, and every kind of property.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from halfpenny_messages import (
    RESIDENTIAL_KINDS,
    Borrower,
    Condition,
    ExitStrategy,
    LoanInterestMode,
    LoanPurpose,
    LoanSubmitted,
    Premises,
    Property,
    PropertyKind,
    ValuationSource,
)
from halfpenny_risk.assess import ModelSet, score_application
from halfpenny_risk.policy import Policy, PolicyVersions

COUNT, SEED = 500, 2026
LOAN_TO_VALUE = 0.60
REPORT_DAYS = 91
# Country, currency, a position.
_MARKETS = (
    ("US", "USD", 47.66, -122.33),
    ("PL", "PLN", 52.23, 21.01),
    ("PL", "PLN", 54.38, 18.60),
    ("DE", "EUR", 51.33, 12.37),
    ("IE", "EUR", 53.35, -6.26),
)
_EXITS = (ExitStrategy.SALE, ExitStrategy.SALE, ExitStrategy.REFINANCE)


@dataclass(frozen=True)
class Share:
    """How the applications were answered: counts by recommendation, in all and by currency."""

    answers: Counter[str]
    by_currency: dict[str, Counter[str]]

    @property
    def decided(self) -> float:
        """The fraction that was approved or declined without a person."""
        return 1.0 - self.answers["refer"] / self.answers.total()


def ordinary_applications(policy: Policy, today: date, count: int = COUNT, seed: int = SEED) -> Iterator[LoanSubmitted]:
    """The applications, each made on ``today`` by a borrower around the policy's median, at its rates of exchange."""
    dice = random.Random(seed)  # noqa: S311 - the same applications every time, nothing to be guessed
    for number in range(count):
        yield _application(dice, number, today, policy)


def decided_share(models: ModelSet, policies: PolicyVersions, today: date, seed: int = SEED) -> Share:
    """Score them all with the models and the policy of that day."""
    answers: Counter[str] = Counter()
    by_currency: dict[str, Counter[str]] = {}
    for loan in ordinary_applications(policies.on(today), today, seed=seed):
        recommendation = score_application(loan, models, policies).recommendation
        answers[recommendation] += 1
        by_currency.setdefault(loan.currency, Counter())[recommendation] += 1
    return Share(answers, by_currency)


def _application(dice: random.Random, number: int, today: date, policy: Policy) -> LoanSubmitted:
    country, currency, lat, lon = dice.choice(_MARKETS)
    rate, median = policy.units_per_euro(currency), policy.borrower_scale
    kind = dice.choice(tuple(PropertyKind))
    lived_in = kind in RESIDENTIAL_KINDS
    value = 150_000.0 * 2.0 ** dice.uniform(0.0, 2.0) * rate

    def money(amount: float) -> str:
        return f"{amount:.2f}"

    return LoanSubmitted(
        loan_id=UUID(int=number),
        version=1,
        property=Property(
            kind=kind,
            address=f"Sample {number}",
            city="Sample",
            country=country,
            lat=lat + dice.uniform(-0.02, 0.02),
            lon=lon + dice.uniform(-0.01, 0.01),
            year_built=dice.randint(1900, 2024) if lived_in else None,
            area_m2=dice.uniform(45.0, 300.0),
            beds=dice.randint(1, 5) if lived_in else None,
            condition=dice.choice(tuple(Condition)) if lived_in else None,
            purchase_price=money(0.7 * value),
            purchased_on=today - timedelta(days=1_500),
            valuation=money(value),
            valued_on=today - timedelta(days=dice.randint(0, REPORT_DAYS)),
            valuation_source=ValuationSource.SURVEY,
            report_verified=True,
        ),
        borrower=Borrower(
            company=f"Sample {number}",
            income=money(median.income_euro_a_year * rate * 2.0 ** dice.uniform(-0.5, 1.0)),
            assets=money(median.assets_euro * rate * 2.0 ** dice.uniform(-0.5, 1.0)),
            debts=money(median.debts_euro * rate * dice.random()),
            adverse_records=0,
            years_trading=dice.randint(2, 20),
            yearly_costs=money(median.costs_euro_a_year * rate * 2.0 ** dice.uniform(-0.5, 0.5)),
            premises=dice.choice(tuple(Premises)),
        ),
        charge_rank=1,
        amount=money(LOAN_TO_VALUE * value),
        currency=currency,
        term_months=dice.randint(6, 18),
        purpose=LoanPurpose.REFINANCE,
        exit_strategy=dice.choice(_EXITS),
        interest_mode=dice.choice((LoanInterestMode.RETAINED, LoanInterestMode.SERVICED)),
        submitted_at=datetime(today.year, today.month, today.day, 12, tzinfo=UTC),
    )
