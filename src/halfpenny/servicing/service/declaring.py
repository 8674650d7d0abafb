"""Declaring what a replay brings the investors: a distribution for each new day, or a correction of what was declared.

Nothing has been taken back as long as the days that were declared are in the replay as they were. Otherwise an event
was recorded late (a receipt of another day, a bounced one): everything declared is shared out, the whole loan is shared
out again from its first day, and each holder's difference becomes their share of one correction. Where it is below
zero it is kept and netted from what the loan brings them next; no wallet is reached into.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from halfpenny import ledger
from halfpenny.ledger import Account, AccountKind, Journal, Transfer
from halfpenny.platform.clock import business_date
from halfpenny.platform.database import Connection, Record
from halfpenny.primitives.ids import JournalId, uuid7
from halfpenny.servicing.model.correcting import Correction, HolderRecord, correct
from halfpenny.servicing.model.flows import DistributionPart, Flows
from halfpenny.servicing.model.serviced_loan import ServicedLoan
from halfpenny.servicing.model.sharing import share_from_the_first_day
from halfpenny.servicing.service import distributing
from halfpenny.servicing.store import corrections, distributions


async def needs_correction(
    connection: Connection,
    serviced: ServicedLoan,
    before: Sequence[DistributionPart],
    after: Sequence[DistributionPart],
    moved: Flows,
) -> bool:
    """Whether a day that has been declared is another now, or anything would have to be taken back."""
    covered = await corrections.covered_to(connection, serviced.loan_id)
    if [day for day in before if _declared(day, covered)] != [day for day in after if _declared(day, covered)]:
        return True
    new = [day for day in after if not _declared(day, covered)]
    sums = tuple(
        sum(getattr(day, part) for day in new)
        for part in ("principal", "interest", "default_interest", "recovered", "lost")
    )
    return sums != (moved.principal, moved.interest, moved.default_interest, moved.recovered, moved.lost)


def _declared(day: DistributionPart, covered: date | None) -> bool:
    return covered is not None and day.effective_date <= covered


async def declare_new_days(connection: Connection, serviced: ServicedLoan, days: Sequence[DistributionPart]) -> None:
    """Declare each day that has not been; a loss is shared after its day's money, what it brings back after it."""
    covered = await corrections.covered_to(connection, serviced.loan_id)
    for day in days:
        if _declared(day, covered):
            continue
        if not day.lost:
            await _declare(connection, serviced, day)
            continue
        money = DistributionPart(day.effective_date, day.principal, day.interest, day.default_interest)
        await _declare(connection, serviced, money)
        await distributing.share_all(connection, serviced.loan_id)
        await distributions.share_loss(connection, serviced.loan_id, day.lost, day.effective_date)
        await _post_loss(connection, serviced, day.lost, day.effective_date)
        await _declare(connection, serviced, DistributionPart(day.effective_date, recovered=day.recovered))


async def _declare(connection: Connection, serviced: ServicedLoan, part: DistributionPart) -> None:
    if part.total:
        await distributions.declare(connection, serviced.loan_id, serviced.currency, part)


async def plan_correction(
    connection: Connection, serviced: ServicedLoan, days: Sequence[DistributionPart]
) -> list[Correction]:
    """Everybody's difference, after everything that is declared has been shared out."""
    await distributing.share_all(connection, serviced.loan_id)
    rows = await corrections.holders(connection, serviced.loan_id)
    stakes = [(row["position_id"], row["stake_minor"]) for row in rows]
    rates: dict[UUID, int] = {row["position_id"]: row["withholding_millionths"] for row in rows}
    earlier = await corrections.rates_of_days(connection, serviced.loan_id)

    def tax_millionths(position_id: UUID, day: date) -> int:
        return earlier.get((position_id, day), rates[position_id])

    should = share_from_the_first_day(stakes, serviced.terms.advanced_on, days, tax_millionths)
    return correct(should, [_record(row) for row in rows])


def _record(row: Record) -> HolderRecord:
    return HolderRecord(
        position_id=row["position_id"],
        principal=row["principal_minor"],
        interest=row["interest_minor"],
        default_interest=row["default_interest_minor"],
        recovered=row["recovered_minor"],
        lost=row["lost_minor"],
        withheld=row["withheld_minor"],
        overpaid=row["overpaid_minor"],
    )


async def fund_correction(connection: Connection, serviced: ServicedLoan, shares: Sequence[Correction]) -> None:
    """What holders have had too much is owed by them to the loan from now on; tax on it comes back."""
    currency = serviced.currency

    def of_loan(kind: AccountKind) -> Account:
        return Account(kind, serviced.loan_id, currency)

    payable = of_loan(AccountKind.DISTRIBUTION_PAYABLE)
    claims, receivable = of_loan(AccountKind.INVESTOR_CLAIMS), of_loan(AccountKind.LOAN_RECEIVABLE)
    principal = sum(share.principal for share in shares)
    legs = [
        (of_loan(AccountKind.OVERPAID_DISTRIBUTION), payable, -sum(min(share.netted, 0) for share in shares)),
        (Account(AccountKind.TAX_PAYABLE, None, currency), payable, -sum(min(share.withheld, 0) for share in shares)),
        (receivable, claims, -principal),
        (claims, receivable, principal),
    ]
    today = await business_date(connection)
    lost = sum(share.lost for share in shares)
    # What was given up is owed again before it can be repaid.
    if lost < 0:
        await _post_loss(connection, serviced, lost, today)
    await _post(connection, "distribution_corrected", legs, serviced.loan_id)
    if lost > 0:
        await _post_loss(connection, serviced, lost, today)


async def record_correction(
    connection: Connection, serviced: ServicedLoan, shares: Sequence[Correction], days: Sequence[DistributionPart]
) -> None:
    """The correction as a distribution of today, shared out already, of which what is above zero will be paid."""
    if not any(share.changes_something for share in shares):
        return
    today = await business_date(connection)
    covers_to = max((day.effective_date for day in days), default=serviced.terms.advanced_on)
    covered = await corrections.covered_to(connection, serviced.loan_id)
    await corrections.insert(
        connection, serviced.loan_id, serviced.currency, today, max(covers_to, covered or covers_to), shares
    )


async def _post_loss(connection: Connection, serviced: ServicedLoan, lost: int, on: date) -> None:
    claims = Account(AccountKind.INVESTOR_CLAIMS, serviced.loan_id, serviced.currency)
    receivable = Account(AccountKind.LOAN_RECEIVABLE, serviced.loan_id, serviced.currency)
    await _post(connection, "loss", [(claims, receivable, lost), (receivable, claims, -lost)], serviced.loan_id, on)


async def _post(
    connection: Connection,
    event: str,
    legs: Sequence[tuple[Account, Account, int]],
    loan_id: UUID,
    on: date | None = None,
) -> None:
    transfers = tuple(Transfer(debit, credit, amount) for debit, credit, amount in legs if amount > 0)
    if transfers:
        day = on or await business_date(connection)
        await ledger.post(connection, Journal(JournalId(uuid7()), event, transfers, day, loan_id))
