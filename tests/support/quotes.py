"""Asking for quotes without a server: the body, the rule and the answer, as the route puts them together."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

from halfpenny.servicing.model.quote import quote
from halfpenny.servicing.quote_body import QuoteAnswer, QuoteBody

ACCEPTANCE = Path(__file__).parents[1] / "acceptance"
TODAY = date(2026, 3, 2)


def cases(name: str) -> list[dict[str, Any]]:
    """The cases of one file of published figures."""
    found: list[dict[str, Any]] = json.loads((ACCEPTANCE / name).read_text())["cases"]
    return found


def ask(**body: Any) -> dict[str, Any]:
    """The answer to a quote request, as JSON; the currency is EUR unless the body differs."""
    request = QuoteBody.model_validate({"currency": "EUR", **body}).read(TODAY)
    answer: dict[str, Any] = QuoteAnswer.of(quote(request), "PL", request.rate, None).model_dump(mode="json")
    return answer
