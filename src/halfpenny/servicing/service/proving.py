"""Proof from the first cent: receipt, statement line, waterfall with what the platform kept, each holder's cents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from halfpenny import funding
from halfpenny.platform.database import Connection, Record
from halfpenny.primitives.money import format_minor, percent_of
from halfpenny.servicing.model.engine import replay
from halfpenny.servicing.model.flows import distributable_of
from halfpenny.servicing.model.position import Allocation, LoanPosition, MoneySource
from halfpenny.servicing.model.reserve import ReserveMoveKind
from halfpenny.servicing.model.serviced_loan import ServicedLoan
from halfpenny.servicing.model.terms import LoanTerms
from halfpenny.servicing.model.waterfall import WATERFALLS, Component
from halfpenny.servicing.store import serviced_loans


def masked(payer: str) -> str:
    """A payer as investors read it: the first letter of each word."""
    return " ".join(f"{word[0]}***" if word[0].isalnum() else word[0] for word in payer.split())


async def receipts_of(
    connection: Connection, serviced: ServicedLoan, distribution: Record, *, payers_in_full: bool
) -> list[dict[str, Any]]:
    """The money that a distribution shares out, as it was known when it was declared; a correction's is all until then.

    Each entry adds up: what was used, by component, what waits and what went back are its amount; what the platform
    kept, what repaid recovery costs and what goes to the investors are what was used.
    """
    terms, day = serviced.terms, distribution["effective_date"]
    events = await serviced_loans.events_until(connection, serviced.loan_id, distribution["after_event"])
    position = replay(terms, (), max(day, terms.advanced_on), recorded=events)
    found = [one for one in position.allocations if _belongs(one, distribution)]
    ids = [UUID(one.receipt_id) for one in found if one.receipt_id]
    origins = {str(row["id"]): row for row in await funding.origins_of_receipts(connection, ids)}
    shown = [_shown(terms, one, origins.get(one.receipt_id), payers_in_full) for one in found]
    return [*_released(terms, position, distribution), *shown]


def _belongs(one: Allocation, distribution: Record) -> bool:
    if distribution["correction"]:
        return bool(one.effective_date <= distribution["covers_to"])
    # A day on which a loan was written off has its money first, and what was recovered after it apart.
    recovers = distribution["recovered_minor"] > 0
    return one.effective_date == distribution["effective_date"] and one.recovery is recovers


def _released(terms: LoanTerms, position: LoanPosition, distribution: Record) -> list[dict[str, Any]]:
    """Interest that the retained-interest reserve paid on the days of the distribution."""
    fee = WATERFALLS[terms.waterfall].servicing_fee.percent
    entries, released = [], 0
    for move in position.reserve_moves:
        if move.kind is not ReserveMoveKind.RELEASED:
            continue
        before, released = released, released + move.amount
        within = move.on <= distribution["covers_to"] if distribution["correction"] else None
        if within or (within is None and move.on == distribution["effective_date"]):
            kept = percent_of(released, fee) - percent_of(before, fee)
            used = {Component.INTEREST: move.amount}
            entries.append(_entry(move.on.isoformat(), MoneySource.RESERVE, move.amount, used, kept, 0, 0, 0))
    return entries


def _shown(terms: LoanTerms, one: Allocation, origin: Record | None, payers_in_full: bool) -> dict[str, Any]:
    split = distributable_of(terms, one)
    used = {component: one.part(component) for component in Component}
    entry = _entry(
        one.effective_date.isoformat(),
        one.source,
        one.amount,
        used,
        split.platform_income,
        split.recovery_costs,
        one.held,
        one.returned,
    )
    if origin is not None:
        entry["payer"] = origin["payer"] if payers_in_full else masked(origin["payer"])
    if origin is not None and origin["line_id"] is not None:
        entry["statement_line"] = {
            "id": str(origin["line_id"]),
            "booked_on": origin["booked_on"].isoformat(),
            "amount": format_minor(origin["amount_minor"]),
        }
    return entry


def _entry(
    received_on: str,
    source: MoneySource,
    amount: int,
    used: Mapping[Component, int],
    kept: int,
    costs: int,
    waits: int,
    returned: int,
) -> dict[str, Any]:
    return {
        "received_on": received_on,
        "source": source.value,
        "payer": None,
        "statement_line": None,
        "amount": format_minor(amount),
        "used": {component.value: format_minor(minor) for component, minor in used.items() if minor},
        "kept_by_platform": format_minor(kept),
        "recovery_costs_repaid": format_minor(costs),
        "to_investors": format_minor(amount - kept - costs - waits - returned),
        "waits_as_advance_payment": format_minor(waits),
        "returned": format_minor(returned),
    }
