"""Signing in and out and registering on pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from fastapi import APIRouter, Request
from pydantic import ValidationError
from starlette.responses import RedirectResponse, Response

from halfpenny.identity import labels
from halfpenny.identity.dependencies import ANYONE, CallerAddress, RunningIdentity
from halfpenny.identity.errors import InvalidCredentials
from halfpenny.identity.page_sessions import cookie_of, delete_cookie, set_cookie, visitor_of, visitor_with
from halfpenny.identity.rest import LoginRequest, RegisterRequest
from halfpenny.identity.roles import Role
from halfpenny.identity.service import registering, signing_in
from halfpenny.identity.service.running import Identity
from halfpenny.identity.shown_logins import shown_logins
from halfpenny.platform.http import AppPages, FormFields, PageRenderer, failure_kind_of
from halfpenny.platform.http.pages import form_fields
from halfpenny.primitives.errors import HalfpennyError, Malformed

# A form that was sent without a living session travels through the sign-in page in fields of these names.
KEPT: Final = "kept:"
_LONGEST_PATH: Final = 2_000
# Whom a path leads back to no page of.
_NO_PAGES: Final = ("/api/", "/graphql", "/ws", "/static/", "/sign-in", "/sign-out", "/register")
# The field that each fault is about; every other one is about the form as a whole.
_FIELD_OF: Final[Mapping[str, str]] = {
    "malformed_email": "email",
    "password_too_short": "password",
    "password_too_long": "password",
    "password_too_common": "password",
}
router = APIRouter(include_in_schema=False)


def local_path(text: str | None) -> str | None:
    """The path of a page of ours to go on to, or None for whatever might lead anywhere else."""
    if not text or len(text) > _LONGEST_PATH or not text.isascii() or not text.isprintable():
        return None
    # Browsers read a backslash as a slash, and two slashes begin the name of another host.
    if not text.startswith("/") or text.startswith("//") or "\\" in text or text.startswith(_NO_PAGES):
        return None
    parts = urlsplit(text)
    return None if parts.scheme or parts.netloc else text


def home_of(role: Role) -> str:
    """Where somebody begins after signing in."""
    if role.is_staff:
        return "/staff"
    return {Role.INVESTOR: "/portfolio", Role.BORROWER: "/borrow"}.get(role, "/")


@router.get("/sign-in", dependencies=[ANYONE])
async def sign_in_form(request: Request, identity: RunningIdentity, pages: AppPages) -> Response:
    """The form; whoever is signed in goes on at once."""
    goal = local_path(request.query_params.get("next"))
    if (visitor := await visitor_of(request)) is not None:
        return RedirectResponse(goal or home_of(visitor.person.role), 303)
    registered = request.query_params.get("registered") == "yes"
    return _form(request, identity, pages, {"next": goal or "", "registered": registered})


@router.post("/sign-in", dependencies=[ANYONE])
async def sign_in(
    request: Request, identity: RunningIdentity, pages: AppPages, address: CallerAddress, fields: FormFields
) -> Response:
    """Open a session of pages and go on; the form again where that is refused."""
    goal = local_path(fields.get("next"))
    kept = {name.removeprefix(KEPT): value for name, value in fields.items() if name.startswith(KEPT)}
    try:
        try:
            login = LoginRequest.model_validate({name: fields.get(name, "") for name in LoginRequest.model_fields})
        except ValidationError as error:
            raise InvalidCredentials() from error
        before = cookie_of(request, identity.settings)
        secret, person = await signing_in.sign_in_to_pages(identity, login.email, login.password, address, before)
    except HalfpennyError as refusal:
        shown = {"next": goal or "", "email": fields.get("email", ""), "kept": kept}
        return _form(request, identity, pages, shown, refusal)
    if kept and goal:
        request.state.visitor = await visitor_with(identity, secret)
        response = pages.render(request, "identity/resume.html", {"next": goal, "kept": kept})
    else:
        response = RedirectResponse(goal or home_of(person.role), 303)
    set_cookie(response, identity.settings, secret)
    return response


@router.post("/sign-out", dependencies=[ANYONE])
async def sign_out(request: Request, identity: RunningIdentity) -> Response:
    """End the session of pages, if there is one."""
    if (visitor := await visitor_of(request)) is not None:
        await signing_in.sign_out(identity, visitor.principal)
    response = RedirectResponse("/", 303)
    delete_cookie(response, identity.settings)
    # Whoever goes back in this browser finds nothing that was shown while somebody was signed in.
    response.headers["clear-site-data"] = '"cache"'
    return response


@router.get("/register", dependencies=[ANYONE])
async def registration_form(request: Request, pages: AppPages) -> Response:
    role = request.query_params.get("role", Role.INVESTOR)
    goal = local_path(request.query_params.get("next"))
    return _registration(request, pages, {"role": role, "next": goal or ""})


@router.post("/register", dependencies=[ANYONE])
async def register(
    request: Request, identity: RunningIdentity, pages: AppPages, address: CallerAddress, fields: FormFields
) -> Response:
    """Open an account; known and unknown addresses are answered alike."""
    try:
        try:
            asked = RegisterRequest.model_validate(
                {name: fields.get(name, "") for name in RegisterRequest.model_fields}
            )
        except ValidationError as error:
            raise Malformed() from error
        role = Role(asked.role)
        await registering.register(identity, asked.email, asked.password, asked.full_name, role, address)
    except HalfpennyError as refusal:
        return _registration(request, pages, fields, refusal)
    goal = local_path(fields.get("next"))
    return RedirectResponse(f"/sign-in?{urlencode({'registered': 'yes', **({'next': goal} if goal else {})})}", 303)


async def sign_in_first(request: Request) -> Response:
    """What somebody gets who is not signed in and asks for a closed page: the way to sign in, and back.

    What a form held that was sent too late is kept in the sign-in form, and sent only when its owner says so.
    """
    goal = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    if request.method in ("GET", "HEAD"):
        return RedirectResponse(f"/sign-in?{urlencode({'next': goal})}", 303)
    identity: Identity = request.app.state.identity
    pages: PageRenderer = request.app.state.pages
    media_type = request.headers.get("content-type", "").partition(";")[0]
    kept = await form_fields(request) if media_type == "application/x-www-form-urlencoded" else {}
    response = _form(request, identity, pages, {"next": local_path(goal) or "", "kept": kept})
    response.status_code = 401
    return response


def _form(
    request: Request,
    identity: Identity,
    pages: PageRenderer,
    shown: Mapping[str, Any],
    refusal: HalfpennyError | None = None,
) -> Response:
    empty = {"email": "", "kept": {}, "registered": False}
    context = {
        **empty,
        **shown,
        **_fault(refusal),
        "labels": labels,
        "kept_prefix": KEPT,
        "logins": shown_logins(identity.settings.shown_logins_file),
        "mails": identity.settings.verify_email,
    }
    return _rendered(request, pages, "identity/sign_in.html", context, refusal)


def _registration(
    request: Request, pages: PageRenderer, typed: Mapping[str, Any], refusal: HalfpennyError | None = None
) -> Response:
    # A password is typed again: it stands in no page.
    shown = {name: typed.get(name, "") for name in ("email", "full_name", "role", "next")}
    return _rendered(request, pages, "identity/register.html", {"typed": shown, **_fault(refusal)}, refusal)


def _fault(refusal: HalfpennyError | None) -> dict[str, Any]:
    code = refusal.code if refusal else None
    return {"fault": code, "fault_field": _FIELD_OF.get(code or ""), "fault_data": refusal.data if refusal else {}}


def _rendered(
    request: Request,
    pages: PageRenderer,
    template: str,
    context: Mapping[str, Any],
    refusal: HalfpennyError | None,
) -> Response:
    status = failure_kind_of(refusal).status if refusal else 200
    response = pages.render(request, template, context, status=status)
    if refusal is not None and "retry_after_s" in refusal.data:
        response.headers["retry-after"] = str(refusal.data["retry_after_s"])
    return response
