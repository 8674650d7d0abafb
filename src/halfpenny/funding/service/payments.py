"""Money in and out of wallets. A request is accepted at once and settled when the bank has answered."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID, uuid5

from halfpenny import ledger
from halfpenny.funding import bank, events
from halfpenny.funding.model import WalletPayment
from halfpenny.funding.service.tickets import wallet
from halfpenny.funding.statuses import PaymentDirection, PaymentStatus
from halfpenny.funding.store import payments as store
from halfpenny.ledger import Account, AccountKind, Hold, Journal, Transfer
from halfpenny.platform import outbox
from halfpenny.platform.clock import business_now, market_date
from halfpenny.platform.database import Connection, Database
from halfpenny.primitives.ids import JournalId, UserId, uuid7
from halfpenny.primitives.money import Currency, Money

_SETTLEMENT_BATCH_SIZE = 200


async def request_deposit(connection: Connection, user_id: UserId, amount: Money) -> WalletPayment:
    """Announce money that the bank is to bring; the wallet moves when it has arrived."""
    payment = await _payment(connection, user_id, PaymentDirection.DEPOSIT, amount)
    await store.insert(connection, payment)
    return payment


async def request_withdrawal(connection: Connection, user_id: UserId, amount: Money) -> WalletPayment:
    """Reserve the amount at once, so that it cannot be spent twice. Raises InsufficientAvailable."""
    payment = await _payment(connection, user_id, PaymentDirection.WITHDRAWAL, amount)
    currency = amount.currency
    await ledger.hold(
        connection,
        Hold(
            id=payment.id,
            event="withdraw",
            debit=wallet(user_id, currency.value),
            credit=Account(AccountKind.PAYOUTS_IN_TRANSIT, None, currency),
            amount=amount.minor,
            reference=payment.id,
        ),
    )
    await store.insert(connection, payment)
    return payment


async def _payment(
    connection: Connection, user_id: UserId, direction: PaymentDirection, amount: Money
) -> WalletPayment:
    now = await business_now(connection)
    return WalletPayment(uuid7(), user_id, direction, amount.minor, amount.currency.value, PaymentStatus.PENDING, now)


async def settle_payments(database: Database) -> int:
    """Hand what is under way to the bank and post its answers; returns how many payments ended.

    A job of the worker, twice a second. Several may run: each payment is locked by one of them.
    """
    async with database.unit_of_work() as connection:
        return await settle_pending(connection)


async def settle_pending(connection: Connection, limit: int = _SETTLEMENT_BATCH_SIZE) -> int:
    """The same for the oldest payments under way, in the caller's transaction."""
    pending = await store.lock_pending(connection, limit)
    if not pending:
        return 0
    made = await bank.make_payments(connection, [_instruction(payment) for payment in pending])
    now = await business_now(connection)
    settled = [payment for payment in pending if payment.id.hex in made]
    returned = [payment for payment in pending if payment.id.hex not in made]
    await _post_settled(connection, settled, returned, market_date(now))
    await _end(connection, settled, PaymentStatus.SETTLED, now)
    await _end(connection, returned, PaymentStatus.RETURNED, now)
    return len(pending)


def _instruction(payment: WalletPayment) -> bank.Instruction:
    return bank.Instruction(
        end_to_end_id=payment.id.hex,
        direction=bank.CashDirection.IN if payment.direction is PaymentDirection.DEPOSIT else bank.CashDirection.OUT,
        amount_minor=payment.amount_minor,
        currency=payment.currency,
    )


async def _post_settled(
    connection: Connection, settled: list[WalletPayment], returned: list[WalletPayment], today: date
) -> None:
    currencies = {payment.currency for payment in settled + returned}
    # All accounts of the batch at once: after this no call below waits for a lock.
    await ledger.lock(
        connection,
        [wallet(payment.user_id, payment.currency) for payment in settled + returned]
        + [
            _platform(kind, c) for kind in (AccountKind.CLIENT_BANK, AccountKind.PAYOUTS_IN_TRANSIT) for c in currencies
        ],
    )
    await ledger.post_many(
        connection,
        [deposit_journal(payment, today) for payment in settled if payment.direction is PaymentDirection.DEPOSIT],
    )
    out = [payment for payment in settled if payment.direction is PaymentDirection.WITHDRAWAL]
    for payment in out:
        await ledger.settle(connection, payment.id, JournalId(payment.id), today)
    await ledger.post_many(connection, [payout_journal(payment, today) for payment in out])
    for payment in returned:
        await ledger.void(connection, payment.id)


async def _end(connection: Connection, payments: list[WalletPayment], status: PaymentStatus, now: datetime) -> None:
    if not payments:
        return
    await store.end(connection, [payment.id for payment in payments], status, now)
    await outbox.append_many(
        connection,
        [
            events.payment(
                f"{payment.direction}.{status}",
                payment.id,
                payment.user_id,
                payment.amount_minor,
                payment.currency,
            )
            for payment in payments
        ],
    )


def _platform(kind: AccountKind, currency: str) -> Account:
    return Account(kind, None, Currency(currency))


def deposit_journal(payment: WalletPayment, day: date) -> Journal:
    """client_bank to wallet, under the payment's own id."""
    return Journal(
        id=JournalId(payment.id),
        event="deposit",
        transfers=(
            Transfer(
                debit=_platform(AccountKind.CLIENT_BANK, payment.currency),
                credit=wallet(payment.user_id, payment.currency),
                amount=payment.amount_minor,
            ),
        ),
        effective_date=day,
        reference=payment.id,
    )


def payout_journal(payment: WalletPayment, day: date) -> Journal:
    """payouts_in_transit to client_bank: the bank has paid the withdrawal."""
    return Journal(
        id=payout_id(payment.id),
        event="payout",
        transfers=(
            Transfer(
                debit=_platform(AccountKind.PAYOUTS_IN_TRANSIT, payment.currency),
                credit=_platform(AccountKind.CLIENT_BANK, payment.currency),
                amount=payment.amount_minor,
            ),
        ),
        effective_date=day,
        reference=payment.id,
    )


def payout_id(payment_id: UUID) -> JournalId:
    return JournalId(uuid5(payment_id, "payout"))
