"""The act of taking in a statement: two people where it brings money that only whoever hands it in vouches for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from halfpenny.approvals import Act, ActRun, ObjectState, SecondPersonRule
from halfpenny.funding import bank, errors, views
from halfpenny.funding.service import statements
from halfpenny.funding.service.statements import Handover
from halfpenny.funding.store import statements as store
from halfpenny.identity import Permission
from halfpenny.platform import audit
from halfpenny.platform.clock import business_date
from halfpenny.platform.database import Connection
from halfpenny.primitives.ids import UserId
from halfpenny.primitives.money import Currency, format_minor

STATEMENT = "bank.statement"


@dataclass(frozen=True, slots=True)
class StatementFile:
    """The file that was handed in is the object itself: nothing else is proposed."""


async def _read(connection: Connection, file_id: UUID, _: StatementFile, lock: bool) -> ObjectState:
    """What the file says, beside where our accounts stand; worth nothing where one person may take it in."""
    found = await _statements(connection, file_id)
    if lock:
        await statements.lock_currencies(connection, found)
    standing: dict[str, Any] = {}
    for currency in sorted({statement.currency for statement in found} & set(Currency)):
        account = await store.account_in(connection, currency)
        standing[currency] = account and {
            "account": account.account,
            "stated_to": account.stated_to and account.stated_to.isoformat(),
        }
    shown = [
        {
            "account": statement.account,
            "currency": statement.currency,
            "day": statement.day.isoformat(),
            "opening": format_minor(statement.opening_minor),
            "closing": format_minor(statement.closing_minor),
            "lines": len(statement.lines),
            "credits": format_minor(sum(max(line.signed_minor, 0) for line in statement.lines)),
        }
        for statement in found
    ]
    facts = {"statements": shown, "our_accounts": standing}
    return ObjectState.of_facts(facts, worth_eur_minor=None if await statements.takes_two(connection, found) else 0)


async def _statements(connection: Connection, file_id: UUID) -> list[bank.BankStatement]:
    document = await store.file_of(connection, file_id)
    if document is None:
        raise errors.StatementFileUnknown()
    return bank.read_statements(document)


async def _bar(_: Connection, __: UserId, ___: UUID, ____: StatementFile) -> None:
    """Nobody has an interest in a whole statement; in what its lines pay for, their own acts ask."""


async def _check(connection: Connection, run: ActRun[StatementFile]) -> None:
    """Refuse before it is proposed what could not be accepted: another account, a day to come or gone, a balance."""
    today = await business_date(connection)
    checked: set[str] = set()
    for statement in statements.in_their_order(await _statements(connection, run.object_id)):
        statements.check_has_come(statement, today)
        account = await store.account_in(connection, statement.currency)
        if account is None:
            continue
        statements.check_account(account, statement)
        if await store.is_accepted(connection, account.id, statement.digest):
            continue
        statements.check_order(account, statement)
        # Those after an account's first follow each other, which accepting them checks.
        if account.account not in checked:
            checked.add(account.account)
            statements.check_opening(account, statement)


async def _accept(connection: Connection, run: ActRun[StatementFile]) -> dict[str, Any]:
    found = await _statements(connection, run.object_id)
    handover = Handover(run.object_id, run.proposed_by, run.approved_by)
    findings = await statements.accept(connection, found, handover)
    await audit.record(
        connection,
        run.proposed_by,
        "reconciliation.statement",
        "statement_file",
        run.object_id,
        {"days": [f"{each.account} {each.day.isoformat()}" for each in found], "findings": len(findings)},
    )
    return {"findings": [views.finding(one) for one in findings]}


def bank_acts() -> list[Act[Any]]:
    """The acts of the bank's side, whatever the settings say."""
    return [
        Act(
            name=STATEMENT,
            subject="statement_file",
            payload=StatementFile,
            proposed_with=Permission.BANK_BOOK,
            approved_with=Permission.BANK_APPROVE,
            read=_read,
            bar=_bar,
            check=_check,
            run=_accept,
            # Nothing is above zero but what nobody else vouches for.
            rule=SecondPersonRule(above_eur_minor=0),
        )
    ]
