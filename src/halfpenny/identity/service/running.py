"""The parts that one process needs to know people: built once, shared by all use cases."""

from __future__ import annotations

from halfpenny.identity.keys import load_signing_keys
from halfpenny.identity.limits import Limiter
from halfpenny.identity.listener import RevocationListener
from halfpenny.identity.passwords import Passwords
from halfpenny.identity.settings import IdentitySettings
from halfpenny.identity.tokens import Tokens
from halfpenny.platform.database import Database


class Identity:
    """The running identity service of one process: ``start()`` before use, ``await close()`` after.

    Raises BadSigningKey when built where the signing key cannot be used.
    """

    def __init__(self, settings: IdentitySettings, database: Database) -> None:
        self.settings = settings
        self.database = database
        self.passwords = Passwords(settings)
        self.limiter = Limiter(database)
        self.tokens = Tokens(settings, load_signing_keys(settings), database)
        self.listener = RevocationListener(self.tokens, database.url)

    def start(self) -> None:
        """Begin to hear of sessions that end in other processes."""
        self.listener.start()

    async def close(self) -> None:
        await self.listener.close()
        self.passwords.close()
