"""Administrators decide, the borrower accepts, and funding opens."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from halfpenny import identity
from halfpenny.loans import errors, store
from halfpenny.loans.decision import Decision, DecisionFacts, Outcome, Verdict, decide
from halfpenny.loans.model import (
    ASSESSMENT_RECORDED,
    SYSTEM,
    TRANSITIONS,
    Actor,
    ActorKind,
    LendingRules,
    Loan,
    Offer,
    RiskSummary,
    Status,
    check_transition,
)
from halfpenny.loans.products import check_legal_maximum
from halfpenny.loans.service.applying import lock_own, request_reassessment
from halfpenny.loans.service.conflicts import bar_interested_staff
from halfpenny.loans.service.lifecycle import get, lock, record_event, transition
from halfpenny.loans.statuses import TransitionName
from halfpenny.platform import audit
from halfpenny.platform.clock import business_date, business_now
from halfpenny.platform.database import Connection
from halfpenny.primitives.ids import UserId
from halfpenny.primitives.rate import Rate


async def record_assessment(connection: Connection, loan_id: UUID, risk: RiskSummary) -> bool:
    """Take over the risk service's assessment of the loan's present terms.

    A submitted loan becomes assessed. Returns False, changing nothing, for an answer to other terms than the
    present ones and for a loan that nobody decides on any more. Raises LoanNotFound.
    """
    loan = await lock(connection, loan_id)
    gone = loan.status in (Status.DRAFT, Status.WITHDRAWN, Status.DECLINED)
    overtaken = loan.risk is not None and loan.risk.assessed_at > risk.assessed_at
    if gone or overtaken or risk.loan_version != loan.terms_version:
        return False
    # What is decided on stands once more where nothing is ever changed.
    answered = {"risk": await store.set_risk(connection, loan_id, risk)}
    if loan.status is Status.SUBMITTED:
        await transition(connection, loan_id, TransitionName.ASSESS, data=answered, locked=loan)
        return True
    await store.increment_version(connection, loan_id)
    after = await get(connection, loan_id)
    await record_event(connection, ASSESSMENT_RECORDED, after, SYSTEM, action="loan.assess", data=answered)
    return True


async def _decision_facts(
    connection: Connection, administrator: UserId, loan: Loan, now: datetime, rules: LendingRules
) -> DecisionFacts:
    """What a decision is judged by beside the application itself, read under the lock of the loan."""
    waiting = await store.first_approvals(connection, [loan.id])
    raised = await store.raised(connection, loan.borrower_id, loan.id)
    return DecisionFacts(
        now=now,
        today=await business_date(connection),
        # Who declined it before a review does not decide on it again.
        touched_by=await store.editors(connection, loan.id)
        | await store.decliners(connection, loan.id)
        | {loan.entered_by},
        related=administrator in await identity.related_to(connection, loan.borrower_id),
        raised_minor=sum(rules.euro_minor(minor, currency) for currency, minor in raised),
        first=waiting.get(loan.id),
    )


async def decide_on(
    connection: Connection,
    administrator: UserId,
    loan_id: UUID,
    decision: Decision,
    rules: LendingRules,
    *,
    offer_at_once: bool = True,
) -> tuple[Loan, Outcome]:
    """Approve or decline one version of an application, and return the loan with what followed.

    A final approval makes the offer at once, unless ``offer_at_once`` is False: then ``make_offer`` does later.
    A first approval above the limit is kept and waits for another administrator. Raises the refusals of
    ``decision.decide``; nothing has changed then.
    """
    loan = await lock(connection, loan_id)
    now = await business_now(connection)
    facts = await _decision_facts(connection, administrator, loan, now, rules)
    outcome = decide(loan, decision, administrator, facts, rules)
    # From here on nothing refuses any more.
    decided = await store.insert_decision(
        connection,
        loan,
        decision,
        outcome.final,
        outcome.offer,
        administrator,
        now,
    )
    actor = Actor(ActorKind.ADMINISTRATOR, administrator)
    if not outcome.final:
        await audit.record(
            connection,
            administrator,
            "loan.first_approval",
            "loan",
            loan_id,
            {
                "version": loan.version,
                "reason_code": decision.reason_code.value,
                "reason": decision.reason,
                **decided,
            },
        )
        return loan, outcome
    if decision.verdict is Verdict.DECLINE:
        await store.set_decided(connection, loan_id, decision, None, administrator, now)
        declined = await transition(
            connection, loan_id, TransitionName.DECLINE, actor, reason=decision.reason, data=decided, locked=loan
        )
        return declined, outcome
    if outcome.offer is None:
        raise errors.RateMissing()
    await store.set_decided(connection, loan_id, decision, outcome.offer, administrator, now)
    # The terms that were decided are kept; they are the offer as soon as that is made.
    approved = await transition(
        connection, loan_id, TransitionName.APPROVE, actor, reason=decision.reason, data=decided, locked=loan
    )
    if not offer_at_once:
        return approved, outcome
    return await _make_offer(connection, SYSTEM, approved, rules), outcome


async def reinstate(connection: Connection, administrator: UserId, loan_id: UUID, review_id: UUID) -> Loan:
    """Open a declined application again after that review: it is assessed anew, and another person decides.

    Raises LoanNotFound, WrongStatus, SelfDealing.
    """
    loan = await lock(connection, loan_id)
    actor = Actor(ActorKind.ADMINISTRATOR, administrator)
    after = {"review_id": str(review_id)}
    reopened = await transition(connection, loan_id, TransitionName.REINSTATE, actor, data=after, locked=loan)
    await store.clear_decided(connection, loan_id)
    await request_reassessment(connection, reopened, "decision_reviewed", administrator)
    return reopened


async def newest_decline(connection: Connection, loan_id: UUID) -> UUID | None:
    """The id of the last decision that declined the loan: what a review is about."""
    return await store.newest_decline(connection, loan_id)


async def decliners(connection: Connection, loan_id: UUID) -> frozenset[UserId]:
    """Everybody who declined the loan."""
    return await store.decliners(connection, loan_id)


async def make_offer(connection: Connection, actor: Actor, loan_id: UUID, rules: LendingRules) -> Loan:
    """Put the approved terms to the borrower, and the hot row beside the loan.

    Raises OfferExpired, RateAboveLegalMaximum, WrongStatus.
    """
    return await _make_offer(connection, actor, await lock(connection, loan_id), rules)


async def _make_offer(connection: Connection, actor: Actor, loan: Loan, rules: LendingRules) -> Loan:
    check_transition(loan, TRANSITIONS[TransitionName.OFFER], actor)
    await bar_interested_staff(connection, actor, loan)
    offer = await _running_offer(connection, loan)
    ticket = (rules.minimum_ticket_minor, rules.ticket_step_minor, rules.maximum_ticket_minor)
    await store.insert_funding(connection, loan, offer, ticket)
    return await transition(connection, loan.id, TransitionName.OFFER, actor, locked=loan)


async def accept(connection: Connection, borrower_id: UserId, loan_id: UUID, *, open_at_once: bool = True) -> Loan:
    """The borrower takes the offer, and funding opens.

    Raises OfferExpired by the business clock, and RateAboveLegalMaximum.

    Without ``open_at_once`` an administrator opens funding later with ``open_funding``.
    """
    loan = await lock_own(connection, borrower_id, loan_id)
    if loan.status is Status.OFFERED:
        await _running_offer(connection, loan)
    # What both sides are bound to from now on, once more where nothing is ever changed.
    agreed = {"terms": await store.agreed_terms(connection, loan_id)}
    accepted = await transition(
        connection, loan_id, TransitionName.ACCEPT, Actor(ActorKind.BORROWER, borrower_id), data=agreed, locked=loan
    )
    if not open_at_once:
        return accepted
    return await transition(connection, loan_id, TransitionName.OPEN_FUNDING, SYSTEM, locked=accepted)


async def open_funding(connection: Connection, actor: Actor, loan_id: UUID) -> Loan:
    """Let investors in. Raises OfferExpired, WrongStatus.

    Not asked again is the law's maximum: since the acceptance the agreement stands, and the drawdown is limited to it.
    """
    loan = await lock(connection, loan_id)
    if loan.status is Status.ACCEPTED:
        await _unexpired_offer(connection, loan)
    return await transition(connection, loan_id, TransitionName.OPEN_FUNDING, actor, locked=loan)


async def _running_offer(connection: Connection, loan: Loan) -> Offer:
    """The offer, as long as it may be made or taken: before its deadline, and at a rate that the law still allows."""
    offer = await _unexpired_offer(connection, loan)
    await _check_lawful(connection, loan, offer)
    return offer


async def _unexpired_offer(connection: Connection, loan: Loan) -> Offer:
    if loan.offer is None or loan.offer.funding_deadline <= await business_now(connection):
        raise errors.OfferExpired()
    return loan.offer


async def _check_lawful(connection: Connection, loan: Loan, offer: Offer) -> None:
    """Raises RateAboveLegalMaximum where the law allows the offer's rate no more: the maximum may fall any day."""
    rate, law = Rate.of_percent(offer.annual_rate), offer.product_terms.governing_law
    check_legal_maximum(rate, law, loan.application.currency, await business_date(connection))
