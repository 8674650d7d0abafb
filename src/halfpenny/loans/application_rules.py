"""What an application must be before anybody assesses it, pure: each fault has a name, and nothing is guessed.

What is left out here and could have spoken against the borrower is refused, or assessed at its worst.
"""

from __future__ import annotations

from dataclasses import fields
from datetime import date

from halfpenny.loans import errors
from halfpenny.loans.model import Application, LendingRules, Property
from halfpenny_messages import (
    EARLIEST_YEAR_BUILT,
    RESIDENTIAL_KINDS,
    YEARS_AHEAD_BUILT,
    ValuationSource,
    is_country,
    lies_in,
    purchase_price_counts,
)

# What no ordinary property, business or loan has. A bedroom of less than 5 m2 is none; few businesses are older than
# 200 years; the platform lends at most five millions.
LEAST_AREA_PER_BED_M2 = 5
MOST_YEARS_TRADING = 200
MOST_EUROS = 1_000_000_000


def check_application(application: Application, rules: LendingRules, today: date) -> None:
    """Refuse terms that no bridge loan can have. Raises a named Malformed error; returns nothing."""
    if application.amount_minor < rules.minimum_ticket_minor:
        raise errors.AmountTooSmall()
    if not rules.minimum_term_months <= application.term_months <= rules.maximum_term_months:
        raise errors.TermOutOfRange(minimum_months=rules.minimum_term_months, maximum_months=rules.maximum_term_months)
    if not 1 <= application.charge_rank <= 9:
        raise errors.ChargeRankOutOfRange()
    if application.charge_rank > 1 and application.prior_debt_minor == 0:
        raise errors.PriorDebtMissing(charge_rank=application.charge_rank)
    if application.charge_rank == 1 and application.prior_debt_minor > 0:
        raise errors.PriorDebtBeforeFirstCharge()
    _check_amounts(application, rules)
    if (application.borrower.years_trading or 0) > MOST_YEARS_TRADING:
        raise errors.YearsTradingOutOfRange(maximum=MOST_YEARS_TRADING)
    _check_place(application.property, today)
    _check_value(application.property, today)
    _check_purchase(application, today)


def _check_amounts(application: Application, rules: LendingRules) -> None:
    """No amount beyond what a business of this market can own, owe or earn."""
    for holder in (application, application.property, application.borrower):
        for each in fields(holder):
            amount = getattr(holder, each.name)
            if not each.name.endswith("_minor") or amount is None:
                continue
            if rules.euro_minor(amount, application.currency) > MOST_EUROS * 100:
                raise errors.AmountImplausible(field=each.name.removesuffix("_minor"), maximum_euros=MOST_EUROS)


def _check_place(asset: Property, today: date) -> None:
    """Where the property is and what it is made of."""
    if not is_country(asset.country):
        raise errors.CountryUnknown(country=asset.country)
    if not (-90 <= asset.lat <= 90 and -180 <= asset.lon <= 180):
        raise errors.CoordinatesOutOfRange()
    if not lies_in(asset.country, asset.lat, asset.lon):
        raise errors.CoordinatesOutsideCountry(country=asset.country)
    if asset.area_m2 <= 0:
        raise errors.AreaNotPositive()
    if asset.year_built is not None and not (EARLIEST_YEAR_BUILT <= asset.year_built <= today.year + YEARS_AHEAD_BUILT):
        raise errors.YearBuiltOutOfRange()
    if asset.beds is not None and asset.area_m2 < LEAST_AREA_PER_BED_M2 * asset.beds:
        raise errors.BedsExceedArea(least_area_m2=LEAST_AREA_PER_BED_M2 * asset.beds)
    if asset.kind in RESIDENTIAL_KINDS:
        facts = {"year_built": asset.year_built, "beds": asset.beds, "condition": asset.condition}
        missing = [name for name, value in facts.items() if value is None]
        if missing:
            raise errors.DwellingFactsMissing(missing=missing)


def _check_value(asset: Property, today: date) -> None:
    """The valuation, and what it shall be worth after the works."""
    if asset.valuation_minor <= 0:
        raise errors.ValuationNotPositive()
    if asset.valued_on > today:
        raise errors.ValuedInFuture()
    if asset.valuation_source is ValuationSource.SURVEY and not asset.valuer:
        raise errors.SurveyorMissing()
    if asset.gdv_minor is not None and asset.gdv_minor < asset.valuation_minor:
        raise errors.GdvBelowValuation()


def _check_purchase(application: Application, today: date) -> None:
    """What was paid counts wherever it is being bought or was bought within two years: then it must be known."""
    asset = application.property
    if asset.purchased_on is not None and asset.purchased_on > today:
        raise errors.PurchasedInFuture()
    if asset.purchase_price_minor is not None and asset.purchase_price_minor <= 0:
        raise errors.PurchasePriceNotPositive()
    if asset.purchase_price_minor is None and purchase_price_counts(application.purpose, asset.purchased_on, today):
        raise errors.PurchasePriceMissing()
