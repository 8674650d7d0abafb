"""The parts that one process needs to know people: built once, shared by all use cases."""

from __future__ import annotations

from halfpenny.identity.keys import load_signing_keys
from halfpenny.identity.limits import Limiter
from halfpenny.identity.passwords import Passwords
from halfpenny.identity.settings import IdentitySettings
from halfpenny.identity.tokens import Tokens
from halfpenny.platform.database import Database

_REVOKED = "session_revoked"
# Without a notification a cached token is trusted for this long after a heartbeat of the listener: a revocation is
# effective within a second even where the connection died without a word.
REVOCATION_FRESH_S = 0.9


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
        self.listener = database.listener

    def start(self) -> None:
        """Subscribe to revocations made by other processes."""
        self.listener.on(_REVOKED, self._on_revocation)
        self.listener.on_heartbeat(self._on_heartbeat)

    async def close(self) -> None:
        self.listener.off_heartbeat(self._on_heartbeat)
        self.listener.off(_REVOKED, self._on_revocation)
        self.tokens.clear_cache()
        self.passwords.close()

    def _on_revocation(self, payload: str | None) -> None:
        if payload is None:
            # A session may have ended between a token's verification and the moment LISTEN took effect.
            self.tokens.clear_cache()
        else:
            self.tokens.on_revocation(payload)

    def _on_heartbeat(self, answered_at: float | None) -> None:
        if answered_at is None:
            self.tokens.clear_cache()
        else:
            self.tokens.trust_until(answered_at + REVOCATION_FRESH_S)
