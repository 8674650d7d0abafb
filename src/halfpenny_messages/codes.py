"""The codes of an application: closed lists that both programs, the API, the schema and the pages read here.

Anything else stands in free text next to a code, and no model reads it.
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum


class PropertyKind(StrEnum):
    """The kind of building, or land without one."""

    HOUSE = "house"
    TOWNHOUSE = "townhouse"
    FLAT = "flat"
    MULTI_FAMILY = "multi_family"
    COMMERCIAL = "commercial"
    MIXED_USE = "mixed_use"
    LAND = "land"


# People live in these: a valuation model asks for their rooms, their year and their condition.
RESIDENTIAL_KINDS = frozenset(
    {PropertyKind.HOUSE, PropertyKind.TOWNHOUSE, PropertyKind.FLAT, PropertyKind.MULTI_FAMILY}
)


class Condition(StrEnum):
    """The state of the building, worst first."""

    POOR = "poor"
    FAIR = "fair"
    AVERAGE = "average"
    GOOD = "good"
    EXCELLENT = "excellent"


class LoanPurpose(StrEnum):
    """What the money is for. A purchase is measured against its price, whatever the valuation is."""

    PURCHASE = "purchase"
    REFINANCE = "refinance"
    WORKS = "works"
    DEVELOPMENT = "development"
    OTHER = "other"


# So many days after a purchase its price is no longer held against the valuation: two years, one of them a leap year.
PRICE_DISREGARDED_DAYS = 731


def purchase_price_counts(purpose: LoanPurpose, purchased_on: date | None, today: date) -> bool:
    """Whether the price is held against the valuation: being bought, bought within two years, or nobody knows when.

    The platform asks for the price exactly where the risk service gives it a weight.
    """
    disregarded = purchased_on is not None and (today - purchased_on).days >= PRICE_DISREGARDED_DAYS
    return purpose is LoanPurpose.PURCHASE or not disregarded


class ExitStrategy(StrEnum):
    """How the loan is to be repaid at its end. ``other`` is assessed as the worse of the two."""

    SALE = "sale"
    REFINANCE = "refinance"
    OTHER = "other"


class LoanInterestMode(StrEnum):
    """How interest is paid: as it falls due, retained from the advance, or added to the debt."""

    SERVICED = "serviced"
    RETAINED = "retained"
    ROLLED_UP = "rolled_up"


class ValuationSource(StrEnum):
    """The source of a valuation, least certain first: the owner, a desktop valuation, a surveyor's inspection."""

    OWNER = "owner"
    DESKTOP = "desktop"
    SURVEY = "survey"


class Premises(StrEnum):
    """Whether the borrower's business owns the place that it works from."""

    OWNED = "owned"
    RENTED = "rented"


# The years in which a property may have been built: older buildings are no security that a valuer compares, and one
# that is planned is built within so many years.
EARLIEST_YEAR_BUILT = 1300
YEARS_AHEAD_BUILT = 5
