"""Where a borrower stands with a loan that was paid out: what is due, what comes next, what pays it off."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from halfpenny.platform.clock import business_date
from halfpenny.platform.database import Connection
from halfpenny.servicing.model.payoff import payoff
from halfpenny.servicing.model.serviced_loan import InstalmentBalance, instalment_balances
from halfpenny.servicing.service.known_events import current_position, known_events
from halfpenny.servicing.store import serviced_loans


@dataclass(frozen=True, slots=True)
class BorrowerAccount:
    """Amounts are minor units. ``due`` should have been paid by ``today``, default interest included.

    ``redemption`` pays the loan off today; None once it is closed.
    """

    today: date
    due: int
    instalments: tuple[InstalmentBalance, ...]
    redemption: int | None

    @property
    def next_payment(self) -> InstalmentBalance | None:
        """The first instalment ahead of which the borrower has to bring something."""
        return next((one for one in self.instalments if one.row.due_on > self.today and one.unpaid > 0), None)


async def borrower_account(connection: Connection, loan_id: UUID) -> BorrowerAccount | None:
    """The account by the same replay as the redemption figure; None before the drawdown."""
    serviced = await serviced_loans.find(connection, loan_id)
    if serviced is None:
        return None
    today = await business_date(connection)
    position = await current_position(connection, serviced)
    redemption = None
    if serviced.closed_on is None:
        redemption = payoff(serviced.terms, await known_events(connection, serviced, today), today).payable
    return BorrowerAccount(today, position.total_due, tuple(instalment_balances(position)), redemption)
