"""Registering, and proving an address."""

from __future__ import annotations

from halfpenny.identity import store
from halfpenny.identity.errors import InvalidMailedToken
from halfpenny.identity.model import KycStatus, check_password, fold_email, secret_hash
from halfpenny.identity.roles import Role
from halfpenny.identity.service.running import Identity
from halfpenny.platform import audit
from halfpenny.primitives.ids import UserId, uuid7


async def register(identity: Identity, email: str, password: str, full_name: str, role: Role, address: str) -> None:
    """Open an account, or do as much work and nothing else where the address has one already.

    Raises only what does not depend on whether the address is known: MalformedEmail, the password's
    faults, TooManyAttempts.
    """
    await identity.limiter.spend(identity.settings.register_per_address, "register", address)
    folded = fold_email(email)
    check_password(password, folded, full_name)
    person = store.NewPerson(
        id=UserId(uuid7()),
        email=folded,
        full_name=full_name,
        role=role,
        password_hash=await identity.passwords.hash(password),
        kyc_status=KycStatus.VERIFIED if identity.settings.kyc_sandbox else KycStatus.PENDING,
        verified=not identity.settings.verify_email,
    )
    async with identity.database.unit_of_work() as connection:
        created = await store.insert_people(connection, [person])
        # The same letter is asked for either way; the worker writes "you have an account" if so.
        if identity.settings.verify_email:
            await store.insert_mail(connection, uuid7(), folded, "registration")
        if created:
            await audit.record(connection, person.id, "user.registered", "user", person.id, {"role": role})


async def verify_email(identity: Identity, token: str) -> None:
    """Spend a mailed link. Raises InvalidMailedToken."""
    async with identity.database.unit_of_work() as connection:
        user_id = await store.use_mailed_token(connection, secret_hash(token), "verify_email")
        if user_id is None:
            raise InvalidMailedToken()
        await store.set_email_verified(connection, user_id)
