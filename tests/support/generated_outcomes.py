"""Generated books of outcomes: loans whose true default rate is known, in any currency, spread over years."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from halfpenny_monitoring.outcomes import LoanOutcome, OutcomeKind, OutcomesHeader

TODAY = date(2029, 7, 2)
HEADER = OutcomesHeader(
    as_of=TODAY,
    units_per_euro={"EUR": Decimal(1), "PLN": Decimal("4.31"), "USD": Decimal("1.09")},
    rates_source="a test",
)
LIMITS = (("A", 0.03), ("B", 0.06), ("C", 0.10), ("D", 0.18), ("E", 1.0))


@dataclass(frozen=True)
class Book:
    """``truth`` multiplies the odds that the model gives: 1.0 is a model that is right on average."""

    size: int = 3_000
    truth: float = 1.0
    seed: int = 17
    first: date = date(2026, 1, 5)
    last: date = TODAY

    def outcomes(self) -> list[LoanOutcome]:
        noise = random.Random(self.seed)
        days = (self.last - self.first).days
        return [self._one(noise, number, days) for number in range(self.size)]

    def _one(self, noise: random.Random, number: int, days: int) -> LoanOutcome:
        score = noise.gauss(-3.0, 0.9)
        predicted = 1.0 / (1.0 + math.exp(-score))
        challenger = 1.0 / (1.0 + math.exp(-(0.5 * score - 1.4 + noise.gauss(0.0, 0.4))))
        grade = next(name for name, limit in LIMITS if predicted <= limit)
        submitted = self.first + timedelta(days=days * number // self.size)
        advice = "approve" if grade in "ABC" else "refer" if grade == "D" else "decline"
        approved = advice == "approve" or (advice == "refer" and noise.random() < 0.5) or noise.random() < 0.1
        term = noise.choice((6, 9, 12, 18))
        suggested = Decimal("7.00") + Decimal(noise.randrange(0, 400)) / 100
        loan = outcome(
            loan_id=f"{number:08d}",
            submitted_on=submitted,
            assessed_on=submitted,
            grade=grade,
            score=score,
            probability_of_default=_six(predicted),
            challenger_probability=_six(challenger),
            challenger_version="scorecard-x",
            recommendation=advice,
            verdict="approve" if approved else "decline",
            suggested_rate_percent=suggested,
            currency=noise.choice(("EUR", "PLN")),
            amount=Decimal(noise.randrange(40_000, 900_000)),
            income=None if noise.random() < 0.1 else Decimal(noise.randrange(20_000, 400_000)),
            adverse_records=noise.choice((0, 0, 0, 1, 2, None)),
            ltv=Decimal(noise.randrange(3_000, 7_500)) / 10_000,
            country=noise.choice(("PL", "US")),
            outcome=OutcomeKind.DECLINED,
        )
        if not approved:
            return loan
        odds = predicted / (1.0 - predicted) * self.truth
        return self._booked(noise, loan, odds / (1.0 + odds), submitted + timedelta(days=30), term)

    def _booked(self, noise: random.Random, loan: LoanOutcome, rate: float, drawn: date, term: int) -> LoanOutcome:
        due = drawn + timedelta(days=30 * term)
        bad = noise.random() < rate
        defaulted = drawn + timedelta(days=noise.randrange(30, 30 * term + 85)) if bad else None
        known = defaulted if defaulted and defaulted <= TODAY else None
        kind = OutcomeKind.DEFAULTED if known else OutcomeKind.REPAID if due <= TODAY else OutcomeKind.RUNNING
        return msgspec.structs.replace(
            loan,
            term_months=term,
            offered_rate_percent=loan.suggested_rate_percent + Decimal(noise.choice((0, 0, 0, "0.50", "-0.25"))),
            drawn_down_on=drawn,
            due_on=due,
            defaulted_on=known,
            outcome=kind,
            lost=_cents(loan.amount * Decimal("0.2")) if known and noise.random() < 0.5 else Decimal(0),
        )


def outcome(**changes: Any) -> LoanOutcome:
    """One declined application of 150,000.00 EUR in grade B, with whatever a test changes."""
    plain: dict[str, Any] = {
        "loan_id": "one",
        "model_version": "trees-1+policy-2",
        "assessed_on": date(2027, 3, 1),
        "submitted_on": date(2027, 3, 1),
        "grade": "B",
        "probability_of_default": Decimal("0.04"),
        "loss_given_default": Decimal("0.25"),
        "expected_loss": Decimal("0.01"),
        "score": -3.2,
        "recommendation": "approve",
        "suggested_rate_percent": Decimal("8.40"),
        "currency": "EUR",
        "amount": Decimal("150000.00"),
        "term_months": 12,
        "ltv": Decimal("0.61"),
        "charge_rank": 1,
        "property_kind": "flat",
        "country": "PL",
        "outcome": OutcomeKind.DECLINED,
    }
    return LoanOutcome(**plain | changes)


def _six(value: float) -> Decimal:
    return Decimal(f"{value:.6f}")


def _cents(value: Decimal) -> Decimal:
    return value.quantize(Decimal("0.01"))
