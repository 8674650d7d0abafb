"""Take in statements: each account's in their order, whole or not at all, and what they bring only once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from uuid import UUID

from halfpenny import ledger
from halfpenny.funding import bank, errors, events
from halfpenny.funding.bank import BankStatement, CashDirection, StatementLine
from halfpenny.funding.model import WalletPayment
from halfpenny.funding.receipts import BankReceipt, match_receipts
from halfpenny.funding.reconciliation import (
    ReconciliationItem,
    SeenBefore,
    match,
    missing_receipt,
    payment_reference,
    payment_references,
)
from halfpenny.funding.service.reconciling import arrived, release, to_suspense
from halfpenny.funding.store import bank_receipts, reconciliation, statements
from halfpenny.funding.store import payments as payment_store
from halfpenny.funding.store.statements import ClientAccount
from halfpenny.ledger import Account, AccountKind
from halfpenny.platform import outbox
from halfpenny.platform.clock import MARKET_ZONE, business_now, market_date
from halfpenny.platform.database import Connection, Database
from halfpenny.primitives.ids import uuid7
from halfpenny.primitives.money import Currency, format_minor


@dataclass(frozen=True, slots=True)
class Handover:
    """Where statements come from: a file and the people behind it, or the sandbox bank itself (all None).

    ``accepted_by`` is the second person; only with one does a first statement open its account.
    """

    file_id: UUID | None = None
    received_by: UUID | None = None
    accepted_by: UUID | None = None

    @property
    def opens_accounts(self) -> bool:
        return self.accepted_by is not None or self.received_by is None


@dataclass
class _Opened:
    """One account while a file is taken in: several statements of it may follow each other."""

    account: ClientAccount | None
    findings: list[ReconciliationItem] = field(default_factory=list)


async def reconcile(
    connection: Connection, document: bytes, handover: Handover = Handover()
) -> list[ReconciliationItem]:
    """Read a camt.053 document and match its statements; one that was accepted before finds nothing new.

    Raises MalformedStatement, StatementOfAnotherAccount, StatementOfFuture, StatementOutOfOrder, OpeningBalanceDiffers,
    FirstStatement; nothing has changed then.
    """
    return await accept(connection, bank.read_statements(document), handover)


async def accept(
    connection: Connection, found: Sequence[BankStatement], handover: Handover
) -> list[ReconciliationItem]:
    """Accept statements that have been read, in their order. Raises as ``reconcile`` does."""
    now = await business_now(connection)
    opened: dict[str, _Opened] = {}
    for currency in await lock_currencies(connection, found):
        opened[currency] = _Opened(await statements.account_in(connection, currency))
    findings: list[ReconciliationItem] = []
    today = market_date(now)
    for statement in in_their_order(found):
        check_has_come(statement, today)
        standing = opened[statement.currency]
        if standing.account is None:
            if not handover.opens_accounts:
                raise errors.FirstStatement(account=statement.account, currency=statement.currency)
            standing.account = await statements.open_account(
                connection,
                statement.account,
                statement.currency,
                now,
                handover.received_by,
                handover.accepted_by,
            )
        check_account(standing.account, statement)
        if await statements.is_accepted(connection, standing.account.id, statement.digest):
            continue
        check_order(standing.account, statement)
        check_opening(standing.account, statement)
        findings += await _accept_one(connection, standing.account, statement, handover.file_id, now)
        standing.account = await statements.account_in(connection, statement.currency)
    return findings


async def lock_currencies(connection: Connection, found: Sequence[BankStatement]) -> list[str]:
    """The bank's lock for every currency of these statements, in their order. Raises StatementOfAnotherAccount."""
    currencies = sorted({statement.currency for statement in found})
    for statement in found:
        if statement.currency not in list(Currency):
            raise errors.StatementOfAnotherAccount(account=statement.account, currency=statement.currency)
    for currency in currencies:
        await statements.lock_bank(connection, currency)
    return currencies


def in_their_order(found: Sequence[BankStatement]) -> list[BankStatement]:
    """A bank's file may hold several days in any order."""
    return sorted(found, key=lambda statement: (statement.currency, statement.account, statement.day))


def check_account(account: ClientAccount, statement: BankStatement) -> None:
    """Raise StatementOfAnotherAccount unless the statement is of our account in its currency."""
    if account.account != statement.account:
        raise errors.StatementOfAnotherAccount(
            account=statement.account, currency=statement.currency, ours=account.account
        )


def check_has_come(statement: BankStatement, today: date) -> None:
    """Raise StatementOfFuture where it closes or books a day after ``today``, the business date."""
    if max([statement.day, *(line.booked_on for line in statement.lines)]) > today:
        raise errors.StatementOfFuture(
            account=statement.account, day=statement.day.isoformat(), business_date=today.isoformat()
        )


def check_order(account: ClientAccount, statement: BankStatement) -> None:
    """Raise StatementOutOfOrder where an account's days would run backwards; several of one day follow each other."""
    if account.stated_to is not None and statement.day < account.stated_to:
        raise errors.StatementOutOfOrder(
            account=account.account, day=statement.day.isoformat(), last_day=account.stated_to.isoformat()
        )


async def takes_two(connection: Connection, found: Sequence[BankStatement]) -> bool:
    """Whether a person who hands these in needs a second one.

    What the platform fetches from its bank is the bank's word; what a person hands in is theirs. So nobody alone takes
    in an account that has no statement yet, a credit that no payment of a wallet explains, or what cannot be read.
    """
    for statement in found:
        account = await statements.account_in(connection, statement.currency)
        if account is None or account.account != statement.account:
            return True
        if await statements.is_accepted(connection, account.id, statement.digest):
            continue
        _, settled = await payment_store.known(connection, payment_references(statement))
        ours = {(payment.id.hex, payment.amount_minor) for payment, _ in settled}
        for line in statement.lines:
            credit = line.direction is CashDirection.IN and (line.end_to_end_id, line.amount_minor) not in ours
            if credit or line.remark or line.booked_on > statement.day:
                return True
    return False


def check_opening(account: ClientAccount, statement: BankStatement) -> None:
    """Raise OpeningBalanceDiffers, with the days between, unless the statement goes on where the last one ended."""
    if account.closing_minor is None or account.stated_to is None or account.closing_minor == statement.opening_minor:
        return
    missing = account.stated_to + timedelta(days=1)
    starts = min((line.booked_on for line in statement.lines), default=statement.day)
    raise errors.OpeningBalanceDiffers(
        account=account.account,
        currency=account.currency,
        opening=format_minor(statement.opening_minor),
        expected=format_minor(account.closing_minor),
        last_day=account.stated_to.isoformat(),
        day=statement.day.isoformat(),
        missing_day=missing.isoformat() if missing < max(starts, statement.day) else None,
    )


async def _accept_one(
    connection: Connection, account: ClientAccount, statement: BankStatement, file_id: UUID | None, now: datetime
) -> list[ReconciliationItem]:
    seen = await statements.seen_before(connection, statement.currency, statement.lines)
    payments, settled = await payment_store.known(connection, payment_references(statement))
    receipts = await _match_receipts(connection, statement, payments)
    statement_id = await statements.insert_statement(connection, account, statement, now, file_id)
    kinds = (AccountKind.CLIENT_BANK, AccountKind.OWN_BANK, AccountKind.SUSPENSE)
    await ledger.lock(connection, [Account(kind, None, Currency(statement.currency)) for kind in kinds])
    in_the_books = frozenset(line_id for line_id, receipt in receipts.items() if receipt.in_the_books)
    findings = await _compare(connection, account, statement, settled, seen, in_the_books)
    today = market_date(now)
    arrivals = [receipt.id.hex for receipt in receipts.values()]
    for line_id, receipt in receipts.items():
        await bank_receipts.has_its_line(connection, receipt.id, line_id)
    findings += [
        missing_receipt(receipt)
        for receipt in await bank_receipts.posted_without_line(connection, statement.currency, statement.day)
    ]
    await ledger.post_many(connection, [to_suspense(one, today) for one in findings if one.suspense_minor])
    await reconciliation.insert_findings(connection, statement_id, findings, now)
    references = [*(line.end_to_end_id for line in statement.lines if line.end_to_end_id), *arrivals]
    for missing in await reconciliation.missing_items(connection, statement.currency, references):
        await release(connection, missing, arrived(missing), None)
    waiting = [(line_id, receipt) for line_id, receipt in receipts.items() if not receipt.in_the_books]
    await outbox.append_many(connection, [events.receipt_arrived(receipt, line_id) for line_id, receipt in waiting])
    return findings


async def _match_receipts(
    connection: Connection, statement: BankStatement, payments: frozenset[UUID]
) -> dict[UUID, BankReceipt]:
    """The announced receipts that these lines are, by line; a line that names one of our payments is none of them."""
    credits = [line for line in statement.lines if line.direction is CashDirection.IN]
    lines = [line for line in credits if payment_reference(line) not in payments]
    wanted = await bank_receipts.without_line(connection, statement.currency, [line.amount_minor for line in lines])
    return match_receipts(lines, wanted)


async def _compare(
    connection: Connection,
    account: ClientAccount,
    statement: BankStatement,
    named: Sequence[tuple[WalletPayment, datetime]],
    seen: SeenBefore,
    known_lines: frozenset[UUID],
) -> list[ReconciliationItem]:
    """Match with the payments that the lines name (``named``), and with those settled since the last statement."""
    first = account.stated_to + timedelta(days=1) if account.stated_to else statement.day
    start = datetime.combine(min(first, statement.day), time(), MARKET_ZONE)
    end = datetime.combine(statement.day + timedelta(days=1), time(), MARKET_ZONE)
    ours = await reconciliation.settled_between(connection, statement.currency, start, end)
    settled_on = {payment.id.hex: market_date(ended) for payment, ended in [*named, *ours]}
    payments: dict[str, WalletPayment] = {payment.id.hex: payment for payment, _ in [*named, *ours]}
    known = await reconciliation.known_missing(connection, statement.currency, [p.id.hex for p, _ in ours])
    findings = match(statement, payments, settled_on, seen, known_lines)
    return [one for one in findings if not (one.line_id is None and one.reference in known)]


async def take_file(connection: Connection, document: bytes, received_by: UUID) -> UUID:
    """Keep a document that somebody hands in, before anything is made of it; returns its id."""
    file_id = uuid7()
    await statements.insert_file(connection, file_id, document, await business_now(connection), received_by)
    return file_id


async def reconcile_day(database: Database, day: date) -> int:
    """Fetch the sandbox bank's statements of a day in every currency and match them; returns the findings."""
    found = 0
    for currency in Currency:
        found += await _reconcile_sandbox(database, currency, day)
    return found


async def reconcile_due(database: Database) -> int:
    """A job of the worker: match every finished day that has not been; returns the findings.

    A day's statement is complete when the day is over. The sandbox's clock may jump over several.
    """
    found = 0
    for currency in Currency:
        async with database.reading() as connection:
            account = await statements.account_in(connection, currency)
            today = market_date(await business_now(connection))
            due = await bank.days_with_entries(connection, currency, account.stated_to if account else None, today)
        for day in due:
            found += await _reconcile_sandbox(database, currency, day)
    return found


async def _reconcile_sandbox(database: Database, currency: Currency, day: date) -> int:
    async with database.unit_of_work() as connection:
        # Nothing is booked on the day any more once its statement is printed.
        await statements.lock_bank(connection, currency)
        account = await statements.account_in(connection, currency)
        if account is not None and (
            account.account != bank.CLIENT_ACCOUNTS[currency] or (account.stated_to or date.min) >= day
        ):
            return 0
        statement = await bank.print_statement(connection, currency, day)
        return len(await reconcile(connection, bank.write_statement(statement)))


async def pay_from_outside(connection: Connection, credit: bank.BankCredit) -> StatementLine:
    """Let the sandbox bank book a credit; the line that the day's statement will show. Raises DayOfCreditOver."""
    await statements.lock_bank(connection, credit.currency)
    account = await statements.account_in(connection, credit.currency)
    return await bank.pay_from_outside(connection, credit, account.stated_to if account else None)
