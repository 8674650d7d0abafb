"""People who are signed in, for the tests of every feature."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from pathlib import Path

from argon2 import PasswordHasher

from halfpenny import identity
from halfpenny.identity import IdentitySettings, KycStatus, Principal, Role, Tokens, load_signing_keys
from halfpenny.platform.database import Database
from halfpenny.primitives.ids import SessionId, UserId, uuid7

PASSWORD = "larch tumbler otter quay"


@cache
def signing_key_file() -> Path:
    """One key for the whole test run, so that tokens made here are taken by every application under test."""
    path = Path(tempfile.mkdtemp(prefix="halfpenny-key-")) / "signing-key.json"
    load_signing_keys(IdentitySettings(path))  # a program that is given a file makes none
    return path


def identity_settings(**changes: object) -> IdentitySettings:
    """Cheap passwords; everything else as it comes."""
    cheap: dict[str, object] = {
        "signing_key_file": signing_key_file(),
        "argon2_time_cost": 1,
        "argon2_memory_kib": 64,
        "argon2_lanes": 1,
    }
    return IdentitySettings(**(cheap | changes))  # type: ignore[arg-type]


@cache
def password_hash() -> str:
    """PASSWORD, hashed as cheaply as the settings above would."""
    return PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(PASSWORD)


def tokens_for(database: Database) -> Tokens:
    settings = identity_settings()
    return Tokens(settings, identity.load_signing_keys(settings), database)


@dataclass(frozen=True)
class Somebody:
    """A person with an open session. ``headers`` go with their requests."""

    user_id: UserId
    session_id: SessionId
    email: str
    role: Role
    token: str
    headers: dict[str, str] = field(repr=False)

    def principal(self) -> Principal:
        return Principal(self.user_id, frozenset({self.role}), self.session_id, True, True)

    def paying(self, key: str | None = None) -> dict[str, str]:
        """Headers of a request that moves money, with a fresh idempotency key unless one is given."""
        return self.headers | {"Idempotency-Key": key or str(uuid7())}


async def make_somebody(
    database: Database,
    role: Role | str = Role.INVESTOR,
    *,
    email: str | None = None,
    full_name: str = "Ada Winterbourne",
    kyc_status: KycStatus = KycStatus.VERIFIED,
    email_verified: bool = True,
    lifetime_s: int = 900,
) -> Somebody:
    """A new account that may move money unless the arguments differ, signed in for ``lifetime_s``."""
    role = Role(role)
    email = email or f"{role}-{uuid7().hex[-12:]}@example.com"
    async with database.unit_of_work() as connection:
        user_id = await identity.create_user(
            connection,
            email=email,
            full_name=full_name,
            role=role,
            password_hash=password_hash(),
            kyc_status=kyc_status,
            email_verified=email_verified,
        )
        [(_, session_id)] = await identity.open_sessions(connection, [user_id], timedelta(seconds=max(lifetime_s, 1)))
    token = tokens_for(database).issue(user_id, role, session_id, lifetime_s)
    return Somebody(user_id, session_id, email, role, token, {"Authorization": f"Bearer {token}"})


async def sign_in(database: Database, user_id: UserId, role: Role) -> Somebody:
    """An account that exists already, signed in."""
    async with database.unit_of_work() as connection:
        email = await connection.fetchval("SELECT email FROM app_user WHERE id = $1", user_id)
        [(_, session_id)] = await identity.open_sessions(connection, [user_id], timedelta(minutes=15))
    token = tokens_for(database).issue(user_id, role, session_id, 900)
    return Somebody(user_id, session_id, email, role, token, {"Authorization": f"Bearer {token}"})


async def make_user(
    database: Database, role: Role | str = Role.INVESTOR, **changes: object
) -> tuple[UserId, dict[str, str]]:
    """The id and the headers of ``make_somebody``, for tests that need no more."""
    somebody = await make_somebody(database, role, **changes)  # type: ignore[arg-type]
    return somebody.user_id, somebody.headers
