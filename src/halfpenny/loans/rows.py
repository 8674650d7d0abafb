"""How rows become loans, and loans the values of rows: the order of columns is known here and in store.py."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from halfpenny.loans.model import (
    Application,
    Borrower,
    FundingState,
    Loan,
    LoanInterestMode,
    Offer,
    Property,
    RiskSummary,
    Status,
)
from halfpenny.platform.database import Record
from halfpenny.primitives.ids import LoanId, UserId
from halfpenny.primitives.money import Currency


def property_values(asset: Property) -> tuple[Any, ...]:
    return (
        asset.kind,
        asset.address,
        asset.city,
        asset.country,
        asset.lat,
        asset.lon,
        asset.description,
        asset.year_built,
        asset.area_m2,
        asset.beds,
        asset.condition,
        asset.purchase_price_minor,
        asset.valuation_minor,
        asset.valued_on,
        asset.valuer,
        asset.renovation_cost_minor,
        asset.gdv_minor,
    )


def loan_values(terms: Application) -> tuple[Any, ...]:
    return (
        terms.borrower.company,
        terms.borrower.income_minor,
        terms.borrower.assets_minor,
        terms.borrower.debts_minor,
        terms.borrower.adverse_records,
        terms.charge_rank,
        terms.prior_debt_minor,
        terms.amount_minor,
        terms.currency.value,
        terms.term_months,
        terms.purpose,
        terms.exit_strategy,
        terms.interest_mode.value,
    )


def read_funding(row: Mapping[str, Any] | Record) -> FundingState:
    return FundingState(
        LoanId(row["loan_id"]),
        UserId(row["borrower_id"]),
        Currency(row["currency"]),
        row["target_minor"],
        row["funded_minor"],
        row["investors"],
        row["funding_version"],
        row["funding_status"],
        row["deadline"],
        row["minimum_minor"],
        row["step_minor"],
        row["maximum_minor"],
    )


def risk_json(risk: RiskSummary) -> dict[str, Any]:
    body: dict[str, Any] = msgspec.to_builtins(risk)
    return body


def _risk(body: dict[str, Any] | None) -> RiskSummary | None:
    return None if body is None else msgspec.convert(body, RiskSummary)


def _application(row: Record) -> Application:
    asset = Property(
        kind=row["kind"],
        address=row["address"],
        city=row["city"],
        country=row["country"],
        lat=row["lat"],
        lon=row["lon"],
        description=row["description"],
        year_built=row["year_built"],
        area_m2=Decimal(row["area_m2"]),
        beds=row["beds"],
        condition=row["condition"],
        purchase_price_minor=row["purchase_price_minor"],
        valuation_minor=row["valuation_minor"],
        valued_on=row["valued_on"],
        renovation_cost_minor=row["renovation_cost_minor"],
        gdv_minor=row["gdv_minor"],
        valuer=row["valuer"],
    )
    borrower = Borrower(
        row["company"], row["income_minor"], row["assets_minor"], row["debts_minor"], row["adverse_records"]
    )
    return Application(
        property=asset,
        borrower=borrower,
        charge_rank=row["charge_rank"],
        prior_debt_minor=row["prior_debt_minor"],
        amount_minor=row["amount_minor"],
        currency=Currency(row["currency"]),
        term_months=row["term_months"],
        purpose=row["purpose"],
        exit_strategy=row["exit_strategy"],
        interest_mode=LoanInterestMode(row["interest_mode"]),
    )


def read_loan(row: Record) -> Loan:
    offer = None
    if row["annual_rate"] is not None:
        offer = Offer(row["annual_rate"], row["arrangement_fee_percent"], row["funding_deadline"])
    return Loan(
        id=LoanId(row["id"]),
        borrower_id=UserId(row["borrower_id"]),
        entered_by=UserId(row["entered_by"]),
        status=Status(row["status"]),
        version=row["version"],
        terms_version=row["terms_version"],
        application=_application(row),
        created_at=row["created_at"],
        changed_at=row["changed_at"],
        submitted_at=row["submitted_at"],
        decided_at=row["decided_at"],
        decided_by=row["decided_by"],
        decision_reason=row["decision_reason"],
        offer=offer,
        risk=_risk(row["risk"]),
        drawn_down_on=row["drawn_down_on"],
        matures_on=row["matures_on"],
        conditions=frozenset(row["conditions"]),
        funding=read_funding({**row, "loan_id": row["id"]}) if row["funding_loan_id"] else None,
    )
