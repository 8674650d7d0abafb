"""The ledger as staff read it: trial balance, any account's statement over any dates, the head of the chain."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response

from halfpenny import identity, ledger
from halfpenny.backoffice import errors
from halfpenny.backoffice.general_ledger import general_ledger_csv
from halfpenny.identity import Permission, requires
from halfpenny.ledger import Account, AccountKind
from halfpenny.platform.http import AppDatabase, CurrencyText
from halfpenny.primitives.money import Currency, format_minor

router = APIRouter(prefix="/ledger", tags=["backoffice"])
LONGEST_EXPORT_DAYS = 366


@router.get("/trial-balance", dependencies=[requires(Permission.LEDGER_READ)])
async def trial_balance(_: identity.SignedIn, database: AppDatabase) -> dict[str, Any]:
    """All accounts by kind and currency. In each currency debits equal credits."""
    async with database.reading() as connection:
        lines = await ledger.trial_balance(connection)
    return {
        "lines": [
            {
                "kind": line.kind.value,
                "currency": line.currency.value,
                "debits": format_minor(line.debits),
                "credits": format_minor(line.credits),
                "accounts": line.accounts,
            }
            for line in lines
        ],
        "totals": [
            {
                "currency": currency.value,
                "debits": format_minor(sum(line.debits for line in lines if line.currency is currency)),
                "credits": format_minor(sum(line.credits for line in lines if line.currency is currency)),
            }
            for currency in sorted({line.currency for line in lines}, key=list(Currency).index)
        ],
    }


@router.get("/accounts/{kind}/{currency}/statement", dependencies=[requires(Permission.LEDGER_READ)])
async def statement(
    kind: AccountKind,
    currency: CurrencyText,
    _: identity.SignedIn,
    database: AppDatabase,
    first: Annotated[date, Query(description="The first business date.")],
    last: Annotated[date, Query(description="The last business date, included.")],
    owner_id: Annotated[UUID | None, Query(description="A person or a loan; left out for the platform's own.")] = None,
) -> dict[str, Any]:
    """Every movement of an account that took effect in the days given, with the balances before and after.

    422 ``statement_backwards`` where the last day is before the first.
    """
    if last < first:
        raise errors.StatementBackwards()
    async with database.reading() as connection:
        found = await ledger.statement(connection, Account(kind, owner_id, currency), first, last)
    return {
        "account": {"kind": kind.value, "owner_id": str(owner_id) if owner_id else None, "currency": currency.value},
        "first": first.isoformat(),
        "last": last.isoformat(),
        "opening": format_minor(found.opening),
        "closing": format_minor(found.closing),
        "entries": [
            {
                "journal_id": str(entry.journal_id),
                "event": entry.event,
                "counterparty": entry.counterparty.value,
                "amount": format_minor(entry.amount),
                "effective_date": entry.effective_date.isoformat(),
                "recorded_at": entry.recorded_at.isoformat(),
            }
            for entry in found.entries
        ],
    }


@router.get(
    "/general-ledger.csv",
    dependencies=[requires(Permission.LEDGER_READ)],
    response_class=Response,
    responses={200: {"content": {"text/csv": {}}, "description": "The rows, with their names first."}},
)
async def general_ledger(
    _: identity.SignedIn,
    database: AppDatabase,
    first: Annotated[date, Query(description="The first business date.")],
    last: Annotated[date, Query(description="The last business date, included.")],
) -> Response:
    """The general ledger for an accounting system: each account by day and event, with opening and closing balances.

    ``balance`` is debits less credits after the row. In each currency the debits of a day equal its credits, and the
    opening and closing balances add up to zero. 422 ``statement_backwards``, and ``period_too_long`` above 366 days.
    """
    if last < first:
        raise errors.StatementBackwards()
    if (last - first).days >= LONGEST_EXPORT_DAYS:
        raise errors.PeriodTooLong(days=LONGEST_EXPORT_DAYS)
    async with database.reading() as connection:
        found = await ledger.general_ledger(connection, first, last)
    headers = {"content-disposition": f'attachment; filename="general-ledger-{first}-{last}.csv"'}
    return Response(general_ledger_csv(found, first, last), media_type="text/csv; charset=utf-8", headers=headers)


@router.get("/chain-head", dependencies=[requires(Permission.LEDGER_READ)])
async def chain_head(_: identity.SignedIn, database: AppDatabase) -> dict[str, Any]:
    """The newest seal over the transfers: keep it elsewhere, and history cannot be rewritten unseen."""
    async with database.reading() as connection:
        segments, digest = await ledger.chain_head(connection)
    return {"segments": segments, "sha256": digest}
