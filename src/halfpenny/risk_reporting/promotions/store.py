"""All SQL of promotions."""

from __future__ import annotations

from halfpenny.platform import rows
from halfpenny.platform.database import Connection
from halfpenny.risk_reporting.promotions.model import ModelPromotion

PAGE = (
    "SELECT * FROM risk_promotion WHERE number < coalesce($1::bigint, 9223372036854775807) "
    "ORDER BY number DESC LIMIT $2"
)


async def lock(connection: Connection) -> None:
    """Until the transaction ends nobody else promotes a model."""
    await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('risk_promotion', 0))")


async def page_of(connection: Connection, before: int | None, limit: int) -> list[ModelPromotion]:
    """Promotions, newest first."""
    return [rows.read(ModelPromotion, row) for row in await connection.fetch(PAGE, before, limit)]


async def in_force(connection: Connection) -> ModelPromotion | None:
    """The newest; None before the first."""
    newest = await page_of(connection, None, 1)
    return newest[0] if newest else None


async def insert(connection: Connection, promotion: ModelPromotion) -> None:
    await rows.insert(connection, "risk_promotion", rows.values(promotion))
