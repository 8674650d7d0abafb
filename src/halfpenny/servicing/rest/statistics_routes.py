"""Published figures about all loans: default rates as EU 2022/2115 defines them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from halfpenny import identity, loans
from halfpenny.platform.clock import business_date
from halfpenny.platform.http import AppDatabase
from halfpenny.primitives.money import Currency, format_minor
from halfpenny.servicing.model.delinquency import REGULATORY_DEFAULT_DAYS, default_rate
from halfpenny.servicing.store import statistics

router = APIRouter(tags=["statistics"])


@router.get("/statistics/default-rate", dependencies=[identity.ANYONE])
async def published_default_rate(
    database: AppDatabase,
    rules: loans.Rules,
    windows: Annotated[int, Query(ge=1, le=20, description="Non-overlapping windows of twelve months.")] = 3,
) -> dict[str, Any]:
    """The simple average of the windows' default rates by number of loans, with what each was divided by."""
    async with database.reading() as connection:
        records = await statistics.loan_records(connection)
        today = await business_date(connection)
    found = default_rate(records, today, windows)
    return {
        "as_of": today.isoformat(),
        "default_rate_percent": None if found.percent is None else f"{found.percent:f}",
        # Unlikely to pay, or for more than so many days past due with an amount above both thresholds: of offers made
        # now, as each loan keeps those of its own.
        "threshold": {
            "days_past_due": REGULATORY_DEFAULT_DAYS,
            "above": format_minor(rules.product.materiality_above_eur_minor),
            "currency": Currency.EUR.value,
            "above_percent_of_exposure": f"{rules.product.materiality_above_percent:f}",
        },
        "windows": [
            {
                "from": window.starts_on.isoformat(),
                "to": window.ends_on.isoformat(),
                "defaulted": window.defaulted,
                "loans": window.loans,
            }
            for window in found.windows
        ],
    }
