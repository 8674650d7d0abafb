"""How loans read in JSON: whole for the borrower and staff, without what is private for everybody else."""

from __future__ import annotations

from typing import Any

from halfpenny.loans.decision_reasons import APPROVING, REASON_TEXTS, DecisionReason
from halfpenny.loans.model import (
    PUBLIC_PROPERTY,
    FundingState,
    Loan,
    Offer,
    RiskReason,
    RiskSummary,
)
from halfpenny.platform.views import view
from halfpenny.primitives.fees import OfferedFee
from halfpenny.primitives.money import format_minor


def whole(loan: Loan, *, staff: bool) -> dict[str, Any]:
    """Everything the two sides of the loan know. Amounts are decimal strings in the loan's currency."""
    terms = loan.application
    return {
        "id": str(loan.id),
        "status": loan.status.value,
        "version": loan.version,
        "title": loan.title,
        "borrower_id": str(loan.borrower_id),
        # Square metres are a number here: a form fills itself from this, and the request takes a number.
        "property": view(terms.property) | {"area_m2": float(terms.property.area_m2)},
        "borrower": view(terms.borrower),
        **view(terms, leave_out=("property", "borrower")),
        "ltv_percent": f"{loan.ltv_percent:f}",
        "offer": _offer(loan, loan.offer),
        "decision": _decision(loan, staff=staff),
        "risk": _risk(loan.risk, "staff" if staff else "borrower"),
        "conditions": sorted(loan.conditions),
        "funding": funding(loan.funding),
        "drawn_down_on": loan.drawn_down_on.isoformat() if loan.drawn_down_on else None,
        "matures_on": loan.matures_on.isoformat() if loan.matures_on else None,
        "created_at": loan.created_at.isoformat(),
        "changed_at": loan.changed_at.isoformat(),
    }


def public(loan: Loan) -> dict[str, Any]:
    """What anybody who is signed in may see of a loan in the marketplace.

    Amounts are decimal strings in ``currency``, rates percent strings.
    Nothing in it is private to the borrower: no income, no address, and only those reasons of the risk
    service that investors may see, each as {"code", "text": {"en", "pl"}, "favours"}.
    """
    terms, offer = loan.application, loan.offer
    return {
        "id": str(loan.id),
        "version": loan.version,
        "title": loan.title,
        "status": loan.status.value,
        "purpose": terms.purpose.value,
        "purpose_note": terms.purpose_note,
        "exit_strategy": terms.exit_strategy.value,
        "exit_note": terms.exit_note,
        "company": terms.borrower.company,
        "amount": format_minor(terms.amount_minor),
        "currency": terms.currency.value,
        "property": view(terms.property, only=PUBLIC_PROPERTY),
        "terms": {
            "amount": format_minor(terms.amount_minor),
            "annual_rate": f"{offer.annual_rate:f}" if offer else None,
            "default_rate": f"{offer.default_rate:f}" if offer else None,
            "product_terms": view(offer.product_terms) if offer else None,
            "term_months": terms.term_months,
            "interest_mode": terms.interest_mode.value,
            "charge_rank": terms.charge_rank,
            "prior_debt": format_minor(terms.prior_debt_minor),
            "ltv": f"{loan.ltv_percent:f}",
            "drawn_down_on": loan.drawn_down_on.isoformat() if loan.drawn_down_on else None,
            "matures_on": loan.matures_on.isoformat() if loan.matures_on else None,
        },
        "funding": funding(loan.funding),
        "risk": _public_risk(loan),
        "created_at": loan.created_at.isoformat(),
        "changed_at": loan.changed_at.isoformat(),
    }


def _public_risk(loan: Loan) -> dict[str, Any] | None:
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
        "reasons": [_reason(reason) for reason in risk.reasons if "investor" in reason.audience],
    }


def decision_reason(code: DecisionReason) -> dict[str, Any]:
    """A reason of decisions in both languages, and which decision it is a reason for."""
    text = REASON_TEXTS[code]
    verdict = "approve" if code in APPROVING else "decline"
    return {"code": code.value, "decision": verdict, "text": {"en": text.en, "pl": text.pl}}


def list_item(loan: Loan) -> dict[str, Any]:
    """One line of a list."""
    return {
        "id": str(loan.id),
        "status": loan.status.value,
        "version": loan.version,
        "title": loan.title,
        "amount": format_minor(loan.application.amount_minor),
        "currency": loan.application.currency.value,
        "term_months": loan.application.term_months,
        "funding": funding(loan.funding),
        "created_at": loan.created_at.isoformat(),
        "changed_at": loan.changed_at.isoformat(),
    }


def funding(state: FundingState | None) -> dict[str, Any] | None:
    if state is None:
        return None
    return {
        "status": state.status,
        "currency": state.currency.value,
        "target": format_minor(state.target_minor),
        "funded": format_minor(state.funded_minor),
        "remaining": format_minor(state.remaining_minor),
        "investors": state.investors,
        "version": state.version,
        "deadline": state.deadline.isoformat(),
    }


def _offer(loan: Loan, offer: Offer | None) -> dict[str, Any] | None:
    if offer is None:
        return None
    return view(offer, leave_out=("fees", "product_terms")) | {
        "fees": [_fee(fee, loan.application.amount_minor) for fee in offer.fees],
        "default_rate": f"{offer.default_rate:f}",
        "product_terms": view(offer.product_terms),
    }


def _fee(fee: OfferedFee, amount_minor: int) -> dict[str, Any]:
    return {
        "kind": fee.kind.value,
        "name": {"en": fee.kind.english, "pl": fee.kind.polish},
        "when": fee.kind.when.value,
        "percent": f"{fee.percent:f}",
        "amount": format_minor(fee.charge_minor(amount_minor)),
    }


def _decision(loan: Loan, *, staff: bool) -> dict[str, Any] | None:
    if loan.decided_at is None:
        return None
    code = loan.decision_reason_code
    shown: dict[str, Any] = {
        "decided_at": loan.decided_at.isoformat(),
        "reason_code": code,
        "reason_text": None if code is None else {"en": REASON_TEXTS[code].en, "pl": REASON_TEXTS[code].pl},
        "reason": loan.decision_reason,
    }
    return {**shown, "decided_by": str(loan.decided_by)} if staff else shown


_RISK_SHOWN = (
    "grade",
    "probability_of_default",
    "expected_loss",
    "suggested_rate",
    "model_version",
    "assessed_at",
)


def _reason(reason: RiskReason) -> dict[str, Any]:
    text = {"en": reason.english, "pl": reason.polish}
    return {"code": reason.code, "text": text, "favours": reason.favours}


def _risk(risk: RiskSummary | None, audience: str) -> dict[str, Any] | None:
    if risk is None:
        return None
    advice = ("recommendation", "flags") if audience == "staff" else ()
    return view(risk, only=(*_RISK_SHOWN, *advice)) | {
        "reasons": [_reason(reason) for reason in risk.reasons if audience in reason.audience],
    }
