"""What an application must be before anybody assesses it, and later evidence, pure: each fault has a name.

Nothing is guessed: what is left out and could have spoken against the borrower is refused, or assessed at its worst.
"""

from __future__ import annotations

from dataclasses import fields
from datetime import date
from decimal import Decimal

from halfpenny.loans import errors
from halfpenny.loans.model import Application, Charge, Insurance, LendingRules, Property, Valuation
from halfpenny.primitives.money import Currency
from halfpenny_messages import (
    EARLIEST_YEAR_BUILT,
    RESIDENTIAL_KINDS,
    YEARS_AHEAD_BUILT,
    ValuationSource,
    is_country,
    lies_in,
    purchase_price_counts,
)
from halfpenny_messages.bounds import (
    LEAST_AREA_M2,
    LEAST_AREA_PER_BED_M2,
    MOST_AREA_M2,
    MOST_EUROS,
    MOST_YEARS_TRADING,
)


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
    _check_amounts(application)
    if (application.borrower.years_trading or 0) > MOST_YEARS_TRADING:
        raise errors.YearsTradingOutOfRange(maximum=MOST_YEARS_TRADING)
    _check_place(application.property, today)
    _check_value(application.property, today)
    _check_purchase(application, today)


def _check_amounts(application: Application) -> None:
    """No amount beyond what a business of this market can own, owe or earn."""
    for holder in (application, application.property, application.borrower):
        for each in fields(holder):
            amount = getattr(holder, each.name)
            if each.name.endswith("_minor") and amount is not None:
                check_plausible(each.name.removesuffix("_minor"), amount, application.currency)


def check_plausible(field: str, amount_minor: int, currency: Currency) -> None:
    """Refuse an amount beyond what a business of this market has. Raises AmountImplausible, which names ``field``.

    By the exchange rates that the platform comes with: what is plausible does not follow the market's.
    """
    if Decimal(amount_minor) > MOST_EUROS * 100 * currency.units_per_eur:
        raise errors.AmountImplausible(field=field, maximum_euros=MOST_EUROS)


def _check_place(asset: Property, today: date) -> None:
    """Where the property is and what it is made of."""
    if not is_country(asset.country):
        raise errors.CountryUnknown(country=asset.country)
    if not (-90 <= asset.lat <= 90 and -180 <= asset.lon <= 180):
        raise errors.CoordinatesOutOfRange()
    if not lies_in(asset.country, asset.lat, asset.lon):
        raise errors.CoordinatesOutsideCountry(country=asset.country)
    if not LEAST_AREA_M2 <= asset.area_m2 <= MOST_AREA_M2:
        raise errors.AreaOutOfRange(minimum_m2=LEAST_AREA_M2, maximum_m2=MOST_AREA_M2)
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


def check_evidence(terms: Application, evidence: Charge | Valuation | Insurance, today: date) -> None:
    """Refuse evidence that does not fit the loan: a worse rank, a date ahead, an insurance that is over or small."""
    match evidence:
        case Charge():
            if evidence.registered_on > today:
                raise errors.RegisteredInFuture()
            if evidence.rank > terms.charge_rank:
                raise errors.ChargeRankTooLow(agreed_rank=terms.charge_rank)
        case Valuation():
            if evidence.amount_minor <= 0:
                raise errors.ValuationNotPositive()
            check_plausible("valuation", evidence.amount_minor, terms.currency)
            if evidence.valued_on > today:
                raise errors.ValuedInFuture()
        case Insurance():
            if evidence.expires_on <= today:
                raise errors.InsuranceExpired()
            if evidence.sum_minor < terms.amount_minor:
                raise errors.InsuranceTooSmall()
