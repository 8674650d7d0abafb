"""The rule of a decision, pure: who may approve or decline which version on which terms, and what follows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from halfpenny.approvals import FourEyes
from halfpenny.loans import errors
from halfpenny.loans.decision_reasons import APPROVING, REASON_TEXTS, DecisionReason
from halfpenny.loans.model import TRANSITIONS, Actor, ActorKind, LendingRules, Loan, Offer, Status, check_transition
from halfpenny.loans.products import check_legal_maximum
from halfpenny.loans.statuses import TransitionName
from halfpenny.primitives.ids import LoanId, UserId
from halfpenny.primitives.rate import Rate
from halfpenny_messages import LocalisedText


class Verdict(StrEnum):
    APPROVE = "approve"
    DECLINE = "decline"


@dataclass(frozen=True, slots=True)
class Decision:
    """An administrator's decision on one version of an application, its reason as a code and in words.

    None means the default for a term.
    """

    verdict: Verdict
    version: int
    reason_code: DecisionReason
    reason: str
    annual_rate: Decimal | None = None
    funding_deadline: datetime | None = None


@dataclass(frozen=True, slots=True)
class FirstApproval:
    """An approval that waits for a second person."""

    id: UUID
    loan_id: LoanId
    loan_version: int
    made_by: UserId
    annual_rate: Decimal
    funding_deadline: datetime
    reason: str
    made_at: datetime


@dataclass(frozen=True, slots=True)
class DecisionFacts:
    """What else the rule must know: the clock, who touched or is related to the loan, who approved before.

    ``today`` is the business date of ``now``. ``raised_minor`` is what the same borrower raised on other loans in the
    last twelve months, in euro cents.
    """

    now: datetime
    today: date
    touched_by: frozenset[UserId]
    related: bool
    raised_minor: int
    first: FirstApproval | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What follows from a decision: an offer to make, a decline, or a first approval to keep (offer, not final)."""

    verdict: Verdict
    final: bool
    offer: Offer | None = None


def decide(loan: Loan, decision: Decision, administrator: UserId, facts: DecisionFacts, rules: LendingRules) -> Outcome:
    """Judge one decision. Raises a named refusal, in the order: who, which version, which terms."""
    if administrator == loan.borrower_id or facts.related:
        raise errors.SelfDealing()
    if administrator in facts.touched_by:
        raise FourEyes("An administrator never decides on what they entered or edited.")
    if decision.version != loan.version:
        raise errors.StaleVersion(version=loan.version)
    check_reason(decision)
    if decision.verdict is Verdict.DECLINE:
        check_transition(loan, TRANSITIONS[TransitionName.DECLINE], Actor(ActorKind.ADMINISTRATOR, administrator))
        return Outcome(Verdict.DECLINE, final=True)
    if loan.status is Status.SUBMITTED:
        raise errors.NotAssessed()
    check_transition(loan, TRANSITIONS[TransitionName.APPROVE], Actor(ActorKind.ADMINISTRATOR, administrator))
    return _approve(loan, decision, administrator, facts, rules)


def check_reason(decision: Decision) -> None:
    """Raises ReasonCodeDoesNotFit where a reason to approve stands under a decline, or the other way round."""
    if (decision.reason_code in APPROVING) != (decision.verdict is Verdict.APPROVE):
        raise errors.ReasonCodeDoesNotFit(reason_code=decision.reason_code.value, decision=decision.verdict.value)


def needs_second_person(loan: Loan, rules: LendingRules) -> bool:
    """Whether an approval takes two people: above the amount of the rules, and against the assessment at any amount."""
    worth = rules.euro_minor(loan.application.amount_minor, loan.application.currency)
    against = loan.status is Status.ASSESSED and not _within_policy(loan)
    return worth > rules.second_approval_above_minor or against


def reasons_open_to(loan: Loan) -> tuple[tuple[DecisionReason, LocalisedText], ...]:
    """The reasons that a decision on the loan may have: that it is within the policy only where it is."""
    return tuple(
        (code, text)
        for code, text in REASON_TEXTS.items()
        if code is not DecisionReason.WITHIN_POLICY or _within_policy(loan)
    )


def _within_policy(loan: Loan) -> bool:
    return loan.risk is not None and loan.risk.within_policy


def _check_within_policy(loan: Loan, decision: Decision) -> None:
    """Raises NotWithinPolicy where the reason says what the assessment denies."""
    if decision.reason_code is DecisionReason.WITHIN_POLICY and not _within_policy(loan):
        risk = loan.risk
        raise errors.NotWithinPolicy(
            recommendation=risk.recommendation if risk else None, limits=list(risk.passed_limits) if risk else []
        )


def _approve(
    loan: Loan, decision: Decision, administrator: UserId, facts: DecisionFacts, rules: LendingRules
) -> Outcome:
    """The terms of an approval, and whether it takes a second person."""
    ours = rules.euro_minor(loan.application.amount_minor, loan.application.currency)
    if facts.raised_minor + ours > rules.borrower_ceiling_minor:
        raise errors.BorrowerCeiling()
    offer = _offer(loan, decision, facts, rules)
    _check_within_policy(loan, decision)
    if not needs_second_person(loan, rules):
        return Outcome(Verdict.APPROVE, final=True, offer=offer)
    first = facts.first
    if first is None:
        return Outcome(Verdict.APPROVE, final=False, offer=offer)
    if first.made_by == administrator:
        raise FourEyes("The second approval comes from another administrator than the first.")
    if (offer.annual_rate, offer.funding_deadline) != (first.annual_rate, first.funding_deadline):
        raise errors.TermsDiffer(
            annual_rate=f"{first.annual_rate:f}", funding_deadline=first.funding_deadline.isoformat()
        )
    return Outcome(Verdict.APPROVE, final=True, offer=offer)


def _offer(loan: Loan, decision: Decision, facts: DecisionFacts, rules: LendingRules) -> Offer:
    """The terms of this decision: what it names, else the first approval's, else the suggested rate and 30 days."""
    rate, deadline = decision.annual_rate, decision.funding_deadline
    if facts.first is not None:
        rate = facts.first.annual_rate if rate is None else rate
        deadline = facts.first.funding_deadline if deadline is None else deadline
    if rate is None:
        if loan.risk is None:
            raise errors.RateMissing()
        rate = loan.risk.suggested_rate
    if not 0 < rate <= rules.maximum_annual_rate:
        raise errors.LoanRateOutOfRange(maximum=f"{rules.maximum_annual_rate:f}")
    product = rules.product_terms(loan.application)
    rate = rate.quantize(Decimal("0.000001"))
    check_legal_maximum(Rate.of_percent(rate), product.governing_law, loan.application.currency, facts.today)
    if deadline is None:
        deadline = facts.now + timedelta(days=rules.funding_days)
    if not facts.now < deadline <= facts.now + timedelta(days=rules.maximum_funding_days):
        raise errors.DeadlineOutOfRange(maximum_days=rules.maximum_funding_days)
    return Offer(rate, rules.fees, product, deadline)
