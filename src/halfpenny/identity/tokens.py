"""Access tokens: short-lived ES256 JWTs (RFC 9068), verified strictly, and cached until revoked.

An ES256 check costs about as much as the rest of a small request, so a verified token is cached.
Three things invalidate the cache: PostgreSQL notifies every process when a session ends or a person
changes; a process that lost that connection asks the database again after at most a second; and in any
case after RECHECK_S.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from joserfc.jws import JWSRegistry

from halfpenny.identity import store
from halfpenny.identity.errors import InvalidToken
from halfpenny.identity.keys import SigningKeys
from halfpenny.identity.model import KycStatus, Principal, RevokedSubject
from halfpenny.identity.roles import Role
from halfpenny.identity.settings import IdentitySettings
from halfpenny.platform.database import Database
from halfpenny.primitives.ids import SessionId, UserId

ALGORITHM: Final = "ES256"
TOKEN_TYPE: Final = "at+jwt"  # noqa: S105 - the media type of RFC 9068, no secret
MAX_TOKEN_CHARACTERS: Final = 2_048
CACHED_TOKENS: Final = 20_000
RECHECK_S: Final = 30.0
RECHECK_UNNOTIFIED_S: Final = 0.8
_HEADER_NAMES: Final = frozenset({"alg", "typ", "kid"})
_CLAIM_NAMES: Final = frozenset({"iss", "aud", "sub", "sid", "roles", "iat", "exp", "jti"})


@dataclass(slots=True)
class _Verified:
    """A token whose signature and claims were right, and when its session was last known to live."""

    user_id: UserId
    session_id: SessionId
    roles: frozenset[Role]
    expires_at: float
    principal: Principal
    checked_at: float


class Tokens:
    """Issues and verifies. One for each process; ``on_revocation`` and ``trust_until`` are called by the listener."""

    def __init__(self, settings: IdentitySettings, keys: SigningKeys, database: Database) -> None:
        self._settings = settings
        self._keys = keys
        self._database = database
        self._registry = JWSRegistry(algorithms=[ALGORITHM])
        self._cache: OrderedDict[str, _Verified] = OrderedDict()
        self._revoked_at: OrderedDict[str, float] = OrderedDict()
        self._trusted_until = 0.0

    def issue(
        self,
        user_id: UserId,
        role: Role,
        session_id: SessionId,
        lifetime_s: int | None = None,
    ) -> str:
        """A signed access token for a session that exists. ``lifetime_s`` defaults to the setting."""
        now = int(time.time())
        claims = {
            "iss": self._settings.issuer,
            "aud": self._settings.audience,
            "sub": str(user_id),
            "sid": str(session_id),
            "roles": [role.value],
            "iat": now,
            "exp": now + (lifetime_s or self._settings.access_token_lifetime_s),
        }
        key = self._keys.current
        header = {"alg": ALGORITHM, "typ": TOKEN_TYPE, "kid": key.thumbprint()}
        return jwt.encode(header, claims, key, algorithms=[ALGORITHM])

    def cached(self, raw: str) -> Principal | None:
        """The principal of a token that was verified lately, without any I/O; None on a cache miss."""
        known = self._cache.get(raw)
        if known is None:
            return None
        now = time.time()
        if now >= known.expires_at:
            del self._cache[raw]
            return None
        age = now - known.checked_at
        if age < RECHECK_UNNOTIFIED_S or (age < RECHECK_S and now < self._trusted_until):
            return known.principal
        return None

    async def verify(self, raw: str) -> Principal:
        """The principal of the token. Raises InvalidToken, or DatabaseUnavailable where its session cannot be read."""
        principal = self.cached(raw)
        if principal is not None:
            return principal
        known = self._cache.get(raw)
        user_id, session_id, roles, expires_at = (
            (known.user_id, known.session_id, known.roles, known.expires_at) if known else self._read(raw)
        )
        asked_at = time.time()
        async with self._database.reading() as connection:
            person = await store.session_person(connection, session_id)
        if (
            person is None
            or person.id != user_id
            or frozenset({person.role}) != roles
            or self._revoked_since(session_id, user_id, asked_at)
        ):
            self._cache.pop(raw, None)
            raise InvalidToken()
        principal = Principal(
            # The same id as it came from the database: the driver's UUIDs hash and print faster.
            user_id=person.id,
            roles=roles,
            session_id=session_id,
            email_verified=person.email_verified_at is not None,
            kyc_verified=person.kyc_status == KycStatus.VERIFIED,
        )
        self._cache[raw] = _Verified(user_id, session_id, roles, expires_at, principal, asked_at)
        self._cache.move_to_end(raw)
        while len(self._cache) > CACHED_TOKENS:
            self._cache.popitem(last=False)
        return principal

    def on_revocation(self, payload: str) -> None:
        """A notification ``session:ID`` or ``user:ID``: drop the cached tokens that it revokes."""
        kind, _, text = payload.partition(":")
        subject = UUID(text)
        self._revoked_at[payload] = time.time()
        while len(self._revoked_at) > CACHED_TOKENS:
            self._revoked_at.popitem(last=False)
        stale = [
            raw
            for raw, known in self._cache.items()
            if (known.session_id if kind == RevokedSubject.SESSION else known.user_id) == subject
        ]
        for raw in stale:
            del self._cache[raw]

    def trust_until(self, moment: float) -> None:
        """The listener was connected: until ``moment`` a cached token counts as not revoked."""
        self._trusted_until = moment

    def clear_cache(self) -> None:
        """Drop every cached token: the listener had no connection, so a revocation may have been missed."""
        self._trusted_until = 0.0
        self._cache.clear()

    def _revoked_since(self, session_id: SessionId, user_id: UserId, moment: float) -> bool:
        """Whether a notification overtook the answer that we were waiting for.

        A person's change is enough: the next request reads the new state.
        """
        return (
            self._revoked_at.get(f"session:{session_id}", 0.0) >= moment
            or self._revoked_at.get(f"user:{user_id}", 0.0) >= moment
        )

    def _read(self, raw: str) -> tuple[UserId, SessionId, frozenset[Role], float]:
        if len(raw) > MAX_TOKEN_CHARACTERS or not raw.isascii():
            raise InvalidToken()
        try:
            token = jwt.decode(raw, self._key_for, algorithms=[ALGORITHM], registry=self._registry)
            self._check_header(token.header)
            return self._check_claims(token.claims)
        except (JoseError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise InvalidToken() from error

    def _key_for(self, signed: Any) -> ECKey:
        # The header only picks among our own keys: jku, jwk and x5c are ignored, kid is no path.
        self._check_header(signed.headers())
        return self._keys.by_id[signed.headers()["kid"]]

    def _check_header(self, header: dict[str, Any]) -> None:
        if set(header) != _HEADER_NAMES or header["alg"] != ALGORITHM or header["typ"] != TOKEN_TYPE:
            raise InvalidToken()

    def _check_claims(self, claims: dict[str, Any]) -> tuple[UserId, SessionId, frozenset[Role], float]:
        now = time.time()
        if (
            set(claims) - _CLAIM_NAMES
            or claims["iss"] != self._settings.issuer
            or claims["aud"] != self._settings.audience
            or not _is_whole(claims["exp"])
            or not _is_whole(claims["iat"])
            or claims["exp"] <= now
            # A clock may differ a little between the machines that issue and verify.
            or claims["iat"] > now + 5
        ):
            raise InvalidToken()
        return (
            UserId(UUID(claims["sub"])),
            SessionId(UUID(claims["sid"])),
            _roles(claims["roles"]),
            float(claims["exp"]),
        )


def _is_whole(value: Any) -> bool:
    return type(value) is int


def _roles(values: Iterable[Any]) -> frozenset[Role]:
    if not isinstance(values, list) or not values:
        raise InvalidToken()
    return frozenset(Role(value) for value in values)
