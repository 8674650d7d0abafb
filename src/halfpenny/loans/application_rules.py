"""What an application must be before anybody assesses it, pure: each fault has a name, and nothing is guessed.

What is left out here and could have spoken against the borrower is refused, or assessed at its worst.
"""

from __future__ import annotations

from datetime import date

from halfpenny.loans import errors
from halfpenny.loans.model import Application, LendingRules, Property
from halfpenny_messages import RESIDENTIAL_KINDS, ValuationSource, is_country, lies_in, purchase_price_counts


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
    _check_place(application.property, today)
    _check_value(application.property, today)
    _check_purchase(application, today)


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
    if asset.year_built is not None and not 1000 <= asset.year_built <= today.year + 5:
        raise errors.YearBuiltOutOfRange()
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
