"""Tickets: how a socket learns who it speaks for, without a token in an address that proxies write down."""

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
    """A ticket for the caller's own session: one use within LIFETIME."""
    ticket = secrets.token_urlsafe(32)
    async with database.unit_of_work() as connection:
        await store.insert_ticket(connection, _hash(ticket), principal.user_id, principal.session_id, LIFETIME)
    return ticket


async def redeem(database: Database, ticket: str) -> tuple[UserId, SessionId]:
    """Whose ticket it is; it is spent. Raises InvalidTicket."""
    if len(ticket) > _MAX_CHARACTERS:
        raise errors.InvalidTicket()
    async with database.unit_of_work() as connection:
        owner = await store.take_ticket(connection, _hash(ticket))
    if owner is None:
        raise errors.InvalidTicket()
    return owner


def _hash(ticket: str) -> bytes:
    return hashlib.sha256(ticket.encode()).digest()
