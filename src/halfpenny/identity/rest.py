"""REST of identity: /auth/*, /me and the administrators' /users."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field

from halfpenny.identity.dependencies import ANYONE, CallerAddress, RunningIdentity, SignedIn, requires
from halfpenny.identity.model import KycStatus, Person
from halfpenny.identity.permissions import Permission
from halfpenny.identity.roles import Role
from halfpenny.identity.service import administering, passwords, registering, signing_in, staffing
from halfpenny.identity.service.signing_in import SignedInAnswer
from halfpenny.platform.http import IdText, LineText, OptionalIdempotencyKey, PageQuery, RequestModel, page
from halfpenny.primitives.ids import UserId

router = APIRouter()

# Long enough for any address or passphrase, short enough that hashing one costs nothing.
EmailText = Annotated[str, Field(min_length=3, max_length=254, examples=["ada@example.com"])]
PasswordText = Annotated[str, Field(min_length=1, max_length=1_024, json_schema_extra={"format": "password"})]
SecretText = Annotated[str, Field(min_length=1, max_length=200)]


class RegisterRequest(RequestModel):
    email: EmailText
    password: PasswordText
    full_name: LineText
    role: Literal["investor", "borrower"]


class Accepted(BaseModel):
    """The same whether or not the address is known."""

    status: Literal["accepted"] = "accepted"


class LoginRequest(RequestModel):
    email: EmailText
    password: PasswordText


class TokenAnswer(BaseModel):
    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - the name of the scheme
    expires_in: int = Field(description="Seconds until the access token ends.")
    refresh_token: str


class RefreshRequest(RequestModel):
    refresh_token: SecretText


class MailedTokenRequest(RequestModel):
    token: SecretText


class ForgotRequest(RequestModel):
    email: EmailText


class ResetRequest(RequestModel):
    token: SecretText
    password: PasswordText


class PasswordRequest(RequestModel):
    current_password: PasswordText
    new_password: PasswordText


class PersonAnswer(BaseModel):
    id: UUID
    email: str
    full_name: str
    roles: list[Role]
    kyc_status: KycStatus
    email_verified: bool
    country: str | None
    sophisticated: bool
    disabled: bool
    created_at: datetime


class PeoplePage(BaseModel):
    items: list[PersonAnswer]
    next_cursor: str | None


class KycRequest(RequestModel):
    status: Literal["pending", "verified", "rejected"]


class RelatedPartyRequest(RequestModel):
    related_user_id: IdText


def _person(person: Person) -> PersonAnswer:
    return PersonAnswer(
        id=person.id,
        email=person.email,
        full_name=person.full_name,
        roles=[person.role],
        kyc_status=person.kyc_status,
        email_verified=person.email_verified_at is not None,
        country=person.country,
        sophisticated=person.sophisticated,
        disabled=person.disabled_at is not None,
        created_at=person.created_at,
    )


def _tokens(answer: SignedInAnswer) -> TokenAnswer:
    return TokenAnswer(
        access_token=answer.access_token,
        expires_in=answer.expires_in_s,
        refresh_token=answer.refresh_token,
    )


@router.post("/auth/register", dependencies=[ANYONE], status_code=202, tags=["sign-in"])
async def register(body: RegisterRequest, identity: RunningIdentity, address: CallerAddress) -> Accepted:
    """Open an account. The answer is the same whether or not the address has one already."""
    await registering.register(identity, body.email, body.password, body.full_name, Role(body.role), address)
    return Accepted()


@router.post("/auth/verify-email", dependencies=[ANYONE], status_code=204, tags=["sign-in"])
async def verify_email(body: MailedTokenRequest, identity: RunningIdentity) -> None:
    """Verify an e-mail address with the token that was sent to it."""
    await registering.verify_email(identity, body.token)


@router.post("/auth/login", dependencies=[ANYONE], tags=["sign-in"])
async def login(body: LoginRequest, identity: RunningIdentity, address: CallerAddress) -> TokenAnswer:
    """Open a session: a short-lived access token and a refresh token that works once."""
    return _tokens(await signing_in.sign_in(identity, body.email, body.password, address))


@router.post("/auth/refresh", dependencies=[ANYONE], tags=["sign-in"])
async def refresh(body: RefreshRequest, identity: RunningIdentity, key: OptionalIdempotencyKey = None) -> TokenAnswer:
    """Exchange a refresh token for new tokens. A second use within five seconds is 409 ``refresh_superseded``.

    The same Idempotency-Key within a minute gets the same answer again; any other later use ends the session.
    """
    return _tokens(await signing_in.refresh(identity, body.refresh_token, key))


@router.post("/auth/logout", dependencies=[requires(Permission.OWN_ACCOUNT)], status_code=204, tags=["sign-in"])
async def logout(principal: SignedIn, identity: RunningIdentity) -> None:
    """End this session."""
    await signing_in.sign_out(identity, principal)


@router.post("/auth/password", dependencies=[requires(Permission.OWN_ACCOUNT)], status_code=204, tags=["sign-in"])
async def change_password(
    body: PasswordRequest, principal: SignedIn, identity: RunningIdentity, address: CallerAddress
) -> None:
    """Set a new password; every session ends, this one too."""
    await passwords.change_password(identity, principal, body.current_password, body.new_password, address)


@router.post("/auth/forgot", dependencies=[ANYONE], status_code=202, tags=["sign-in"])
async def forgot(body: ForgotRequest, identity: RunningIdentity, address: CallerAddress) -> Accepted:
    """Ask for an e-mail with a link to set a new password."""
    await passwords.forgot_password(identity, body.email, address)
    return Accepted()


@router.post("/auth/reset", dependencies=[ANYONE], status_code=204, tags=["sign-in"])
async def reset(body: ResetRequest, identity: RunningIdentity) -> None:
    """Set a new password with the token that was sent by e-mail."""
    await passwords.reset_password(identity, body.token, body.password)


@router.post("/auth/invitations/accept", dependencies=[ANYONE], status_code=204, tags=["sign-in"])
async def accept_invitation(body: ResetRequest, identity: RunningIdentity, address: CallerAddress) -> None:
    """Set the first password of an invited member of staff, with the token of the invitation."""
    await staffing.accept_invitation(identity, body.token, body.password, address)


@router.get("/me", dependencies=[requires(Permission.OWN_ACCOUNT)], tags=["people"])
async def me(principal: SignedIn, identity: RunningIdentity) -> PersonAnswer:
    """Who is signed in."""
    return _person(await administering.me(identity, principal))


@router.get("/users", dependencies=[requires(Permission.USERS_READ)], tags=["people"])
async def users(_: SignedIn, identity: RunningIdentity, paging: PageQuery) -> PeoplePage:
    """Everybody, in the order in which they registered."""
    start = paging.start(UUID)
    rows = await administering.people(identity, UserId(start[0]) if start else None, paging.limit + 1)
    return PeoplePage(**page(rows, paging.limit, lambda person: (person.id,), _person))


@router.post(
    "/users/{user_id}/disable", dependencies=[requires(Permission.USERS_MANAGE)], status_code=204, tags=["people"]
)
async def disable(user_id: UUID, principal: SignedIn, identity: RunningIdentity) -> None:
    """Close an account: its sessions end within a second."""
    await administering.set_disabled(identity, principal, UserId(user_id), True)


@router.post(
    "/users/{user_id}/enable", dependencies=[requires(Permission.USERS_MANAGE)], status_code=204, tags=["people"]
)
async def enable(user_id: UUID, principal: SignedIn, identity: RunningIdentity) -> None:
    """Reopen an account."""
    await administering.set_disabled(identity, principal, UserId(user_id), False)


@router.post("/users/{user_id}/kyc", dependencies=[requires(Permission.USERS_MANAGE)], status_code=204, tags=["people"])
async def set_kyc(user_id: UUID, body: KycRequest, principal: SignedIn, identity: RunningIdentity) -> None:
    """Record the result of somebody's KYC."""
    await administering.set_kyc_status(identity, principal, UserId(user_id), KycStatus(body.status))


@router.post(
    "/users/{user_id}/related-parties",
    dependencies=[requires(Permission.USERS_MANAGE)],
    status_code=204,
    tags=["people"],
)
async def relate(user_id: UUID, body: RelatedPartyRequest, principal: SignedIn, identity: RunningIdentity) -> None:
    """Record that two people belong together: neither may fund the other's loans."""
    await administering.relate(identity, principal, UserId(user_id), UserId(body.related_user_id))
