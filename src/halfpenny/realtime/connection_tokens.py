"""Connection tokens: how a socket is authenticated without a token in a URL that proxies log."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from halfpenny.identity import Principal
from halfpenny.platform.database import Database
from halfpenny.primitives.ids import SessionId, UserId
from halfpenny.realtime import errors, store

LIFETIME = timedelta(seconds=30)
_MAX_CHARACTERS = 64


async def issue(database: Database, principal: Principal) -> str:
    """A connection token for the caller's own session: one use within LIFETIME."""
    token = secrets.token_urlsafe(32)
    async with database.unit_of_work() as connection:
        await store.insert_connection_token(connection, _hash(token), principal.user_id, principal.session_id, LIFETIME)
    return token


async def redeem(database: Database, token: str) -> tuple[UserId, SessionId]:
    """Whose connection token it is; it is spent. Raises InvalidConnectionToken."""
    if len(token) > _MAX_CHARACTERS:
        raise errors.InvalidConnectionToken()
    async with database.unit_of_work() as connection:
        owner = await store.redeem_connection_token(connection, _hash(token))
    if owner is None:
        raise errors.InvalidConnectionToken()
    return owner


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
