"""Notifications: written in the transaction that they report, pushed after its commit, deduplicated by a key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from halfpenny.platform.database import Connection, Database
from halfpenny.primitives.ids import UserId, uuid7
from halfpenny.realtime import errors, store
from halfpenny.realtime.store import Notification


class NotificationKind(StrEnum):
    """What a person is notified of: own payments and tickets that moved, and states of a loan lent to or borrowed."""

    MILESTONE = "milestone"
    INVESTMENT_REVOKED = "investment_revoked"
    INVESTMENT_RETURNED = "investment_returned"
    WAITING_LIST_SERVED = "waiting_list_served"
    WAITING_LIST_ENDED = "waiting_list_ended"
    DEPOSIT_SETTLED = "deposit_settled"
    WITHDRAWAL_SETTLED = "withdrawal_settled"
    WITHDRAWAL_RETURNED = "withdrawal_returned"
    LOAN_DECLINED = "loan_declined"
    LOAN_OFFERED = "loan_offered"
    LOAN_DRAWN_DOWN = "loan_drawn_down"
    LOAN_EXTENDED = "loan_extended"
    LOAN_INTEREST_PAUSED = "loan_interest_paused"
    LOAN_WAIVED = "loan_waived"
    LOAN_DEFAULTED = "loan_defaulted"
    LOAN_DEFAULT_UNDONE = "loan_default_undone"
    LOAN_CURED = "loan_cured"
    LOAN_ACCELERATED = "loan_accelerated"
    LOAN_WRITTEN_OFF = "loan_written_off"
    LOAN_REPAID = "loan_repaid"
    LOAN_REOPENED = "loan_reopened"
    DISTRIBUTION_PAID = "distribution_paid"
    RECOVERY_UPDATE = "recovery_update"
    REVIEW_DECIDED = "review_decided"


@dataclass(frozen=True, slots=True)
class Notice:
    """A notification of ``kind`` to ``user_id``; nobody gets two under one ``dedupe_key``.

    ``data`` holds JSON values only: money as decimal strings, ids as strings.
    """

    user_id: UUID
    kind: NotificationKind
    data: dict[str, Any]
    dedupe_key: str


async def notify_many(connection: Connection, notices: Sequence[Notice]) -> int:
    """Write notifications in the caller's transaction, as one statement; returns how many were new."""
    if not notices:
        return 0
    return await store.insert_notifications(
        connection,
        [
            {
                "id": str(uuid7()),
                "user_id": str(notice.user_id),
                "kind": notice.kind,
                "data": notice.data,
                "dedupe_key": notice.dedupe_key,
            }
            for notice in notices
        ],
    )


async def page_of(connection: Connection, user_id: UserId, before: int | None, limit: int) -> list[Notification]:
    """A person's notifications, newest first, those before the number ``before``."""
    return await store.notifications_page(connection, user_id, before, limit)


async def mark_read(database: Database, user_id: UserId, notification_id: UUID) -> Notification:
    """Note when it was first read. Raises NotificationNotFound, also for another person's."""
    async with database.unit_of_work() as connection:
        found = await store.mark_read(connection, user_id, notification_id)
    if found is None:
        raise errors.NotificationNotFound()
    return found


def as_json(notification: Notification) -> dict[str, Any]:
    """What both the list and the socket show."""
    return {
        "id": str(notification.id),
        "seq": notification.seq,
        "kind": notification.kind,
        "data": notification.data,
        "created_at": notification.created_at.isoformat(),
        "read_at": notification.read_at.isoformat() if notification.read_at else None,
    }
