"""Errors of reviews, by name."""

from __future__ import annotations

from halfpenny.primitives.errors import NotFound, Refused


class ReviewNotFound(NotFound):
    code = "review_not_found"
    message = "There is no such review."


class NothingToReview(Refused):
    code = "nothing_to_review"
    message = "Only a declined application can be reviewed."


class ReviewTooLate(Refused):
    code = "review_too_late"
    message = "The time in which a review can be asked for has passed."


class ReviewRequested(Refused):
    code = "review_requested"
    message = "A review of this decision was asked for already."


class ReviewDecided(Refused):
    code = "review_decided"
    message = "The review has been decided."
