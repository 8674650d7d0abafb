"""The marketplace as pages: the list of loans with its filters, and one loan. Anyone may read them."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from halfpenny import identity
from halfpenny.identity import Permission
from halfpenny.loans import LoanNotFound, PropertyKind
from halfpenny.marketplace import labels
from halfpenny.marketplace.graphql.inputs import LoanFilter, LoanOrder, listing_query
from halfpenny.marketplace.model import Document, ListedStatus, ListingQuery, Order, SortDirection
from halfpenny.marketplace.recoveries import recovery_loader
from halfpenny.marketplace.store import ListingStore
from halfpenny.platform.clock import business_date
from halfpenny.platform.database import Database
from halfpenny.platform.http import AppPages
from halfpenny.primitives import legal_maximum
from halfpenny.primitives.errors import HalfpennyError, Malformed
from halfpenny.primitives.money import Currency

TEMPLATES: Final = Path(__file__).parent / "templates"
PAGE_SIZE: Final = 12

_STATUSES: Final[Mapping[str, tuple[str, ...]]] = {
    "funding": ("funding",),
    "funded": ("funded", "conditions_met"),
    "active": ("active",),
    "repaid": ("repaid",),
    "troubled": ("matured", "defaulted", "in_recovery", "written_off"),
    "all": (),
}
_SORTS: Final[Mapping[str, tuple[Order, SortDirection]]] = {
    "newest": (Order.OPENED, SortDirection.DESC),
    "rate": (Order.ANNUAL_RATE, SortDirection.DESC),
    "ltv": (Order.LTV, SortDirection.ASC),
    "deadline": (Order.DEADLINE, SortDirection.ASC),
    "funded": (Order.FUNDED, SortDirection.DESC),
    "amount": (Order.AMOUNT, SortDirection.DESC),
}
_FIELDS: Final = ("status", "kind", "min_rate", "max_ltv", "max_term", "sort")


class UnknownFilter(Malformed):
    code = "unknown_filter"
    message = "The address contains an unknown filter."


def _listings(request: Request) -> ListingStore:
    listings: ListingStore = request.app.state.listings
    return listings


# Investments are taken, or waited for.
_INVESTABLE: Final = frozenset({"funding", "funded"})
# A recovery case may stand beside loans of these statuses.
_AFTER_DEFAULT = frozenset({"in_recovery", "repaid", "written_off"})
router = APIRouter(include_in_schema=False)
_Listings = Annotated[ListingStore, Depends(_listings)]


@router.get("/", dependencies=[identity.ANYONE])
async def market(request: Request, pages: AppPages, listings: _Listings) -> Response:
    """The list, filtered by the address; every filter works as a plain form too."""
    try:
        chosen = {name: request.query_params.get(name, "") for name in _FIELDS}
        query = _query(chosen, request.query_params.get("after") or None)
        page = await listings.page(query)
        if not page.nodes and not any(chosen.values()):
            # Nothing is open at the moment: somebody who asked for nothing in particular sees the rest.
            chosen["status"] = "all"
            query = _query(chosen, None)
            page = await listings.page(query)
        total = await listings.count(query)
    except HalfpennyError as error:
        return pages.failure(request, error)
    kept = {name: value for name, value in chosen.items() if value}
    context = {
        "labels": labels,
        "chosen": chosen | {"status": chosen["status"] or "funding", "sort": chosen["sort"] or "newest"},
        "loans": [_shown(node) for node in page.nodes],
        "total": total,
        "first_page": query.after is None,
        "next": f"/?{urlencode(kept | {'after': page.cursors[-1]})}" if page.has_next else None,
    }
    return pages.render(request, "marketplace/market.html", context)


@router.get("/loans/{loan_id}", dependencies=[identity.ANYONE])
async def loan(
    loan_id: str, request: Request, principal: identity.MaybeSignedIn, pages: AppPages, listings: _Listings
) -> Response:
    try:
        node = await listings.get(str(_uuid(loan_id)))
        if node is None:
            raise LoanNotFound()
    except HalfpennyError as error:
        return pages.failure(request, error)
    recovery = None
    if node["status"] in _AFTER_DEFAULT:
        recovery = await recovery_loader(lambda: request.app.state.database).load(node["id"])
    maximum = await _legal_maximum(request, node)
    context = {
        "labels": labels,
        "loan": _shown(node),
        "recovery": recovery,
        "maximum": maximum,
        # Whoever is not signed in yet is led there with the amount, and back.
        "may_invest": node["status"] in _INVESTABLE and (principal is None or principal.may(Permission.INVEST)),
    }
    return pages.render(request, "marketplace/loan.html", context)


async def _legal_maximum(request: Request, node: Document) -> Document | None:
    """What the law leaves of the loan's rates today, each where it allows less than was agreed."""
    terms = node["terms"]
    law = legal_maximum.published().get((terms["governing_law"], Currency(terms["amount"]["currency"])))
    if law is None:
        return None
    database: Database = request.app.state.database
    async with database.reading() as connection:
        found = law.on(await business_date(connection))
    if found is None:
        return None
    allowed = {"annual_rate": found.contract, "default_rate": found.default}
    below = {name: str(rate) for name, rate in allowed.items() if rate.percent < Decimal(terms[name])}
    return {**below, "since": found.since.isoformat()}


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as unreadable:
        raise LoanNotFound() from unreadable


def _query(chosen: Mapping[str, str], after: str | None) -> ListingQuery:
    """The reader's choices. Raises a named Malformed error for one that does not exist."""
    try:
        statuses = _STATUSES[chosen["status"] or "funding"]
        field, direction = _SORTS[chosen["sort"] or "newest"]
        term = int(chosen["max_term"]) if chosen["max_term"] else None
        kind = PropertyKind(chosen["kind"]) if chosen["kind"] else None
    except (KeyError, ValueError) as unknown:
        raise UnknownFilter() from unknown
    filter = LoanFilter(
        status=[ListedStatus(status) for status in statuses] or None,
        kind=None if kind is None else [kind.value],
        min_rate=chosen["min_rate"] or None,
        max_ltv=chosen["max_ltv"] or None,
        max_term_months=term if term is None else max(0, min(term, 1_000)),
    )
    return listing_query(PAGE_SIZE, after, filter, LoanOrder(field=field, direction=direction))


def _shown(node: Document) -> Document:
    """A node with what only pages need: the bar's place in parts of ten thousand, and its drawing."""
    funded, target = (Decimal(node["funding"][name]["amount"]) for name in ("funded", "target"))
    return node | {
        "bar": int(funded * 10_000 / target),
        "art": labels.ART.get(node["property"]["kind"], "building"),
    }
