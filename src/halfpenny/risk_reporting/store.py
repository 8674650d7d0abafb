"""All SQL of risk reporting."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from halfpenny.platform import rows
from halfpenny.platform.database import Connection
from halfpenny.primitives.ids import uuid7


class RiskReportKind(StrEnum):
    MONITORING = "monitoring"
    PORTFOLIO = "portfolio"


NEWEST = "SELECT content FROM risk_report WHERE kind = $1 ORDER BY id DESC LIMIT 1"


async def insert(connection: Connection, kind: RiskReportKind, as_of: date, content: dict[str, Any]) -> None:
    row = {"id": uuid7(), "kind": kind.value, "as_of": as_of, "content": content}
    await rows.insert(connection, "risk_report", row, computed={"made_at": "business_now()"})


async def newest(connection: Connection, kind: RiskReportKind) -> dict[str, Any] | None:
    found: dict[str, Any] | None = await connection.fetchval(NEWEST, kind.value)
    return found


async def lock_day(connection: Connection, day: date) -> None:
    """Until the transaction ends nobody else makes the reports of this day."""
    await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('risk_report ' || $1::date, 0))", day)


NEWEST_METHOD = "SELECT content, published_at FROM risk_method ORDER BY id DESC LIMIT 1"


async def newest_method(connection: Connection) -> tuple[dict[str, Any], datetime] | None:
    row = await connection.fetchrow(NEWEST_METHOD)
    return None if row is None else (row["content"], row["published_at"])


async def insert_method(connection: Connection, content: dict[str, Any]) -> None:
    row = {
        "id": uuid7(),
        "policy_version": content["policy_version"],
        "model_version": content["model_version"],
        "content": content,
    }
    await rows.insert(connection, "risk_method", row, computed={"published_at": "business_now()"})
