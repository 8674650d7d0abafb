"""Reconciliation: take a statement, list what does not agree, keep the difference in suspense, resolve it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from uuid import UUID, uuid5

from halfpenny import ledger
from halfpenny.funding import bank
from halfpenny.funding.errors import FindingUnknown, WrongResolution
from halfpenny.funding.reconciliation import (
    MismatchKind,
    ReconciliationItem,
    Resolution,
    match,
    payment_references,
)
from halfpenny.funding.service.tickets import wallet
from halfpenny.funding.store import payments as payment_store
from halfpenny.funding.store import reconciliation as store
from halfpenny.ledger import Account, AccountKind, Journal, Transfer
from halfpenny.platform import audit
from halfpenny.platform.clock import MARKET_ZONE, business_now
from halfpenny.platform.database import Connection, Database
from halfpenny.primitives.ids import JournalId, UserId, uuid7
from halfpenny.primitives.money import Currency


async def reconcile(connection: Connection, document: bytes) -> list[ReconciliationItem]:
    """Read one camt.053 statement and match it. The same statement again finds nothing new.

    Raises MalformedStatement. A payment that was missing and has now come releases its suspense.
    """
    statement = bank.read_statement(document)
    now = await business_now(connection)
    statement_id = uuid7()
    if not await store.insert_statement(connection, statement_id, statement, now):
        return []
    start = datetime.combine(statement.day, time(), MARKET_ZONE)
    ours = await store.settled_between(connection, statement.currency, start, start + timedelta(days=1))
    named = await payment_store.settled(connection, payment_references(statement))
    settled_on = {payment.id.hex: day.astimezone(MARKET_ZONE).date() for payment, day in named}
    settled_on |= {payment.id.hex: statement.day for payment in ours}
    payments = {payment.id.hex: payment for payment in [*(payment for payment, _ in named), *ours]}
    references = [line.end_to_end_id for line in statement.lines]
    seen = await store.known_lines(connection, statement.currency, references)
    await store.insert_lines(connection, statement_id, statement.currency, statement.lines)
    kinds = (AccountKind.CLIENT_BANK, AccountKind.OWN_BANK, AccountKind.SUSPENSE)
    await ledger.lock(connection, [Account(kind, None, Currency(statement.currency)) for kind in kinds])
    findings = match(statement, payments, settled_on, frozenset(seen))
    today = now.astimezone(MARKET_ZONE).date()
    await ledger.post_many(connection, [_to_suspense(one, today) for one in findings if one.suspense_minor])
    await store.insert_findings(connection, statement_id, findings, now)
    for missing in await store.missing_items(connection, statement.currency, references):
        await ledger.post(connection, _out_of_suspense(missing, _arrived(missing), today))
        await store.resolve(connection, missing.id, None, now)
    return findings


async def resolve(
    connection: Connection, administrator: UserId, finding_id: UUID, resolution: Resolution
) -> ReconciliationItem:
    """End one finding and empty its suspense. Raises FindingUnknown, WrongResolution."""
    finding = await store.lock_item(connection, finding_id)
    if finding is None:
        raise FindingUnknown()
    now = await business_now(connection)
    if finding.suspense_minor:
        target = _target(finding, resolution)
        await ledger.post(connection, _out_of_suspense(finding, target, now.astimezone(MARKET_ZONE).date()))
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


async def reconcile_day(database: Database, day: date) -> int:
    """Fetch the sandbox bank's statements of a day in every currency and match them; returns the findings."""
    found = 0
    for currency in Currency:
        async with database.unit_of_work() as connection:
            statement = await bank.print_statement(connection, currency.value, day)
            found += len(await reconcile(connection, bank.write_statement(statement)))
    return found


async def reconcile_due(database: Database) -> int:
    """A job of the worker: match every finished day that has not been; returns the findings.

    A day's statement is complete when the day is over. The sandbox's clock may jump over several.
    """
    async with database.reading() as connection:
        today = (await business_now(connection)).astimezone(MARKET_ZONE).date()
        due = await store.days_without_statement(connection, today)
    found = 0
    for day in due:
        found += await reconcile_day(database, day)
    return found


def _platform(kind: AccountKind, finding: ReconciliationItem) -> Account:
    return Account(kind, None, Currency(finding.currency))


def _to_suspense(finding: ReconciliationItem, day: date) -> Journal:
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


def _out_of_suspense(finding: ReconciliationItem, target: Account, day: date) -> Journal:
    return Journal(
        id=JournalId(uuid5(finding.id, "resolved")),
        event="reconciliation_resolved",
        transfers=(
            Transfer(debit=_platform(AccountKind.SUSPENSE, finding), credit=target, amount=finding.suspense_minor),
        ),
        effective_date=day,
        reference=finding.id,
    )


def _arrived(finding: ReconciliationItem) -> Account:
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


__all__ = ["MismatchKind", "open_findings", "reconcile", "reconcile_day", "reconcile_due", "resolve"]
