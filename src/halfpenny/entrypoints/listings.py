"""``halfpenny documents rebuild``."""

from __future__ import annotations

from rich.console import Console

from halfpenny import marketplace
from halfpenny.entrypoints.settings import Settings, WrongSettings
from halfpenny.platform.database import Database
from halfpenny.platform.documents import DocumentStore


async def rebuild(settings: Settings) -> int:
    """Rebuild the listings with a progress bar; returns how many loans were read."""
    if not settings.documents.url:
        raise WrongSettings("MONGO_URL is not set: there is no document store to rebuild")
    database = await Database.connect(settings.require_database(), timeout_s=settings.database.timeout_s)
    documents = await DocumentStore.connect(
        settings.documents.url, settings.documents.name, timeout_s=settings.documents.timeout_s
    )
    try:
        with Console(stderr=True).status("listings ...") as status:
            return await marketplace.rebuild(
                database,
                marketplace.ListingStore(documents),
                lambda read: status.update(f"listings: {read} loans read"),
            )
    finally:
        await documents.close()
        await database.close()
