"""Consumers of the risk service's assessments, and of the decisions that a borrower waits for."""

from __future__ import annotations

from uuid import UUID

from halfpenny import loans
from halfpenny.loans import TransitionName
from halfpenny.platform.database import Connection
from halfpenny.platform.queue import Message, Poison, Subscription
from halfpenny.realtime import Notice, NotificationKind, notify_many
from halfpenny.underwriting import service
from halfpenny_messages import (
    LOAN_ASSESSED,
    LOAN_NARRATIVE_WRITTEN,
    LoanAssessed,
    MessageError,
    NarrativeWritten,
    decode_payload,
)


class AnswerMissing(Exception):
    """Prose about an answer that has not come."""


async def handle_assessment(connection: Connection, message: Message) -> None:
    """One answer, in the unit of work that also writes the inbox row.

    An answer that cannot be read, or about a loan that we do not know, never gets better by trying again:
    it is dead-lettered with its reason.
    """
    try:
        answer = decode_payload(message.name, message.version, message.payload)
    except MessageError as error:
        raise Poison(error.code, str(error)) from error
    if isinstance(answer, NarrativeWritten):
        if not await service.receive_narrative(connection, answer):
            # It may have overtaken its answer: it is tried again later, and set aside if that never comes.
            raise AnswerMissing(f"no assessment of loan {answer.loan_id} by {answer.model_version}")
        return
    if not isinstance(answer, LoanAssessed):
        raise Poison("unexpected_message", f"{message.name} is not an answer")
    try:
        await service.receive(connection, answer, message.recorded_at)
    except loans.LoanNotFound as error:
        raise Poison(error.code, f"no loan {answer.loan_id}") from error


# What has been decided on an application is reported to its borrower: the letter or the offer is there to be read.
_DECIDED = {
    loans.TRANSITIONS[TransitionName.DECLINE].event: NotificationKind.LOAN_DECLINED,
    loans.TRANSITIONS[TransitionName.OFFER].event: NotificationKind.LOAN_OFFERED,
}


async def notify_borrower(connection: Connection, message: Message) -> None:
    """The borrower is notified once of a decline, with the place of its letter, and of an offer, with its terms."""
    loan = await loans.get(connection, UUID(message.payload["loan_id"]))
    kind = _DECIDED[message.name]
    data = {"loan_id": str(loan.id), "title": loan.title}
    if kind is NotificationKind.LOAN_DECLINED:
        data["letter"] = f"/api/v1/loans/{loan.id}/decision-letter"
    elif loan.offer is not None:
        data["annual_rate"] = f"{loan.offer.annual_rate:f}"
        data["funding_deadline"] = loan.offer.funding_deadline.isoformat()
    await notify_many(connection, [Notice(loan.borrower_id, kind, data, f"{kind}:{message.id}")])


DECISIONS_SUBSCRIPTION = Subscription(queue="underwriting.decisions", events=tuple(_DECIDED), handler=notify_borrower)
SUBSCRIPTION = Subscription(
    queue="underwriting.assessments", events=(LOAN_ASSESSED, LOAN_NARRATIVE_WRITTEN), handler=handle_assessment
)
