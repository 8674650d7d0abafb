"""Consumer of the risk service's assessments."""

from __future__ import annotations

from halfpenny import loans
from halfpenny.platform.database import Connection
from halfpenny.platform.queue import Message, Poison, Subscription
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


SUBSCRIPTION = Subscription(
    queue="underwriting.assessments", events=(LOAN_ASSESSED, LOAN_NARRATIVE_WRITTEN), handler=handle_assessment
)
