"""What money earns or costs over time. Figures about money, never money itself: they may be floating point."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from math import isfinite

import pyxirr

Flow = tuple[date, int]

# A cent's loan with a fee of euros has a rate a year that no text should show.
_ABSURD = 10**9


def xirr_percent(flows: Sequence[Flow]) -> Decimal | None:
    """The effective annual rate in percent at which the flows (minor units, signed) are worth nothing today.

    Days over 365, as the annual percentage rate of Directive 2008/48/EC and spreadsheets' XIRR count them.
    Rounded to four decimals; None where no such rate exists (no money out and in, or all on one day).
    """
    amounts = [float(amount) for _, amount in flows]
    if len({day for day, _ in flows}) < 2 or min(amounts) >= 0 or max(amounts) <= 0:
        return None
    rate = pyxirr.xirr([day for day, _ in flows], amounts, silent=True)
    if rate is None or not isfinite(rate) or abs(rate) > _ABSURD:
        return None
    return Decimal(rate * 100).quantize(Decimal("0.0001"), rounding=ROUND_HALF_UP)


def money_multiple(flows: Sequence[Flow]) -> Decimal | None:
    """Money received over money paid in, to four decimals; None where nothing was paid in."""
    paid = -sum(amount for _, amount in flows if amount < 0)
    if not paid:
        return None
    received = sum(amount for _, amount in flows if amount > 0)
    return (Decimal(received) / paid).quantize(Decimal("0.0001"), rounding=ROUND_HALF_UP)
