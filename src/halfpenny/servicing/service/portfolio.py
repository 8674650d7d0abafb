"""An investor's portfolio: stakes in loans that are not drawn down yet, holdings in those that are."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from halfpenny import funding, loans
from halfpenny.platform.database import Connection, Record
from halfpenny.primitives.ids import LoanId
from halfpenny.servicing.store import investors


@dataclass(frozen=True, slots=True)
class PortfolioLine:
    """What one investor has in one loan. ``holding`` is its row after the drawdown: from then on it alone has what
    is owed to them; before it the stake (``position``) is all that they have. At least one of the two is there."""

    loan: loans.Loan
    position: funding.Position | None
    holding: Record | None
    investments: tuple[funding.Investment, ...]

    @property
    def invested(self) -> int:
        """Minor units put in."""
        if self.holding is not None:
            return int(self.holding["stake_minor"])
        return self.position.invested_minor if self.position else 0

    @property
    def outstanding(self) -> int:
        """Minor units of principal that have neither come back nor been lost."""
        return self.invested if self.holding is None else int(self.holding["outstanding_minor"])


async def portfolio(connection: Connection, investor_id: UUID, after: UUID | None, limit: int) -> list[PortfolioLine]:
    """A page of the portfolio, newest loan first, loans before ``after``; at most ``limit`` lines."""
    positions = {p.loan_id: p for p in await funding.positions_of_investor(connection, investor_id, after, limit)}
    holdings = {row["loan_id"]: row for row in await investors.holdings(connection, investor_id, after, limit)}
    # Each list holds its newest ``limit`` loans, so the newest of both together are among them.
    loan_ids = sorted({*positions, *holdings}, reverse=True)[:limit]
    known = await loans.get_many(connection, loan_ids)
    made = await funding.investments_of_investor(connection, investor_id, loan_ids)
    return [
        PortfolioLine(
            known[LoanId(loan_id)],
            positions.get(loan_id),
            holdings.get(loan_id),
            tuple(investment for investment in made if investment.loan_id == loan_id),
        )
        for loan_id in loan_ids
    ]
