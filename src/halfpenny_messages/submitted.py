"""The marketplace's messages: a loan was submitted, or another assessment of it is requested."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from halfpenny_messages.bounds import MOST_YEARS_TRADING
from halfpenny_messages.codes import (
    Condition,
    ExitStrategy,
    LoanInterestMode,
    LoanPurpose,
    Premises,
    PropertyKind,
    ValuationSource,
)
from halfpenny_messages.values import AmountText, CountryCode, CurrencyCode, Word

LOAN_SUBMITTED = "loan.submitted"
LOAN_REASSESSMENT_REQUESTED = "loan.reassessment_requested"


class Property(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The security. Amounts are in the loan's currency; what the borrower left out is None.

    ``country`` is ISO 3166-1 alpha-2; ``lat`` and ``lon`` are WGS 84 degrees. ``valuation_source`` states whose figure
    the valuation is; ``report_verified`` that staff hold that valuer's report and have verified it. ``purchased_on`` is
    None where the property is being bought or the date is not known.
    """

    kind: PropertyKind
    address: str
    city: str
    country: CountryCode
    lat: float
    lon: float
    description: str = ""
    year_built: int | None = None
    area_m2: float
    beds: int | None = None
    condition: Condition | None = None
    purchase_price: AmountText | None = None
    purchased_on: date | None = None
    valuation: AmountText
    valued_on: date
    valuation_source: ValuationSource = ValuationSource.OWNER
    report_verified: bool = False
    renovation_cost: AmountText = "0"
    gdv: AmountText | None = None


class Borrower(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The business that borrows: income and costs a year, assets and debts in the loan's currency; records counted."""

    company: str
    income: AmountText | None = None
    assets: AmountText | None = None
    debts: AmountText | None = None
    adverse_records: Annotated[int, Meta(ge=0, le=10_000)] | None = None
    years_trading: Annotated[int, Meta(ge=0, le=MOST_YEARS_TRADING)] | None = None
    yearly_costs: AmountText | None = None
    premises: Premises | None = None


class LoanSubmitted(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``loan.submitted`` version 1: the whole application as it stood at ``version``.

    ``charge_rank`` 1 is first; ``prior_debt`` ranks before us and is above zero exactly where the rank is above 1.
    """

    loan_id: UUID
    version: Annotated[int, Meta(ge=1)]
    property: Property
    borrower: Borrower
    charge_rank: Annotated[int, Meta(ge=1, le=9)]
    prior_debt: AmountText = "0"
    amount: AmountText
    currency: CurrencyCode
    term_months: Annotated[int, Meta(ge=1, le=120)]
    purpose: LoanPurpose
    exit_strategy: ExitStrategy
    interest_mode: LoanInterestMode
    submitted_at: datetime


class ReassessmentRequested(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``loan.reassessment_requested`` version 1: the application again, and why.

    ``cause``: valuation_changed, model_changed, requested_by_staff or decision_reviewed.
    """

    loan: LoanSubmitted
    cause: Word
