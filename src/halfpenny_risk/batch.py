"""Re-score a whole portfolio at once: the figures of every loan, without prose, reasons or stress."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from halfpenny_messages import LoanSubmitted, Valuation
from halfpenny_risk.application import Application, read_application
from halfpenny_risk.assess import ModelSet, columns_of, decimal_text
from halfpenny_risk.errors import BadApplication
from halfpenny_risk.policy import Policy, PolicyVersions
from halfpenny_risk.scoring import LoanColumns, Scores, grades, rates_of, score_loans
from halfpenny_risk.valuation import Security, appraise, kept_security

Pair = tuple[Application, Security]


def score_batch(
    loans: Sequence[LoanSubmitted],
    models: ModelSet,
    policies: PolicyVersions,
    valuations: Mapping[int, Valuation] | None = None,
) -> list[dict[str, Any]]:
    """One row of figures a loan, in the order given; a loan that has no score gets its ``error`` instead.

    ``valuations`` are those of earlier answers by the loan's place: they are kept, and only the others are valued anew.
    A new borrower model or policy so re-scores a book without searching for comparables again.
    """
    rows: list[dict[str, Any]] = [{} for _ in loans]
    together: dict[str, tuple[Policy, list[int], list[Pair]]] = {}
    for place, loan in enumerate(loans):
        policy = policies.on(loan.submitted_at.date())
        try:
            application = read_application(loan, policy)
        except BadApplication as error:
            rows[place] = {"loan_id": str(loan.loan_id), "error": error.code}
            continue
        kept = valuations.get(place) if valuations else None
        security = (
            appraise(application, models.markets, policy) if kept is None else kept_security(application, kept, policy)
        )
        _, places, pairs = together.setdefault(policy.version, (policy, [], []))
        places.append(place)
        pairs.append((application, security))
    for policy, places, pairs in together.values():
        columns = columns_of(pairs, policy)
        scores = score_loans(models.borrower, columns, policy)
        found = _figures([str(loans[place].loan_id) for place in places], columns, scores, policy)
        for place, row in zip(places, found, strict=True):
            rows[place] = row
    return rows


def _figures(ids: Sequence[str], columns: LoanColumns, scores: Scores, policy: Policy) -> list[dict[str, Any]]:
    term_months, reference = columns.exit_terms.term_months, columns.reference_percent
    rate = rates_of(scores.expected_loss, columns.ltv, term_months, reference, policy.price)
    grade = grades(scores.probability_of_default, policy)
    figures = {
        "probability_of_default": (scores.probability_of_default, 6),
        "loss_given_default": (scores.loss_given_default, 6),
        "expected_loss": (scores.expected_loss, 6),
        "suggested_rate_percent": (rate, 2),
        "ltv": (columns.ltv, 4),
        "score": (scores.score, 12),
    }
    texts = {
        name: [decimal_text(value, places) for value in values.tolist()] for name, (values, places) in figures.items()
    }
    return [
        {"loan_id": loan_id, "grade": grade[i], **{name: column[i] for name, column in texts.items()}}
        for i, loan_id in enumerate(ids)
    ]
