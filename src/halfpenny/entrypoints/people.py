"""Accounts that are made from the command line, because nobody may register for them."""

from __future__ import annotations

from halfpenny import identity
from halfpenny.entrypoints.settings import Settings
from halfpenny.identity import Passwords
from halfpenny.platform.database import Database
from halfpenny.primitives.ids import UserId


async def create_administrator(settings: Settings, email: str, full_name: str, password: str) -> UserId:
    """Raises EmailTaken, MalformedEmail or the password's faults; nothing is written then."""
    database = await Database.connect(settings.require_database(), max_size=2)
    passwords = Passwords(settings.identity_settings)
    try:
        return await identity.create_administrator(database, passwords, email, full_name, password)
    finally:
        passwords.close()
        await database.close()
