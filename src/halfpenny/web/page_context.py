"""What stands before every page: where a form comes from, who is signed in, and the sandbox's date."""

from __future__ import annotations

import contextlib

from fastapi import Request

from halfpenny import identity
from halfpenny.platform.clock import business_date
from halfpenny.platform.http.layers.origins import SAFE_METHODS
from halfpenny.primitives.errors import HalfpennyError


async def check_page_request(request: Request) -> None:
    """A dependency of every router of pages. Raises CrossSite (403) for a form that is not one of ours."""
    settings = request.app.state.identity.settings
    by_cookie = identity.cookie_of(request, settings) is not None
    # Only a program sends a token of its own accord; whatever a browser may send along is proven to be our own.
    if request.method not in SAFE_METHODS and (by_cookie or "authorization" not in request.headers):
        identity.check_own_page(request, settings)
    await set_page_context(request)


async def set_page_context(request: Request) -> None:
    """Note for the layout who is signed in and, in a sandbox, the business date; a page is shown without either."""
    state = request.app.state
    with contextlib.suppress(HalfpennyError):
        await identity.visitor_of(request)
    if not getattr(state, "sandbox", False):
        return
    with contextlib.suppress(HalfpennyError):
        async with state.database.reading() as connection:
            request.state.business_date = await business_date(connection)
