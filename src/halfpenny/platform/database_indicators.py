"""Indicators of the database: the chains are sealed, and it has room for one more connection."""

from __future__ import annotations

from collections.abc import Mapping

from halfpenny.platform.chain import oldest_unsealed_s
from halfpenny.platform.indicators import Indicator, Severity, Sources, statement


async def _unsealed(sources: Sources) -> Mapping[str, float]:
    return await oldest_unsealed_s(sources.connection)


INDICATORS = (
    Indicator(
        "unsealed_seconds",
        "Age of the oldest row of a chain that no seal covers.",
        _unsealed,
        limit=300,
        severity=Severity.PAGE,
        label="chain",
    ),
    Indicator(
        "database_connections_ratio",
        "Connections to the database as a part of those that it allows.",
        statement(
            # The application's role sees of others which database they are in, not what kind they are.
            "SELECT '', count(datid)::float8 / current_setting('max_connections')::int FROM pg_stat_activity"
        ),
        limit=0.8,
        lasting_s=300,
        severity=Severity.TICKET,
    ),
)
