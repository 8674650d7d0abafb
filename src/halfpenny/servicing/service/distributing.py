"""Paying investors: share a declared distribution over the holdings, then pay it in chunks that can be resumed.

Declaring happens with the receipt, in one transaction, and moves the money to the loan's payable account. The rest
needs no lock on the loan and so no borrower and no investor waits for it; a crash between chunks loses nothing,
because what has been paid is marked in the transaction that pays it.
"""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from halfpenny import ledger
from halfpenny.ledger import Account, AccountKind, Journal, Transfer
from halfpenny.platform import outbox
from halfpenny.platform.database import Connection, Database, Record
from halfpenny.platform.http import page
from halfpenny.primitives.ids import JournalId, uuid7
from halfpenny.primitives.money import Currency, format_minor
from halfpenny.servicing import errors, events
from halfpenny.servicing.service import proving
from halfpenny.servicing.statuses import DistributionStatus
from halfpenny.servicing.store import distributions, serviced_loans

CHUNK = 2_000
_PARTS = ("principal", "interest", "default_interest", "recovered")


async def pay_distributions(database: Database, limit: int = 100, chunk: int = CHUNK) -> int:
    """Pay what is declared, one distribution of each loan at a time and in their order; returns shares paid."""
    paid = 0
    while True:
        async with database.reading() as connection:
            waiting = await distributions.next_unfinished(connection, limit)
        if not waiting:
            return paid
        for row in waiting:
            paid += await pay_distribution(database, row["id"], chunk)


async def pay_distribution(database: Database, distribution_id: UUID, chunk: int = CHUNK) -> int:
    """Share out and pay one distribution to the end; picking it up after a crash is the same call."""
    paid = 0
    while True:
        async with database.unit_of_work() as connection:
            row = await distributions.lock(connection, distribution_id)
            if row is None or row["status"] == DistributionStatus.PAID:
                return paid
            if row["status"] == DistributionStatus.DECLARED:
                await share(connection, row["id"])
                continue
            shares = await distributions.pay_chunk(
                connection, distribution_id, row["loan_id"], Currency(row["currency"]), chunk
            )
            if shares < chunk:
                await outbox.append_many(connection, [events.distribution_paid(row["loan_id"], distribution_id)])
            paid += shares


async def share(connection: Connection, distribution_id: UUID) -> None:
    """Write down everybody's share; the principal in it stops being owed and claimed in the same moment."""
    row = await distributions.get(connection, distribution_id)
    if row is None:
        raise errors.UnknownDistribution()
    await distributions.share_out(connection, distribution_id)
    if row["principal_minor"]:
        currency = Currency(row["currency"])
        repaid = Transfer(
            Account(AccountKind.INVESTOR_CLAIMS, row["loan_id"], currency),
            Account(AccountKind.LOAN_RECEIVABLE, row["loan_id"], currency),
            row["principal_minor"],
        )
        await ledger.post(
            connection,
            Journal(JournalId(uuid7()), "principal_repaid", (repaid,), row["effective_date"], row["loan_id"]),
        )


async def share_all(connection: Connection, loan_id: UUID) -> None:
    """Share out everything that is declared for a loan, inside the caller's transaction."""
    for row in await distributions.unshared_of_loan(connection, loan_id):
        await share(connection, row["id"])


async def proof(
    connection: Connection, distribution_id: UUID, investor_id: UUID | None, after: UUID | None, limit: int
) -> dict[str, Any]:
    """The proof of a distribution: its receipts, the waterfall they came through, and how each share was worked out.

    ``investor_id`` limits the shares to one investor's; None shows all, a page of at most ``limit`` with the cursor
    of the next. Raises UnknownDistribution.
    """
    row = await distributions.get(connection, distribution_id)
    if row is None:
        raise errors.UnknownDistribution()
    if investor_id is None:
        shares = await distributions.shares(connection, distribution_id, after, limit + 1)
    else:
        own = await distributions.share_of(connection, distribution_id, investor_id)
        if own is None:
            raise errors.UnknownDistribution()
        shares = [own]
    serviced = await serviced_loans.find(connection, row["loan_id"])
    receipts = (
        await proving.receipts_of(connection, serviced, row, payers_in_full=investor_id is None) if serviced else []
    )
    total = sum(row[f"{part}_minor"] for part in _PARTS)
    shown = page(shares, limit, lambda share: (share["position_id"],), _share)
    return {
        "id": str(row["id"]),
        "loan_id": str(row["loan_id"]),
        "number": row["number"],
        "currency": row["currency"],
        "effective_date": _iso(row["effective_date"]),
        "status": row["status"],
        "correction": row["correction"],
        "receipts": receipts,
        "waterfall": serviced.terms.waterfall if serviced else None,
        "money_in": {"total": format_minor(total)} | {p: format_minor(row[f"{p}_minor"]) for p in _PARTS},
        "rule": {
            "principal": "by outstanding principal",
            "interest": "by principal times days held since interest was last shared",
            "default_interest": "by outstanding principal",
            "recovered": "by the loss not yet made good",
            "rounding": "largest remainder to the cent, ties by position id",
            "correction": "what the whole loan should have brought by now, shared out again, less what it has",
            "netted": "what was had too much before is taken from the share; below zero, it is had too much now",
        },
        "money_out": shown["items"],
        "next_cursor": shown["next_cursor"],
    }


def _share(share: Record) -> dict[str, Any]:
    return {
        "position_id": str(share["position_id"]),
        "weight_principal": format_minor(share["weight_principal"]),
        "weight_interest": str(share["weight_interest"]),
        **{part: format_minor(share[f"{part}_minor"]) for part in _PARTS},
        "withheld": format_minor(share["withheld_minor"]),
        "netted": format_minor(share["netted_minor"]),
        "paid": format_minor(distributions.paid_minor(share)),
        "journal_id": str(share["journal_id"]),
    }


def _iso(day: date) -> str:
    return day.isoformat()
