"""From a loan, its answers and its servicing to an outcome and to an exposure: pure."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from halfpenny import loans
from halfpenny.loans import Loan, Status
from halfpenny.primitives.money import format_minor
from halfpenny.servicing import ServicingFacts
from halfpenny.underwriting import AnswerFigures
from halfpenny_monitoring.outcomes import LoanOutcome, OutcomeKind
from halfpenny_monitoring.portfolio import Exposure, StressedLoss

_BEFORE_DRAWDOWN = {
    Status.DECLINED: OutcomeKind.DECLINED,
    Status.WITHDRAWN: OutcomeKind.WITHDRAWN,
    Status.EXPIRED: OutcomeKind.NOT_FUNDED,
    Status.CANCELLED: OutcomeKind.NOT_FUNDED,
    Status.FUNDING: OutcomeKind.RAISING,
    Status.FUNDED: OutcomeKind.RAISING,
    Status.CONDITIONS_MET: OutcomeKind.RAISING,
}


def answer_decided_on(loan: Loan, answers: Sequence[AnswerFigures]) -> AnswerFigures:
    """The answer that the decision went by: the last current one before it; of an undecided loan the last current."""
    current = [one for one in answers if one.current] or list(answers)
    known = [one for one in current if loan.decided_at is None or one.received_at <= loan.decided_at]
    return (known or current[:1])[-1]


def newest_answer(answers: Sequence[AnswerFigures]) -> AnswerFigures:
    """The last answer about the loan's terms of its moment; ``answers`` are oldest first."""
    return ([one for one in answers if one.current] or list(answers))[-1]


def outcome_kind(loan: Loan, facts: ServicingFacts | None) -> OutcomeKind:
    """What has happened to the loan so far."""
    if facts is None:
        return _BEFORE_DRAWDOWN.get(loan.status, OutcomeKind.PENDING)
    if loan.status in loans.IN_DEFAULT_STATUSES:
        return OutcomeKind.DEFAULTED
    match loan.status:
        case Status.WRITTEN_OFF:
            return OutcomeKind.WRITTEN_OFF
        case Status.REPAID:
            return OutcomeKind.REPAID_LATE if facts.was_late or facts.defaulted_on else OutcomeKind.REPAID
        case Status.MATURED:
            return OutcomeKind.LATE
        case _:
            return OutcomeKind.LATE if facts.days_past_due > 0 else OutcomeKind.RUNNING


def outcome(loan: Loan, answers: Sequence[AnswerFigures], facts: ServicingFacts | None) -> LoanOutcome:
    """One line of the file of outcomes."""
    terms, borrower, asset = loan.application, loan.application.borrower, loan.application.property
    decided = answer_decided_on(loan, answers)
    answer, challenger = decided.answer, decided.answer.get("challenger")
    return LoanOutcome(
        loan_id=str(loan.id),
        model_version=decided.model_version,
        assessed_on=decided.received_at.date(),
        submitted_on=(loan.submitted_at or loan.created_at).date(),
        grade=answer["grade"],
        probability_of_default=Decimal(answer["probability_of_default"]),
        loss_given_default=Decimal(answer["loss_given_default"]),
        expected_loss=Decimal(answer["expected_loss"]),
        score=float(answer["score"]),
        recommendation=answer["recommendation"],
        suggested_rate_percent=Decimal(answer["suggested_rate_percent"]),
        challenger_version=challenger["model_version"] if challenger else None,
        challenger_probability=Decimal(challenger["probability_of_default"]) if challenger else None,
        verdict=_verdict(loan),
        offered_rate_percent=loan.offer.annual_rate.quantize(Decimal("0.01")) if loan.offer else None,
        currency=terms.currency.value,
        amount=Decimal(format_minor(terms.amount_minor)),
        term_months=terms.term_months,
        ltv=Decimal(answer["ltv"]),
        charge_rank=terms.charge_rank,
        property_kind=asset.kind.value,
        country=asset.country,
        income=Decimal(format_minor(borrower.income_minor)),
        adverse_records=borrower.adverse_records,
        outcome=outcome_kind(loan, facts),
        drawn_down_on=facts.advanced_on if facts else None,
        due_on=facts.first_due_on if facts else None,
        days_past_due=facts.days_past_due if facts else 0,
        defaulted_on=facts.defaulted_on if facts else None,
        ended_on=facts.ended_on if facts else None,
        lost=Decimal(format_minor(facts.lost_minor)) if facts else Decimal(0),
    )


def _verdict(loan: Loan) -> str | None:
    if loan.status is Status.DECLINED:
        return "decline"
    return "approve" if loan.offer is not None else None


def exposure(loan: Loan, answers: Sequence[AnswerFigures], facts: ServicingFacts | None, group: str) -> Exposure | None:
    """What the book has in the loan; None before drawdown, and once nothing of the principal is outstanding."""
    if facts is None or facts.principal_outstanding_minor <= 0 or loan.offer is None:
        return None
    answer, first = newest_answer(answers).answer, answer_decided_on(loan, answers).answer
    return Exposure(
        loan_id=str(loan.id),
        group=group,
        currency=loan.application.currency.value,
        principal_minor=facts.principal_outstanding_minor,
        country=loan.application.property.country,
        city=loan.application.property.city,
        charge_rank=loan.application.charge_rank,
        property_kind=loan.application.property.kind.value,
        grade=answer["grade"],
        probability_of_default=Decimal(answer["probability_of_default"]),
        loss_given_default=Decimal(answer["loss_given_default"]),
        first_probability=Decimal(first["probability_of_default"]),
        matures_on=facts.matures_on,
        annual_rate_percent=loan.offer.annual_rate,
        days_past_due=facts.days_past_due,
        defaulted=loan.status in loans.IN_DEFAULT_STATUSES or facts.unlikely_to_pay,
        stress=_stress(answer.get("stress") or ()),
    )


def _stress(cells: Sequence[dict[str, Any]]) -> dict[tuple[int, int], StressedLoss]:
    """The grid without a change of rates: the shock of the report is one of prices and months."""
    return {
        (cell["price_change_percent"], cell["extra_months"]): StressedLoss(
            Decimal(cell["expected_loss"]), Decimal(cell["loss_given_default"])
        )
        for cell in cells
        if cell["rate_change_points"] == 0
    }
