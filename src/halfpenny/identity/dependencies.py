"""Who a request acts for, as FastAPI dependencies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from halfpenny.identity.errors import WrongRole
from halfpenny.identity.model import Principal
from halfpenny.identity.page_sessions import visitor_of
from halfpenny.identity.permissions import Permission
from halfpenny.identity.service.running import Identity
from halfpenny.identity.tokens import Tokens
from halfpenny.platform.http import Fingerprint, IdempotencyKey
from halfpenny.platform.http.openapi import OPTIONAL_SCHEME
from halfpenny.platform.idempotency import RequestKey
from halfpenny.primitives.errors import HalfpennyError, Unauthenticated

_bearer = HTTPBearer(auto_error=False, bearerFormat="JWT", description="An access token from /auth/login.")

# The same scheme where it may be left out; ``platform.http.describe`` publishes it as what it is.
_optional_bearer = HTTPBearer(auto_error=False, scheme_name=OPTIONAL_SCHEME)


def identity_of(request: Request) -> Identity:
    found: Identity = request.app.state.identity
    return found


def caller_address(request: Request) -> str:
    """The peer's address; the guard has put a trusted proxy's word for it in place already."""
    return request.client.host if request.client else "unknown"


async def signed_in(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Principal:
    """The one answer to who calls, on every route: by the token, else by the cookie where that counts.

    Raises Unauthenticated or InvalidToken (401), or CrossSite (403).
    """
    if credentials is None:
        visitor = await visitor_of(request)
        if visitor is None:
            raise Unauthenticated()
        return visitor.principal
    tokens: Tokens = request.app.state.tokens
    principal = await tokens.verify(credentials.credentials)
    request.state.user_id = str(principal.user_id)
    return principal


async def maybe_signed_in(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_optional_bearer)]
) -> Principal | None:
    """For what anyone may read: None for an anonymous caller, but a token that is no good is still refused (401)."""
    if credentials is None:
        visitor = await visitor_of(request)
        return None if visitor is None else visitor.principal
    return await signed_in(request, credentials)


SignedIn = Annotated[Principal, Depends(signed_in)]
MaybeSignedIn = Annotated[Principal | None, Depends(maybe_signed_in)]


# What each dependency made by ``requires`` asks for: docs/permissions.md and the tests read it from here.
_ASKED: dict[Callable[..., Any], frozenset[Permission]] = {}


def requires(*permissions: Permission, refusal: type[HalfpennyError] = WrongRole) -> Any:
    """Declares beside a route what its caller needs: any one of the permissions.

    ``@router.post(..., dependencies=[requires(Permission.X)])``. Raises Unauthenticated or InvalidToken (401), then
    ``refusal``: WrongRole (403), or a NotFound where a refusal would disclose that something exists.
    """
    wanted = frozenset(permissions)

    async def holder(principal: SignedIn) -> None:
        if not any(principal.may(permission) for permission in wanted):
            # Who may not do it reads what it takes; a refusal that hides a thing names nothing.
            raise refusal(permissions=sorted(wanted)) if refusal is WrongRole else refusal()

    _ASKED[holder] = wanted
    return Depends(holder)


def declares(permission: Permission) -> Any:
    """Declares what a route's use case asks for itself, because the thing's own rule comes first.

    Investing names a self-dealing before a role, and judges each ticket of many by itself. Here a caller must only be
    signed in (401).
    """

    async def known(_: SignedIn) -> None:
        """The use case refuses."""

    _ASKED[known] = frozenset({permission})
    return Depends(known)


async def _anyone() -> None:
    """Nothing is asked of the caller."""


_ASKED[_anyone] = frozenset()
# Declares that a route is open to callers whom nobody knows. What they see of a thing is the thing's own rule.
ANYONE: Any = Depends(_anyone)


def asked_by(dependency: Callable[..., Any]) -> frozenset[Permission] | None:
    """The permissions of which a dependency asks for one; empty for anyone; None for a dependency of another kind."""
    return _ASKED.get(dependency)


async def cleared(principal: SignedIn) -> Principal:
    principal.require_cleared()
    return principal


# Anybody whose address and identity are verified: whoever moves money.
Cleared = Annotated[Principal, Depends(cleared)]


async def money_request(principal: SignedIn, key: IdempotencyKey, fingerprint: Fingerprint) -> RequestKey:
    """Who asks for money to move, and under which key: what ``platform.idempotency.claim`` takes."""
    return RequestKey(principal.user_id, key, fingerprint)


MoneyRequest = Annotated[RequestKey, Depends(money_request)]
RunningIdentity = Annotated[Identity, Depends(identity_of)]
CallerAddress = Annotated[str, Depends(caller_address)]
