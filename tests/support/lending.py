"""Believable applications, and loans brought to any point of their life through the public verbs."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from halfpenny import loans
from halfpenny.loans.decision import Decision, Verdict
from halfpenny.loans.service import applying, conditions, deciding
from halfpenny.platform.database import Connection
from halfpenny.primitives.ids import UserId, uuid7
from halfpenny.primitives.money import Currency

RULES = loans.LendingRules()


def application(**changes: Any) -> loans.Application:
    """A first-charge loan of 300,000.00 euros on a house worth 500,000.00."""
    house = loans.Property(
        kind=loans.PropertyKind.HOUSE,
        address="1523 Lake Washington Boulevard",
        city="Seattle",
        country="US",
        lat=47.5,
        lon=-122.3,
        description="Four bedrooms above the lake, new roof, kitchen of 1987.",
        year_built=1954,
        area_m2=Decimal("182.50"),
        beds=4,
        condition=loans.Condition.GOOD,
        purchase_price_minor=48_000_000,
        valuation_minor=50_000_000,
        valued_on=date(2025, 9, 15),
        renovation_cost_minor=4_500_000,
        gdv_minor=60_000_000,
        valuation_source=loans.ValuationSource.SURVEY,
        valuer="Alder & Finch Surveyors",
    )
    company = loans.Borrower("Madrona Renovations OÜ", 24_000_000, 90_000_000, 31_000_000, 0)
    terms = loans.Application(
        property=house,
        borrower=company,
        charge_rank=1,
        prior_debt_minor=0,
        amount_minor=30_000_000,
        currency=Currency.EUR,
        term_months=12,
        purpose=loans.LoanPurpose.PURCHASE,
        purpose_note="Buy and renovate",
        exit_strategy=loans.ExitStrategy.SALE,
        interest_mode=loans.LoanInterestMode.RETAINED,
    )
    return replace(terms, **changes)


def body(**changes: Any) -> dict[str, Any]:
    """The same application as a request's body."""
    return {
        "property": {
            "kind": "house",
            "address": "1523 Lake Washington Boulevard",
            "city": "Seattle",
            "country": "US",
            "lat": 47.5,
            "lon": -122.3,
            "description": "Four bedrooms above the lake, new roof, kitchen of 1987.",
            "year_built": 1954,
            "area_m2": 182.5,
            "beds": 4,
            "condition": "good",
            "purchase_price": "480000.00",
            "valuation": "500000.00",
            "valued_on": "2025-09-15",
            "valuation_source": "survey",
            "valuer": "Alder & Finch Surveyors",
            "renovation_cost": "45000.00",
            "gdv": "600000.00",
        },
        "borrower": {
            "company": "Madrona Renovations OÜ",
            "income": "240000.00",
            "assets": "900000.00",
            "debts": "310000.00",
            "adverse_records": 0,
        },
        "charge_rank": 1,
        "prior_debt": "0.00",
        "amount": "300000.00",
        "currency": "EUR",
        "term_months": 12,
        "purpose": "purchase",
        "purpose_note": "Buy and renovate",
        "exit_strategy": "sale",
        "interest_mode": "retained",
    } | changes


def risk(loan_version: int, **changes: Any) -> loans.RiskSummary:
    summary = loans.RiskSummary(
        grade="B",
        recommendation="approve",
        probability_of_default=Decimal("0.031"),
        loss_given_default=Decimal("0.22"),
        expected_loss=Decimal("0.00682"),
        suggested_rate=Decimal("10.25"),
        reasons=(
            loans.RiskReason("ltv", "The loan is 60 % of the value.", "Pożyczka to 60 % wartości.", ("investor",)),
        ),
        model_version="rules-1",
        assessed_at=datetime(2026, 2, 1, 12, tzinfo=UTC),
        loan_version=loan_version,
        flags=(),
    )
    return replace(summary, **changes)


async def person(connection: Connection, role: str, name: str = "Ines Almeida") -> UserId:
    """A row of app_user that nobody can sign in with."""
    user_id = UserId(uuid7())
    await connection.execute(
        "INSERT INTO app_user (id, email, full_name, role, password_hash, kyc_status, email_verified_at) "
        "VALUES ($1, $2, $3, $4, 'none', 'verified', now())",
        user_id,
        f"{user_id}@example.org",
        name,
        role,
    )
    return user_id


async def submitted(
    connection: Connection, borrower: UserId, *, rules: loans.LendingRules = RULES, **changes: Any
) -> loans.Loan:
    return await applying.apply(connection, borrower, application(**changes), rules)


async def assessed(
    connection: Connection, borrower: UserId, *, rules: loans.LendingRules = RULES, **changes: Any
) -> loans.Loan:
    loan = await submitted(connection, borrower, rules=rules, **changes)
    assert await deciding.record_assessment(connection, loan.id, risk(loan.terms_version))
    return await loans.get(connection, loan.id)


async def offered(
    connection: Connection,
    borrower: UserId,
    administrator: UserId,
    *,
    rules: loans.LendingRules = RULES,
    annual_rate: Decimal | None = None,
    **changes: Any,
) -> loans.Loan:
    loan = await assessed(connection, borrower, rules=rules, **changes)
    decision = Decision(
        Verdict.APPROVE,
        loan.version,
        loans.DecisionReason.WITHIN_POLICY,
        "Sound security, clear exit.",
        annual_rate=annual_rate,
    )
    loan, outcome = await deciding.decide_on(connection, administrator, loan.id, decision, rules)
    assert outcome.final
    return loan


async def funding(connection: Connection, borrower: UserId, administrator: UserId, **changes: Any) -> loans.Loan:
    loan = await offered(connection, borrower, administrator, **changes)
    return await deciding.accept(connection, borrower, loan.id)


def evidence(terms: loans.Application) -> list[loans.Charge | loans.Valuation | loans.Insurance]:
    asset = terms.property
    return [
        loans.Charge(terms.charge_rank, date(2025, 9, 20)),
        loans.Valuation(asset.valuation_minor, asset.valued_on, "Alder & Finch Surveyors"),
        loans.Insurance("Nordhaus Mutual", "HB-2025-118", date(2099, 1, 1), asset.valuation_minor),
    ]


async def conditions_met(connection: Connection, borrower: UserId, administrator: UserId, **changes: Any) -> loans.Loan:
    """Funded to the last cent on paper (no money moves here) and ready for drawdown."""
    loan = await funding(connection, borrower, administrator, **changes)
    await loans.add_funded(connection, [(loan.id, loan.application.amount_minor, 1, 1)])
    await loans.transition(connection, loan.id, loans.TransitionName.COMPLETE_FUNDING)
    return await conditions.record_conditions(connection, administrator, loan.id, evidence(loan.application))


async def events_of(connection: Connection, loan_id: UUID) -> list[str]:
    """The names of the loan's events, in their order."""
    rows = await connection.fetch("SELECT name FROM outbox WHERE aggregate_id = $1 ORDER BY seq", loan_id)
    return [row["name"] for row in rows]
