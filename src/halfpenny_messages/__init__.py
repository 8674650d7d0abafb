"""The versioned messages that the marketplace and the risk service exchange: all that the two share.

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
from halfpenny_messages.envelope import (
    MAX_MESSAGE_BYTES,
    Envelope,
    MalformedMessage,
    MessageError,
    MessageTooLarge,
    Payload,
    UnknownMessage,
    decode,
    decode_payload,
    encode,
    to_builtins,
)
from halfpenny_messages.submitted import (
    LOAN_REASSESSMENT_REQUESTED,
    LOAN_SUBMITTED,
    Borrower,
    LoanSubmitted,
    Property,
    ReassessmentRequested,
)

__all__ = [
    "LOAN_ASSESSED",
    "LOAN_REASSESSMENT_REQUESTED",
    "LOAN_SUBMITTED",
    "MAX_MESSAGE_BYTES",
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
    "Reason",
    "ReassessmentRequested",
    "StressCell",
    "UnknownMessage",
    "Valuation",
    "decode",
    "decode_payload",
    "encode",
    "to_builtins",
]
