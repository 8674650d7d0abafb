"""All SQL of approvals. Every function runs in the caller's transaction."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from halfpenny.approvals.model import Approval, ApprovalFilter, ApprovalStatus
from halfpenny.platform import rows
from halfpenny.platform.database import Connection, Record
from halfpenny.primitives.ids import UserId

_PENDING = ApprovalStatus.PENDING
_NEWEST = "ffffffff-ffff-ffff-ffff-ffffffffffff"
_COLUMNS = rows.columns(Approval, "a.")
_FILTER = "AND ($3::text IS NULL OR a.act = $3) AND ($4::uuid IS NULL OR a.proposed_by = $4)"
_BEFORE = f"a.id < coalesce($1::uuid, '{_NEWEST}')"
# Newest first, each along the index of what narrows it most.
PAGE = f"SELECT {_COLUMNS} FROM approval a WHERE {_BEFORE} {_FILTER} ORDER BY a.id DESC LIMIT $2"
PAGE_IN_STATUS = (
    f"SELECT {_COLUMNS} FROM approval a WHERE a.status = $5 AND {_BEFORE} {_FILTER} ORDER BY a.id DESC LIMIT $2"
)
PAGE_OF_OBJECT = (
    f"SELECT {_COLUMNS} FROM approval a WHERE a.object_id = $5 AND {_BEFORE} {_FILTER} "
    "AND ($6::text IS NULL OR a.status = $6) ORDER BY a.id DESC LIMIT $2"
)


def _approval(row: Record) -> Approval:
    return rows.read(Approval, row)


async def insert(connection: Connection, approval: Approval) -> None:
    await rows.insert(connection, "approval", rows.values(approval) | {"facts": dict(approval.facts)})


async def find(connection: Connection, approval_id: UUID) -> Approval | None:
    row = await connection.fetchrow(f"SELECT {_COLUMNS} FROM approval a WHERE a.id = $1", approval_id)
    return _approval(row) if row else None


async def lock(connection: Connection, approval_id: UUID) -> Approval | None:
    """The approval, locked until the transaction ends: before its object, always."""
    row = await connection.fetchrow(f"SELECT {_COLUMNS} FROM approval a WHERE a.id = $1 FOR UPDATE", approval_id)
    return _approval(row) if row else None


async def decide(
    connection: Connection,
    approval_id: UUID,
    status: ApprovalStatus,
    decided_by: UserId,
    decided_at: datetime,
    reason: str | None,
    result: Mapping[str, Any] | None = None,
) -> None:
    """Write the end of a pending approval; callers have locked it and checked that it is pending."""
    decision = {"decided_by": decided_by, "decided_at": decided_at, "decision_reason": reason, "result": result}
    await rows.update(
        connection, "approval", {"status": status, **decision}, f"id = $1 AND status = '{_PENDING}'", approval_id
    )


async def expire(connection: Connection, limit: int) -> list[Approval]:
    """End what nobody decided in time by the business clock; returns it."""
    expired = await connection.fetch(
        f"UPDATE approval a SET status = '{ApprovalStatus.EXPIRED}', decided_at = business_now() "
        f"WHERE a.id IN (SELECT id FROM approval WHERE status = '{_PENDING}' AND expires_at <= business_now() "
        f"ORDER BY expires_at, id LIMIT $1 FOR UPDATE SKIP LOCKED) RETURNING {_COLUMNS}",
        limit,
    )
    return [_approval(row) for row in expired]


async def page_of(connection: Connection, wanted: ApprovalFilter, before: UUID | None, limit: int) -> list[Approval]:
    """Approvals older than ``before`` (None: the newest), narrowed by the filter."""
    status = None if wanted.status is None else wanted.status.value
    rest = (before, limit, wanted.act, wanted.proposed_by)
    if wanted.object_id is not None:
        found = await connection.fetch(PAGE_OF_OBJECT, *rest, wanted.object_id, status)
    elif status is not None:
        found = await connection.fetch(PAGE_IN_STATUS, *rest, status)
    else:
        found = await connection.fetch(PAGE, *rest)
    return [_approval(row) for row in found]


async def pending_on(connection: Connection, object_ids: list[UUID], act: str | None) -> list[Approval]:
    """What waits about these objects, oldest first; of one act where it is named."""
    found = await connection.fetch(
        f"SELECT {_COLUMNS} FROM approval a WHERE a.object_id = ANY($1) AND a.status = '{_PENDING}' "
        "AND a.expires_at > business_now() AND ($2::text IS NULL OR a.act = $2) ORDER BY a.id",
        object_ids,
        act,
    )
    return [_approval(row) for row in found]
