"""Accounts, transfers, journals: what is posted to the ledger. Amounts are whole minor units of one currency."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from functools import lru_cache
from hashlib import sha256
from uuid import UUID

from halfpenny.ledger.errors import EmptyJournal
from halfpenny.primitives.ids import AccountId, JournalId
from halfpenny.primitives.money import Currency


class AccountKind(StrEnum):
    """The chart of accounts. ``owner_id`` of an account is a user, a loan, or nobody (the platform)."""

    CLIENT_BANK = "client_bank"
    OWN_BANK = "own_bank"
    WALLET = "wallet"
    ESCROW = "escrow"
    FEE_INCOME = "fee_income"
    INTEREST_RESERVE = "interest_reserve"
    LOAN_RECEIVABLE = "loan_receivable"
    INVESTOR_CLAIMS = "investor_claims"
    COLLECTIONS = "collections"
    DISTRIBUTION_PAYABLE = "distribution_payable"
    TAX_PAYABLE = "tax_payable"
    DEFAULT_INCOME = "default_income"
    RECOVERY_ADVANCE = "recovery_advance"
    ADVANCE_PAYMENTS = "advance_payments"
    OVERPAID_DISTRIBUTION = "overpaid_distribution"
    SUSPENSE = "suspense"
    PAYOUTS_IN_TRANSIT = "payouts_in_transit"


# What we own or are owed stands on the debit side; everything else is owed to somebody or earned.
DEBIT_NORMAL = frozenset(
    {
        AccountKind.CLIENT_BANK,
        AccountKind.OWN_BANK,
        AccountKind.LOAN_RECEIVABLE,
        AccountKind.RECOVERY_ADVANCE,
        AccountKind.OVERPAID_DISTRIBUTION,
    }
)


@lru_cache(maxsize=65_536)
def account_id(kind: AccountKind, owner_id: UUID | None, currency: Currency) -> AccountId:
    """The id follows from what the account is, so that posting needs no lookup.

    A UUIDv8 of SHA-256, which the database computes too (``account_id_of``): no account opens with another id.
    """
    digest = sha256(f"{kind}:{owner_id or '-'}:{currency}".encode()).hexdigest()
    return AccountId(UUID(f"{digest[:12]}8{digest[13:16]}8{digest[17:32]}"))


@dataclass(frozen=True, slots=True)
class Account:
    """One account of the chart; it opens by itself with its first transfer."""

    kind: AccountKind
    owner_id: UUID | None
    currency: Currency

    @property
    def id(self) -> AccountId:
        return account_id(self.kind, self.owner_id, self.currency)


@dataclass(frozen=True, slots=True)
class Transfer:
    """``amount`` > 0 moves from the credit side of ``debit`` to the credit side of ``credit``.

    Written as a lender reads the chart: a wallet pays an escrow with debit=wallet, credit=escrow.
    """

    debit: Account
    credit: Account
    amount: int


@dataclass(frozen=True, slots=True)
class Journal:
    """The transfers of one event; posted whole or not at all, and once however often it is posted.

    ``reference`` names what the event is about (a loan, an investment, a withdrawal);
    ``reverses`` names the journal that this one takes back.
    """

    id: JournalId
    event: str
    transfers: tuple[Transfer, ...]
    effective_date: date
    reference: UUID | None = None
    reverses: JournalId | None = None

    def __post_init__(self) -> None:
        if not self.transfers or any(transfer.amount <= 0 for transfer in self.transfers):
            raise EmptyJournal(event=self.event)


@dataclass(frozen=True, slots=True)
class Balance:
    """What stands on an account, on its normal side, in minor units.

    ``posted`` is booked; ``pending`` is promised to leave; ``available`` is what may still be spent.
    """

    posted: int
    pending: int
    version: int = 0

    @property
    def available(self) -> int:
        return self.posted - self.pending


@dataclass(frozen=True, slots=True)
class Entry:
    """One transfer as seen from one account: ``amount`` is positive when the balance rose."""

    version: int
    journal_id: JournalId
    event: str
    reference: UUID | None
    counterparty: AccountKind
    amount: int
    balance: int
    effective_date: date
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Leg:
    """One side of a transfer: ``version`` counts the legs of ``account_id``, from 1."""

    account_id: UUID
    version: int
    journal_id: UUID
    ordinal: int
    recorded_at: datetime
    debit_account_id: UUID
    credit_account_id: UUID


# Where a page of an owner's transfers ended: for each of their accounts the version below which the next one begins.
TransfersBefore = Mapping[tuple[AccountKind, Currency], int]


def merge_newest(legs: Sequence[Leg], below: Mapping[UUID, int], limit: int) -> Iterator[tuple[Leg, dict[UUID, int]]]:
    """K-way merge of accounts' legs, newest first: up to ``limit`` transfers, each once, and the bounds after each.

    ``legs`` are the ``limit`` latest of each account whose version is below its bound in ``below``. A transfer comes
    when it is next on every account of these that it touches, so the order of each account is kept whatever the clock
    did, and the bounds (the versions that have been passed) say exactly where the next page goes on.
    """
    queues = {account_id: deque[Leg]() for account_id in below}
    for leg in sorted(legs, key=lambda leg: -leg.version):
        queues[leg.account_id].append(leg)
    bounds = dict(below)
    for _ in range(limit):
        heads = {account_id: queue[0] for account_id, queue in queues.items() if queue}
        ready = [
            leg
            for leg in heads.values()
            if all(
                (heads[side].journal_id, heads[side].ordinal) == (leg.journal_id, leg.ordinal)
                for side in (leg.debit_account_id, leg.credit_account_id)
                if side in heads
            )
        ]
        if not ready:
            return
        newest = max(ready, key=lambda leg: (leg.recorded_at, leg.journal_id, leg.ordinal))
        for side in {newest.debit_account_id, newest.credit_account_id} & heads.keys():
            bounds[side] = queues[side].popleft().version
        yield newest, dict(bounds)


@dataclass(frozen=True, slots=True)
class Hold:
    """A pending transfer: reserved on ``debit`` until it is settled or voided."""

    id: UUID
    event: str
    debit: Account
    credit: Account
    amount: int
    reference: UUID | None = None


@dataclass(frozen=True, slots=True)
class AccountStatement:
    """An account over business dates ``first`` to ``last``, both included, in minor units."""

    account: Account
    first: date
    last: date
    opening: int
    closing: int
    entries: list[Entry] = field(default_factory=list)
