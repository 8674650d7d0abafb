"""How a review reads in JSON."""

from __future__ import annotations

from datetime import date
from typing import Any

from halfpenny.platform.views import view
from halfpenny.underwriting.reviews.model import DecisionReview


def review_view(review: DecisionReview, today: date, *, staff: bool) -> dict[str, Any]:
    """The review; who answered it is for staff."""
    shown = view(review, leave_out=() if staff else ("requested_by", "decided_by"))
    return shown | {"overdue": review.is_overdue(today)}
