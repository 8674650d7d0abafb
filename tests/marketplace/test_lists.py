"""Lists of the store against the same lists made in plain Python, and that indexes serve them."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from halfpenny import loans
from halfpenny.marketplace import ListingStore, listing, rebuild
from halfpenny.marketplace.model import ListingQuery, Order, SortDirection
from halfpenny.marketplace.store import LISTINGS, conditions
from halfpenny.platform.database import Database
from halfpenny.platform.documents import DocumentStore
from halfpenny.platform.http.paging import MalformedCursor
from support import market


async def walk(listings: ListingStore, size: int, **query: Any) -> list[str]:
    """All ids, page by page."""
    found: list[str] = []
    after = None
    while True:
        page = await listings.page(ListingQuery(size, after=after, **query))
        assert len(page.nodes) <= size
        found += [node["id"] for node in page.nodes]
        if not page.has_next:
            return found
        assert len(page.nodes) == size
        after = page.cursors[-1]


async def test_every_order_both_ways_pages_through_all_once(database: Database, listings: ListingStore) -> None:
    furnished = await market.furnish(database)
    await rebuild(database, listings)
    made = [document for loan in furnished if (document := listing(loan)) is not None]
    for order in Order:
        rising = [document["_id"] for document in sorted(made, key=lambda one: one["order"][order.value])]
        for size in (1, 5, 12, 100):
            assert await walk(listings, size, order=order, direction=SortDirection.ASC) == rising
            assert await walk(listings, size, order=order, direction=SortDirection.DESC) == rising[::-1]


def rate(loan: loans.Loan) -> Decimal:
    assert loan.offer is not None
    return loan.offer.annual_rate


FILTERS: list[tuple[dict[str, Any], Callable[[loans.Loan], bool]]] = [
    ({"statuses": ("funding",)}, lambda loan: loan.status is loans.Status.FUNDING),
    ({"statuses": ("active", "repaid")}, lambda loan: loan.status.value in ("active", "repaid")),
    ({"kinds": ("commercial", "land")}, lambda loan: loan.application.property.kind in ("commercial", "land")),
    ({"city": "ŁÓDŹ"}, lambda loan: loan.application.property.city == "Łódź"),
    ({"country": "us"}, lambda loan: loan.application.property.country == "US"),
    ({"country": "PL"}, lambda loan: False),
    ({"currencies": ("PLN",)}, lambda loan: loan.application.currency.value == "PLN"),
    ({"grades": ("B",)}, lambda loan: True),
    ({"grades": ("A",)}, lambda loan: False),
    ({"min_amount_minor": 16_172_500}, lambda loan: loan.application.amount_minor >= 16_172_500),
    ({"max_amount_minor": 16_172_500}, lambda loan: loan.application.amount_minor <= 16_172_500),
    ({"min_annual_rate": Decimal("9.25")}, lambda loan: rate(loan) >= Decimal("9.25")),
    ({"max_annual_rate": Decimal("9.25")}, lambda loan: rate(loan) <= Decimal("9.25")),
    ({"max_ltv": Decimal("30")}, lambda loan: loan.ltv_percent <= 30),
    ({"max_term_months": 9}, lambda loan: loan.application.term_months <= 9),
    (
        {"statuses": ("funding", "funded"), "min_amount_minor": 11_000_000, "max_ltv": Decimal("40")},
        lambda loan: loan.status.value in ("funding", "funded")
        and loan.application.amount_minor >= 11_000_000
        and loan.ltv_percent <= 40,
    ),
]  # fmt: skip


async def test_every_filter_keeps_what_matches_it(database: Database, listings: ListingStore) -> None:
    furnished = await market.furnish(database)
    await rebuild(database, listings)
    for given, fits in FILTERS:
        wanted = {str(loan.id) for loan in furnished if fits(loan)}
        found = await walk(listings, 5, **given)
        assert set(found) == wanted, given
        assert len(found) == len(wanted)
        assert await listings.count(ListingQuery(1, **given)) == len(wanted)


async def test_what_is_not_public_is_in_no_list(database: Database, listings: ListingStore) -> None:
    furnished = await market.furnish(database, 2)
    await rebuild(database, listings)
    async with database.reading() as connection:
        everything = {str(row["id"]) for row in await connection.fetch("SELECT id FROM loan")}
    assert len(everything) == 5
    listed = {str(loan.id) for loan in furnished}
    assert set(await walk(listings, 100)) == listed
    for hidden in everything - listed:
        assert await listings.get(hidden) is None


async def test_a_listing_holds_nothing_private(
    database: Database, documents: DocumentStore, listings: ListingStore
) -> None:
    """No borrower, no company, no figures of theirs, no street, and only reasons that are meant for investors."""
    await market.furnish(database, 1)
    await rebuild(database, listings)
    text = str(await documents.collection(LISTINGS).find({}).to_list())
    for private in ("Madrona", "Lake Washington", "24000000", "240000.00", "borrower", "income", "adverse"):
        assert private not in text


async def test_a_cursor_of_another_list_is_refused(database: Database, listings: ListingStore) -> None:
    await market.furnish(database, 3)
    await rebuild(database, listings)
    cursor = (await listings.page(ListingQuery(1, order=Order.AMOUNT))).cursors[0]
    for other in (
        ListingQuery(1, order=Order.TERM, after=cursor),
        ListingQuery(1, order=Order.AMOUNT, direction=SortDirection.ASC, after=cursor),
        ListingQuery(1, order=Order.AMOUNT, after="x" * 300),
        ListingQuery(1, order=Order.AMOUNT, after='{"$gt": ""}'),
    ):
        with pytest.raises(MalformedCursor):
            await listings.page(other)


@pytest.mark.parametrize("order", list(Order))
async def test_every_list_is_served_by_an_index(
    database: Database, documents: DocumentStore, listings: ListingStore, order: Order
) -> None:
    await market.furnish(database, 2)
    await rebuild(database, listings)
    for statuses in ((), ("funding",)):
        condition = conditions(ListingQuery(1, statuses=statuses)) | {f"order.{order.value}": {"$gt": ""}}
        found = documents.collection(LISTINGS).find(condition).sort(f"order.{order.value}", 1).limit(5)
        plan = str((await found.explain())["queryPlanner"]["winningPlan"])
        assert "IXSCAN" in plan, plan
        assert "COLLSCAN" not in plan, plan
