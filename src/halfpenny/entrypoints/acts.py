"""Every act that may take two people, put together from the features."""

from __future__ import annotations

from datetime import timedelta

from halfpenny import servicing
from halfpenny.approvals import Acts
from halfpenny.entrypoints.settings import Settings


def registered_acts(settings: Settings) -> Acts:
    """The acts as the API performs them. A feature adds its own by one line here."""
    given = settings.approvals
    return Acts(
        [*servicing.arrears_acts(given.second_person_above * 100, settings.lending.rules)],
        timedelta(days=given.approval_days),
    )
