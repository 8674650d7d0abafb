"""Who a request acts for, as FastAPI dependencies."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import cache
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from halfpenny.identity.model import Principal
from halfpenny.identity.permissions import Permission
from halfpenny.identity.roles import Role
from halfpenny.identity.service.running import Identity
from halfpenny.identity.tokens import Tokens
from halfpenny.platform.http import Fingerprint, IdempotencyKey
from halfpenny.platform.http.openapi import OPTIONAL_SCHEME
from halfpenny.platform.idempotency import RequestKey
from halfpenny.primitives.errors import Unauthenticated

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
    """Raises Unauthenticated or InvalidToken (401)."""
    if credentials is None:
        raise Unauthenticated()
    tokens: Tokens = request.app.state.tokens
    principal = await tokens.verify(credentials.credentials)
    request.state.user_id = str(principal.user_id)
    return principal


async def maybe_signed_in(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_optional_bearer)]
) -> Principal | None:
    """For what anyone may read: None without a token, but a token that is no good is still refused (401)."""
    return None if credentials is None else await signed_in(request, credentials)


SignedIn = Annotated[Principal, Depends(signed_in)]
MaybeSignedIn = Annotated[Principal | None, Depends(maybe_signed_in)]


@cache
def holder_of(permission: Permission) -> Callable[[Principal], Awaitable[Principal]]:
    """The dependency that lets through whoever holds the permission; one for each, so that tests can find it."""

    async def holder(principal: SignedIn) -> Principal:
        principal.require_permission(permission)
        return principal

    return holder


def requires(permission: Permission) -> Any:
    """Declares beside a route what its caller needs: ``principal: Annotated[Principal, requires(Permission.X)]``.

    Raises Unauthenticated or InvalidToken (401), or WrongRole (403).
    """
    return Depends(holder_of(permission))


async def investor(principal: SignedIn) -> Principal:
    principal.require(Role.INVESTOR)
    return principal


async def borrower(principal: SignedIn) -> Principal:
    principal.require(Role.BORROWER)
    return principal


async def administrator(principal: SignedIn) -> Principal:
    principal.require(Role.ADMINISTRATOR)
    return principal


async def cleared(principal: SignedIn) -> Principal:
    principal.require_cleared()
    return principal


Investor = Annotated[Principal, Depends(investor)]
Borrower = Annotated[Principal, Depends(borrower)]
Administrator = Annotated[Principal, Depends(administrator)]
# Anybody whose address and identity are verified: whoever moves money.
Cleared = Annotated[Principal, Depends(cleared)]


async def cleared_investor(principal: Investor) -> Principal:
    principal.require_cleared()
    return principal


async def cleared_borrower(principal: Borrower) -> Principal:
    principal.require_cleared()
    return principal


ClearedInvestor = Annotated[Principal, Depends(cleared_investor)]
ClearedBorrower = Annotated[Principal, Depends(cleared_borrower)]


async def money_request(principal: SignedIn, key: IdempotencyKey, fingerprint: Fingerprint) -> RequestKey:
    """Who asks for money to move, and under which key: what ``platform.idempotency.claim`` takes."""
    return RequestKey(principal.user_id, key, fingerprint)


MoneyRequest = Annotated[RequestKey, Depends(money_request)]
RunningIdentity = Annotated[Identity, Depends(identity_of)]
CallerAddress = Annotated[str, Depends(caller_address)]
