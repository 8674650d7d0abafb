"""How the back office reads in JSON."""

from __future__ import annotations

from typing import Any

from halfpenny.backoffice.model import ApplicationAwaitingDecision, AuditEntry
from halfpenny.primitives.money import format_minor


def application_awaiting_decision(entry: ApplicationAwaitingDecision) -> dict[str, Any]:
    loan, first, risk = entry.loan, entry.first, entry.loan.risk
    return {
        "loan_id": str(loan.id),
        "version": loan.version,
        "status": loan.status.value,
        "title": loan.title,
        "company": loan.application.borrower.company,
        "amount": format_minor(loan.application.amount_minor),
        "currency": loan.application.currency.value,
        "term_months": loan.application.term_months,
        "ltv_percent": f"{loan.ltv_percent:f}",
        "submitted_at": loan.submitted_at.isoformat() if loan.submitted_at else None,
        "grade": risk.grade if risk else None,
        "suggested_rate": f"{risk.suggested_rate:f}" if risk else None,
        "needs_second_person": entry.needs_second_person,
        "next_step": entry.next_step,
        "first_approval": first
        and {
            "made_by": str(first.made_by),
            "made_at": first.made_at.isoformat(),
            "annual_rate": f"{first.annual_rate:f}",
            "funding_deadline": first.funding_deadline.isoformat(),
            "reason": first.reason,
        },
    }


def audit_entry(entry: AuditEntry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "recorded_at": entry.recorded_at.isoformat(),
        "actor_id": str(entry.actor_id) if entry.actor_id else None,
        "actor_name": entry.actor_name,
        "action": entry.action,
        "subject": entry.subject,
        "subject_id": str(entry.subject_id),
        "data": entry.data,
        "sealed": entry.sealed,
    }
