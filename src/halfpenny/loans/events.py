"""Domain events of loans. Every event but two carries ``loan_id``, ``version`` and ``status`` after the change.

Whoever needs more reads the loan. ``loan.submitted`` and ``loan.reassessment_requested`` are for the risk service and
carry its message instead.
"""

from __future__ import annotations

import msgspec

import halfpenny_messages as messages
from halfpenny.loans.model import (
    ASSESSMENT_RECORDED,
    CONDITION_RECORDED,
    REASSESSMENT_REQUESTED,
    RESCHEDULED,
    REVALUED,
    TRANSITIONS,
    Loan,
)
from halfpenny.platform.outbox import OutboxEvent
from halfpenny.platform.views import view

# Version of the payload's shape, not of the loan: that travels in the payload.
_VERSION = 1
SUBMITTED = "loan.submitted"

# Every event that reports a change of a loan: a projection of loans subscribes to them.
CHANGE_EVENTS: tuple[str, ...] = tuple(
    sorted(
        (
            {edge.event for edge in TRANSITIONS.values()}
            | {REVALUED, RESCHEDULED, ASSESSMENT_RECORDED, CONDITION_RECORDED}
        )
        - {SUBMITTED, REASSESSMENT_REQUESTED}
    )
)


def event(name: str, loan: Loan, *, cause: str = "valuation_changed") -> OutboxEvent:
    """The event ``name`` about ``loan`` as it is now; ``cause`` is why another assessment is requested."""
    if name == SUBMITTED:
        payload = messages.to_builtins(submitted_message(loan))
    elif name == REASSESSMENT_REQUESTED:
        payload = messages.to_builtins(messages.ReassessmentRequested(loan=submitted_message(loan), cause=cause))
    else:
        payload = {"loan_id": str(loan.id), "version": loan.version, "status": loan.status.value}
    return OutboxEvent(name, _VERSION, loan.id, payload)


def submitted_message(loan: Loan) -> messages.LoanSubmitted:
    """The application as the risk service reads it, at the version of its terms."""
    terms = loan.application
    asset = {
        **view(terms.property, only=messages.Property.__struct_fields__),
        "area_m2": float(terms.property.area_m2),
        "report_verified": terms.property.valuation_report_id is not None,
    }
    # The notes are the borrower's words: no model reads them, so they stay here.
    shown = view(terms, leave_out=("property", "borrower", "purpose_note", "exit_note"))
    about = {"loan_id": loan.id, "version": loan.terms_version, "submitted_at": loan.submitted_at or loan.changed_at}
    return msgspec.convert(
        shown | about | {"property": asset, "borrower": view(terms.borrower)}, messages.LoanSubmitted
    )
