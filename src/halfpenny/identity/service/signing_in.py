"""Signing in and out, and keeping a session alive."""

from __future__ import annotations

import contextlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import timedelta

import msgspec
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from halfpenny.identity import store
from halfpenny.identity.errors import (
    InvalidCredentials,
    InvalidRefreshToken,
    MalformedEmail,
    RefreshSuperseded,
    SignInBusy,
)
from halfpenny.identity.model import Person, Principal, fold_email, secret_hash
from halfpenny.identity.service.running import Identity
from halfpenny.platform.database import Connection
from halfpenny.platform.idempotency import RequestKey, claim, remember
from halfpenny.primitives.ids import SessionId, UserId, uuid7

# Two tabs that refresh at the same moment, and a client whose answer was lost on the way.
SUPERSEDED_WITHIN = timedelta(seconds=5)
REPEATABLE_WITHIN = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class SignedInAnswer:
    """The tokens of a session: two bearer secrets and how long the first one lives, in seconds."""

    access_token: str
    refresh_token: str
    expires_in_s: int


@dataclass(frozen=True, slots=True)
class _Authenticated:
    """Whose password it was; ``renewed`` is its hash by newer settings, where the stored one is older."""

    person: Person
    renewed: str | None


async def sign_in(identity: Identity, email: str, password: str, address: str) -> SignedInAnswer:
    """Open a session. Raises InvalidCredentials after the same work whatever was wrong."""
    found = await _authenticate(identity, email, password, address)
    lifetime = timedelta(seconds=identity.settings.session_lifetime_s)
    async with identity.database.unit_of_work() as connection:
        session_id = await _open_session(connection, found, address, lifetime)
        refresh_token = await _new_refresh_token(connection, session_id)
    return _answer(identity, found.person, session_id, refresh_token)


async def sign_in_to_pages(
    identity: Identity, email: str, password: str, address: str, before: str | None
) -> tuple[str, Person]:
    """Open a session of pages; returns the secret for its cookie, and who signed in.

    The secret is always a new one, and the session of the cookie that the browser had ``before`` ends. Raises as
    ``sign_in``, under the same limits.
    """
    found = await _authenticate(identity, email, password, address)
    secret = secrets.token_urlsafe(32)
    lifetime = timedelta(seconds=identity.settings.page_session_lifetime_s)
    async with identity.database.unit_of_work() as connection:
        if before is not None:
            await store.end_page_session(connection, secret_hash(before), "signed in again")
        await _open_session(connection, found, address, lifetime, secret_hash(secret))
    return secret, found.person


async def _open_session(
    connection: Connection,
    found: _Authenticated,
    address: str,
    lifetime: timedelta,
    page_secret_hash: bytes | None = None,
) -> SessionId:
    if found.renewed is not None:
        await store.set_password(connection, found.person.id, found.renewed)
    session_id = SessionId(uuid7())
    await store.insert_session(connection, session_id, found.person.id, address, lifetime, page_secret_hash)
    return session_id


async def _authenticate(identity: Identity, email: str, password: str, address: str) -> _Authenticated:
    """Whose address and password these are. Raises InvalidCredentials, TooManyAttempts or SignInBusy."""
    settings = identity.settings
    try:
        folded = fold_email(email)
    except MalformedEmail:
        folded = ""
    await identity.limiter.spend(settings.attempts_per_address, "attempts", address)
    # Counted before the password is checked, so that parallel guesses cannot outrun the counter.
    failures: list[tuple[str, str, tuple[str, ...]]] = [
        (settings.failures_per_address, "address", (address,)),
        (settings.failures_per_account_and_address, "pair", (folded, address)),
    ]
    async with identity.database.reading() as connection:
        found = await store.credentials_by_email(connection, folded)
        # Asked for nobody too: an unknown address must not answer one query sooner.
        somebody = found[0].id if found is not None else UserId(uuid7())
        at_home = await store.signed_in_from(connection, somebody, address)
    # Failures from unknown addresses close the account to those only: its owner, coming from where they signed
    # in before, is not locked out by them.
    if not at_home:
        failures.append((settings.failures_per_account, "account", (folded,)))
    for limit, name, subjects in failures:
        await identity.limiter.spend(limit, name, *subjects)
    person, password_hash = found if found is not None else (None, None)
    try:
        right = await identity.passwords.matches(password_hash, password)
    except SignInBusy:
        # The password was not checked, so this was no guess.
        await _refund(identity, failures)
        raise
    if person is None or password_hash is None or not right or person.disabled_at is not None:
        raise InvalidCredentials()
    await _refund(identity, failures)
    renewed = await identity.passwords.hash(password) if identity.passwords.needs_rehash(password_hash) else None
    return _Authenticated(person, renewed)


async def _refund(identity: Identity, failures: list[tuple[str, str, tuple[str, ...]]]) -> None:
    for limit, name, subjects in failures:
        await identity.limiter.refund(limit, name, *subjects)


async def refresh(identity: Identity, refresh_token: str, key: str | None = None) -> SignedInAnswer:
    """Swap a refresh token for new tokens, once.

    A second use within SUPERSEDED_WITHIN is another tab: RefreshSuperseded, and nothing is returned or ended. The
    same ``key`` (Idempotency-Key) within REPEATABLE_WITHIN is a lost answer, and gets it again. Any later use ends
    the session with all its tokens: one of two holders is a thief. Raises InvalidRefreshToken then, and
    IdempotencyKeyReused where the person used the key for another request, on whatever route.
    """
    token_hash, superseded = secret_hash(refresh_token), False
    async with identity.database.unit_of_work() as connection:
        owner = await store.refresh_token_owner(connection, token_hash)
        if owner is None:
            raise InvalidRefreshToken()
        request = None if key is None else RequestKey(owner, key, _fingerprint(token_hash))
        with contextlib.suppress(_AlreadyUsed):
            # The savepoint gives the key back where the token turns out to be spent.
            async with connection.transaction():
                return await _swap(identity, connection, refresh_token, request)
        if (spent := await store.spent_refresh_token(connection, token_hash)) is not None:
            if await store.session_person(connection, spent.session_id) is not None:
                again = _unseal(spent.answer, refresh_token, key) if spent.age <= REPEATABLE_WITHIN else None
                if again is not None:
                    return again
                superseded = spent.age <= SUPERSEDED_WITHIN
            if not superseded:
                await store.end_session(connection, spent.session_id, "refresh token reused")
    # Raised after the commit: the end of the family must stay.
    if superseded:
        raise RefreshSuperseded()
    raise InvalidRefreshToken()


class _AlreadyUsed(Exception):
    """The token was swapped before, or its session is over."""


async def _swap(
    identity: Identity, connection: Connection, refresh_token: str, request: RequestKey | None
) -> SignedInAnswer:
    """Claim the key, then the token. Raises IdempotencyKeyReused and _AlreadyUsed; both leave nothing changed."""
    token_hash = secret_hash(refresh_token)
    if request is not None and await claim(connection, request) is not None:
        raise _AlreadyUsed
    session_id = await store.use_refresh_token(connection, token_hash)
    person = None if session_id is None else await store.session_person(connection, session_id)
    if session_id is None or person is None:
        raise _AlreadyUsed
    answer = _answer(identity, person, session_id, await _new_refresh_token(connection, session_id))
    if request is not None:
        # The answer itself is kept with the token, for a minute and sealed: bearer secrets outlive no retry.
        await store.keep_refresh_answer(connection, token_hash, _seal(answer, refresh_token, request.key))
        await remember(connection, request, 200, None)
    return answer


def _fingerprint(token_hash: bytes) -> bytes:
    return hmac.digest(token_hash, b"POST /auth/refresh", "sha256")


def _seal(answer: SignedInAnswer, refresh_token: str, key: str) -> str:
    """The answer as a JWE (RFC 7516) under a key that only the holder of the token and its request's key can make."""
    header = {"alg": "dir", "enc": "A256GCM"}
    return jwe.encrypt_compact(header, msgspec.json.encode(answer), _sealing_key(refresh_token, key))


def _unseal(sealed: str | None, refresh_token: str, key: str | None) -> SignedInAnswer | None:
    """The answer that was kept; None where there is none, or it was another request's."""
    if sealed is None or key is None:
        return None
    try:
        found = jwe.decrypt_compact(sealed, _sealing_key(refresh_token, key)).plaintext
    except JoseError:
        return None
    return msgspec.json.decode(found or b"", type=SignedInAnswer)


def _sealing_key(refresh_token: str, key: str) -> OctKey:
    return OctKey.import_key(hmac.digest(refresh_token.encode(), b"refresh answer " + key.encode(), "sha256"))


async def sign_out(identity: Identity, principal: Principal) -> None:
    async with identity.database.unit_of_work() as connection:
        await store.end_session(connection, principal.session_id, "signed out")


async def _new_refresh_token(connection: Connection, session_id: SessionId) -> str:
    token = secrets.token_urlsafe(32)
    await store.insert_refresh_token(connection, secret_hash(token), session_id)
    return token


def _answer(identity: Identity, person: Person, session_id: SessionId, refresh_token: str) -> SignedInAnswer:
    return SignedInAnswer(
        access_token=identity.tokens.issue(person.id, person.role, session_id),
        refresh_token=refresh_token,
        expires_in_s=identity.settings.access_token_lifetime_s,
    )
