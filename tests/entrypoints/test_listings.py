"""`halfpenny documents rebuild`."""

from __future__ import annotations

import pytest

from halfpenny.entrypoints.listings import rebuild
from halfpenny.entrypoints.settings import DocumentSettings, Settings, WrongSettings
from halfpenny.marketplace import ListingStore
from halfpenny.marketplace.model import ListingQuery
from halfpenny.platform.database import Database
from halfpenny.platform.documents import DocumentStore, DocumentsUnavailable
from support import market


async def test_the_listings_are_made_anew(settings: Settings, database: Database, documents: DocumentStore) -> None:
    await market.furnish(database, 3)
    listings = ListingStore(documents)
    assert await listings.count(ListingQuery(1)) == 0
    assert await rebuild(settings) == 4  # three listed and one offered, which is read and not listed
    assert await listings.count(ListingQuery(1)) == 3
    assert await listings.is_built()


async def test_a_missing_document_store_is_named(settings: Settings) -> None:
    nowhere = settings.model_copy(update={"documents": DocumentSettings(MONGO_URL="")})
    with pytest.raises(WrongSettings, match="MONGO_URL"):
        await rebuild(nowhere)
    away = DocumentSettings(MONGO_URL="mongodb://127.0.0.1:9/", timeout_s=0.2)
    with pytest.raises(DocumentsUnavailable):
        await rebuild(settings.model_copy(update={"documents": away}))
