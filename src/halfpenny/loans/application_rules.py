"""What an application must be before anybody assesses it, and later evidence, pure: each fault has a name.

Nothing is guessed: what is left out and could have spoken against the borrower is refused, or assessed at its worst.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from datetime import date
from decimal import Decimal

from halfpenny.loans import errors
from halfpenny.loans.model import Application, Borrower, Charge, Insurance, LendingRules, Property, Valuation
from halfpenny.primitives.errors import Malformed
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
    """Refuse terms that no bridge loan can have. Raises the first of ``application_faults``; returns nothing."""
    for fault in application_faults(application, rules, today):
        raise fault


def application_faults(application: Application, rules: LendingRules, today: date) -> Iterator[Malformed]:
    """Every rule that the application breaks, each as its named error."""
    yield from _term_faults(application, rules)
    for holder in (application, application.property):
        yield from _implausible_amounts(holder, application.currency)
    yield from _business_faults(application.borrower, application.currency)
    yield from _property_faults(application.property, today)
    yield from _purchase_faults(application, today)


def _term_faults(application: Application, rules: LendingRules) -> Iterator[Malformed]:
    if application.amount_minor < rules.minimum_ticket_minor:
        yield errors.AmountTooSmall()
    if not rules.minimum_term_months <= application.term_months <= rules.maximum_term_months:
        yield errors.TermOutOfRange(minimum_months=rules.minimum_term_months, maximum_months=rules.maximum_term_months)
    if not 1 <= application.charge_rank <= 9:
        yield errors.ChargeRankOutOfRange()
    if application.charge_rank > 1 and application.prior_debt_minor == 0:
        yield errors.PriorDebtMissing(charge_rank=application.charge_rank)
    if application.charge_rank == 1 and application.prior_debt_minor > 0:
        yield errors.PriorDebtBeforeFirstCharge()


def _business_faults(borrower: Borrower, currency: Currency) -> Iterator[Malformed]:
    """What the business breaks by itself; its amounts are in ``currency``."""
    yield from _implausible_amounts(borrower, currency)
    if (borrower.years_trading or 0) > MOST_YEARS_TRADING:
        yield errors.YearsTradingOutOfRange(maximum=MOST_YEARS_TRADING)


def _implausible_amounts(holder: Application | Property | Borrower, currency: Currency) -> Iterator[Malformed]:
    """An AmountImplausible for each amount beyond what a business of this market can own, owe or earn."""
    for each in fields(holder):
        amount = getattr(holder, each.name)
        if each.name.endswith("_minor") and amount is not None and not _is_plausible(amount, currency):
            yield errors.AmountImplausible(field=each.name.removesuffix("_minor"), maximum_euros=MOST_EUROS)


def _is_plausible(amount_minor: int, currency: Currency) -> bool:
    """By the exchange rates that the platform comes with: what is plausible does not follow the market's."""
    return Decimal(amount_minor) <= MOST_EUROS * 100 * currency.units_per_eur


def check_plausible(field: str, amount_minor: int, currency: Currency) -> None:
    """Refuse an amount beyond what a business of this market has. Raises AmountImplausible, which names ``field``."""
    if not _is_plausible(amount_minor, currency):
        raise errors.AmountImplausible(field=field, maximum_euros=MOST_EUROS)


def _property_faults(asset: Property, today: date) -> Iterator[Malformed]:
    """What the security breaks by itself, whatever is borrowed on it."""
    yield from _place_faults(asset, today)
    yield from _value_faults(asset, today)
    if asset.purchased_on is not None and asset.purchased_on > today:
        yield errors.PurchasedInFuture()
    if asset.purchase_price_minor is not None and asset.purchase_price_minor <= 0:
        yield errors.PurchasePriceNotPositive()


def _place_faults(asset: Property, today: date) -> Iterator[Malformed]:
    """Where the property is and what it is made of."""
    if not is_country(asset.country):
        yield errors.CountryUnknown(country=asset.country)
    elif not (-90 <= asset.lat <= 90 and -180 <= asset.lon <= 180):
        yield errors.CoordinatesOutOfRange()
    elif not lies_in(asset.country, asset.lat, asset.lon):
        yield errors.CoordinatesOutsideCountry(country=asset.country)
    if not LEAST_AREA_M2 <= asset.area_m2 <= MOST_AREA_M2:
        yield errors.AreaOutOfRange(minimum_m2=LEAST_AREA_M2, maximum_m2=MOST_AREA_M2)
    if asset.year_built is not None and not (EARLIEST_YEAR_BUILT <= asset.year_built <= today.year + YEARS_AHEAD_BUILT):
        yield errors.YearBuiltOutOfRange()
    if asset.beds is not None and asset.area_m2 < LEAST_AREA_PER_BED_M2 * asset.beds:
        yield errors.BedsExceedArea(least_area_m2=LEAST_AREA_PER_BED_M2 * asset.beds)
    if asset.kind in RESIDENTIAL_KINDS:
        facts = {"year_built": asset.year_built, "beds": asset.beds, "condition": asset.condition}
        missing = [name for name, value in facts.items() if value is None]
        if missing:
            yield errors.DwellingFactsMissing(missing=missing)


def _value_faults(asset: Property, today: date) -> Iterator[Malformed]:
    """The valuation, and what it shall be worth after the works."""
    if asset.valuation_minor <= 0:
        yield errors.ValuationNotPositive()
    if asset.valued_on > today:
        yield errors.ValuedInFuture()
    if asset.valuation_source is ValuationSource.SURVEY and not asset.valuer:
        yield errors.SurveyorMissing()
    if asset.gdv_minor is not None and asset.gdv_minor < asset.valuation_minor:
        yield errors.GdvBelowValuation()


def _purchase_faults(application: Application, today: date) -> Iterator[Malformed]:
    """What was paid counts wherever it is being bought or was bought within two years: then it must be known."""
    asset = application.property
    if asset.purchase_price_minor is None and purchase_price_counts(application.purpose, asset.purchased_on, today):
        yield errors.PurchasePriceMissing()


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
