"""Statuses, kinds and directions are one list: the database's CHECK and Python's StrEnum are the same."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path

import pytest

from halfpenny.approvals.model import ApprovalStatus
from halfpenny.funding.bank import CashDirection
from halfpenny.funding.reconciliation import MismatchKind
from halfpenny.funding.statuses import (
    InvestmentStatus,
    PaymentDirection,
    PaymentStatus,
    ReceiptStatus,
    ReconciliationStatus,
    WaitingStatus,
)
from halfpenny.identity import KycStatus, Role
from halfpenny.ledger import AccountKind
from halfpenny.loans import FundingStatus, LoanInterestMode, Status, TransitionName, Verdict
from halfpenny.loans.model import TRANSITIONS
from halfpenny.primitives.money import Currency
from halfpenny.servicing.model.position import LoanStanding
from halfpenny.servicing.statuses import DistributionStatus, SegmentKind

SCHEMA = Path(__file__).parents[2] / "docs" / "schema.sql"
ENUMS: dict[str, type[StrEnum]] = {
    "ck_account_kind": AccountKind,
    "ck_app_user_kyc_status": KycStatus,
    "ck_app_user_role": Role,
    "ck_accrual_segment_kind": SegmentKind,
    "ck_approval_status": ApprovalStatus,
    "ck_bank_statement_line_direction": CashDirection,
    "ck_distribution_status": DistributionStatus,
    "ck_investment_status": InvestmentStatus,
    "ck_loan_decision_verdict": Verdict,
    "ck_loan_funding_status": FundingStatus,
    "ck_loan_interest_mode": LoanInterestMode,
    "ck_loan_status": Status,
    "ck_reconciliation_item_kind": MismatchKind,
    "ck_reconciliation_item_status": ReconciliationStatus,
    "ck_sandbox_bank_entry_direction": CashDirection,
    "ck_serviced_loan_standing": LoanStanding,
    "ck_bank_receipt_status": ReceiptStatus,
    "ck_waiting_ticket_status": WaitingStatus,
    "ck_wallet_payment_direction": PaymentDirection,
    "ck_wallet_payment_status": PaymentStatus,
}
# Only SQL reads and writes these, so Python has no list of its own.
IN_SQL_ONLY = {
    "ck_loan_condition_kind",
}
_CHECK = re.compile(
    r"CONSTRAINT (ck_\w+_(?:status|kind|direction|standing|role|verdict)) CHECK \(\(\w+ = ANY \(ARRAY\[(.*?)\]\)\)\)"
)


def checked(constraint: str) -> set[str]:
    """The values that a CHECK of one column allows."""
    found = re.search(rf"CONSTRAINT {constraint} CHECK \(\(\w+ = ANY \(ARRAY\[(.*?)\]\)\)\)", SCHEMA.read_text())
    assert found is not None, constraint
    return set(re.findall(r"'(\w+)'::text", found[1]))


@pytest.mark.parametrize("constraint", ENUMS)
def test_a_check_and_its_enum_have_the_same_values(constraint: str) -> None:
    assert checked(constraint) == {member.value for member in ENUMS[constraint]}


def test_the_database_knows_every_currency() -> None:
    """Of account and loan; everything else in a currency belongs to one of them."""
    schema = SCHEMA.read_text()
    found = re.search(r"FUNCTION (?:public\.)?is_currency\(.*?IN \((.*?)\)", schema, re.DOTALL)
    assert found is not None
    assert re.findall(r"'(\w+)'", found[1]) == list(Currency)
    assert schema.count("CHECK (is_currency(currency))") == 2


def test_every_status_kind_and_direction_has_its_enum() -> None:
    names = {name for name, _ in _CHECK.findall(SCHEMA.read_text())}
    assert len(names) > 15
    assert names - set(ENUMS) - IN_SQL_ONLY - {"ck_property_kind"} == set()


def test_every_transition_has_its_name() -> None:
    assert set(TRANSITIONS) == set(TransitionName)
