"""The words of risk reporting on a page. The marked texts are translated when they are shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from halfpenny.platform.http.pages import translatable as _
from halfpenny.risk_reporting.promotions.model import ProposalStanding

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
PROPOSAL: Final[Mapping[ProposalStanding, str]] = {
    "waiting": _("Waiting for approval"),
    "outdated": _("Out of date"),
    "in_force": _("In force"),
    "replaced": _("Replaced since"),
    "refused": _("Refused"),
    "withdrawn": _("Withdrawn"),
    "expired": _("Expired"),
}
PROPOSAL_BADGE: Final[Mapping[ProposalStanding, str]] = {
    "waiting": "watch",
    "outdated": "none",
    "in_force": "steady",
    "replaced": "none",
    "refused": "act",
    "withdrawn": "none",
    "expired": "none",
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

FACTOR: Final[Mapping[str, str]] = {
    "leverage": _("Loan to value"),
    "prior_debt": _("Debt that ranks before the loan"),
    "valuation": _("Reliability and age of the valuation"),
    "term": _("Term"),
    "exit": _("Exit strategy"),
    "interest": _("How interest is paid"),
    "works": _("Building works"),
    "income": _("Income of the borrower"),
    "assets": _("Assets of the borrower"),
    "debts": _("Debts of the borrower"),
    "costs": _("Costs of the borrower"),
    "years_trading": _("Years of trading"),
    "premises": _("Own or rented premises"),
    "adverse_records": _("Adverse records"),
    "facts_missing": _("Missing facts"),
    "borrower_other": _("Other facts about the business"),
}
LIMIT: Final[Mapping[str, str]] = {
    "ltv": _("Loan to value"),
    "ltgdv": _("Loan to gross development value"),
    "works_to_value": _("Cost of works to value"),
    "pd": _("Probability of default"),
    "lgd": _("Loss given default"),
    "expected_loss": _("Expected loss"),
    "adverse_records": _("Adverse records"),
    "debts_to_assets": _("Debts to assets"),
    "charge_rank": _("Rank of the charge"),
    "valuation_age_months": _("Age of the valuation in months"),
}
# These limits are counts; the others are shares of one.
COUNTED: Final = frozenset({"adverse_records", "charge_rank", "valuation_age_months"})
ANSWER: Final[Mapping[str, str]] = {
    "approve": _("recommended"),
    "refer": _("a person decides"),
    "decline": _("not recommended"),
}
MEANING: Final[Mapping[str, str]] = {
    "A": _("The loan is expected to be repaid even under severe stress."),
    "B": _("A sound loan, expected to be repaid even if some things go wrong."),
    "C": _("An ordinary bridge loan; investors should allow for a delay."),
    "D": _("Repayment depends on the exit strategy succeeding; a person decides on each loan."),
    "E": _("The probability of default is higher than the policy allows."),
}
REFERRED: Final[Mapping[str, str]] = {
    "owner_value_unchecked": _("the value is the owner's own figure, and no model can check it"),
    "value_unknown": _("the value cannot be established"),
    "valuation_absurd": _("the valuation contradicts what is known of the market"),
    "valuation_stale": _("the valuation is too old"),
    "valuation_above_model": _("the valuation is far above what the model estimates"),
    "position_absurd": _("the position on the map cannot be right"),
    "valued_in_the_future": _("the valuation is dated in the future"),
    "exit_unknown": _("the exit strategy is not stated"),
    "assumed_log_area": _("no home of such a floor area was sold in the market"),
    "assumed_beds": _("no home with so many bedrooms was sold in the market"),
    "assumed_age": _("no home of such an age was sold in the market"),
}
# The policy states these names in English; one that is not here is shown as it is.
REFERENCE_RATE: Final = (
    _("European Central Bank, deposit facility"),
    _("Bank of England, Bank Rate"),
    _("Bank of Israel, benchmark rate"),
    _("National Bank of Poland, reference rate"),
    _("Federal Reserve, upper end of the federal funds target range"),
)
MEASURED_MODEL: Final[Mapping[str, str]] = {
    "borrower": _("Finances of the borrower"),
    "seattle": _("Valuation, Seattle"),
    "lucas": _("Valuation, Lucas County"),
}
