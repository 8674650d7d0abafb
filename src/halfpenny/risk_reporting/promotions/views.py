"""How a promotion reads in JSON."""

from __future__ import annotations

from typing import Any

from halfpenny.platform.views import view
from halfpenny.risk_reporting.promotions.model import ModelPromotion


def promotion_view(promotion: ModelPromotion) -> dict[str, Any]:
    """Everything but the signature, which is for the risk service."""
    return view(promotion, leave_out=("signed",))
