"""Servicing: interest, schedules, receipts, waterfall, distributions, arrears, recovery and the daily close."""

from halfpenny.servicing.acts import arrears_acts
from halfpenny.servicing.check import UNCHECKED, check
from halfpenny.servicing.consumers import RECEIPTS_EVENTS, RECEIPTS_QUEUE, SUBSCRIPTION, receipts_subscription
from halfpenny.servicing.forbearance_acts import forbearance_acts
from halfpenny.servicing.indicators import INDICATORS
from halfpenny.servicing.model.events import Apply
from halfpenny.servicing.model.flows import Withholding
from halfpenny.servicing.receipt_acts import receipt_acts
from halfpenny.servicing.service.arrears import RecoveryCase, recovery_cases, start_recovery, write_off
from halfpenny.servicing.service.borrower_accounts import BorrowerAccount, borrower_account
from halfpenny.servicing.service.closing import DayClosed, close_day, close_days
from halfpenny.servicing.service.distributing import pay_distribution, pay_distributions
from halfpenny.servicing.service.drawing_down import draw_down
from halfpenny.servicing.service.legal_limits import limit_rates
from halfpenny.servicing.service.planning import (
    PlannedFlows,
    PlannedLoan,
    asked_of,
    planned_at_suggested_rate,
    planned_flows,
    planned_loan,
)
from halfpenny.servicing.service.portfolio import PortfolioLine, portfolio
from halfpenny.servicing.service.posting import PostingResult, post_events
from halfpenny.servicing.service.receiving import amount_due, receive_from_bank, redemption_by_day, redemption_on, repay
from halfpenny.servicing.store.statistics import ServicingFacts, facts_of
from halfpenny.servicing.views import portfolio_line as portfolio_line_view

__all__ = [
    "INDICATORS",
    "RECEIPTS_EVENTS",
    "RECEIPTS_QUEUE",
    "SUBSCRIPTION",
    "UNCHECKED",
    "Apply",
    "BorrowerAccount",
    "DayClosed",
    "PlannedFlows",
    "PlannedLoan",
    "PortfolioLine",
    "PostingResult",
    "RecoveryCase",
    "ServicingFacts",
    "Withholding",
    "amount_due",
    "arrears_acts",
    "asked_of",
    "borrower_account",
    "check",
    "close_day",
    "close_days",
    "draw_down",
    "facts_of",
    "forbearance_acts",
    "limit_rates",
    "pay_distribution",
    "pay_distributions",
    "planned_at_suggested_rate",
    "planned_flows",
    "planned_loan",
    "portfolio",
    "portfolio_line_view",
    "post_events",
    "receipt_acts",
    "receipts_subscription",
    "receive_from_bank",
    "recovery_cases",
    "redemption_by_day",
    "redemption_on",
    "repay",
    "start_recovery",
    "write_off",
]
