"""A review of a decision, pure: who may ask for one until when, who may answer it, and by which day.

The right to a person's review, to state one's view and to contest is that of GDPR art. 22(3); the answer is due in the
month of art. 12(3). That the decision itself was a person's changes nothing here: it stood on an automated assessment
(Regulation (EU) 2024/1689, annex III 5(b) and art. 86, where the borrower is a natural person).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from uuid import UUID

from halfpenny.approvals import FourEyes
from halfpenny.primitives.ids import LoanId, UserId
from halfpenny.underwriting.reviews import errors

REQUEST_WITHIN_DAYS = 60
ANSWER_WITHIN_DAYS = 30


class ReviewStatus(StrEnum):
    """Where a review stands. Only ``open`` ever changes; ``overturned`` means that the application is decided anew."""

    OPEN = "open"
    UPHELD = "upheld"
    OVERTURNED = "overturned"


@dataclass(frozen=True, slots=True)
class DecisionReview:
    """One request for a review of one decision: the borrower's statement, and the answer once there is one."""

    id: UUID
    loan_id: LoanId
    decision_id: UUID
    requested_by: UserId
    requested_at: datetime
    statement: str
    due_on: date
    status: ReviewStatus
    decided_by: UserId | None = None
    decided_at: datetime | None = None
    answer: str | None = None

    def is_overdue(self, today: date) -> bool:
        """Whether it should have been answered before today."""
        return self.status is ReviewStatus.OPEN and today > self.due_on


def check_request(decided_at: datetime, now: datetime) -> date:
    """The day by which a request of now is answered. Raises ReviewTooLate."""
    if now > decided_at + timedelta(days=REQUEST_WITHIN_DAYS):
        raise errors.ReviewTooLate(within_days=REQUEST_WITHIN_DAYS)
    return (now + timedelta(days=ANSWER_WITHIN_DAYS)).date()


def check_reviewer(review: DecisionReview, reviewer: UserId, deciders: Collection[UserId]) -> None:
    """Raises ReviewDecided, or FourEyes where the reviewer took the decision that is contested."""
    if review.status is not ReviewStatus.OPEN:
        raise errors.ReviewDecided(status=review.status.value)
    if reviewer in deciders:
        raise FourEyes("A review is decided by another person than the decision was.")
