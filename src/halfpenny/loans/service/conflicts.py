"""Conflict of interest and separation of duties: who may not act on a loan, whatever their role.

Every act of staff on a loan asks here: transitions and servicing's postings do so by themselves.
"""

from __future__ import annotations

from halfpenny import identity
from halfpenny.loans import errors, store
from halfpenny.loans.model import Actor, ActorKind, Loan
from halfpenny.platform.database import Connection
from halfpenny.primitives.ids import UserId


async def bar_interested(connection: Connection, user_id: UserId, loan: Loan) -> None:
    """Raise SelfDealing for the loan's borrower, whoever is related to them, and whoever applied in their name."""
    if user_id in (loan.borrower_id, loan.entered_by) or user_id in await identity.related_to(
        connection, loan.borrower_id
    ):
        raise errors.SelfDealing()


async def bar_interested_staff(connection: Connection, actor: Actor, loan: Loan) -> None:
    """The same for whoever acts: borrowers and the system have their own rules."""
    if actor.kind is ActorKind.ADMINISTRATOR and actor.user_id is not None:
        await bar_interested(connection, actor.user_id, loan)


async def check_separation_of_duties(connection: Connection, actor: Actor, loan: Loan) -> None:
    """Raise SeparationOfDuties before a drawdown by somebody who approved the loan and alone recorded its conditions.

    One person must not be all there is between an application and the money.
    """
    if actor.user_id is None:
        return
    approved = actor.user_id in await store.approvers(connection, loan.id)
    if approved and await store.recorders(connection, loan.id) == {actor.user_id}:
        raise errors.SeparationOfDuties()
