"""The words of risk reporting on a page. The marked texts are translated when they are shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final


def _(text: str) -> str:
    """Marks a text for the catalogues of web/translations."""
    return text


OUTCOME: Final[Mapping[str, str]] = {
    "pending": _("Not decided or not accepted yet"),
    "declined": _("Declined"),
    "withdrawn": _("Withdrawn"),
    "not_funded": _("Not funded"),
    "raising": _("Raising money"),
    "running": _("Running"),
    "late": _("Late"),
    "defaulted": _("In default"),
    "repaid": _("Repaid"),
    "repaid_late": _("Repaid late"),
    "written_off": _("Written off"),
}
DECISION: Final[Mapping[str, str]] = {
    "approved_as_recommended": _("Approved as recommended"),
    "approved_after_referral": _("Approved after referral"),
    "approved_against_model": _("Approved against the model"),
    "declined_as_recommended": _("Declined as recommended"),
    "declined_after_referral": _("Declined after referral"),
    "declined_against_model": _("Declined against the model"),
    "rate_below_suggested": _("Offered below the suggested rate"),
    "rate_above_suggested": _("Offered above the suggested rate"),
}
FEATURE: Final[Mapping[str, str]] = {
    "score": _("Score"),
    "ltv": _("Loan to value"),
    "amount": _("Amount in euros"),
    "term_months": _("Term in months"),
    "income": _("Income in euros"),
    "adverse_records": _("Adverse records"),
}
SHARED: Final[Mapping[str, str]] = {
    "currency": _("Currency"),
    "country": _("Country"),
    "property_kind": _("Kind of property"),
    "charge_rank": _("Rank of the charge"),
    "borrower_group": _("Borrower with related parties"),
    "place": _("Place"),
    "grade": _("Grade"),
}
SIGNAL: Final[Mapping[str, str]] = {
    "steady": _("steady"),
    "watch": _("watch"),
    "act": _("act"),
    "too_few": _("too few loans"),
}
STAGE: Final[Mapping[int, str]] = {
    1: _("1: twelve months"),
    2: _("2: whole life"),
    3: _("3: impaired"),
}
ACCOUNT: Final[Mapping[str, str]] = {
    "impairment_loss": _("Impairment loss"),
    "loss_allowance_stage_1": _("Loss allowance, stage 1"),
    "loss_allowance_stage_2": _("Loss allowance, stage 2"),
    "loss_allowance_stage_3": _("Loss allowance, stage 3"),
}
MODEL: Final[Mapping[str, str]] = {"champion": _("Champion"), "challenger": _("Challenger")}
