"""Who looks at a page: the cookie of a session of pages, and the requests that it counts for.

The rule stands here alone and is described in docs/sign-in.md. The cookie counts for pages, and for reading (GET, HEAD)
under /api, so that a paper that a page links to opens. It never counts for a change under /api, nor at /graphql or
/ws. On a page it counts for a change only when the browser proves that the form was one of ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from fastapi import Request
from starlette.responses import Response

from halfpenny.identity import store
from halfpenny.identity.model import KycStatus, Person, Principal, secret_hash
from halfpenny.identity.service.running import Identity
from halfpenny.identity.settings import IdentitySettings
from halfpenny.platform.http.layers.origins import SAFE_METHODS, CrossSite

# The prefix makes browsers refuse the cookie unless it is for this host alone, over TLS (RFC 6265bis, 4.1.3.2).
SECURE_COOKIE: Final = "__Host-halfpenny_session"
# Over plain http, on the machine itself: browsers take no __Host- cookie there.
PLAIN_COOKIE: Final = "halfpenny_session"
_API: Final = "/api/"
_NEVER: Final = ("/graphql", "/ws")
# Token bytes are 32; anything much longer was not made here and is not worth hashing.
_MOST_CHARACTERS: Final = 100


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who is signed in on the pages."""

    principal: Principal
    person: Person


def cookie_name(settings: IdentitySettings) -> str:
    return SECURE_COOKIE if _is_secure(settings) else PLAIN_COOKIE


def cookie_of(request: Request, settings: IdentitySettings) -> str | None:
    """The secret that the browser sends, if any."""
    found = request.cookies.get(cookie_name(settings))
    return found if found and len(found) <= _MOST_CHARACTERS else None


def set_cookie(response: Response, settings: IdentitySettings, secret: str) -> None:
    """Without a lifetime of its own: the browser drops it when it is closed, and the server decides before that."""
    response.set_cookie(
        cookie_name(settings), secret, path="/", secure=_is_secure(settings), httponly=True, samesite="lax"
    )


def delete_cookie(response: Response, settings: IdentitySettings) -> None:
    response.delete_cookie(cookie_name(settings), path="/", secure=_is_secure(settings), httponly=True, samesite="lax")


def _is_secure(settings: IdentitySettings) -> bool:
    return settings.public_url.startswith("https://")


def check_own_page(request: Request, settings: IdentitySettings) -> None:
    """Raise CrossSite unless the browser says that this request comes from a page of this very origin.

    Sec-Fetch-Site is the browser's own word. Where it is missing, Origin must be there and be ours exactly, scheme
    and port included; Origin, where there is one, must be ours in either case.
    """
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
    if origin not in (None, "null"):
        if origin not in _own_origins(request, settings):
            raise CrossSite()
        if site is None:
            return
    # "none" is the reader's own act, such as loading the answer to a form again.
    if site not in ("same-origin", "none"):
        raise CrossSite()


def _own_origins(request: Request, settings: IdentitySettings) -> frozenset[str]:
    public = settings.public_url.rstrip("/")
    scheme = public.partition("://")[0]
    return frozenset({public, f"{scheme}://{request.headers.get('host', '')}"})


async def visitor_of(request: Request) -> Visitor | None:
    """Who is signed in by cookie, where the cookie counts for this request; looked up once a request.

    Raises CrossSite for a change that does not come from a page of ours.
    """
    if not hasattr(request.state, "visitor"):
        request.state.visitor = await _look_up(request)
    found: Visitor | None = request.state.visitor
    return found


async def _look_up(request: Request) -> Visitor | None:
    path, safe = request.url.path, request.method in SAFE_METHODS
    identity: Identity | None = getattr(request.app.state, "identity", None)
    if identity is None or path.startswith(_NEVER) or (path.startswith(_API) and not safe):
        return None
    secret = cookie_of(request, identity.settings)
    if secret is None:
        return None
    if not safe:
        check_own_page(request, identity.settings)
    found = await visitor_with(identity, secret)
    if found is not None:
        request.state.user_id = str(found.person.id)
    return found


async def visitor_with(identity: Identity, secret: str) -> Visitor | None:
    """Whose living session of pages has this secret."""
    idle = timedelta(seconds=identity.settings.page_idle_s)
    async with identity.database.reading() as connection:
        found = await store.page_session(connection, secret_hash(secret), idle)
    if found is None:
        return None
    session_id, person = found
    return Visitor(
        Principal(
            user_id=person.id,
            roles=frozenset({person.role}),
            session_id=session_id,
            email_verified=person.email_verified_at is not None,
            kyc_verified=person.kyc_status is KycStatus.VERIFIED,
        ),
        person,
    )
