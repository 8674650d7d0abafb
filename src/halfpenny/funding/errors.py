"""Errors of funding: every refusal by name. A named refusal has changed nothing.

Some refusals of a ticket have their names elsewhere: loan_not_found and self_dealing in loans,
insufficient_available in the ledger, email_unverified, kyc_required and wrong_role in identity.
"""

from __future__ import annotations

from halfpenny.primitives.errors import Malformed, NotFound, Refused, Unavailable


class InvestmentUnknown(NotFound):
    code = "investment_not_found"
    message = "There is no such investment."


class LoanNotOpen(Refused):
    code = "loan_not_open"
    message = "This loan does not take investments now."


class LoanFullyFunded(Refused):
    code = "loan_fully_funded"
    message = "This loan is fully funded."


class ExceedsRemaining(Refused):
    code = "exceeds_remaining"
    message = "The amount exceeds what the loan still needs."


class BelowMinimum(Refused):
    code = "below_minimum"
    message = "The amount is below the minimum of this loan."


class NotAMultiple(Refused):
    code = "not_a_multiple"
    message = "The amount is not a multiple of this loan's step."


class AboveMaximum(Refused):
    code = "above_maximum"
    message = "The amount would take you above the maximum that one investor may hold in this loan."


class ReflectionOver(Refused):
    code = "reflection_over"
    message = "The reflection period of this investment has ended."


class NotRevocable(Refused):
    code = "not_revocable"
    message = "This investment cannot be withdrawn."


class LoanNotFull(Refused):
    code = "loan_not_full"
    message = "This loan is not fully funded: invest instead of joining the waiting list."


class AmountNotPositive(Malformed):
    code = "amount_not_positive"
    message = "The amount must be above zero."


class DeskFull(Unavailable):
    """The queue is bounded; ``retry_after_s`` in ``data`` is when to try again. Nothing was changed."""

    code = "desk_full"
    message = "Too many investments are waiting. Nothing was changed: retry with the same key."


class OutcomeUnknown(Unavailable):
    """The database was lost at COMMIT and did not come back in time."""

    code = "outcome_unknown"
    message = "The outcome is unknown: retry with the same Idempotency-Key to learn it."


class DeskClosed(Unavailable):
    code = "desk_closed"
    message = "This process is stopping. Nothing was changed: retry with the same key."


class WaitingTicketUnknown(NotFound):
    code = "waiting_ticket_not_found"
    message = "You have no such entry in a waiting list."


class FindingUnknown(NotFound):
    code = "finding_not_found"
    message = "There is no such open finding."


class WrongResolution(Refused):
    code = "wrong_resolution"
    message = "This finding cannot be resolved in that way."


class StatementOfAnotherAccount(Refused):
    """``data`` names the account of the statement, and ours in its currency where there is one."""

    code = "statement_of_another_account"
    message = "This is not a statement of our client account. Nothing of it was accepted."


class OpeningBalanceDiffers(Refused):
    """``missing_day`` in ``data`` is the first day between, of which no statement was accepted; None without a gap."""

    code = "opening_balance_differs"
    message = "The statement does not begin where the last accepted one ended. Nothing of it was accepted."


class StatementOfFuture(Refused):
    """``business_date`` in ``data`` is the last day that a statement may close or book on."""

    code = "statement_of_future"
    message = "The statement closes, or books, a day that has not come. Nothing of it was accepted."


class StatementOutOfOrder(Refused):
    """``last_day`` in ``data`` is that of the last accepted statement of the account."""

    code = "statement_out_of_order"
    message = "The statement closes a day before the last accepted one's. Nothing of it was accepted."


class StatementFileUnknown(NotFound):
    code = "statement_file_not_found"
    message = "There is no such file of statements."


class FirstStatement(Refused):
    code = "first_statement"
    message = "The first statement of an account is accepted by two people."


class LineUnknown(NotFound):
    code = "statement_line_not_found"
    message = "There is no such line on any statement that stands, or stood, in suspense."


class LineSpent(Refused):
    """``remaining`` in ``data`` is what of the line still stands in suspense."""

    code = "line_spent"
    message = "That much of this line is no longer in suspense."


class LineHasReceipt(Refused):
    """``receipt_id`` in ``data`` is the receipt that the line is."""

    code = "line_has_receipt"
    message = "This line is another receipt already. Match what is left of it to its loan instead."


class BankReceiptUnknown(NotFound):
    code = "unknown_receipt"
    message = "There is no such receipt."


class ReceiptEnded(Refused):
    code = "receipt_resolved"
    message = "This receipt has its line, was posted ahead of it, or was withdrawn."


class StatementLineExists(Refused):
    """``lines`` in ``data`` are credits of the same amount about the same days, with what names them."""

    code = "statement_line_exists"
    message = "A statement shows a credit that may be this receipt. Match that line instead, or the money counts twice."
