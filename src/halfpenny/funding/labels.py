"""The words of wallets on a page. The marked texts are translated when they are shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from halfpenny.funding.statuses import PaymentDirection, PaymentStatus
from halfpenny.platform.http.pages import translatable as _

# What moved, by the event of its journal; every other one is shown as OTHER.
ENTRY: Final[Mapping[str, str]] = {
    "deposit": _("Deposit"),
    "withdraw": _("Withdrawal"),
    "invest": _("Investment"),
    "revoke": _("Investment taken back"),
    "cancel": _("Investment returned: the loan was cancelled"),
    "expire": _("Investment returned: the loan was not filled in time"),
    "distribution": _("Payment from a loan"),
    "drawdown": _("Loan paid out"),
    "receipt": _("Repayment of a loan"),
    "correction": _("Correction"),
}
OTHER: Final = _("Other movement")
DIRECTION: Final[Mapping[str, str]] = {
    PaymentDirection.DEPOSIT: _("Deposit"),
    PaymentDirection.WITHDRAWAL: _("Withdrawal"),
}
PAYMENT: Final[Mapping[str, str]] = {
    PaymentStatus.PENDING: _("on its way"),
    PaymentStatus.SETTLED: _("done"),
    PaymentStatus.RETURNED: _("returned by the bank; the money is in your wallet"),
}
