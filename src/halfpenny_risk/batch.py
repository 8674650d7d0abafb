"""Re-score a whole book at once: the figures of every loan, without prose, reasons or stress."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from halfpenny_messages import LoanSubmitted
from halfpenny_risk.application import read_application
from halfpenny_risk.assess import ModelSet, columns_of, decimal_text, stack
from halfpenny_risk.errors import BadApplication
from halfpenny_risk.policy import PolicyBook
from halfpenny_risk.scoring import grades, rates_of, score_loans
from halfpenny_risk.valuation import appraise


def score_book(loans: Sequence[LoanSubmitted], models: ModelSet, policies: PolicyBook) -> list[dict[str, Any]]:
    """One row of figures a loan, in the order given; a loan that has no score gets its ``error`` instead."""
    rows: list[dict[str, Any]] = [{} for _ in loans]
    by_policy: dict[str, list[int]] = {}
    columns = {}
    for place, loan in enumerate(loans):
        policy = policies.on(loan.submitted_at.date())
        try:
            application = read_application(loan, policy)
        except BadApplication as error:
            rows[place] = {"loan_id": str(loan.loan_id), "error": error.code}
            continue
        columns[place] = columns_of(application, appraise(application, models.markets, policy), policy)
        by_policy.setdefault(policy.version, []).append(place)
    for places in by_policy.values():
        policy = policies.on(loans[places[0]].submitted_at.date())
        together = stack([columns[place] for place in places])
        scores = score_loans(models.borrower, together, policy)
        rate = rates_of(scores.expected_loss, together.ltv, together.exit_terms.term_months, policy.price)
        for row, (place, grade) in enumerate(zip(places, grades(scores.probability_of_default, policy), strict=True)):
            rows[place] = {
                "loan_id": str(loans[place].loan_id),
                "grade": grade,
                "probability_of_default": decimal_text(scores.probability_of_default[row], 6),
                "loss_given_default": decimal_text(scores.loss_given_default[row], 6),
                "expected_loss": decimal_text(scores.expected_loss[row], 6),
                "suggested_rate_percent": decimal_text(rate[row], 2),
                "ltv": decimal_text(together.ltv[row], 4),
                "score": decimal_text(scores.score[row], 12),
            }
    return rows
