"""Argon2id off the event loop: a few threads and a bounded queue, because each hash takes its memory."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from halfpenny.identity.errors import SignInBusy
from halfpenny.identity.model import normal_password
from halfpenny.identity.settings import IdentitySettings

Result = TypeVar("Result")


class Passwords:
    """Hashes and checks passwords with the parameters of the settings."""

    def __init__(self, settings: IdentitySettings) -> None:
        self._hasher = PasswordHasher(
            time_cost=settings.argon2_time_cost,
            memory_cost=settings.argon2_memory_kib,
            parallelism=settings.argon2_lanes,
        )
        self._threads = ThreadPoolExecutor(settings.hashing_threads, thread_name_prefix="argon2")
        self._places = settings.hashing_threads + settings.hashing_queue
        # Somebody unknown is checked against this, so that "unknown" takes as long as "wrong".
        self._nobody = self._hasher.hash(secrets.token_hex(32))

    async def hash(self, password: str) -> str:
        """The Argon2id hash in PHC form. Raises SignInBusy when the queue is full."""
        return await self._run(lambda: self._hasher.hash(normal_password(password)))

    async def matches(self, password_hash: str | None, password: str) -> bool:
        """Whether the password is the one hashed; takes as long for None and for no hash."""
        # An account that has no password yet holds no hash: it is nobody's, and takes as long.
        known = password_hash is not None and password_hash.startswith("$argon2id$")
        target = password_hash if known and password_hash is not None else self._nobody

        def check() -> bool:
            try:
                return self._hasher.verify(target, normal_password(password)) and known
            except (VerificationError, InvalidHashError):
                return False

        return await self._run(check)

    def needs_rehash(self, password_hash: str) -> bool:
        """Whether the hash was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(password_hash)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _run(self, work: Callable[[], Result]) -> Result:
        if self._places == 0:
            raise SignInBusy()
        self._places -= 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._places += 1
