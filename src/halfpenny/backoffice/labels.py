"""The words of the back office on a page. The marked texts are translated when they are shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from halfpenny.approvals import ApprovalStatus
from halfpenny.platform.http.pages import translatable as _
from halfpenny.risk_reporting import ANSWER, LIMIT, REFERRED

# What an act proposes, by its name; every other one is shown by the name itself.
ACT: Final[Mapping[str, str]] = {
    "risk.promote_model": _("Another champion model"),
    "user.role": _("Another role"),
    "user.invitation": _("Invitation of staff"),
    "bank.statement": _("Bank statement"),
    "loan.write_off": _("Write-off"),
    "loan.cure": _("End of a default"),
    "loan.settle_overpaid": _("Settlement of an overpaid distribution"),
    "loan.extension": _("Extension"),
    "loan.pause": _("Pause of a loan"),
    "loan.waiver": _("Waiver"),
    "receipt.match": _("Receipt for a loan"),
    "receipt.post_ahead": _("Receipt ahead of its statement line"),
}
APPROVAL: Final[Mapping[str, str]] = {
    ApprovalStatus.PENDING: _("waits for a second person"),
    ApprovalStatus.APPROVED: _("approved"),
    ApprovalStatus.REFUSED: _("refused"),
    ApprovalStatus.WITHDRAWN: _("withdrawn"),
    ApprovalStatus.EXPIRED: _("expired"),
}
NEXT_STEP: Final[Mapping[str, str]] = {
    "assessment": _("assessment is on its way"),
    "first_approval": _("decide"),
    "second_approval": _("second approval"),
    "another_person": _("another person decides"),
}
RECOMMENDATION: Final = ANSWER
# What a flag of an assessment says; those of limits are the limit's own words. One that is not here is shown as it is.
FLAG: Final[Mapping[str, str]] = {
    **REFERRED,
    "outside_market": _("no model covers the place and kind of the property"),
    "market_stale": _("the sales that a model knows are too old"),
    "report_unverified": _("the surveyor's report is not verified"),
    "gdv_below_valuation": _("the gross development value is below the present value"),
    "reference_rate_stale": _("the reference rate is out of date"),
    "scorecard_only": _("the scorecard answered alone"),
    "income_missing": _("the income is not stated"),
    "assets_missing": _("the assets are not stated"),
    "debts_missing": _("the debts are not stated"),
    "adverse_records_missing": _("the adverse records are not stated"),
    "yearly_costs_missing": _("the costs of a year are not stated"),
    "years_trading_missing": _("the years of trading are not stated"),
    "premises_missing": _("whether the premises are owned is not stated"),
}
ASSUMED: Final = _("some facts about the home are assumed")


def limit_passed(flag: str) -> tuple[str, bool] | None:
    """The limit that a flag names, and whether the policy declines beyond it; None for a flag of something else."""
    verb, _separator, limit = flag.partition("_")
    return (LIMIT[limit], verb == "declines") if verb in ("refers", "declines") and limit in LIMIT else None


def flags_in_words(flags: Sequence[str]) -> tuple[str, ...]:
    """What the flags that name no limit say, each once and in their order."""
    others = (flag for flag in flags if limit_passed(flag) is None)
    return tuple(dict.fromkeys(FLAG.get(flag, ASSUMED if flag.startswith("assumed_") else flag) for flag in others))
