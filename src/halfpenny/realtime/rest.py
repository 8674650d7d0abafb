"""REST routes of realtime: connection tokens for sockets, and notifications."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel

from halfpenny import identity
from halfpenny.identity import Permission, requires
from halfpenny.platform.http import AppDatabase, PageOf, PageQuery, page
from halfpenny.realtime import connection_tokens, notifications

router = APIRouter(tags=["realtime"])


class ConnectionTokenAnswer(BaseModel):
    """``connection_token`` opens the topic ``me`` on one socket, once, within ``expires_in`` seconds."""

    connection_token: str
    expires_in: int


class NotificationAnswer(BaseModel):
    """``seq`` counts one's notifications; the socket's topic ``me`` uses the same number."""

    id: UUID
    seq: int
    kind: str
    data: dict[str, Any]
    created_at: str
    read_at: str | None


class NotificationPage(PageOf):
    items: list[NotificationAnswer]


@router.post("/realtime/connection-token", dependencies=[requires(Permission.OWN_ACCOUNT)], status_code=201)
async def connection_token(principal: identity.SignedIn, database: AppDatabase) -> ConnectionTokenAnswer:
    """A connection token for the caller's session, to be sent over /ws instead of a token in its address."""
    return ConnectionTokenAnswer(
        connection_token=await connection_tokens.issue(database, principal),
        expires_in=int(connection_tokens.LIFETIME.total_seconds()),
    )


@router.get("/notifications", dependencies=[requires(Permission.OWN_ACCOUNT)], response_model=NotificationPage)
async def own_notifications(principal: identity.SignedIn, database: AppDatabase, paging: PageQuery) -> dict[str, Any]:
    """The caller's notifications, newest first."""
    before = paging.start(int)
    async with database.reading() as connection:
        found = await notifications.page_of(
            connection, principal.user_id, before[0] if before else None, paging.limit + 1
        )
    return page(found, paging.limit, lambda one: (one.seq,), notifications.as_json)


@router.post(
    "/notifications/{notification_id}/read",
    dependencies=[requires(Permission.OWN_ACCOUNT)],
    response_model=NotificationAnswer,
)
async def read(notification_id: UUID, principal: identity.SignedIn, database: AppDatabase) -> dict[str, Any]:
    """Note that the caller has read it; a second time changes nothing."""
    return notifications.as_json(await notifications.mark_read(database, principal.user_id, notification_id))
