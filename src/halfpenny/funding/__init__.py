"""Tickets, the funding desk, positions and wallets. Other features import from here and nothing below."""

from halfpenny.funding.acts import bank_acts
from halfpenny.funding.bank import BankCredit, StatementLine
from halfpenny.funding.check import UNCHECKED, check
from halfpenny.funding.consumers import SUBSCRIPTIONS
from halfpenny.funding.desk.desk import DeskSettings, FundingDesk
from halfpenny.funding.errors import (
    AmountNotPositive,
    BankReceiptUnknown,
    DeskFull,
    InvestmentUnknown,
    LoanFullyFunded,
    LoanNotOpen,
    OutcomeUnknown,
)
from halfpenny.funding.events import (
    DEPOSIT_SETTLED,
    INVESTMENT_MADE,
    INVESTMENT_RETURNED,
    INVESTMENT_REVOKED,
    MILESTONE_REACHED,
    RECEIPT_ARRIVED,
    WITHDRAWAL_RETURNED,
    WITHDRAWAL_SETTLED,
)
from halfpenny.funding.indicators import INDICATORS
from halfpenny.funding.metrics import count_batch
from halfpenny.funding.model import (
    Investment,
    InvestmentConfirmation,
    Position,
    Ticket,
    WalletPayment,
    check_revocable,
)
from halfpenny.funding.pages import TEMPLATES
from halfpenny.funding.receipts import BankReceipt
from halfpenny.funding.reconciliation import Resolution
from halfpenny.funding.requests import PositiveAmountText, ticket_fingerprint
from halfpenny.funding.service.bank_receipts import (
    announce,
    check_post_ahead,
    get_receipt,
    join_line,
    line_of_receipt,
    lock_receipt,
    post_ahead,
    withdraw_receipt,
)
from halfpenny.funding.service.payments import (
    request_deposit,
    request_withdrawal,
    settle_payments,
    settle_pending,
)
from halfpenny.funding.service.previewing import free_to_invest, refusal_of
from halfpenny.funding.service.reconciling import open_findings
from halfpenny.funding.service.statements import Handover, pay_from_outside, reconcile, reconcile_day, reconcile_due
from halfpenny.funding.service.suspense import (
    CreditInSuspense,
    allocate,
    check_remaining,
    credit_in_suspense,
    find_credit,
    leave_question,
    return_credit,
)
from halfpenny.funding.service.taking_back import receipts_under, take_back
from halfpenny.funding.service.tickets import (
    cancel,
    end_waiting_list,
    expire,
    join_waiting_list,
    revoke,
)
from halfpenny.funding.store.bank_receipts import (
    allocations_of,
    line_of_allocation,
    page_of_expected,
    page_of_suspense,
    receipt_of_line,
)
from halfpenny.funding.store.bank_receipts import find as find_receipt
from halfpenny.funding.store.bank_receipts import origins as origins_of_receipts
from halfpenny.funding.store.payments import has_pending as has_pending_payments
from halfpenny.funding.store.statements import line, line_of, lock_bank
from halfpenny.funding.store.tickets import find as find_investment
from halfpenny.funding.store.tickets import find_by_key as find_investment_by_key
from halfpenny.funding.store.tickets import of_investor as investments_of_investor
from halfpenny.funding.store.tickets import positions, positions_of_investor, reflection_running_until
from halfpenny.funding.views import bank_receipt as bank_receipt_view
from halfpenny.funding.views import investment as investment_view
from halfpenny.funding.views import statement_line as statement_line_view

__all__ = [
    "DEPOSIT_SETTLED",
    "INDICATORS",
    "INVESTMENT_MADE",
    "INVESTMENT_RETURNED",
    "INVESTMENT_REVOKED",
    "MILESTONE_REACHED",
    "RECEIPT_ARRIVED",
    "SUBSCRIPTIONS",
    "TEMPLATES",
    "UNCHECKED",
    "WITHDRAWAL_RETURNED",
    "WITHDRAWAL_SETTLED",
    "AmountNotPositive",
    "BankCredit",
    "BankReceipt",
    "BankReceiptUnknown",
    "CreditInSuspense",
    "DeskFull",
    "DeskSettings",
    "FundingDesk",
    "Handover",
    "Investment",
    "InvestmentConfirmation",
    "InvestmentUnknown",
    "LoanFullyFunded",
    "LoanNotOpen",
    "OutcomeUnknown",
    "Position",
    "PositiveAmountText",
    "Resolution",
    "StatementLine",
    "Ticket",
    "WalletPayment",
    "allocate",
    "allocations_of",
    "announce",
    "bank_acts",
    "bank_receipt_view",
    "cancel",
    "check",
    "check_post_ahead",
    "check_remaining",
    "check_revocable",
    "count_batch",
    "credit_in_suspense",
    "end_waiting_list",
    "expire",
    "find_credit",
    "find_investment",
    "find_investment_by_key",
    "find_receipt",
    "free_to_invest",
    "get_receipt",
    "has_pending_payments",
    "investment_view",
    "investments_of_investor",
    "join_line",
    "join_waiting_list",
    "leave_question",
    "line",
    "line_of",
    "line_of_allocation",
    "line_of_receipt",
    "lock_bank",
    "lock_receipt",
    "open_findings",
    "origins_of_receipts",
    "page_of_expected",
    "page_of_suspense",
    "pay_from_outside",
    "positions",
    "positions_of_investor",
    "post_ahead",
    "receipt_of_line",
    "receipts_under",
    "reconcile",
    "reconcile_day",
    "reconcile_due",
    "reflection_running_until",
    "refusal_of",
    "request_deposit",
    "request_withdrawal",
    "return_credit",
    "revoke",
    "settle_payments",
    "settle_pending",
    "statement_line_view",
    "take_back",
    "ticket_fingerprint",
    "withdraw_receipt",
]
