"""What does not agree with the bank: kept in suspense, listed, resolved."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from halfpenny import ledger
from halfpenny.funding.errors import FindingUnknown, WrongResolution
from halfpenny.funding.reconciliation import ReconciliationItem, Resolution
from halfpenny.funding.service.tickets import wallet
from halfpenny.funding.store import reconciliation as store
from halfpenny.funding.store.statements import lock_bank
from halfpenny.ledger import Account, AccountKind, Journal, Transfer
from halfpenny.platform import audit
from halfpenny.platform.clock import MARKET_ZONE, business_now
from halfpenny.platform.database import Connection
from halfpenny.primitives.ids import JournalId, UserId, uuid7
from halfpenny.primitives.money import Currency


async def resolve(
    connection: Connection, administrator: UserId, finding_id: UUID, resolution: Resolution
) -> ReconciliationItem:
    """End one finding and empty its suspense. Raises FindingUnknown, WrongResolution."""
    # The bank's lock comes before a finding's, as it does where a statement or a receipt comes in.
    if currency := await store.currency_of(connection, finding_id):
        await lock_bank(connection, currency)
    finding = await store.lock_item(connection, finding_id)
    if finding is None:
        raise FindingUnknown()
    now = await business_now(connection)
    if finding.remaining_minor:
        target = _target(finding, resolution)
        brought_by = await store.reopened_by(connection, finding_id)
        day = now.astimezone(MARKET_ZONE).date()
        await ledger.post(connection, out_of_suspense(finding, target, day, brought_by))
    await store.resolve(connection, finding_id, administrator, now)
    await audit.record(
        connection,
        administrator,
        "reconciliation.resolve",
        "reconciliation_item",
        finding_id,
        {"resolution": resolution.value},
    )
    return finding


def _platform(kind: AccountKind, finding: ReconciliationItem) -> Account:
    return Account(kind, None, Currency(finding.currency))


def to_suspense(finding: ReconciliationItem, day: date) -> Journal:
    """Money too many is the bank's word against ours; money too few is the house's to cover until it is found."""
    kind = AccountKind.CLIENT_BANK if finding.surplus_minor > 0 else AccountKind.OWN_BANK
    return Journal(
        id=JournalId(finding.id),
        event=f"reconciliation_{finding.kind.value}",
        transfers=(
            Transfer(
                debit=_platform(kind, finding),
                credit=_platform(AccountKind.SUSPENSE, finding),
                amount=finding.suspense_minor,
            ),
        ),
        effective_date=day,
        reference=finding.id,
    )


def out_of_suspense(finding: ReconciliationItem, target: Account, day: date, brought_by: UUID | None = None) -> Journal:
    """All that is left of a finding in suspense, to where it belongs; ``brought_by`` is what reopened it, if any."""
    return Journal(
        id=JournalId(uuid7()),
        event="reconciliation_resolved",
        transfers=(
            Transfer(debit=_platform(AccountKind.SUSPENSE, finding), credit=target, amount=finding.remaining_minor),
        ),
        effective_date=day,
        reference=finding.id,
        reverses=JournalId(brought_by or finding.id),
    )


def reopened(finding: ReconciliationItem, day: date) -> Journal:
    """The whole of a finding that was resolved, back into suspense."""
    bank, suspense = _platform(AccountKind.CLIENT_BANK, finding), _platform(AccountKind.SUSPENSE, finding)
    transfer = Transfer(debit=bank, credit=suspense, amount=finding.suspense_minor)
    return Journal(JournalId(uuid7()), "reconciliation_reopened", (transfer,), day, finding.id)


def arrived(finding: ReconciliationItem) -> Account:
    """Where the suspense of a missing payment came from: it goes back there when the payment comes."""
    return _platform(AccountKind.CLIENT_BANK if finding.surplus_minor > 0 else AccountKind.OWN_BANK, finding)


def _target(finding: ReconciliationItem, resolution: Resolution) -> Account:
    surplus = finding.surplus_minor > 0
    if surplus and resolution is Resolution.RETURNED:
        return _platform(AccountKind.CLIENT_BANK, finding)
    if surplus and resolution is Resolution.CREDITED and finding.account.startswith("wallet:"):
        return wallet(UUID(finding.account.removeprefix("wallet:")), finding.currency)
    if not surplus and resolution is Resolution.CORRECTED:
        return _platform(AccountKind.OWN_BANK, finding)
    if not surplus and resolution is Resolution.COVERED:
        return _platform(AccountKind.CLIENT_BANK, finding)
    raise WrongResolution(kind=finding.kind.value, resolution=resolution.value)


async def open_findings(connection: Connection, after: UUID | None, limit: int) -> Sequence[ReconciliationItem]:
    """What is not resolved yet, oldest first."""
    return await store.open_items(connection, after, limit)


__all__ = ["open_findings", "resolve"]
