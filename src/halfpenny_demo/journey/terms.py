"""What the journey's loan is secured on, and who takes part."""

from __future__ import annotations

import base64
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

from halfpenny_demo.valuation_document import report_document

# A house that was sold in King County, Washington, on 26 January 2016, and is not among the seed's properties. Its
# figures are made for the journey, whose loan is in euros. seeding/README.md names its source and the licence.
HOUSE: dict[str, Any] = {
    "kind": "house",
    "address": "Parcel 531810-1230, assessment area 14",
    "city": "Seattle",
    "country": "US",
    "lat": 47.633959,
    "lon": -122.278936,
    "description": "House of 349 square metres above the lake, built in 2003, four bedrooms, in good repair.",
    "year_built": 2003,
    "area_m2": 349.3,
    "beds": 4,
    "condition": "good",
    "purchase_price": "2061100.00",
    "valuation": "2061100.00",
    "valuation_source": "survey",
    "valuer": "Alder & Finch Surveyors",
    "renovation_cost": "0.00",
}
# Above the limit, so that two administrators are needed, and odd, so that every split leaves cents over.
AMOUNT = "1234567.89"
CURRENCY = "EUR"
RATE = "9.60"
TERM_MONTHS = 12


def application(today: date, interest_mode: str) -> dict[str, Any]:
    """The body of POST /loans."""
    return {
        "property": HOUSE | {"valued_on": (today - timedelta(days=30)).isoformat()},
        "borrower": {
            "company": "Madrona Bay Renovations sp. z o.o.",
            "income": "412000.00",
            "assets": "3150000.00",
            "debts": "640000.00",
            "adverse_records": 0,
        },
        "charge_rank": 1,
        "prior_debt": "0.00",
        "amount": AMOUNT,
        "currency": CURRENCY,
        "term_months": TERM_MONTHS,
        "purpose": "purchase",
        "purpose_note": "Buy, and repair the terrace",
        "exit_strategy": "sale",
        "interest_mode": interest_mode,
    }


def valuer(today: date) -> dict[str, Any]:
    """The body of POST /valuers: a branch of its own each time, since a registration is on the panel once."""
    number = f"J-{today:%Y%m%d}-{uuid4().hex[:8]}"
    return {
        "name": HOUSE["valuer"],
        "registration_body": "US register of valuers (synthetic)",
        "registration_number": number,
        "country": HOUSE["country"],
    }


def valuation_report(today: date, valuer_id: str) -> dict[str, Any]:
    """The body of POST /loans/{id}/valuation-reports."""
    valued_on = (today - timedelta(days=30)).isoformat()
    figure = f"{HOUSE['valuation']} {CURRENCY}"
    document = report_document(HOUSE["valuer"], f"{HOUSE['address']}, {HOUSE['city']}", figure, valued_on)
    return {
        "valuer_id": valuer_id,
        "source": HOUSE["valuation_source"],
        "amount": HOUSE["valuation"],
        "valued_on": valued_on,
        "document": base64.b64encode(document).decode(),
    }


def conditions(today: date) -> dict[str, Any]:
    """The evidence that drawdown waits for."""
    return {
        "charge": {"rank": 1, "registered_on": today.isoformat()},
        "valuation": {
            "amount": HOUSE["valuation"],
            "valued_on": (today - timedelta(days=10)).isoformat(),
            "valuer": "Alder & Finch Surveyors",
            "source": "survey",
        },
        "insurance": {
            "insurer": "Nordhaus Mutual",
            "policy": "HB-2026-118",
            "expires_on": (today + timedelta(days=3 * 366)).isoformat(),
            "sum": HOUSE["valuation"],
        },
    }
