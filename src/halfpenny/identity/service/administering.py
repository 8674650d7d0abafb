"""What administrators do to accounts, and how administrators come to be."""

from __future__ import annotations

from halfpenny.identity import store
from halfpenny.identity.errors import NotYourself, UserNotFound
from halfpenny.identity.model import KycStatus, Person, Principal, check_password, fold_email
from halfpenny.identity.passwords import Passwords
from halfpenny.identity.roles import Role
from halfpenny.identity.service.provisioning import create_user
from halfpenny.identity.service.running import Identity
from halfpenny.platform import audit
from halfpenny.platform.database import Database
from halfpenny.primitives.ids import UserId


async def me(identity: Identity, principal: Principal) -> Person:
    async with identity.database.reading() as connection:
        person = await store.person_by_id(connection, principal.user_id)
    if person is None:
        raise UserNotFound()
    return person


async def people(identity: Identity, after: UserId | None, limit: int) -> list[Person]:
    async with identity.database.reading() as connection:
        return await store.people(connection, after, limit)


async def set_disabled(identity: Identity, actor: Principal, user_id: UserId, disabled: bool) -> None:
    """Close or reopen an account; closing ends its sessions within a second everywhere."""
    async with identity.database.unit_of_work() as connection:
        _check(actor, user_id, await store.set_disabled(connection, user_id, disabled))
        if disabled:
            await store.end_sessions_of(connection, user_id, "disabled")
        action = "user.disabled" if disabled else "user.enabled"
        await audit.record(connection, actor.user_id, action, "user", user_id)


async def set_kyc_status(identity: Identity, actor: Principal, user_id: UserId, status: KycStatus) -> None:
    async with identity.database.unit_of_work() as connection:
        _check(actor, user_id, await store.set_kyc_status(connection, user_id, status))
        await audit.record(connection, actor.user_id, "user.kyc_set", "user", user_id, {"status": status})


async def relate(identity: Identity, actor: Principal, user_id: UserId, related_user_id: UserId) -> None:
    """Record that two people belong together, so that neither funds the other's loans."""
    async with identity.database.unit_of_work() as connection:
        for each in (user_id, related_user_id):
            if await store.person_by_id(connection, each) is None:
                raise UserNotFound()
        if user_id == related_user_id:
            raise NotYourself("Nobody is related to themselves.")
        await store.insert_related(connection, user_id, related_user_id)
        await audit.record(connection, actor.user_id, "user.related", "user", user_id, {"to": str(related_user_id)})


async def create_administrator(
    database: Database, passwords: Passwords, email: str, full_name: str, password: str
) -> UserId:
    """What ``halfpenny admin create`` does. Raises EmailTaken, MalformedEmail or the password's faults."""
    check_password(password, fold_email(email), full_name)
    hashed = await passwords.hash(password)
    async with database.unit_of_work() as connection:
        user_id = await create_user(
            connection, email=email, full_name=full_name, role=Role.ADMINISTRATOR, password_hash=hashed
        )
        await audit.record(connection, None, "user.administrator_created", "user", user_id)
    return user_id


def _check(actor: Principal, user_id: UserId, found: bool) -> None:
    """Inside the unit of work that changed somebody: refuse the unknown and the actor themselves."""
    if not found:
        raise UserNotFound()
    if actor.user_id == user_id:
        raise NotYourself()
