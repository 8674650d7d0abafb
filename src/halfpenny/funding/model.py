"""What may be invested: pure rules over a batch of tickets, decided one after the other in arrival order.

Nothing here reads a clock or a database. The desk loads a ``BatchState`` under locks, ``decide`` answers every
ticket, and the same answers come out when the tickets are decided one at a time: a test holds that.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from halfpenny.funding.errors import (
    AboveMaximum,
    BelowMinimum,
    ExceedsRemaining,
    LoanFullyFunded,
    LoanNotOpen,
    NotAMultiple,
    NotRevocable,
    ReflectionOver,
)
from halfpenny.funding.statuses import InvestmentStatus, PaymentDirection, PaymentStatus, WaitingStatus
from halfpenny.identity import EmailUnverified, KycRequired, WrongRole
from halfpenny.ledger import InsufficientAvailable
from halfpenny.loans import FundingStatus, LoanNotFound, SelfDealing
from halfpenny.platform.idempotency import IdempotencyKeyInUse, IdempotencyKeyReused
from halfpenny.primitives.errors import HalfpennyError
from halfpenny.primitives.ids import uuid7_of, whole_milliseconds
from halfpenny.primitives.money import CurrencyMismatch, format_minor

# EU 2020/1503 article 22: a non-sophisticated investor may change their mind for four calendar days.
REFLECTION_DAYS = 4
MILESTONES_PERCENT = (25, 50, 75, 100)
# The statuses of a loan's funding row that matter here; every other one is closed to investors.
OPEN, FULL = FundingStatus.OPEN, FundingStatus.FULL


@dataclass(frozen=True, slots=True)
class Ticket:
    """One request to invest. The investment that it becomes gets its id when it is accepted."""

    loan_id: UUID
    investor_id: UUID
    amount_minor: int
    currency: str
    key: str
    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class InvestmentConfirmation:
    """The answer to an accepted ticket, stored with the investment and repeated for the same key."""

    investment_id: UUID
    loan_id: UUID
    investor_id: UUID
    amount_minor: int
    currency: str
    revocable_until: datetime | None
    target_minor: int
    funded_minor: int
    investors: int
    version: int


@dataclass(frozen=True, slots=True)
class AcceptedTicket:
    """Accepted now. ``first`` means that the investor had nothing in this loan before."""

    answer: InvestmentConfirmation
    first: bool


@dataclass(frozen=True, slots=True)
class RepeatedTicket:
    """The same key and the same request as before: the stored answer, nothing new."""

    answer: InvestmentConfirmation


Decision = AcceptedTicket | RepeatedTicket | HalfpennyError


@dataclass(slots=True)
class LoanState:
    """The hot part of a loan, as it moves while a batch is decided. Amounts in minor units.

    ``maximum_minor`` is what one investor may hold in the loan at most, None for no limit.
    """

    loan_id: UUID
    borrower_id: UUID
    currency: str
    status: FundingStatus
    target_minor: int
    funded_minor: int
    investors: int
    version: int
    deadline: datetime
    minimum_minor: int = 5_000
    step_minor: int = 1
    maximum_minor: int | None = None


@dataclass(frozen=True, slots=True)
class InvestorFacts:
    """What identity knows about who asks. ``staff`` may never invest."""

    investor: bool
    staff: bool
    email_verified: bool
    kyc_passed: bool
    sophisticated: bool


@dataclass(slots=True)
class BatchState:
    """Everything that a batch is decided by, read under locks; ``decide`` moves it forward ticket by ticket.

    ``loans`` holds loans that have been offered; whether any other exists is not disclosed.
    ``positions`` is what an investor already has in a loan, ``available`` what a wallet may spend (minor).
    ``used_keys`` were used for something else than a ticket, ``claimed_keys`` are just being claimed for it.
    """

    now: datetime
    zone: ZoneInfo
    loans: dict[UUID, LoanState]
    investors: dict[UUID, InvestorFacts]
    related: frozenset[tuple[UUID, UUID]] = frozenset()
    positions: dict[tuple[UUID, UUID], int] = field(default_factory=dict)
    available: dict[tuple[UUID, str], int] = field(default_factory=dict)
    stored: dict[tuple[UUID, str], tuple[bytes, InvestmentConfirmation]] = field(default_factory=dict)
    used_keys: frozenset[tuple[UUID, str]] = frozenset()
    claimed_keys: frozenset[tuple[UUID, str]] = frozenset()


def decide(state: BatchState, tickets: Iterable[Ticket]) -> list[Decision]:
    """Answer every ticket in the order given; ``state`` is left as it will be when the batch has committed."""
    return [_decide_one(state, ticket) for ticket in tickets]


def _decide_one(state: BatchState, ticket: Ticket) -> Decision:
    place = (ticket.investor_id, ticket.key)
    stored = state.stored.get(place)
    if stored is not None:
        fingerprint, answer = stored
        return RepeatedTicket(answer) if fingerprint == ticket.fingerprint else IdempotencyKeyReused()
    if place in state.used_keys:
        return IdempotencyKeyReused()
    if place in state.claimed_keys:
        return IdempotencyKeyInUse()
    loan = state.loans.get(ticket.loan_id)
    if loan is None:
        # A loan that was never offered is for nobody to know of, so it answers as one that does not exist.
        return LoanNotFound()
    refusal = (
        _investor_refusal(state, loan, ticket)
        or loan_refusal(loan, ticket.currency, state.now)
        or amount_refusal(
            loan,
            ticket.amount_minor,
            state.positions.get((loan.loan_id, ticket.investor_id), 0),
            state.available.get((ticket.investor_id, ticket.currency), 0),
        )
    )
    if refusal is not None:
        return refusal
    taken = _accept(state, loan, ticket)
    state.stored[place] = (ticket.fingerprint, taken.answer)
    return taken


def _investor_refusal(state: BatchState, loan: LoanState, ticket: Ticket) -> HalfpennyError | None:
    who = state.investors.get(ticket.investor_id)
    if ticket.investor_id == loan.borrower_id or (loan.loan_id, ticket.investor_id) in state.related:
        return SelfDealing()
    if who is None:
        return WrongRole()
    if who.staff:
        return SelfDealing()
    if not who.investor:
        return WrongRole()
    if not who.email_verified:
        return EmailUnverified()
    return None if who.kyc_passed else KycRequired()


def loan_refusal(loan: LoanState, currency: str, now: datetime) -> HalfpennyError | None:
    """Why the loan takes no ticket in this currency at this moment; None where it takes one."""
    if currency != loan.currency:
        return CurrencyMismatch(loan=loan.currency, request=currency)
    if loan.status == FULL or (loan.status == OPEN and loan.funded_minor == loan.target_minor):
        return LoanFullyFunded()
    return LoanNotOpen() if loan.status != OPEN or now >= loan.deadline else None


def amount_refusal(loan: LoanState, amount: int, held: int, available: int) -> HalfpennyError | None:
    """Why an open loan does not take this amount; all in minor units.

    ``held`` is what the investor has in the loan already, ``available`` what their wallet may spend.
    """
    remaining = loan.target_minor - loan.funded_minor
    if amount > remaining:
        return ExceedsRemaining(remaining=format_minor(remaining), currency=loan.currency)
    # The last ticket may be the exact rest, however small, or the loan could never be filled.
    if amount != remaining:
        if amount < loan.minimum_minor:
            return BelowMinimum(minimum=format_minor(loan.minimum_minor), currency=loan.currency)
        if amount % loan.step_minor:
            return NotAMultiple(step=format_minor(loan.step_minor), currency=loan.currency)
    if loan.maximum_minor is not None and held + amount > loan.maximum_minor:
        return AboveMaximum(maximum=format_minor(loan.maximum_minor), currency=loan.currency)
    if amount > available:
        return InsufficientAvailable(available=format_minor(available), currency=loan.currency)
    return None


def _accept(state: BatchState, loan: LoanState, ticket: Ticket) -> AcceptedTicket:
    who = state.investors[ticket.investor_id]
    place = (loan.loan_id, ticket.investor_id)
    held = state.positions.get(place, 0)
    state.positions[place] = held + ticket.amount_minor
    state.available[ticket.investor_id, ticket.currency] -= ticket.amount_minor
    loan.funded_minor += ticket.amount_minor
    loan.investors += held == 0
    loan.version += 1
    made_at = whole_milliseconds(state.now)
    answer = InvestmentConfirmation(
        investment_id=investment_id(made_at, ticket),
        loan_id=loan.loan_id,
        investor_id=ticket.investor_id,
        amount_minor=ticket.amount_minor,
        currency=ticket.currency,
        revocable_until=None if who.sophisticated else reflection_end(made_at, state.zone),
        target_minor=loan.target_minor,
        funded_minor=loan.funded_minor,
        investors=loan.investors,
        version=loan.version,
    )
    return AcceptedTicket(answer, first=held == 0)


def investment_id(made_at: datetime, ticket: Ticket) -> UUID:
    """The id follows from the moment (whole milliseconds) and from the request: its journal in the ledger guards both.

    A key that was changed later, so that a retry would invest again, no longer fits the id; nor does another moment.
    """
    return uuid7_of(made_at, f"{ticket.investor_id} {ticket.key}".encode() + ticket.fingerprint)


def reflection_end(start: datetime, zone: ZoneInfo) -> datetime:
    """Four calendar days later at the same local time: a change of the clocks takes no hour away."""
    local = start.astimezone(zone)
    return (local + timedelta(days=REFLECTION_DAYS)).astimezone(start.tzinfo)


def milestones_crossed(target_minor: int, before_minor: int, after_minor: int) -> list[int]:
    """The milestones (percent) that lie in (before, after]. Compared in whole numbers, so 25 % is exact."""
    return [
        percent for percent in MILESTONES_PERCENT if before_minor * 100 < percent * target_minor <= after_minor * 100
    ]


@dataclass(frozen=True, slots=True)
class Investment:
    """One ticket as stored: ``committed`` while its money is in escrow or lent, ``revoked`` or ``returned`` after."""

    id: UUID
    loan_id: UUID
    investor_id: UUID
    amount_minor: int
    currency: str
    status: InvestmentStatus
    revocable_until: datetime | None
    made_at: datetime


@dataclass(frozen=True, slots=True)
class Position:
    """What one investor has put into one loan, minor units; after the drawdown a holding has what is owed."""

    loan_id: UUID
    investor_id: UUID
    currency: str
    invested_minor: int


@dataclass(frozen=True, slots=True)
class WaitingTicket:
    """A place in the waiting list: up to ``amount_minor`` of whatever is released, in the order of joining."""

    id: UUID
    loan_id: UUID
    investor_id: UUID
    amount_minor: int
    served_minor: int
    currency: str
    status: WaitingStatus
    refusal: str | None
    joined_at: datetime

    @property
    def wanted_minor(self) -> int:
        return self.amount_minor - self.served_minor


def check_revocable(investment: Investment, funding_status: FundingStatus, now: datetime) -> None:
    """Raise NotRevocable or ReflectionOver unless the ticket can be taken back now."""
    committed = investment.status is InvestmentStatus.COMMITTED
    if not committed or investment.revocable_until is None or funding_status not in (OPEN, FULL):
        raise NotRevocable()
    if now >= investment.revocable_until:
        raise ReflectionOver(revocable_until=investment.revocable_until.isoformat())


@dataclass(frozen=True, slots=True)
class WalletPayment:
    """Money on its way between a wallet and a bank: ``direction`` is deposit or withdrawal.

    ``pending`` until the bank has answered, then ``settled``, or ``returned`` (the money is back in the wallet).
    """

    id: UUID
    user_id: UUID
    direction: PaymentDirection
    amount_minor: int
    currency: str
    status: PaymentStatus
    requested_at: datetime
