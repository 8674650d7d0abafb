"""What the marketplace says: a loan was submitted, or an assessment of it is asked for again."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from halfpenny_messages.values import AmountText, CurrencyCode, Word

LOAN_SUBMITTED = "loan.submitted"
LOAN_REASSESSMENT_REQUESTED = "loan.reassessment_requested"


class Property(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The security. Amounts are in the loan's currency; what the borrower left out is None.

    ``kind``: house, townhouse, flat, multi_family, commercial, mixed_use or land. ``condition``: poor, fair,
    average, good or excellent. Other words are taken as unknown, with a flag in the answer.
    """

    kind: Word
    address: str
    city: str
    country: Word
    lat: float | None = None
    lon: float | None = None
    description: str = ""
    year_built: int | None = None
    area_m2: float | None = None
    beds: int | None = None
    condition: Word | None = None
    purchase_price: AmountText | None = None
    valuation: AmountText
    valued_on: date | None = None
    renovation_cost: AmountText | None = None
    gdv: AmountText | None = None


class Borrower(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The business that borrows: income a year, assets and debts in the loan's currency; records counted."""

    company: str
    income: AmountText | None = None
    assets: AmountText | None = None
    debts: AmountText | None = None
    adverse_records: Annotated[int, Meta(ge=0, le=10_000)] | None = None


class LoanSubmitted(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``loan.submitted`` version 1: the whole application as it stood at ``version``.

    ``exit_strategy``: sale or refinance (other words are taken as unknown). ``interest_mode``: retained,
    serviced or rolled_up. ``charge_rank`` 1 is first; ``prior_debt`` ranks before us.
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
    purpose: Word
    exit_strategy: Word
    interest_mode: Word
    submitted_at: datetime


class ReassessmentRequested(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``loan.reassessment_requested`` version 1: the application again, and why.

    ``cause``: valuation_changed, model_changed or requested_by_staff.
    """

    loan: LoanSubmitted
    cause: Word
