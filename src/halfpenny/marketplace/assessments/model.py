"""What an assessment's document is: a pure function from the answer that a loan goes by to what each reader sees.

``shared`` is for everybody who may see the loan, ``staff`` for staff. Both have the shape of the GraphQL types that
show them (in snake_case).
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from halfpenny.marketplace.model import Document, timestamp_text
from halfpenny.underwriting import OWN_FIGURES, PUBLIC_FIGURES, CurrentAnswer

# Raised when the shape below changes: a store of another shape is dropped and rebuilt at start.
SHAPE: Final = 2
# Sales are public records: a price that was paid, a day or a size names the sale, and the sales name the property.
DISTANCE_STEP_M: Final = 500
PRICE_STEP: Final = 1_000

_PROPERTY_FLAGS = (
    "position_absurd",
    # One for each attribute of a market's homes that an application does not state or a register may not know.
    *("assumed_log_lot", "assumed_waterfront", "assumed_grade", "assumed_beds", "assumed_baths", "assumed_rooms"),
    *("assumed_log_area", "assumed_age", "assumed_eff_age", "assumed_garage_area", "assumed_stories", "assumed_brick"),
)
_VALUATION_FLAGS = (
    *("report_unverified", "valuation_absurd", "valued_in_the_future", "valuation_stale", "valuation_above_model"),
    *("value_unknown", "owner_value_unchecked", "outside_market", "market_stale", "gdv_below_valuation"),
)
_LOAN_FLAGS = ("reference_rate_stale", "exit_unknown", "scorecard_only")
# Limits on what the loan and the property are; those on the borrower's own affairs are not for investors.
_LIMITS = (*("ltv", "ltgdv", "works_to_value", "pd", "lgd", "expected_loss", "charge_rank", "valuation_age_months"),)
PUBLIC_FLAGS: Final = frozenset(
    {
        *_PROPERTY_FLAGS,
        *_VALUATION_FLAGS,
        *_LOAN_FLAGS,
        *(f"{verb}_{limit}" for verb in ("refers", "declines") for limit in _LIMITS),
    }
)
"""The flags that investors see. One that is not named here, such as of a later model, is for staff."""

_STAFF_FIGURES = (*OWN_FIGURES, "recommendation", "score", "base_score", "challenger")
# What of a comparable only staff see: null for others.
_STAFF_DETAILS = ("id", "age_months", "similarity", "area_m2", "beds", "year_built")


def assessment_document(current: CurrentAnswer) -> Document:
    """The document of one loan; equal answers give equal documents. Its revision counts the answers taken over."""
    answer = current.answer
    figures = {
        "model_version": current.model_version,
        "loan_version": current.loan_version,
        "received_at": timestamp_text(current.received_at),
        **{name: answer[name] for name in PUBLIC_FIGURES},
        "stress": answer["stress"],
    }
    flags = answer["flags"]
    return {
        "_id": str(current.loan_id),
        "revision": current.answers,
        "shared": {
            **figures,
            "valuation": _valuation(answer["valuation"], for_staff=False),
            "flags": [flag for flag in flags if flag in PUBLIC_FLAGS],
        },
        "staff": {
            **figures,
            **{name: answer[name] for name in _STAFF_FIGURES},
            "valuation": _valuation(answer["valuation"], for_staff=True),
            "flags": flags,
            "reasons": [_reason(reason) for reason in answer["reasons"]],
            "principal_against": [_reason(reason) for reason in answer["principal_against"]],
            "principal_for": [_reason(reason) for reason in answer["principal_for"]],
        },
    }


def _reason(reason: dict[str, Any]) -> Document:
    return {
        "code": reason["code"],
        "text": reason["text"],
        "contribution": reason["contribution"],
        "change": reason.get("change"),
        "audience": reason["audience"],
    }


def _valuation(valuation: dict[str, Any], *, for_staff: bool) -> Document:
    currency = valuation["currency"]
    amounts = ("value", "low", "high", "used")
    plain = ("source", "market", "confidence", "index_volatility", "as_of", "index_as_of", "index_level", "note")
    comparables = [
        _comparable(sale, currency) if for_staff else _public_comparable(sale, currency)
        for sale in valuation["comparables"]
    ]
    if not for_staff:
        # The answer's order, the most similar first, is for staff like the similarity itself.
        comparables.sort(key=lambda sale: (-int(sale["sold_on"]), sale["distance_m"], str(sale)))
    return {
        **{name: _amount(valuation[name], currency) for name in amounts},
        **{name: valuation[name] for name in plain},
        "comparables": comparables,
    }


def _comparable(sale: dict[str, Any], currency: str) -> Document:
    return {
        **{name: sale[name] for name in ("distance_m", "sold_on", *_STAFF_DETAILS)},
        "price": _amount(sale["price"], currency),
        "adjusted_price": _amount(sale["adjusted_price"], currency),
    }


def _public_comparable(sale: dict[str, Any], currency: str) -> Document:
    """The year of the sale, its adjusted price to the nearest PRICE_STEP units, its distance up to DISTANCE_STEP_M."""
    # Never 0: that would be an earlier sale of the property itself.
    steps = max(-(-sale["distance_m"] // DISTANCE_STEP_M), 1)
    return {
        "distance_m": steps * DISTANCE_STEP_M,
        "sold_on": sale["sold_on"][: len("2026")],
        **dict.fromkeys((*_STAFF_DETAILS, "price")),
        "adjusted_price": _amount(_rounded(sale["adjusted_price"]), currency),
    }


def _rounded(amount: str) -> str:
    """The nearest multiple of PRICE_STEP; of two as near, the even one."""
    return f"{int((Decimal(amount) / PRICE_STEP).to_integral_value()) * PRICE_STEP}.00"


def _amount(text: str, currency: str) -> Document:
    return {"amount": text, "currency": currency}
