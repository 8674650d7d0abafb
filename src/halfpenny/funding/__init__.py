"""Tickets, the funding desk, positions and wallets. Other features import from here and nothing below."""

from halfpenny.funding.check import UNCHECKED, check
from halfpenny.funding.consumers import SUBSCRIPTION
from halfpenny.funding.desk.desk import DeskSettings, FundingDesk
from halfpenny.funding.errors import DeskFull, LoanFullyFunded, LoanNotOpen, OutcomeUnknown
from halfpenny.funding.events import (
    DEPOSIT_SETTLED,
    INVESTMENT_MADE,
    INVESTMENT_RETURNED,
    INVESTMENT_REVOKED,
    MILESTONE_REACHED,
    WITHDRAWAL_RETURNED,
    WITHDRAWAL_SETTLED,
)
from halfpenny.funding.metrics import count_batch
from halfpenny.funding.model import Investment, InvestmentConfirmation, Position, Ticket, WalletPayment
from halfpenny.funding.requests import ticket_fingerprint
from halfpenny.funding.service.payments import request_deposit, request_withdrawal, settle_payments
from halfpenny.funding.service.reconciling import open_findings, reconcile, reconcile_day, reconcile_due
from halfpenny.funding.service.tickets import cancel, expire, revoke
from halfpenny.funding.store.payments import has_pending as has_pending_payments
from halfpenny.funding.store.tickets import of_investor as investments_of_investor
from halfpenny.funding.store.tickets import positions, positions_of_investor, reflection_running_until
from halfpenny.funding.views import investment as investment_view

__all__ = [
    "DEPOSIT_SETTLED",
    "INVESTMENT_MADE",
    "INVESTMENT_RETURNED",
    "INVESTMENT_REVOKED",
    "MILESTONE_REACHED",
    "SUBSCRIPTION",
    "UNCHECKED",
    "WITHDRAWAL_RETURNED",
    "WITHDRAWAL_SETTLED",
    "DeskFull",
    "DeskSettings",
    "FundingDesk",
    "Investment",
    "InvestmentConfirmation",
    "LoanFullyFunded",
    "LoanNotOpen",
    "OutcomeUnknown",
    "Position",
    "Ticket",
    "WalletPayment",
    "cancel",
    "check",
    "count_batch",
    "expire",
    "has_pending_payments",
    "investment_view",
    "investments_of_investor",
    "open_findings",
    "positions",
    "positions_of_investor",
    "reconcile",
    "reconcile_day",
    "reconcile_due",
    "reflection_running_until",
    "request_deposit",
    "request_withdrawal",
    "revoke",
    "settle_payments",
    "ticket_fingerprint",
]
