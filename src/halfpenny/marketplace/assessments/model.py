"""What an assessment's document is: a pure function from the answer that a loan goes by to what each reader sees.

``shared`` is for everybody who may see the loan, ``staff`` for staff. Both have the shape of the GraphQL types that
show them (in snake_case).
"""

from __future__ import annotations

from typing import Any, Final

from halfpenny.marketplace.model import Document, timestamp_text
from halfpenny.underwriting import CurrentAnswer

# Raised when the shape below changes: a store of another shape is dropped and rebuilt at start.
SHAPE: Final = 1
# Sales are public records: with their exact distances the property's address could be computed.
DISTANCE_STEP_M: Final = 100

_PROPERTY_FLAGS = (
    *("position_absurd", "area_absurd", "beds_absurd", "year_built_absurd"),
    *("assumed_area_m2", "assumed_beds", "assumed_year_built", "assumed_condition", "assumed_position"),
)
_VALUATION_FLAGS = (
    *("report_unverified", "valuation_absurd", "valued_in_the_future", "valuation_stale", "valuation_above_model"),
    *("value_unknown", "owner_value_unchecked", "outside_market", "market_stale", "gdv_below_valuation"),
)
_LOAN_FLAGS = ("currency_unknown", "reference_rate_stale", "exit_unknown", "scorecard_only")
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

_FIGURES = (
    *("grade", "probability_of_default", "loss_given_default", "expected_loss", "exit_shortfall_probability"),
    *("suggested_rate_percent", "ltv", "ltv_at_low", "ltc", "ltgdv"),
)
_STAFF_FIGURES = ("recommendation", "score", "base_score", "challenger")


def assessment_document(current: CurrentAnswer) -> Document:
    """The document of one loan; equal answers give equal documents. Its revision counts the answers taken over."""
    answer = current.answer
    figures = {
        "model_version": current.model_version,
        "loan_version": current.loan_version,
        "received_at": timestamp_text(current.received_at),
        **{name: answer[name] for name in _FIGURES},
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
    return {
        **{name: _amount(valuation[name], currency) for name in amounts},
        **{name: valuation[name] for name in plain},
        "comparables": [_comparable(sale, currency, for_staff=for_staff) for sale in valuation["comparables"]],
    }


def _comparable(sale: dict[str, Any], currency: str, *, for_staff: bool) -> Document:
    """For others than staff without its id, and its distance rounded up to the next DISTANCE_STEP_M metres."""
    step = 1 if for_staff else DISTANCE_STEP_M
    return {
        "id": sale["id"] if for_staff else None,
        "distance_m": -(-sale["distance_m"] // step) * step,
        "price": _amount(sale["price"], currency),
        "adjusted_price": _amount(sale["adjusted_price"], currency),
        **{name: sale[name] for name in ("age_months", "similarity", "sold_on", "area_m2", "beds", "year_built")},
    }


def _amount(text: str, currency: str) -> Document:
    return {"amount": text, "currency": currency}
