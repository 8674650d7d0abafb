"""Conflict of interest: who may not act on a loan, whatever their role. Every act of staff on a loan asks here."""

from __future__ import annotations

from halfpenny import identity
from halfpenny.loans import errors
from halfpenny.loans.model import Loan
from halfpenny.platform.database import Connection
from halfpenny.primitives.ids import UserId


async def bar_interested(connection: Connection, user_id: UserId, loan: Loan) -> None:
    """Raise SelfDealing for the loan's borrower, whoever is related to them, and whoever applied in their name."""
    if user_id in (loan.borrower_id, loan.entered_by) or user_id in await identity.related_to(
        connection, loan.borrower_id
    ):
        raise errors.SelfDealing()
