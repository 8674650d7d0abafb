"""The retained-interest reserve: what an advance keeps back, and how that is used up or given back."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from enum import StrEnum
from typing import NamedTuple

from halfpenny.servicing.model.events import Drawdown, Event, LateExtension, Redemption, ScheduleEvent, in_order
from halfpenny.servicing.model.schedule import InstalmentKind, Schedule, build_schedule
from halfpenny.servicing.model.terms import LoanTerms


class ReserveMoveKind(StrEnum):
    """``retained`` fills the reserve from an advance; ``released`` pays interest that fell due; ``rebated`` goes back
    to the borrower for the part of the principal that was repaid early; ``applied`` is what is left when everything
    falls due: it pays what is owed like a receipt, so that a payer sends that much less."""

    RETAINED = "retained"
    RELEASED = "released"
    REBATED = "rebated"
    APPLIED = "applied"


class ReserveMove(NamedTuple):
    on: date
    kind: ReserveMoveKind
    amount: int
    instalment: int | None = None


def reserve_moves(
    terms: LoanTerms, events: Iterable[Event | LateExtension], schedule: Schedule
) -> tuple[ReserveMove, ...]:
    """Every movement of the reserve, in order; amounts in minor units. Nothing where no interest is retained.

    ``schedule`` is ``build_schedule(terms, events)``. Each tranche retains its own interest for the rest of the
    retained months. A higher rate is not retained again: what the reserve lacks, the borrower pays.
    """
    if not terms.periods_retained:
        return ()
    # After a first maturity, which a late extension presupposes, nothing is reserved any more.
    known: list[Event] = [
        event for event in in_order(events) if isinstance(event, ScheduleEvent) and not isinstance(event, LateExtension)
    ]
    moves = [ReserveMove(terms.advanced_on, ReserveMoveKind.RETAINED, _need(terms, []))]
    moves += _tranches_and_part_rebates(terms, known)
    moves += [
        ReserveMove(row.due_on, ReserveMoveKind.RELEASED, row.interest, row.number)
        for row in schedule.instalments
        if row.reserved and row.kind is InstalmentKind.INSTALMENT
    ]
    # On one day an instalment's interest is released before a tranche retains or a redemption gives back.
    moves.sort(key=lambda move: (move.on, move.kind is not ReserveMoveKind.RELEASED))
    held = 0
    done = []
    for move in moves:
        amount = move.amount if move.kind is ReserveMoveKind.RETAINED else min(move.amount, held)
        held += amount if move.kind is ReserveMoveKind.RETAINED else -amount
        if amount:
            done.append(move._replace(amount=amount))
    done += _last_moves(schedule, held)
    return tuple(done)


def _need(terms: LoanTerms, events: list[Event]) -> int:
    return build_schedule(terms, events).reserved_interest


def _tranches_and_part_rebates(terms: LoanTerms, known: list[Event]) -> list[ReserveMove]:
    moves = []
    for index, event in enumerate(known):
        is_part = isinstance(event, Redemption) and event.amount is not None
        if not is_part and not isinstance(event, Drawdown):
            continue
        if is_part and not terms.rebate_of_retained_interest:
            continue
        change = _need(terms, known[: index + 1]) - _need(terms, known[:index])
        if isinstance(event, Drawdown):
            moves.append(ReserveMove(event.effective_date, ReserveMoveKind.RETAINED, max(change, 0)))
        else:
            moves.append(ReserveMove(event.effective_date, ReserveMoveKind.REBATED, max(-change, 0)))
    return moves


def _last_moves(schedule: Schedule, held: int) -> list[ReserveMove]:
    """On the final day the reserve pays that day's interest and then what else is owed, so that it ends at zero."""
    last = schedule.instalments[-1]
    moves = []
    if last.reserved:
        paid = min(held, last.interest)
        moves.append(ReserveMove(last.due_on, ReserveMoveKind.RELEASED, paid, last.number))
        held -= paid
    moves.append(ReserveMove(last.due_on, ReserveMoveKind.APPLIED, held))
    return [move for move in moves if move.amount]
