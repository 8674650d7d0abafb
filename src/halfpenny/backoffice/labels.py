"""The words of the back office on a page. The marked texts are translated when they are shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from halfpenny.approvals import ApprovalStatus
from halfpenny.platform.http.pages import translatable as _

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
