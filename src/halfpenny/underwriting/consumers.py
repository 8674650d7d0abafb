"""Listens to the risk service's answers."""

from __future__ import annotations

from halfpenny import loans
from halfpenny.platform.database import Connection
from halfpenny.platform.queue import Message, Poison, Subscription
from halfpenny.underwriting import service
from halfpenny_messages import LOAN_ASSESSED, LoanAssessed, MessageError, decode_payload


async def handle_assessment(connection: Connection, message: Message) -> None:
    """One answer, in the unit of work that also remembers the message.

    An answer that cannot be read, or about a loan that we do not know, never gets better by trying again:
    it is set aside with its reason.
    """
    try:
        answer = decode_payload(message.name, message.version, message.payload)
    except MessageError as error:
        raise Poison(error.code, str(error)) from error
    if not isinstance(answer, LoanAssessed):
        raise Poison("unexpected_message", f"{message.name} is not an answer")
    try:
        await service.receive(connection, answer, message.recorded_at)
    except loans.LoanNotFound as error:
        raise Poison(error.code, f"no loan {answer.loan_id}") from error


SUBSCRIPTION = Subscription(queue="underwriting.assessments", events=(LOAN_ASSESSED,), handler=handle_assessment)
