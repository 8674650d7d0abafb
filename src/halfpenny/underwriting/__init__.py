"""The platform's side of risk: takes the risk service's answers, keeps every one, and asks again.

The question itself leaves with the application (``loan.submitted``), in the transaction that stores it.
"""

from pathlib import Path
from typing import Final

from halfpenny.underwriting.check import UNCHECKED, check
from halfpenny.underwriting.consumers import DECISIONS_SUBSCRIPTION, SUBSCRIPTION
from halfpenny.underwriting.labels import VALUATION_SOURCE
from halfpenny.underwriting.reviews.service import open_reviews
from halfpenny.underwriting.service import receive, request_all_reassessments, request_reassessment
from halfpenny.underwriting.store import (
    AnswerFigures,
    CurrentAnswer,
    assessed_page,
    current_answers,
    current_page,
)
from halfpenny.underwriting.views import OWN_FIGURES, PUBLIC_FIGURES

TEMPLATES: Final = Path(__file__).parent / "templates"

__all__ = [
    "DECISIONS_SUBSCRIPTION",
    "OWN_FIGURES",
    "PUBLIC_FIGURES",
    "SUBSCRIPTION",
    "TEMPLATES",
    "UNCHECKED",
    "VALUATION_SOURCE",
    "AnswerFigures",
    "CurrentAnswer",
    "assessed_page",
    "check",
    "current_answers",
    "current_page",
    "open_reviews",
    "receive",
    "request_all_reassessments",
    "request_reassessment",
]
