"""What can happen to a loan, each with the business date that it takes effect on.

Events of one day are applied in the order declared in PRECEDENCE, whatever order they were recorded in. Receipts of
one day go by what they say, prepayments and smaller ones first, so that it does not matter which was recorded first;
two others of the same kind keep the order that they were given in. An instalment falls due before that day's events,
except that an extension agreed for the day of maturity is in time to keep the principal from falling due, and a pause
pauses its first day. What an acceleration or a write-off makes due falls due with it, after that day's money; a receipt
that came in later that day says so (``follows``).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final, TypeVar

from halfpenny.primitives.money import Currency, Money
from halfpenny.primitives.rate import Rate
from halfpenny.servicing import errors
from halfpenny.servicing.model.waterfall import Component


@dataclass(frozen=True, slots=True)
class Extension:
    """``periods`` more monthly periods before the principal is due, counted from the maturity.

    What has fallen due of interest and fees stays due, and so does the default interest to this day: an extension after
    the maturity moves what is unpaid of the principal and of the redemption fees, nothing else.
    """

    effective_date: date
    periods: int


@dataclass(frozen=True, slots=True)
class LateExtension:
    """What an extension makes of the schedule that was agreed on ``agreed_on``, after the maturity ``effective_date``.

    The last instalment keeps what was paid of its ``principal`` and ``fees`` and all of its interest; the rest falls
    due ``periods`` months later. Days between bear default interest and no contract interest. A replay makes it of an
    Extension; no log has one.
    """

    effective_date: date
    agreed_on: date
    periods: int
    principal: int
    fees: int


@dataclass(frozen=True, slots=True)
class Drawdown:
    """A further tranche. It bears interest from the next day; instalments are worked out anew."""

    effective_date: date
    amount: Money


@dataclass(frozen=True, slots=True)
class RateChange:
    effective_date: date
    rate: Rate


@dataclass(frozen=True, slots=True)
class LegalMaximumChange:
    """The law's maximum rates changed: from ``effective_date`` on, that day included, the contract rate and the rate of
    default interest are at most these, whatever was agreed."""

    effective_date: date
    contract: Rate
    default: Rate


@dataclass(frozen=True, slots=True)
class Pause:
    """No interest from ``effective_date`` to ``until``, both days included. Instalments stay as they are."""

    effective_date: date
    until: date


@dataclass(frozen=True, slots=True)
class FeeDue:
    effective_date: date
    amount: Money
    kind: str


@dataclass(frozen=True, slots=True)
class PenaltyDue:
    effective_date: date
    amount: Money
    kind: str


@dataclass(frozen=True, slots=True)
class CostAdvanced:
    """The platform paid a recovery cost that the loan owes back."""

    effective_date: date
    amount: Money
    kind: str


@dataclass(frozen=True, slots=True)
class Waiver:
    """``amount`` of what is due of ``component`` is given up. It brings no money, and principal is never waived."""

    effective_date: date
    component: Component
    amount: Money


@dataclass(frozen=True, slots=True)
class Redemption:
    """Makes principal fall due early: ``amount`` of it, or all (None) with interest to the day and exit fees.

    It brings no money: that is the Receipt of the same day, which comes after it.
    """

    effective_date: date
    amount: Money | None = None


class PrecedingAct(StrEnum):
    """What changes on a day what is owed on it: money that comes in afterwards pays what the act has left."""

    ACCELERATION = "acceleration"
    WRITE_OFF = "write_off"
    WAIVER = "waiver"
    EXTENSION = "extension"


class Apply(StrEnum):
    """What a payment does beyond what is due: ``due`` waits for the next instalment, ``prepay`` repays principal."""

    DUE = "due"
    PREPAY = "prepay"


@dataclass(frozen=True, slots=True)
class Receipt:
    """Money for the loan. ``follows`` names the last act of the same day that it came in after, where there was one.

    ``id`` is what a reversal names. Whether a receipt redeems the loan, and what of it waits or goes back, the replay
    finds out on its day (``LoanReplay``): it depends on what else has happened by then.
    """

    effective_date: date
    amount: Money
    reference: str = ""
    follows: PrecedingAct | None = None
    apply: Apply = Apply.DUE
    id: str = ""


@dataclass(frozen=True, slots=True)
class ReceiptReversal:
    """The bank took the receipt ``receipt_id`` back: once that is known it counts as never received, on days before
    ``effective_date`` too."""

    effective_date: date
    receipt_id: str
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Default:
    """From the next receipt on, the waterfall after default applies.

    ``unlikely_to_pay`` is what people say; without it the days past due do, and receipts reported late may disprove
    it.
    """

    effective_date: date
    reason: str = ""
    unlikely_to_pay: bool = False


@dataclass(frozen=True, slots=True)
class DefaultDisproved:
    """Receipts that were reported late show that the loan was not past due by too many days: the default of
    ``defaulted_on`` never was."""

    effective_date: date
    defaulted_on: date


@dataclass(frozen=True, slots=True)
class Cure:
    """The default is over: the waterfall before default applies again."""

    effective_date: date


@dataclass(frozen=True, slots=True)
class Acceleration:
    """The whole principal and the interest to the day fall due at once."""

    effective_date: date


@dataclass(frozen=True, slots=True)
class WriteOff:
    """What is still owed of the principal is given up as lost. Later receipts are recoveries."""

    effective_date: date


Event = (
    LegalMaximumChange
    | Extension
    | Drawdown
    | RateChange
    | Pause
    | FeeDue
    | PenaltyDue
    | CostAdvanced
    | Redemption
    | Receipt
    | ReceiptReversal
    | Waiver
    | Default
    | DefaultDisproved
    | Cure
    | Acceleration
    | WriteOff
)

PRECEDENCE: Final[dict[type, int]] = {
    kind: place
    for place, kind in enumerate(
        (
            LegalMaximumChange,
            Extension,
            Drawdown,
            RateChange,
            Pause,
            FeeDue,
            PenaltyDue,
            CostAdvanced,
            Redemption,
            # The day's money comes in before the day's close can find the loan in default.
            Receipt,
            ReceiptReversal,
            Default,
            DefaultDisproved,
            Cure,
            Acceleration,
            WriteOff,
            # Of what is due at the end of the day: what its money has left, what its acceleration has made due.
            Waiver,
        )
    )
}

# The events that the schedule is built from; the others only move money or marks.
ScheduleEvent = (
    LegalMaximumChange
    | Extension
    | LateExtension
    | Drawdown
    | RateChange
    | Pause
    | Redemption
    | Acceleration
    | WriteOff
)


# An extension comes last where it is agreed after the maturity (``LoanReplay.process_day``).
_FOLLOWS: Final = {
    PrecedingAct.ACCELERATION: PRECEDENCE[Acceleration] + 0.5,
    PrecedingAct.WRITE_OFF: PRECEDENCE[WriteOff] + 0.5,
    PrecedingAct.WAIVER: PRECEDENCE[Waiver] + 0.5,
    PrecedingAct.EXTENSION: PRECEDENCE[Waiver] + 0.75,
}


def _place_in_day(event: Event | LateExtension) -> float:
    if isinstance(event, LateExtension):
        return PRECEDENCE[Extension]
    if isinstance(event, Receipt) and event.follows is not None:
        return _FOLLOWS[event.follows]
    return PRECEDENCE[type(event)]


AnyEvent = TypeVar("AnyEvent", bound=Event | LateExtension)


def in_order(events: Iterable[AnyEvent]) -> list[AnyEvent]:
    """By effective date, then by PRECEDENCE; receipts then by what they say, the others as given."""
    return sorted(events, key=_place)


def _place(event: Event | LateExtension) -> tuple[date, float, bool, int, str]:
    place = (event.effective_date, _place_in_day(event))
    if isinstance(event, Receipt):
        return (*place, event.apply is not Apply.PREPAY, event.amount.minor, event.reference)
    return (*place, False, 0, "")


def standing_events(ordered: Iterable[Event]) -> list[Event]:
    """The events without receipts that were reversed and defaults that were disproved, and without what did so."""
    known = list(ordered)
    reversed_ids = {event.receipt_id for event in known if isinstance(event, ReceiptReversal)}
    disproved = {event.defaulted_on for event in known if isinstance(event, DefaultDisproved)}
    if not reversed_ids and not disproved:
        return known

    def stands(event: Event) -> bool:
        if isinstance(event, Receipt):
            return event.id not in reversed_ids
        if isinstance(event, Default):
            return event.unlikely_to_pay or event.effective_date not in disproved
        return not isinstance(event, ReceiptReversal | DefaultDisproved)

    return [event for event in known if stands(event)]


def check_events(events: Iterable[Event], advanced_on: date, currency: Currency) -> None:
    """Raises a named error for an event that no loan of this currency and date of advance can have."""
    for event in events:
        if event.effective_date < advanced_on:
            raise errors.EventBeforeAdvance(effective_date=event.effective_date.isoformat())
        amount = getattr(event, "amount", None)
        if amount is not None:
            amount.check_currency(currency)
            if amount.minor <= 0:
                raise errors.EventNotPositive()
        if isinstance(event, Pause) and event.until < event.effective_date:
            raise errors.PauseBackwards()
        if isinstance(event, Waiver) and event.component is Component.PRINCIPAL:
            raise errors.WaiverOfPrincipal()
        if isinstance(event, Extension) and event.periods < 1:
            raise errors.EventNotPositive()
