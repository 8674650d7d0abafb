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
from halfpenny.platform.clock import business_date, business_now, market_date
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
    # Nothing stands in suspense for a payment that was only late: it is resolved in any way.
    target = _target(finding, resolution) if finding.remaining_minor else arrived(finding)
    await release(connection, finding, target, administrator)
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


async def release(
    connection: Connection,
    finding: ReconciliationItem,
    target: Account,
    by: UUID | None,
    *,
    journal_id: UUID | None = None,
) -> None:
    """All that is left of a finding goes from suspense to where it belongs, and the finding is resolved.

    ``journal_id`` is the journal's where it may have to be taken back (``take_back_release``). Callers hold the bank's
    lock.
    """
    now = await business_now(connection)
    if finding.remaining_minor:
        out = Transfer(_platform(AccountKind.SUSPENSE, finding), target, finding.remaining_minor)
        await ledger.post(
            connection,
            Journal(
                id=JournalId(journal_id or uuid7()),
                event="reconciliation_resolved",
                transfers=(out,),
                effective_date=market_date(now),
                reference=finding.id,
                reverses=JournalId(finding.id),
            ),
        )
    await store.resolve(connection, finding, by, now, finding.remaining_minor)


async def take_back_release(
    connection: Connection, finding: ReconciliationItem, amount_minor: int, released_by: UUID
) -> None:
    """What the journal ``released_by`` moved to the bank stands in suspense again. Callers hold the bank's lock."""
    back = Transfer(_platform(AccountKind.CLIENT_BANK, finding), _platform(AccountKind.SUSPENSE, finding), amount_minor)
    await ledger.post(
        connection,
        Journal(
            id=JournalId(uuid7()),
            event="reconciliation_reopened",
            transfers=(back,),
            effective_date=await business_date(connection),
            reference=finding.id,
            reverses=JournalId(released_by),
        ),
    )
    await store.reopen(connection, finding, amount_minor)


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
