"""How an assessment reads in JSON: each reader gets the reasons that are for them, staff get all of it."""

from __future__ import annotations

from typing import Any, Final

from halfpenny.underwriting.store import Assessment

PUBLIC_FIGURES: Final = (
    *("grade", "probability_of_default", "loss_given_default", "expected_loss", "exit_shortfall_probability"),
    *("suggested_rate_percent", "ltv", "ltv_at_low", "ltgdv"),
)
"""The figures of an answer that everybody sees who may see the loan, on every interface.

Where a purchase price lowers the value that is lent on, ``ltv`` is measured against it, and the price follows from the
loan's amount: of what was just bought it is no secret from investors. The ratio stays exact all the same, since an
investor lends on it, and rounded it would misstate how much of the value is left. A price that does not lower the value
stays with the borrower and staff.
"""
OWN_FIGURES: Final = ("ltc",)
"""Those for the borrower and for staff: with the works' cost, loan to cost gives away any purchase price, also one that
does not lower the value and that no listing states."""
_TEXTS = ("price_terms", "narrative")


def for_reader(assessment: Assessment, audience: str) -> dict[str, Any]:
    """``audience`` is borrower or investor. Contributions stay with staff: they would let one game the score."""
    answer = _completed(assessment)
    figures = (*PUBLIC_FIGURES, *OWN_FIGURES) if audience == "borrower" else PUBLIC_FIGURES
    return {
        **_heading(assessment),
        **{name: answer.get(name) for name in (*figures, *_TEXTS)},
        "principal_against": _for(answer["principal_against"], audience),
        "principal_for": _for(answer["principal_for"], audience),
    }


def _for(reasons: list[dict[str, Any]], audience: str) -> list[dict[str, Any]]:
    return [
        {"code": reason["code"], "text": reason["text"], "change": reason["change"]}
        for reason in reasons
        if audience in reason["audience"]
    ]


def for_staff(assessments: list[Assessment]) -> dict[str, Any]:
    """The newest answer whole, and the others by their figures."""
    newest, *earlier = assessments
    return {
        **_completed(newest),
        **_heading(newest),
        "earlier": [
            {
                **_heading(assessment),
                "grade": assessment.answer["grade"],
                "probability_of_default": assessment.answer["probability_of_default"],
                "suggested_rate_percent": assessment.answer["suggested_rate_percent"],
            }
            for assessment in earlier
        ],
    }


def _completed(assessment: Assessment) -> dict[str, Any]:
    """The answer with the prose that was written about it since, where there is any."""
    return assessment.answer | ({"narrative": assessment.narrative} if assessment.narrative else {})


def _heading(assessment: Assessment) -> dict[str, Any]:
    return {
        "loan_id": str(assessment.loan_id),
        "loan_version": assessment.loan_version,
        "model_version": assessment.model_version,
        "current": assessment.current,
        "received_at": assessment.received_at.isoformat(),
    }
