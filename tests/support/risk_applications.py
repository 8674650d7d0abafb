"""Applications for the tests of the risk service: one ordinary loan, and ways to change it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import msgspec

from halfpenny_messages import (
    Borrower,
    Condition,
    ExitStrategy,
    LoanInterestMode,
    LoanPurpose,
    LoanSubmitted,
    Property,
    PropertyKind,
    ValuationSource,
)

SUBMITTED_AT = datetime(2026, 3, 1, 12, tzinfo=UTC)

ORDINARY = LoanSubmitted(
    loan_id=UUID(int=1),
    version=1,
    property=Property(
        kind=PropertyKind.HOUSE,
        address="Parcel 010800-0113, assessment area 39",
        city="Seattle",
        country="US",
        lat=47.702138,
        lon=-122.361741,
        description="A house near the water with a garden.",
        year_built=1955,
        area_m2=150.0,
        beds=3,
        condition=Condition.GOOD,
        purchase_price="450000.00",
        valuation="460000.00",
        valued_on=date(2026, 2, 1),
        valuation_source=ValuationSource.SURVEY,
        report_verified=True,
        purchased_on=date(2019, 5, 3),
        renovation_cost="0",
    ),
    borrower=Borrower(
        company="Green Lake Homes LLC", income="95000.00", assets="350000.00", debts="40000.00", adverse_records=0
    ),
    charge_rank=1,
    prior_debt="0",
    amount="270000.00",
    currency="EUR",
    term_months=12,
    purpose=LoanPurpose.REFINANCE,
    exit_strategy=ExitStrategy.SALE,
    interest_mode=LoanInterestMode.RETAINED,
    submitted_at=SUBMITTED_AT,
)


def changed(loan: LoanSubmitted = ORDINARY, **changes: Any) -> LoanSubmitted:
    """The loan with fields replaced; those of the property or the borrower are found by their own names."""
    of_property = {name: changes.pop(name) for name in list(changes) if name in Property.__struct_fields__}
    of_borrower = {name: changes.pop(name) for name in list(changes) if name in Borrower.__struct_fields__}
    return msgspec.structs.replace(
        loan,
        property=msgspec.structs.replace(loan.property, **of_property),
        borrower=msgspec.structs.replace(loan.borrower, **of_borrower),
        **changes,
    )
