"""Published figures about all loans: default rates as EU 2022/2115 defines them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from halfpenny import identity, loans
from halfpenny.platform.clock import business_date
from halfpenny.platform.http import AppDatabase
from halfpenny.primitives.money import Currency, format_minor
from halfpenny.servicing.model.default_rates import WINDOW_MONTHS, DefaultRate, DefaultRates, DefaultWindow
from halfpenny.servicing.model.delinquency import REGULATORY_DEFAULT_DAYS
from halfpenny.servicing.store import statistics

router = APIRouter(tags=["statistics"])


class DefaultThresholdAnswer(BaseModel):
    """When a loan is in default: unlikely to pay, or for more than so many days past due with an amount above both.

    Those of offers made now: each loan keeps the thresholds of its own offer.
    """

    days_past_due: int
    above: str = Field(description="An amount in the currency.")
    currency: str
    above_percent_of_exposure: str


class DefaultWindowAnswer(BaseModel):
    __doc__ = DefaultWindow.__doc__

    starts_on: date = Field(serialization_alias="from")
    ends_on: date = Field(serialization_alias="to")
    defaulted: int
    loans: int


class DefaultRateAnswer(BaseModel):
    """Percentages to two decimals, null where there is nothing to divide by."""

    default_rate_percent: str | None = Field(description="The simple average of the windows by number of loans.")
    windows: list[DefaultWindowAnswer]
    running_loans: int = Field(description="Loans that run now and are not in default.")
    expected_default_rate_percent: str | None = Field(
        description="Of the running loans over twelve months, from the actual rate of each grade."
    )
    predicted_default_percent: str | None = Field(
        description="The mean of what the risk model expects of the running loans over their whole terms."
    )


class GradeDefaultRateAnswer(DefaultRateAnswer):
    grade: str = Field(description="Empty for loans that were never assessed.")


class DefaultRatesAnswer(DefaultRateAnswer):
    as_of: date
    observed_months: int = Field(description="The months of all windows together; the last window ends today.")
    expected_of_loans: int = Field(description="The running loans whose grade has a history to expect from.")
    threshold: DefaultThresholdAnswer
    grades: list[GradeDefaultRateAnswer]


@router.get("/statistics/default-rate", dependencies=[identity.ANYONE])
async def published_default_rate(database: AppDatabase, rules: loans.Rules) -> DefaultRatesAnswer:
    """The default rate of the whole history, of all loans and by grade, with what each was divided by.

    Beside the actual rate stand the one expected from it and the one that the model expects (EU 2022/2115, whose risk
    category is the grade).
    """
    async with database.reading() as connection:
        today = await business_date(connection)
        found = await statistics.default_rates_on(connection, today)
    return published(found, today, rules)


def published(found: DefaultRates, as_of: date, rules: loans.LendingRules) -> DefaultRatesAnswer:
    """The body of the answer."""
    return DefaultRatesAnswer(
        **_rate(found.overall).model_dump(),
        as_of=as_of,
        observed_months=WINDOW_MONTHS * len(found.overall.windows),
        expected_of_loans=found.expected_of,
        threshold=DefaultThresholdAnswer(
            days_past_due=REGULATORY_DEFAULT_DAYS,
            above=format_minor(rules.product.materiality_above_eur_minor),
            currency=Currency.EUR.value,
            above_percent_of_exposure=f"{rules.product.materiality_above_percent:f}",
        ),
        grades=[
            GradeDefaultRateAnswer(**_rate(rate).model_dump(), grade=grade) for grade, rate in found.grades.items()
        ],
    )


def _rate(rate: DefaultRate) -> DefaultRateAnswer:
    return DefaultRateAnswer(
        default_rate_percent=_text(rate.actual_percent),
        windows=[
            DefaultWindowAnswer(
                starts_on=window.starts_on, ends_on=window.ends_on, defaulted=window.defaulted, loans=window.loans
            )
            for window in rate.windows
        ],
        running_loans=rate.running,
        expected_default_rate_percent=_text(rate.expected_percent),
        predicted_default_percent=_text(rate.predicted_percent),
    )


def _text(percent: Decimal | None) -> str | None:
    return None if percent is None else f"{percent:f}"
