"""Reviews: a borrower contests a decline, and a person who did not take the decision answers within a month."""

from halfpenny.underwriting.reviews.model import DecisionReview, ReviewStatus
from halfpenny.underwriting.reviews.service import decide, open_reviews, request_review
from halfpenny.underwriting.reviews.store import is_open
from halfpenny.underwriting.reviews.views import review_view

__all__ = ["DecisionReview", "ReviewStatus", "decide", "is_open", "open_reviews", "request_review", "review_view"]
