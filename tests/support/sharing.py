"""Sharing out as production does it: holdings put into the tables, a pot declared, the shares read back."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from halfpenny.platform.database import Connection
from halfpenny.primitives.ids import uuid7
from halfpenny.primitives.money import Currency
from halfpenny.servicing.model.flows import Distributable, DistributionPart
from halfpenny.servicing.store import distributions
from support.naive_distribution import Holding, Share

DAY = date(2026, 5, 1)


async def share_in_sql(
    connection: Connection, pot: Distributable, holdings: list[Holding], taxes: dict[UUID, int] | None = None
) -> list[tuple[Share, int]]:
    """Put the holdings into the tables, declare the pot, share it out there, and read the shares and the tax."""
    loan_id = uuid7()
    for holding in holdings:
        investor = uuid7()
        await connection.execute(
            "INSERT INTO holding (loan_id, investor_id, position_id, stake_minor, outstanding_minor, principal_days, "
            "counted_to, wallet_account_id) VALUES ($1, $2, $3, $4, $4, $5, $6, $2)",
            loan_id,
            investor,
            holding.position_id,
            holding.outstanding,
            holding.principal_days,
            DAY,
        )
        if taxes:
            rate = taxes[holding.position_id]
            await distributions.set_tax_profile(connection, investor, "PL", False, rate)
    part = DistributionPart(DAY, pot.principal, pot.interest, pot.default_interest, 0)
    distribution = await distributions.declare(connection, loan_id, Currency.EUR, part)
    await distributions.share_out(connection, distribution)
    rows = await distributions.shares(connection, distribution, None, 1_000)
    return [
        (
            Share(row["position_id"], row["principal_minor"], row["interest_minor"], row["default_interest_minor"]),
            row["withheld_minor"],
        )
        for row in rows
    ]
