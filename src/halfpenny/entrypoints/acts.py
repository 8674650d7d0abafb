"""Every act that may take two people, put together from the features."""

from __future__ import annotations

from datetime import timedelta

from halfpenny.approvals import Acts
from halfpenny.entrypoints.settings import Settings


def registered_acts(settings: Settings) -> Acts:
    """The acts as the API performs them. A feature adds its own by one line here."""
    return Acts([], timedelta(days=settings.approvals.approval_days))
