"""The application of ``lending`` as somebody types it into the steps of the pages."""

from __future__ import annotations

from halfpenny.loans.application_forms import STEPS


def typed_application(**changes: str) -> dict[str, str]:
    """Amounts in both notations; ``changes`` are of fields by name. It reads as ``lending.application()``."""
    fields = {
        "currency": "EUR",
        "kind": "house",
        "address": "1523 Lake Washington Boulevard",
        "city": "Seattle",
        "country": "US",
        "lat": "47,5",
        "lon": "-122.3",
        "description": "Four bedrooms above the lake, new roof, kitchen of 1987.",
        "year_built": "1954",
        "area_m2": "182,5",
        "beds": "4",
        "condition": "good",
        "purchase_price": "480 000,00",
        "purchased_on": "",
        "valuation": "500,000.00",
        "valued_on": "2025-09-15",
        "valuation_source": "survey",
        "valuer": "Alder & Finch Surveyors",
        "renovation_cost": "45000",
        "gdv": "600.000",
        "company": "Madrona Renovations OÜ",
        "income": "240 000",
        "assets": "900\u00a0000,00",
        "debts": "310000.00",
        "adverse_records": "0",
        "years_trading": "",
        "yearly_costs": "",
        "premises": "",
        "charge_rank": "1",
        "prior_debt": "0",
        "amount": "300 000,00",
        "term_months": "12",
        "purpose": "purchase",
        "purpose_note": "Buy and renovate",
        "exit_strategy": "sale",
        "exit_note": "",
        "interest_mode": "retained",
    }
    return fields | changes


def of_step(step: int, fields: dict[str, str]) -> dict[str, str]:
    return {name: fields[name] for name in STEPS[step]}
