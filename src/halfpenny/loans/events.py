"""What loans say. Every event but two carries the whole loan as it stands after the change: ``snapshot``.

``loan.submitted`` and ``loan.reassessment_requested`` are for the risk service and carry its message instead.
"""

from __future__ import annotations

from typing import Any

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

# Every event whose payload is a snapshot: what a projection of loans listens to.
SNAPSHOT_EVENTS: tuple[str, ...] = tuple(
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
        payload = snapshot(loan)
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


def snapshot(loan: Loan) -> dict[str, Any]:
    """The loan as a listing needs it. Amounts are decimal strings in ``currency``, rates percent strings.

    Nothing in it is private to the borrower: no income, no address, and only those reasons of the risk
    service that investors may see, each as {"code", "text": {"en", "pl"}}.
    """
    terms, asset, offer = loan.application, loan.application.property, loan.offer
    return {
        "id": str(loan.id),
        "version": loan.version,
        "borrower_id": str(loan.borrower_id),
        "title": loan.title,
        "status": loan.status.value,
        "public": loan.is_public,
        "purpose": terms.purpose,
        "exit_strategy": terms.exit_strategy,
        "company": terms.borrower.company,
        "currency": terms.currency.value,
        "property": {
            "kind": asset.kind,
            "city": asset.city,
            "country": asset.country,
            "description": asset.description,
            "area_m2": f"{asset.area_m2:f}",
            "beds": asset.beds,
            "year_built": asset.year_built,
            "condition": asset.condition,
            "valuation": format_minor(asset.valuation_minor),
            "valued_on": asset.valued_on.isoformat(),
        },
        "terms": {
            "amount": format_minor(terms.amount_minor),
            "annual_rate": f"{offer.annual_rate:f}" if offer else None,
            "term_months": terms.term_months,
            "interest_mode": terms.interest_mode.value,
            "charge_rank": terms.charge_rank,
            "prior_debt": format_minor(terms.prior_debt_minor),
            "ltv": f"{loan.ltv_percent:f}",
            "drawn_down_on": loan.drawn_down_on.isoformat() if loan.drawn_down_on else None,
            "matures_on": loan.matures_on.isoformat() if loan.matures_on else None,
        },
        "funding": _funding(loan),
        "risk": _risk(loan),
        "created_at": loan.created_at.isoformat(),
        "changed_at": loan.changed_at.isoformat(),
    }


def _funding(loan: Loan) -> dict[str, Any] | None:
    state = loan.funding
    if state is None:
        return None
    return {
        "status": state.status,
        "target": format_minor(state.target_minor),
        "funded": format_minor(state.funded_minor),
        "remaining": format_minor(state.remaining_minor),
        "investors": state.investors,
        "version": state.version,
        "deadline": state.deadline.isoformat(),
        "minimum": format_minor(state.minimum_minor),
    }


def _risk(loan: Loan) -> dict[str, Any] | None:
    risk = loan.risk
    if risk is None:
        return None
    return {
        "grade": risk.grade,
        "probability_of_default": f"{risk.probability_of_default:f}",
        "loss_given_default": f"{risk.loss_given_default:f}",
        "expected_loss": f"{risk.expected_loss:f}",
        "suggested_rate": f"{risk.suggested_rate:f}",
        "model_version": risk.model_version,
        "reasons": [
            {"code": reason.code, "text": {"en": reason.english, "pl": reason.polish}}
            for reason in risk.reasons
            if "investor" in reason.audience
        ],
    }
