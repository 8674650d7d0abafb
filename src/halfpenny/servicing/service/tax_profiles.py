"""Investors' tax profiles: where they pay tax, and what is withheld of their interest from then on."""

from __future__ import annotations

from uuid import UUID

from halfpenny.platform import audit
from halfpenny.platform.database import Connection
from halfpenny.servicing.store import distributions

TAX_PROFILE_SET = "user.tax_profile_set"


async def set_tax_profile(
    connection: Connection, investor_id: UUID, country: str, treaty_form: bool, withholding_millionths: int
) -> None:
    """Keep the profile and its rate (millionths of a percent), with the audit entry that it is checked against."""
    await distributions.set_tax_profile(connection, investor_id, country, treaty_form, withholding_millionths)
    facts = {"country": country, "treaty_form": treaty_form, "withholding_millionths": withholding_millionths}
    await audit.record(connection, investor_id, TAX_PROFILE_SET, "user", investor_id, facts)
