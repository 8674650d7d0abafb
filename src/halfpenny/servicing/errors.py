"""Errors of servicing. Impossible terms are malformed input (422); events that break a rule are refused (409)."""

from __future__ import annotations

from halfpenny.primitives.errors import Malformed, NotFound, Refused


class ImpossibleTerms(Malformed):
    code = "impossible_terms"
    message = "No loan can have these terms."


class PrincipalNotPositive(ImpossibleTerms):
    code = "principal_not_positive"
    message = "The principal must be above zero."


class PeriodsOutOfRange(ImpossibleTerms):
    code = "periods_out_of_range"
    message = "A loan has 1 to 360 monthly periods."


class DateOutOfRange(ImpossibleTerms):
    code = "date_out_of_range"
    message = "A loan is advanced between 1900 and 2200."


class PrincipalOrNetAdvance(ImpossibleTerms):
    code = "principal_or_net_advance"
    message = "Name either the principal or the wanted net advance."


class AnnualOrMonthlyRate(ImpossibleTerms):
    code = "annual_or_monthly_rate"
    message = "Name either the annual or the monthly rate."


class PeriodsOrRedeemedOn(ImpossibleTerms):
    code = "periods_or_redeemed_on"
    message = "Name the number of periods, the day of redemption, or both."


class PeriodsMissing(ImpossibleTerms):
    code = "periods_missing"
    message = "A loan repaid in instalments names its number of periods; a bullet may name its redemption instead."


class AmountOutOfRange(ImpossibleTerms):
    code = "amount_out_of_range"
    message = "These terms come to amounts larger than any that can be posted."


class FirstDueBeforeAdvance(ImpossibleTerms):
    code = "first_due_before_advance"
    message = "The first due date must be after the advance, by no more than a year."


class InterestModeNeedsBullet(ImpossibleTerms):
    code = "interest_mode_needs_bullet"
    message = "Interest can be retained or rolled up only where the principal is repaid in one sum."


class RetainedMonthsOutOfRange(ImpossibleTerms):
    code = "retained_months_out_of_range"
    message = "Mixed interest is retained for at least one period and serviced for at least one."


class CompoundingNeedsRolledUp(ImpossibleTerms):
    code = "compounding_needs_rolled_up"
    message = "Only rolled-up interest compounds."


class MinimumInterestOutOfRange(ImpossibleTerms):
    code = "minimum_interest_exceeds_term"
    message = "The minimum interest period must not be longer than the loan."


class RedemptionBeforeAdvance(ImpossibleTerms):
    code = "redemption_before_advance"
    message = "A loan cannot be redeemed before it is advanced."


class RedemptionAfterMaturity(ImpossibleTerms):
    code = "redemption_after_maturity"
    message = "The redemption is after the loan's maturity."


class DrawdownOutsideTerm(ImpossibleTerms):
    code = "drawdown_outside_term"
    message = "A drawdown must be on or after the advance and before the loan ends."


class PauseBackwards(ImpossibleTerms):
    code = "pause_ends_before_it_starts"
    message = "An interest pause must end on or after the day on which it starts."


class MalformedFee(ImpossibleTerms):
    code = "malformed_fee"
    message = "A fee is either an amount or a percentage of the loan."


class NothingLeftToAdvance(ImpossibleTerms):
    code = "nothing_left_to_advance"
    message = "Fees and retained interest leave no net advance."


class GrossUpImpossible(ImpossibleTerms):
    code = "gross_up_impossible"
    message = "No gross loan gives this net advance: interest and fees would take all of it."


class UnsupportedDefaultDayCount(ImpossibleTerms):
    code = "unsupported_default_day_count"
    message = "Default interest runs on ACT_365F or ACT_360."


class UnknownWaterfall(ImpossibleTerms):
    code = "unknown_waterfall"
    message = "No waterfall has this name and version."


class EventBeforeAdvance(Refused):
    code = "event_before_advance"
    message = "Nothing can happen to a loan before it is advanced."


class EventNotPositive(Malformed):
    code = "event_amount_not_positive"
    message = "The amount must be above zero."


class EventAfterMaturity(Refused):
    code = "event_after_maturity"
    message = "The loan has ended by then; its terms can no longer change."


class RedemptionExceedsPrincipal(Refused):
    code = "redemption_exceeds_principal"
    message = "A partial redemption is smaller than the principal outstanding."


class ApplyNeeded(Refused):
    code = "apply_needed"
    message = "This is more than what falls due next: say whether the rest waits (due) or repays principal (prepay)."


class WaiverOfPrincipal(Malformed):
    code = "waiver_of_principal"
    message = "Principal is written off, never waived."


class WaiverExceedsDue(Refused):
    """``due`` in ``data`` is what is owed of the component."""

    code = "waiver_exceeds_due"
    message = "No more can be waived than is due."


class LoanClosed(Refused):
    code = "loan_closed"
    message = "The loan is closed and takes no more receipts."


class NotServiced(NotFound):
    code = "not_serviced"
    message = "This loan has not been drawn down."


class ReflectionRunning(Refused):
    code = "reflection_running"
    message = "The reflection period of some investments has not ended yet."


class UnknownDistribution(NotFound):
    code = "unknown_distribution"
    message = "There is no such distribution."


class ReceiptWithoutLoan(Refused):
    code = "receipt_without_loan"
    message = "A receipt that names no loan waits for its line: only a loan's receipt can be posted ahead of it."


class ReceiptExceedsDebt(Refused):
    code = "receipt_exceeds_debt"
    message = "This is more than the loan owes: a second person must agree."


class NothingOverpaid(Refused):
    code = "nothing_overpaid"
    message = "The loan is not closed yet, or nobody has had too much of it."


class ReceiptReversed(Refused):
    code = "receipt_reversed"
    message = "This receipt has been reversed before."


class LineSplit(Refused):
    code = "line_split"
    message = "This line went to several loans: name the part that an amount is to be taken back from."


class AmountTakenBack(Refused):
    """``amount`` in ``data`` is what the loan has of the line."""

    code = "amount_taken_back"
    message = "An amount that is taken back is less than the part that the loan has; leave it out for all of it."


class ReversalBeforeReceipt(Refused):
    code = "reversal_before_receipt"
    message = "A receipt cannot be taken back before the day that it came in."


class NoRecoveryCase(NotFound):
    code = "no_recovery_case"
    message = "This loan has no open recovery case."


class UnlikelyToPayNotStated(Refused):
    code = "unlikely_to_pay_not_stated"
    message = "The borrower is marked unlikely to pay: say with `unlikely_to_pay` whether the mark stays."


class NotInDefault(Refused):
    code = "not_in_default"
    message = "The loan is not in default."


class RedemptionDayOutOfRange(Malformed):
    code = "redemption_day_out_of_range"
    message = "A redemption figure is for today (`first`), or a day up to a year ahead (`last`)."


class AlreadyAccelerated(Refused):
    code = "already_accelerated"
    message = "Everything owed has fallen due already."


class CloseOutOfOrder(Refused):
    code = "close_out_of_order"
    message = "A business day can be closed once it has come."


class UnknownComponent(Malformed):
    code = "unknown_component"
    message = "A waterfall has no such component."
