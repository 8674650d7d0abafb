"""What a caller may filter and order by, and how that becomes a query on the store."""

from __future__ import annotations

import re
from decimal import Decimal

import strawberry

from halfpenny import loans
from halfpenny.marketplace.errors import InvalidQuery
from halfpenny.marketplace.model import ListedStatus, ListingQuery, Order, SortDirection
from halfpenny.primitives.money import Currency, parse_minor
from halfpenny_messages import is_country

strawberry.enum(ListedStatus, name="LoanStatus", description="Where a listed loan is in its life.")
strawberry.enum(Order, name="LoanOrderField", description="What the list is ordered by.")
strawberry.enum(SortDirection, name="OrderDirection")
strawberry.enum(Currency, name="Currency")

_PERCENT = re.compile(r"[0-9]{1,4}(\.[0-9]{1,6})?", re.ASCII)
MAX_VALUES = 20
MAX_TEXT = 100


@strawberry.input(description="All that is given must hold; amounts and percentages are decimal strings.")
class LoanFilter:
    status: list[ListedStatus] | None = None
    kind: list[str] | None = strawberry.field(default=None, description="Codes of kinds, such as flat.")
    grade: list[str] | None = None
    currency: list[Currency] | None = None
    country: str | None = strawberry.field(default=None, description="ISO 3166-1 alpha-2.")
    city: str | None = strawberry.field(default=None, description="In any letter case.")
    min_amount: str | None = None
    max_amount: str | None = None
    min_rate: str | None = strawberry.field(default=None, description="Percent a year.")
    max_rate: str | None = strawberry.field(default=None, description="Percent a year.")
    max_ltv: str | None = strawberry.field(default=None, description="Percent.")
    max_term_months: int | None = None


@strawberry.input(description="One field and its direction.")
class LoanOrder:
    field: Order = Order.OPENED
    direction: SortDirection = SortDirection.DESC


def listing_query(first: int, after: str | None, filter: LoanFilter | None, order_by: LoanOrder | None) -> ListingQuery:
    """Read the inputs. Raises MalformedAmount or InvalidQuery; a value never becomes an operator of the store."""
    asked, order = filter or LoanFilter(), order_by or LoanOrder()
    return ListingQuery(
        first=first,
        after=after,
        order=order.field,
        direction=order.direction,
        statuses=_values("status", asked.status),
        kinds=_kinds(asked.kind),
        grades=_values("grade", asked.grade),
        currencies=_values("currency", asked.currency),
        country=_country(asked.country),
        city=_text("city", asked.city),
        min_amount_minor=None if asked.min_amount is None else parse_minor(asked.min_amount),
        max_amount_minor=None if asked.max_amount is None else parse_minor(asked.max_amount),
        min_annual_rate=_percent("minRate", asked.min_rate),
        max_annual_rate=_percent("maxRate", asked.max_rate),
        max_ltv=_percent("maxLtv", asked.max_ltv),
        max_term_months=asked.max_term_months,
    )


def _kinds(given: list[str] | None) -> tuple[str, ...]:
    kinds = _values("kind", given)
    unknown = [kind for kind in kinds if kind not in set(loans.PropertyKind)]
    if unknown:
        raise InvalidQuery(f"kind knows {', '.join(loans.PropertyKind)}.")
    return kinds


def _country(given: str | None) -> str | None:
    code = _text("country", given)
    if code is not None and not is_country(code.upper()):
        raise InvalidQuery("country is a code of ISO 3166-1 alpha-2, such as PL.")
    return code


def _values(name: str, given: list[str] | list[ListedStatus] | list[Currency] | None) -> tuple[str, ...]:
    if given is None:
        return ()
    if len(given) > MAX_VALUES:
        raise InvalidQuery(f"{name} takes at most {MAX_VALUES} values.")
    return tuple(str(_text(name, value)) for value in given)


def _text(name: str, given: str | None) -> str | None:
    if given is not None and (len(given) > MAX_TEXT or "\x00" in given):
        raise InvalidQuery(f"{name} takes at most {MAX_TEXT} characters.")
    return given


def _percent(name: str, given: str | None) -> Decimal | None:
    if given is None:
        return None
    if _PERCENT.fullmatch(given) is None:
        raise InvalidQuery(f'{name} is a decimal string in percent, such as "9.50".')
    return Decimal(given)
