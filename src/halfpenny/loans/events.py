"""What loans say. Every event but two carries ``loan_id``, ``version`` and ``status`` after the change.

Whoever needs more reads the loan. ``loan.submitted`` and ``loan.reassessment_requested`` are for the risk service and
carry its message instead.
"""

from __future__ import annotations

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
from halfpenny.primitives.money import format_minor

# Version of the payload's shape, not of the loan: that travels in the payload.
_VERSION = 1
SUBMITTED = "loan.submitted"

# Every event that says a loan has changed: what a projection of loans listens to.
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
    """The event ``name`` about ``loan`` as it is now; ``cause`` says why an assessment is asked for again."""
    if name == SUBMITTED:
        payload = messages.to_builtins(submitted_message(loan))
    elif name == REASSESSMENT_REQUESTED:
        payload = messages.to_builtins(messages.ReassessmentRequested(loan=submitted_message(loan), cause=cause))
    else:
        payload = {"loan_id": str(loan.id), "version": loan.version, "status": loan.status.value}
    return OutboxEvent(name, _VERSION, loan.id, payload)


def submitted_message(loan: Loan) -> messages.LoanSubmitted:
    """The application as the risk service reads it, at the version of its terms."""
    terms, asset, borrower = loan.application, loan.application.property, loan.application.borrower
    return messages.LoanSubmitted(
        loan_id=loan.id,
        version=loan.terms_version,
        property=messages.Property(
            kind=asset.kind,
            address=asset.address,
            city=asset.city,
            country=asset.country,
            lat=asset.lat,
            lon=asset.lon,
            description=asset.description,
            year_built=asset.year_built,
            area_m2=float(asset.area_m2),
            beds=asset.beds,
            condition=asset.condition,
            purchase_price=format_minor(asset.purchase_price_minor),
            valuation=format_minor(asset.valuation_minor),
            valued_on=asset.valued_on,
            renovation_cost=format_minor(asset.renovation_cost_minor),
            gdv=None if asset.gdv_minor is None else format_minor(asset.gdv_minor),
        ),
        borrower=messages.Borrower(
            company=borrower.company,
            income=format_minor(borrower.income_minor),
            assets=format_minor(borrower.assets_minor),
            debts=format_minor(borrower.debts_minor),
            adverse_records=borrower.adverse_records,
        ),
        charge_rank=terms.charge_rank,
        prior_debt=format_minor(terms.prior_debt_minor),
        amount=format_minor(terms.amount_minor),
        currency=terms.currency.value,
        term_months=terms.term_months,
        # The message knows single words; a sentence is cut here because nothing of it is scored.
        purpose=terms.purpose[:64],
        exit_strategy=terms.exit_strategy[:64],
        interest_mode=terms.interest_mode.value,
        submitted_at=loan.submitted_at or loan.changed_at,
    )
