"""What a listing is: a pure function from a loan to the document that is read.

A listing carries its ``node`` in the shape that the GraphQL type ``Loan`` shows (in snake_case), ``facets`` to
filter by, and ``order``: one unique, sortable text for each order, so that every list is a range over one
indexed key. Its ``revision`` orders snapshots of the same loan.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import ROUND_DOWN, Decimal
from enum import StrEnum
from typing import Any, TypeAlias

from halfpenny import loans
from halfpenny.platform.http import decode_cursor, encode_cursor
from halfpenny.platform.http.paging import MalformedCursor
from halfpenny.platform.views import amount_view, view

Document: TypeAlias = dict[str, Any]

# Raised when the shape below changes: a store of another shape is dropped and rebuilt at start.
SCHEMA_VERSION = 4

# Sorts after every digit: a listing without the value comes last in ascending order.
_MISSING = "~"


class ListedStatus(StrEnum):
    """What everyone may see of a loan's life: from the opening of its funding onward."""

    funding = "funding"
    expired = "expired"
    cancelled = "cancelled"
    funded = "funded"
    conditions_met = "conditions_met"
    active = "active"
    matured = "matured"
    defaulted = "defaulted"
    in_recovery = "in_recovery"
    repaid = "repaid"
    written_off = "written_off"


LISTED = frozenset(status.value for status in ListedStatus)


class Order(StrEnum):
    """What a list can be ordered by. Values are the keys of a listing's ``order``."""

    OPENED = "opened"
    AMOUNT = "amount"
    ANNUAL_RATE = "annual_rate"
    TERM = "term"
    LTV = "ltv"
    FUNDED = "funded"
    DEADLINE = "deadline"


class SortDirection(StrEnum):
    ASC = "asc"
    DESC = "desc"


@dataclass(frozen=True, slots=True)
class ListingQuery:
    """A page of listings. Amounts are minor units; rates and LTV are percent. Empty means any."""

    first: int
    after: str | None = None
    order: Order = Order.OPENED
    direction: SortDirection = SortDirection.DESC
    statuses: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    grades: tuple[str, ...] = ()
    currencies: tuple[str, ...] = ()
    country: str | None = None
    city: str | None = None
    min_amount_minor: int | None = None
    max_amount_minor: int | None = None
    min_annual_rate: Decimal | None = None
    max_annual_rate: Decimal | None = None
    max_ltv: Decimal | None = None
    max_term_months: int | None = None


@dataclass(frozen=True, slots=True)
class ListingPage:
    """``nodes`` and their ``cursors``, one for one, and whether another page follows."""

    nodes: list[Document] = field(default_factory=list)
    cursors: list[str] = field(default_factory=list)
    has_next: bool = False


def listing(loan: loans.Loan) -> Document | None:
    """The document of one loan, or None while it is not everyone's to see; equal loans give equal documents."""
    if loan.status.value not in LISTED or loan.funding is None or loan.offer is None:
        return None
    asset = loan.application.property
    return {
        "_id": str(loan.id),
        "revision": revision(loan.version, loan.funding.version),
        "facets": {
            "status": loan.status.value,
            "kind": asset.kind.value,
            "country": asset.country,
            "city": asset.city.casefold(),
            "currency": loan.application.currency.value,
            "grade": loan.risk.grade if loan.risk else None,
            "amount": loan.application.amount_minor,
            "annual_rate": to_millionths(loan.offer.annual_rate),
            "ltv": to_millionths(loan.ltv_percent),
            "term": loan.application.term_months,
        },
        "order": _order_keys(loan, loan.offer, loan.funding),
        "node": _node(loan, loan.offer, loan.funding),
    }


def loan_node(loan: loans.Loan) -> Document:
    """A loan as everybody may read it, straight from the books. Raises LoanNotFound while it is not public."""
    found = listing(loan)
    if found is None:
        raise loans.LoanNotFound()
    node: Document = found["node"]
    return node


def revision(loan_version: int, funding_version: int) -> int:
    """Both only ever rise, and a snapshot reads both at once: so their sum orders snapshots."""
    return loan_version + funding_version


def funded_percent(funded_minor: int, target_minor: int) -> int:
    """Whole percent, rounded down: 100 is shown only when the last cent is there."""
    return funded_minor * 100 // target_minor


def to_millionths(percent: Decimal) -> int:
    """Percent as whole millionths, so that documents compare integers."""
    return int((percent * 1_000_000).to_integral_value(ROUND_DOWN))


def decimal_text(value: Decimal, places: int = 2) -> str:
    """``9.500000`` to ``"9.50"``: no trailing zeros beyond ``places`` decimals, never an exponent."""
    whole, _, decimals = f"{value:f}".partition(".")
    return f"{whole}.{decimals.rstrip('0').ljust(places, '0')}"


def timestamp_text(moment: datetime) -> str:
    """RFC 3339 in UTC, to the second: ``2026-03-01T12:00:00Z``."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def cursor(query: ListingQuery, key: str) -> str:
    """Opaque to callers; carries its order, so that a cursor of one list is refused by another."""
    return encode_cursor(query.order.value, query.direction.value, key)


def position(query: ListingQuery) -> str | None:
    """The sortable key to go on after. Raises MalformedCursor when it belongs to a list in another order."""
    if query.after is None:
        return None
    order, direction, key = decode_cursor(query.after, str, str, str)
    if (order, direction) != (query.order.value, query.direction.value):
        raise MalformedCursor()
    return str(key)


def _order_keys(loan: loans.Loan, offer: loans.Offer, funding: loans.FundingState) -> Document:
    values = {
        Order.OPENED: timestamp_text(loan.decided_at or loan.created_at),
        Order.AMOUNT: f"{loan.application.amount_minor:018d}",
        Order.ANNUAL_RATE: f"{to_millionths(offer.annual_rate):012d}",
        Order.TERM: f"{loan.application.term_months:04d}",
        Order.LTV: f"{to_millionths(loan.ltv_percent):015d}",
        Order.FUNDED: f"{funding.funded_minor * 1_000_000 // funding.target_minor:09d}",
        Order.DEADLINE: timestamp_text(funding.deadline) if loan.status is loans.Status.FUNDING else _MISSING,
    }
    # The id makes every key unique: equal values keep one order, and a cursor names one place.
    return {order.value: f"{value}|{loan.id}" for order, value in values.items()}


def _node(loan: loans.Loan, offer: loans.Offer, funding: loans.FundingState) -> Document:
    asset, currency = loan.application.property, loan.application.currency.value
    return {
        "id": str(loan.id),
        "title": loan.title,
        "status": loan.status.value,
        "purpose": loan.application.purpose.value,
        "purpose_note": loan.application.purpose_note,
        "exit_strategy": loan.application.exit_strategy.value,
        "exit_note": loan.application.exit_note,
        "property": view(asset, only=loans.PUBLIC_PROPERTY)
        | {"area_m2": float(asset.area_m2), "valuation": amount_view(asset.valuation_minor, currency)},
        "terms": {
            "amount": amount_view(loan.application.amount_minor, currency),
            "annual_rate": decimal_text(offer.annual_rate),
            "default_rate": decimal_text(offer.default_rate),
            "governing_law": offer.product_terms.governing_law,
            "term_months": loan.application.term_months,
            "interest_mode": loan.application.interest_mode.value,
            "ltv": decimal_text(loan.ltv_percent),
            "charge_rank": loan.application.charge_rank,
        },
        "funding": {
            "target": amount_view(funding.target_minor, currency),
            "funded": amount_view(funding.funded_minor, currency),
            "remaining": amount_view(funding.remaining_minor, currency),
            "minimum": amount_view(funding.minimum_minor, currency),
            "percent": funded_percent(funding.funded_minor, funding.target_minor),
            "investors": funding.investors,
            "deadline": timestamp_text(funding.deadline),
            "version": funding.version,
        },
        "risk": _risk(loan.risk) if loan.risk else None,
    }


def _risk(risk: loans.RiskSummary) -> Document:
    return {
        "grade": risk.grade,
        "probability_of_default": decimal_text(risk.probability_of_default, 4),
        "expected_loss": decimal_text(risk.expected_loss, 4),
        "suggested_rate": decimal_text(risk.suggested_rate),
        # What was scored about the borrower's own affairs is not for investors.
        "reasons": [
            {"code": reason.code, "text": reason.english, "polish": reason.polish, "favours": reason.favours}
            for reason in risk.reasons
            if "investor" in reason.audience
        ],
    }
