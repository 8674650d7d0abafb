"""Receive the risk service's assessments, store each, and let the loan take over one of its present terms."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from halfpenny import loans
from halfpenny.platform.clock import MARKET_ZONE
from halfpenny.platform.database import Connection, Database
from halfpenny.platform.papers import PaperLanguage
from halfpenny.platform.views import amount_view
from halfpenny.primitives.ids import UserId
from halfpenny.underwriting import errors, store
from halfpenny.underwriting.letter import DeclinedApplication, LetterReason
from halfpenny_messages import LoanAssessed, NarrativeWritten, PrincipalReason, to_builtins

_REASSESSMENT_BATCH_SIZE = 200
# In these statuses there is nobody left to whom the answer would matter.
_OVER = frozenset(
    {
        loans.Status.DRAFT,
        loans.Status.DECLINED,
        loans.Status.WITHDRAWN,
        loans.Status.EXPIRED,
        loans.Status.CANCELLED,
        loans.Status.REPAID,
        loans.Status.WRITTEN_OFF,
    }
)


async def receive(connection: Connection, answer: LoanAssessed, assessed_at: datetime) -> bool:
    """Keep one answer, in the caller's transaction; True where the loan took it over.

    Answers come at least once, late and out of order: one for terms that have changed since is kept and does
    nothing, and the same model's second answer to the same terms is not even kept. Raises LoanNotFound.
    """
    await loans.lock(connection, answer.loan_id)
    if await store.known(connection, answer.loan_id, answer.loan_version, answer.model_version):
        return False
    current = await loans.record_assessment(connection, answer.loan_id, summary(answer, assessed_at))
    await store.insert(
        connection,
        answer.loan_id,
        answer.loan_version,
        answer.model_version,
        current,
        to_builtins(answer),
    )
    return current


async def receive_narrative(connection: Connection, written: NarrativeWritten) -> bool:
    """Keep prose about an answer, in the caller's transaction; False while that answer is not here yet."""
    return await store.insert_narrative(
        connection,
        written.loan_id,
        written.loan_version,
        written.model_version,
        msgspec.to_builtins(written.narrative),
    )


async def declined_application(
    connection: Connection, loan: loans.Loan, lender: str, address: str, language: PaperLanguage
) -> DeclinedApplication:
    """What the letter about a declined application says. Raises ApplicationNotDeclined.

    The first reason is the decision's own. Those of the answer that the loan went by follow where they stood against it
    (``stood_against``): the principal ones, for the borrower.
    """
    code = loan.decision_reason_code
    if loan.status is not loans.Status.DECLINED or loan.decided_at is None or code is None:
        raise errors.ApplicationNotDeclined(status=loan.status.value)
    answer = await store.decided_on(connection, loan.id, loan.terms_version)
    found = answer.answer if answer else None
    terms = loan.application
    return DeclinedApplication(
        creditor=lender,
        creditor_address=address,
        company=terms.borrower.company,
        secured_on=f"{terms.property.address}, {terms.property.city}",
        amount=amount_view(terms.amount_minor, terms.currency),
        applied_on=(loan.submitted_at or loan.created_at).astimezone(MARKET_ZONE).date(),
        declined_on=loan.decided_at.astimezone(MARKET_ZONE).date(),
        reference=str(loan.id),
        model_version=answer.model_version if answer else None,
        recommended=found is not None and found["recommendation"] == "approve",
        reasons=letter_reasons(code, stood_against(code, found) if found else [], language),
    )


def stood_against(code: loans.DecisionReason, answer: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The answer's reasons that a decline for ``code`` rests on, as the borrower may read them.

    None where the model recommended the loan: the person's reason was another one (the official comment on 12 CFR
    1002.9(b)(2): the reasons must be those actually considered). Where it referred the loan, only if the person names
    one of them.
    """
    against = [reason for reason in answer["principal_against"] if "borrower" in reason["audience"]]
    if answer["recommendation"] == "refer" and code not in {reason["code"] for reason in against}:
        return []
    return against if answer["recommendation"] != "approve" else []


def letter_reasons(
    code: loans.DecisionReason, reasons: Sequence[Mapping[str, Any]], language: PaperLanguage
) -> list[LetterReason]:
    """The reason that the decision names comes first, with what the assessment says about the same subject."""
    named = [reason for reason in reasons if reason["code"] == code]
    found = [
        LetterReason(reason["text"][language], reason["change"][language] if reason["change"] else None)
        for reason in (*named, *(reason for reason in reasons if reason["code"] != code))
    ]
    if not named:
        found.insert(0, LetterReason(getattr(loans.REASON_TEXTS[code], language), None))
    return found


async def request_reassessment(connection: Connection, administrator: UserId, loan_id: UUID) -> None:
    """Put the present terms to the risk service once more. Raises LoanNotFound or NothingToAssess."""
    loan = await loans.lock(connection, loan_id)
    await loans.bar_interested(connection, administrator, loan)
    if loan.status in _OVER:
        raise errors.NothingToAssess(status=loan.status.value)
    await loans.request_reassessment(connection, loan, "requested_by_staff", administrator)


async def request_all_reassessments(database: Database, progress: Callable[[int], None] = lambda asked: None) -> int:
    """Put every loan that an assessment still matters for to the risk service again, such as after a new model.

    Returns how many; ``progress`` is called after each batch. Cut short, it may be run again: a model's second answer
    to the same terms changes nothing.
    """
    statuses = set(loans.Status) - _OVER
    asked, after = 0, None
    while True:
        async with database.unit_of_work() as connection:
            found = await loans.page_in(connection, statuses, after, _REASSESSMENT_BATCH_SIZE)
            for loan in found:
                await loans.request_reassessment(connection, loan, "model_changed", None)
        if not found:
            return asked
        asked, after = asked + len(found), found[-1].id
        progress(asked)


def summary(answer: LoanAssessed, assessed_at: datetime) -> loans.RiskSummary:
    """What the loan itself keeps of an answer: enough for the decision, the offer and the listing."""
    return loans.RiskSummary(
        grade=answer.grade,
        recommendation=answer.recommendation,
        probability_of_default=Decimal(answer.probability_of_default),
        loss_given_default=Decimal(answer.loss_given_default),
        expected_loss=Decimal(answer.expected_loss),
        suggested_rate=Decimal(answer.suggested_rate_percent),
        reasons=(
            *(_reason(reason, favours=False) for reason in answer.principal_against),
            *(_reason(reason, favours=True) for reason in answer.principal_for),
        ),
        model_version=answer.model_version,
        assessed_at=assessed_at,
        loan_version=answer.loan_version,
        flags=tuple(answer.flags),
    )


def _reason(reason: PrincipalReason, *, favours: bool) -> loans.RiskReason:
    """A principal reason as the loan keeps it: its sentence, and what would change it."""
    change = reason.change
    english = reason.text.en if change is None else f"{reason.text.en} {change.en}"
    polish = reason.text.pl if change is None else f"{reason.text.pl} {change.pl}"
    return loans.RiskReason(reason.code, english, polish, tuple(reason.audience), favours)
