"""The operator's command after a new risk model: ask about every loan again."""

from __future__ import annotations

from rich.console import Console

from halfpenny import underwriting
from halfpenny.entrypoints.settings import Settings
from halfpenny.platform.database import Database
from halfpenny.primitives.wording import counted


async def reassess(settings: Settings) -> int:
    """Put every loan that an assessment still matters for to the risk service; returns how many."""
    database = await Database.connect(settings.require_database(), max_size=2)
    try:
        with Console(stderr=True).status("asking ...") as status:
            return await underwriting.request_all_reassessments(
                database, lambda asked: status.update(f"asked about {counted(asked, 'loan')} ...")
            )
    finally:
        await database.close()
