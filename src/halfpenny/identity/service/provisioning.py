"""Accounts and sessions made in the caller's transaction, without a request: seeds, load tests, other features."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from halfpenny.identity import store
from halfpenny.identity.errors import EmailTaken
from halfpenny.identity.model import KycStatus, fold_email
from halfpenny.identity.permissions import Permission, permissions_of
from halfpenny.identity.roles import Role
from halfpenny.platform.database import Connection, Database
from halfpenny.primitives.ids import SessionId, UserId, uuid7


async def create_user(
    connection: Connection,
    *,
    email: str,
    full_name: str,
    role: Role,
    password_hash: str,
    kyc_status: KycStatus = KycStatus.VERIFIED,
    email_verified: bool = True,
    country: str | None = None,
    sophisticated: bool = False,
    user_id: UserId | None = None,
) -> UserId:
    """Write an account in the caller's transaction, for seeds and the command line. Raises EmailTaken."""
    person = store.NewPerson(
        id=user_id or UserId(uuid7()),
        email=fold_email(email),
        full_name=full_name,
        role=role,
        password_hash=password_hash,
        kyc_status=kyc_status,
        verified=email_verified,
        country=country,
        sophisticated=sophisticated,
    )
    if not await store.insert_people(connection, [person]):
        raise EmailTaken()
    return person.id


async def open_sessions(
    connection: Connection, user_ids: list[UserId], lifetime: timedelta
) -> list[tuple[UserId, SessionId]]:
    """One session for each person, in the caller's transaction: what load tests and seeds sign tokens for."""
    sessions = [(SessionId(uuid7()), user_id) for user_id in user_ids]
    await store.insert_sessions(connection, sessions, lifetime)
    return [(user_id, session_id) for session_id, user_id in sessions]


async def delete_expired_sessions(database: Database) -> int:
    """Delete sessions a month after their end, spent links and old counters; returns how many sessions went."""
    async with database.unit_of_work() as connection:
        return await store.delete_expired(connection)


async def related_to(connection: Connection, user_id: UserId) -> set[UserId]:
    """Everybody who is a related party of this person."""
    return (await store.related_to(connection, [user_id]))[user_id]


async def is_active_holder(connection: Connection, user_id: UserId, permission: Permission) -> bool:
    """Whether this person holds the permission now and is not disabled, whatever their token holds."""
    person = await store.person_by_id(connection, user_id)
    return person is not None and person.disabled_at is None and permission in permissions_of(frozenset({person.role}))


async def related_parties(connection: Connection, user_ids: Sequence[UserId]) -> dict[UserId, set[UserId]]:
    """The related parties of each of these people, in both directions."""
    return await store.related_to(connection, user_ids)
