"""Rendering of server-rendered pages: one layout, two languages, everything escaped."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.types import Scope

from halfpenny import identity
from halfpenny.identity import ROLE_PERMISSIONS, Permission, Role, labels
from halfpenny.platform import figures
from halfpenny.platform.http import failure_kind_of
from halfpenny.primitives.errors import HalfpennyError
from halfpenny.web import language
from halfpenny.web.navigation import places_of

_HERE: Final = Path(__file__).parent
STATIC: Final = _HERE / "static"
_FILTERS: Final = (
    *("money", "exact_money", "percent", "share", "exact_share", "number", "decimal"),
    *("day", "moment", "country"),
)
# A year, as a file whose address carries the hash of its contents never changes.
_IMMUTABLE: Final = "public, max-age=31536000, immutable"


class Pages:
    """Renders templates of the layout's folder and of the features' ``folders``.

    ``render`` gives a page in the reader's language; ``failure`` is the page for an error of the one table.
    """

    def __init__(self, folders: Iterable[Path] = ()) -> None:
        self._environments = {code: _environment(code, [_HERE / "templates", *folders]) for code in language.LANGUAGES}

    def render(self, request: Request, template: str, context: Mapping[str, Any], *, status: int = 200) -> HTMLResponse:
        """``template`` with ``context``; ``?lang=`` switches the language and stores it in a cookie."""
        asked = request.query_params.get("lang")
        spoken = language.choose(asked, request.cookies.get(language.COOKIE), request.headers.get("accept-language"))
        environment = self._environments[spoken]
        body = environment.get_template(template).render(
            {
                **context,
                "language": spoken,
                "languages": language.LANGUAGES,
                "here": _Here(request),
                **_visit(request),
            }
        )
        headers = {
            "content-language": spoken,
            "vary": "Accept-Language, Cookie, HX-Request",
            # What is shown to somebody who is signed in stays on no disk, and not in the way of whoever comes next.
            "cache-control": "no-store" if getattr(request.state, "visitor", None) else "no-cache",
        }
        response = HTMLResponse(body, status, headers)
        if asked == spoken:
            response.set_cookie(
                language.COOKIE,
                spoken,
                max_age=31_536_000,
                httponly=True,
                samesite="lax",
                secure=request.url.scheme == "https",
            )
        return response

    def failure(self, request: Request, error: HalfpennyError) -> HTMLResponse:
        """The page for an error: its status, what it means and what to do."""
        answer = failure_kind_of(error)
        needed = [Permission(each) for each in error.data.get("permissions", ())]  # type: ignore[attr-defined]
        holders = [role for role in Role if ROLE_PERMISSIONS[role].intersection(needed)]
        context = {"code": error.code, "kind": error.kind, "needed": needed, "holders": holders, "roles": labels.ROLE}
        return self.render(request, "error.html", context, status=answer.status)


def _visit(request: Request) -> dict[str, Any]:
    """What the layout shows of who is here: their name and role, where they may go, and the sandbox's date."""
    visitor: identity.Visitor | None = getattr(request.state, "visitor", None)
    today = getattr(request.state, "business_date", None)
    return {
        "visitor": visitor and {"name": visitor.person.full_name, "role": labels.ROLE[visitor.person.role]},
        "places": list(places_of(visitor.principal if visitor else None)),
        "sandbox_day": today and today.isoformat(),
    }


class _Here:
    """Where the reader is, for links that lead back to the same page."""

    def __init__(self, request: Request) -> None:
        self.path = request.url.path
        self._query = [(name, value) for name, value in request.query_params.multi_items() if name != "lang"]

    def in_language(self, code: str) -> str:
        return f"{self.path}?{urlencode([*self._query, ('lang', code)])}"


def _environment(code: str, folders: list[Path]) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(folders),
        # Every template is HTML and every value in it is untrusted until it is escaped.
        autoescape=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.install_gettext_translations(language.translations(code), newstyle=True)  # type: ignore[attr-defined]
    for name in (
        "money",
        "exact_money",
        "percent",
        "share",
        "exact_share",
        "number",
        "decimal",
        "day",
        "moment",
        "country",
    ):
        environment.filters[name] = partial(getattr(figures, name), language=code)
    environment.globals["static"] = static_address
    environment.globals["icon"] = icon
    return environment


def static_address(name: str) -> str:
    """The address of a static file; it changes with the file's contents, so browsers may keep it for ever."""
    return f"/static/{name}?v={_fingerprint(name)}"


@cache
def _fingerprint(name: str) -> str:
    return hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]


@cache
def icon(name: str) -> Markup:
    """One of our own drawings, to stand in a page as it is. ``name`` is never a reader's word."""
    if not name.replace("_", "").isalnum():
        raise ValueError(f"{name!r} is no icon")
    return Markup((STATIC / "img" / f"{name}.svg").read_text(encoding="utf-8"))  # noqa: S704 - our own file


def static_cache_header(scope: Scope) -> str:
    """How long a static file may be kept: for ever under its own hash, else until it is asked about again."""
    return _IMMUTABLE if scope.get("query_string", b"").startswith(b"v=") else "no-cache"
