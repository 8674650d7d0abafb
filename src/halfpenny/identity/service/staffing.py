"""Staff accounts and roles: the plain acts, in the caller's transaction. The back office decides who proposes them."""

from __future__ import annotations

import secrets
from datetime import timedelta
from uuid import UUID

from halfpenny.identity import store
from halfpenny.identity.errors import EmailTaken, InvalidMailedToken, RoleUnchanged, StaffAreInvited, UserNotFound
from halfpenny.identity.model import KycStatus, Person, check_password, fold_email, secret_hash
from halfpenny.identity.roles import CUSTOMER_ROLES, STAFF_ROLES, Role
from halfpenny.identity.service.running import Identity
from halfpenny.platform import audit
from halfpenny.platform.database import Connection
from halfpenny.primitives.ids import UserId, uuid7

INVITATION_LIFETIME = timedelta(days=3)
# Not a hash of anything: until the invitation is accepted nobody signs in.
NO_PASSWORD = "!"  # noqa: S105 - it opens nothing


async def person(connection: Connection, user_id: UUID, *, lock: bool = False) -> Person:
    """Raises UserNotFound."""
    found = await store.person_by_id(connection, UserId(user_id), lock=lock)
    if found is None:
        raise UserNotFound()
    return found


def check_role_change(now: Role, wanted: Role) -> None:
    """Customers stay customers and staff stay staff. Raises StaffAreInvited or RoleUnchanged."""
    if now is wanted:
        raise RoleUnchanged()
    if not ({now, wanted} <= CUSTOMER_ROLES or {now, wanted} <= STAFF_ROLES):
        raise StaffAreInvited()


async def change_role(connection: Connection, user_id: UUID, role: Role, actor_id: UserId) -> Person:
    """Give somebody another role of their own kind; their sessions end. Raises as ``check_role_change``."""
    found = await person(connection, user_id)
    check_role_change(found.role, role)
    await store.set_role(connection, found.id, role)
    await store.end_sessions_of(connection, found.id, "role changed")
    await audit.record(connection, actor_id, "user.role_set", "user", found.id, {"role": role, "was": found.role})
    return await person(connection, user_id)


async def check_address_is_free(connection: Connection, email: str) -> str:
    """The folded address of somebody new. Raises MalformedEmail, EmailTaken."""
    folded = fold_email(email)
    if await store.credentials_by_email(connection, folded) is not None:
        raise EmailTaken()
    return folded


async def invite(
    connection: Connection, user_id: UUID, email: str, full_name: str, role: Role, actor_id: UserId
) -> None:
    """Open a staff account that nobody can sign in to yet, and ask for the letter. Raises EmailTaken."""
    invited = store.NewPerson(
        id=UserId(user_id),
        email=await check_address_is_free(connection, email),
        full_name=full_name,
        role=role,
        password_hash=NO_PASSWORD,
        kyc_status=KycStatus.PENDING,
        verified=False,
    )
    if not await store.insert_people(connection, [invited]):
        raise EmailTaken()
    await store.insert_mail(connection, uuid7(), invited.email, "invitation")
    await audit.record(connection, actor_id, "user.invited", "user", invited.id, {"role": role})


async def issue_invitation(connection: Connection, user_id: UUID) -> str:
    """A token for where no letters leave, as in a sandbox without a mail server. An earlier one ends."""
    token = secrets.token_urlsafe(32)
    await store.insert_mailed_token(
        connection, secret_hash(token), UserId(user_id), "accept_invitation", INVITATION_LIFETIME
    )
    return token


async def accept_invitation(identity: Identity, token: str, password: str, address: str) -> None:
    """Set the first password with an invitation's token, which proves the mailbox. Raises InvalidMailedToken."""
    await identity.limiter.spend(identity.settings.register_per_address, "invitation", address)
    async with identity.database.reading() as connection:
        # Looked at before the password is hashed, which is what costs.
        invited = await store.person_of_mailed_token(connection, secret_hash(token), "accept_invitation")
    if invited is None:
        raise InvalidMailedToken()
    check_password(password, invited.email, invited.full_name)
    hashed = await identity.passwords.hash(password)
    async with identity.database.unit_of_work() as connection:
        user_id = await store.use_mailed_token(connection, secret_hash(token), "accept_invitation")
        if user_id is None:
            raise InvalidMailedToken()
        await store.set_email_verified(connection, user_id)
        await store.set_password(connection, user_id, hashed)
        await audit.record(connection, user_id, "user.invitation_accepted", "user", user_id)
