"""The listings follow PostgreSQL: whatever order events come in, whatever the store loses."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Any

import pytest

from halfpenny import loans
from halfpenny.marketplace import EVENTS, AssessmentStore, ListingStore, catch_up, listing, rebuild, subscription
from halfpenny.marketplace.read_model import CHECKPOINTS
from halfpenny.marketplace.store import LISTINGS
from halfpenny.platform.database import Connection, Database
from halfpenny.platform.documents import DocumentStore, DocumentsUnavailable
from halfpenny.platform.queue.messages import Message, Poison
from halfpenny.primitives.ids import uuid7
from support import lending, market

Contents = dict[str, dict[str, Any]]


async def contents(documents: DocumentStore) -> Contents:
    found = await documents.collection(LISTINGS).find({}).to_list()
    return {document["_id"]: document for document in found}


async def expected(database: Database) -> Contents:
    """What a fresh read of PostgreSQL would list."""
    async with database.reading() as connection:
        ids = [row["id"] for row in await connection.fetch("SELECT id FROM loan")]
        found = await loans.get_many(connection, ids)
    made = [listing(loan) for loan in found.values()]
    return {document["_id"]: document for document in made if document is not None}


async def messages(connection: Connection) -> list[Message]:
    """Everything in the outbox that the projection listens to, in its order."""
    rows = await connection.fetch("SELECT * FROM outbox WHERE name = ANY($1) ORDER BY seq", list(EVENTS))
    return [
        Message(
            id=row["event_id"],
            name=row["name"],
            version=row["version"],
            recorded_at=row["recorded_at"],
            payload=row["payload"],
            attempt=1,
        )
        for row in rows
    ]


async def test_a_listing_after_each_event_is_what_a_fresh_read_shows(
    database: Database, documents: DocumentStore, listings: ListingStore
) -> None:
    """Every move of a loan's life is applied to the stale listings, which must then equal PostgreSQL."""
    await rebuild(database, listings)
    async with database.unit_of_work() as connection:
        administrator = await lending.person(connection, "administrator")
        borrower = await lending.person(connection, "borrower")
        loan = await market.open_loan(connection, borrower, administrator, 3)
    handled = 0
    for step in (None, "fund", "complete_funding", "meet_conditions", "draw_down", "mature", "default", "repay"):
        async with database.unit_of_work() as connection:
            if step == "fund":
                await loans.add_funded(connection, [(loan.id, loan.application.amount_minor, 4, 1)])
            elif step is not None:
                await loans.transition(connection, loan.id, step)
        async with database.unit_of_work() as connection:
            output = await messages(connection)
            news = output[handled:] + ([made(loan)] if step == "fund" else [])
            handled = len(output)
            await handle(connection, documents, news)
        assert await contents(documents) == await expected(database), step
    assert (await expected(database))[str(loan.id)]["node"]["status"] == "repaid"


async def handle(connection: Connection, documents: DocumentStore, news: list[Message]) -> None:
    handle_many = subscription(ListingStore(documents), AssessmentStore(documents)).handle_many
    assert handle_many is not None
    await handle_many(connection, news)


def made(loan: loans.Loan) -> Message:
    payload = {"loan_id": str(loan.id)}
    return Message(
        id=uuid7(),
        name="investment.made",
        version=1,
        recorded_at=datetime.now(UTC),
        payload=payload,
        attempt=1,
    )


@pytest.mark.parametrize("seed", range(5))
async def test_a_rebuild_equals_the_replay_of_all_events_in_any_order_with_repeats(
    database: Database, documents: DocumentStore, listings: ListingStore, seed: int
) -> None:
    await market.furnish(database, 8)
    await listings.recreate()
    dice = random.Random(seed)
    async with database.unit_of_work() as connection:
        output = await messages(connection)
        shuffled = output + dice.choices(output, k=10)
        dice.shuffle(shuffled)
        while shuffled:
            size = dice.randint(1, 7)
            await handle(connection, documents, shuffled[:size])
            del shuffled[:size]
    replayed = await contents(documents)
    assert await rebuild(database, listings) == 9  # eight listed and one offered, which is read and not listed
    assert await contents(documents) == replayed == await expected(database)
    assert len(replayed) == 8


async def test_an_older_snapshot_changes_nothing(
    database: Database, documents: DocumentStore, listings: ListingStore
) -> None:
    [loan] = await market.furnish(database, 1)
    await listings.recreate()
    newest = listing(loan)
    assert newest is not None
    older = newest | {"revision": newest["revision"] - 1, "node": newest["node"] | {"status": "cancelled"}}
    assert await listings.upsert([newest]) == 1
    assert await listings.upsert([older]) == 0
    assert await listings.upsert([newest]) == 0
    assert await contents(documents) == {newest["_id"]: newest}


async def test_lost_and_foreign_listings_are_mended(
    database: Database, documents: DocumentStore, listings: ListingStore
) -> None:
    """What a killed store loses: one listing gone, one back at an older revision, one that never was."""
    market_loans = await market.furnish(database, 6)
    await rebuild(database, listings)
    whole = await contents(documents)
    stored = documents.collection(LISTINGS)
    await stored.delete_one({"_id": str(market_loans[0].id)})
    await stored.update_one({"_id": str(market_loans[1].id)}, {"$set": {"revision": 1, "node.status": "cancelled"}})
    await stored.insert_one({"_id": str(uuid7()), "revision": 9, "node": {}, "order": {}, "facets": {}})
    await stored.insert_one({"_id": "00000000-0000-0000-0000-000000000000", "revision": 9})
    found = await catch_up(database, listings)
    assert (found.refreshed, found.removed) == (2, 2)
    assert await contents(documents) == whole
    assert await catch_up(database, listings) == type(found)(0, 0)


async def test_catching_up_reads_the_loans_in_ranges(
    database: Database, documents: DocumentStore, listings: ListingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("halfpenny.marketplace.projection.BATCH", 2)
    market_loans = await market.furnish(database, 5)
    await rebuild(database, listings)
    whole = await contents(documents)
    assert len(whole) == 5
    await documents.collection(LISTINGS).delete_many({"_id": {"$in": [str(loan.id) for loan in market_loans[1:4]]}})
    assert (await catch_up(database, listings)).refreshed == 3
    assert await contents(documents) == whole


@pytest.mark.parametrize("damage", ["lost", "of_another_shape"])
async def test_a_store_without_its_checkpoint_is_rebuilt(
    database: Database, documents: DocumentStore, listings: ListingStore, damage: str
) -> None:
    await market.furnish(database, 3)
    await rebuild(database, listings)
    whole = await contents(documents)
    if damage == "lost":
        await documents.drop()
    else:
        await documents.collection(CHECKPOINTS).update_one({"_id": LISTINGS}, {"$set": {"shape": -1}})
        await documents.collection(LISTINGS).update_many({}, {"$set": {"node": {"old": "shape"}}})
    assert (await catch_up(database, listings)).refreshed == 4
    assert await contents(documents) == whole


async def test_a_rebuild_that_was_cut_short_is_begun_again(
    database: Database, documents: DocumentStore, listings: ListingStore
) -> None:
    class Killed(Exception):
        pass

    def die(_read: int) -> None:
        raise Killed

    await market.furnish(database, 3)
    with pytest.raises(Killed):
        await rebuild(database, listings, die)
    assert not await listings.is_built()
    await catch_up(database, listings)
    assert await contents(documents) == await expected(database)
    assert await listings.is_built()


async def test_events_that_arrive_together_are_one_write(
    database: Database, documents: DocumentStore, listings: ListingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_loans = await market.furnish(database, 2)
    await listings.recreate()
    written: list[int] = []
    plain = ListingStore.upsert

    async def counting(store: ListingStore, shown: list[dict[str, Any]]) -> int:
        written.append(len(shown))
        return await plain(store, shown)

    monkeypatch.setattr(ListingStore, "upsert", counting)
    async with database.reading() as connection:
        await handle(connection, documents, [made(made_loans[number % 2]) for number in range(50)])
    assert written == [2]
    assert await contents(documents) == await expected(database)


async def test_an_event_without_a_loan_is_poison(database: Database, documents: DocumentStore) -> None:
    message = Message(
        id=uuid7(), name="loan.funded", version=1, recorded_at=datetime.now(UTC), payload={"loan_id": "x"}, attempt=1
    )
    async with database.reading() as connection:
        with pytest.raises(Poison):
            await handle(connection, documents, [message])


async def test_without_a_store_the_event_is_tried_again_later(database: Database) -> None:
    [loan] = await market.furnish(database, 1)
    away = await DocumentStore.connect("mongodb://127.0.0.1:9", "nowhere", timeout_s=0.2)
    async with database.reading() as connection:
        with pytest.raises(DocumentsUnavailable) as raised:
            await handle(connection, away, [made(loan)])
    assert raised.value.retryable
    await away.close()
