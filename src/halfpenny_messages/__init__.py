"""The versioned messages that the marketplace and the risk service exchange, and the broker's topology: all that the
two share.

Amounts, rates and probabilities travel as decimal strings, never as JSON numbers; a message is
decoded strictly (an unknown or a missing field is a named failure, not a guess); a name or a version
that this side does not know raises ``UnknownMessage`` so that it can be set aside without being lost.
"""

from halfpenny_messages.assessed import (
    LOAN_ASSESSED,
    Challenger,
    Comparable,
    LoanAssessed,
    LocalisedText,
    Narrative,
    PriceTerm,
    Reason,
    StressCell,
    Valuation,
)
from halfpenny_messages.envelope import Envelope, Payload, decode, decode_payload, encode, to_builtins
from halfpenny_messages.submitted import (
    LOAN_REASSESSMENT_REQUESTED,
    LOAN_SUBMITTED,
    Borrower,
    LoanSubmitted,
    Property,
    ReassessmentRequested,
)
from halfpenny_messages.topology import (
    CONFIRM_TIMEOUT_S,
    CONNECT_TIMEOUT_S,
    DEAD_LETTER_EXCHANGE,
    DELIVERY_LIMIT,
    EVENTS_EXCHANGE,
    HEARTBEAT_S,
    MOST_ATTEMPTS,
    RISK_REQUESTS_EVENTS,
    RISK_REQUESTS_QUEUE,
    QueueArguments,
    dead_letter_queue,
    dead_letter_queue_arguments,
    queue_arguments,
)
from halfpenny_messages.wire import (
    MAX_MESSAGE_BYTES,
    MalformedMessage,
    MessageError,
    MessageTooLarge,
    UnknownMessage,
    WireEnvelope,
    pack_envelope,
    unpack_envelope,
)

__all__ = [
    "CONFIRM_TIMEOUT_S",
    "CONNECT_TIMEOUT_S",
    "DEAD_LETTER_EXCHANGE",
    "DELIVERY_LIMIT",
    "EVENTS_EXCHANGE",
    "HEARTBEAT_S",
    "LOAN_ASSESSED",
    "LOAN_REASSESSMENT_REQUESTED",
    "LOAN_SUBMITTED",
    "MAX_MESSAGE_BYTES",
    "MOST_ATTEMPTS",
    "RISK_REQUESTS_EVENTS",
    "RISK_REQUESTS_QUEUE",
    "Borrower",
    "Challenger",
    "Comparable",
    "Envelope",
    "LoanAssessed",
    "LoanSubmitted",
    "LocalisedText",
    "MalformedMessage",
    "MessageError",
    "MessageTooLarge",
    "Narrative",
    "Payload",
    "PriceTerm",
    "Property",
    "QueueArguments",
    "Reason",
    "ReassessmentRequested",
    "StressCell",
    "UnknownMessage",
    "Valuation",
    "WireEnvelope",
    "dead_letter_queue",
    "dead_letter_queue_arguments",
    "decode",
    "decode_payload",
    "encode",
    "pack_envelope",
    "queue_arguments",
    "to_builtins",
    "unpack_envelope",
]
