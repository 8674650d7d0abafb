"""``halfpenny documents rebuild``."""

from __future__ import annotations

from collections.abc import Callable

from rich.console import Console

from halfpenny import marketplace
from halfpenny.entrypoints.settings import Settings, WrongSettings
from halfpenny.platform.database import Database
from halfpenny.platform.documents import DocumentStore
from halfpenny.primitives.wording import counted


async def rebuild(settings: Settings) -> int:
    """Rebuild the listings and the assessments with a progress bar; returns how many loans were read for listings."""
    if not settings.documents.url:
        raise WrongSettings("MONGO_URL is not set: there is no document store to rebuild")
    database = await Database.connect(settings.require_database(), timeout_s=settings.database.timeout_s)
    documents = await DocumentStore.connect(
        settings.documents.url, settings.documents.name, timeout_s=settings.documents.timeout_s
    )
    try:
        with Console(stderr=True).status("listings ...") as status:

            def progress(name: str) -> Callable[[int], None]:
                return lambda read: status.update(f"{name}: {counted(read, 'loan')} read")

            listings, assessments = marketplace.ListingStore(documents), marketplace.AssessmentStore(documents)
            read = await marketplace.rebuild(database, listings, progress("listings"))
            await marketplace.rebuild(database, assessments, progress("assessments"))
            return read
    finally:
        await documents.close()
        await database.close()
