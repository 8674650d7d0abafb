"""What became of assessed loans and what the book holds: outcomes, the stored reports, and the pages of staff.

The application keeps the page renderer at ``app.state.pages``.
"""

from pathlib import Path
from typing import Final

from halfpenny.risk_reporting.check import check, methods_check
from halfpenny.risk_reporting.consumers import SUBSCRIPTION
from halfpenny.risk_reporting.labels import ANSWER, LIMIT, REFERRED
from halfpenny.risk_reporting.promotions import SUBSCRIPTION as PROMOTIONS
from halfpenny.risk_reporting.promotions import PromotionKey, PromotionKeyMissing, promotion_acts, public_key_document
from halfpenny.risk_reporting.service import (
    CollectedBook,
    ReportsMade,
    allowances_page,
    collect,
    make_due_reports,
    make_reports,
    write_outcomes_file,
)

TEMPLATES: Final = Path(__file__).parent / "templates"

__all__ = [
    "ANSWER",
    "LIMIT",
    "PROMOTIONS",
    "REFERRED",
    "SUBSCRIPTION",
    "TEMPLATES",
    "CollectedBook",
    "PromotionKey",
    "PromotionKeyMissing",
    "ReportsMade",
    "allowances_page",
    "check",
    "collect",
    "make_due_reports",
    "make_reports",
    "methods_check",
    "promotion_acts",
    "public_key_document",
    "write_outcomes_file",
]
