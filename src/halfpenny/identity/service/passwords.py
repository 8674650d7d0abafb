"""New passwords: by whoever knows the old one, or by whoever has the mailbox."""

from __future__ import annotations

from halfpenny.identity import store
from halfpenny.identity.errors import InvalidCredentials, InvalidMailedToken
from halfpenny.identity.model import Principal, check_password, fold_email, secret_hash
from halfpenny.identity.service.running import Identity
from halfpenny.platform import audit
from halfpenny.primitives.ids import uuid7


async def change_password(identity: Identity, principal: Principal, current: str, new: str, address: str) -> None:
    """Set a new password and end every session of the person, this one too."""
    limit = (identity.settings.failures_per_account_and_address, "change", str(principal.user_id), address)
    await identity.limiter.spend(*limit)
    async with identity.database.reading() as connection:
        person = await store.person_by_id(connection, principal.user_id)
        password_hash = await store.password_hash_of(connection, principal.user_id)
    if person is None or not await identity.passwords.matches(password_hash, current):
        raise InvalidCredentials()
    await identity.limiter.refund(*limit)
    check_password(new, person.email, person.full_name)
    hashed = await identity.passwords.hash(new)
    async with identity.database.unit_of_work() as connection:
        await store.set_password(connection, person.id, hashed)
        await store.end_sessions_of(connection, person.id, "password changed")
        await audit.record(connection, person.id, "user.password_changed", "user", person.id)


async def forgot_password(identity: Identity, email: str, address: str) -> None:
    """Ask for a letter with a link; does the same work whether or not the address is known."""
    await identity.limiter.spend(identity.settings.register_per_address, "forgot", address)
    folded = fold_email(email)
    async with identity.database.unit_of_work() as connection:
        await store.insert_mail(connection, uuid7(), folded, "forgotten_password")


async def reset_password(identity: Identity, token: str, new: str) -> None:
    """Set a new password with a mailed link; every session ends, and the mailbox is proven."""
    check_password(new, "", "")
    hashed = await identity.passwords.hash(new)
    async with identity.database.unit_of_work() as connection:
        user_id = await store.use_mailed_token(connection, secret_hash(token), "reset_password")
        if user_id is None:
            raise InvalidMailedToken()
        await store.set_email_verified(connection, user_id)
        await store.set_password(connection, user_id, hashed)
        await store.end_sessions_of(connection, user_id, "password reset")
        await audit.record(connection, user_id, "user.password_reset", "user", user_id)
