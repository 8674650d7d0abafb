"""Interest rates: an exact percentage a year, in millionths of a percent."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Self

from halfpenny.primitives.errors import Malformed

MILLIONTHS = 10**6
# One (100 %) in millionths of a percent: interest is amount x millionths x year fraction / WHOLE.
WHOLE = 100 * MILLIONTHS
# NUMERIC(9,6) in the database ends at 999.999999 percent.
MAX_MILLIONTHS = 10**9 - 1
_PERCENT = re.compile(r"(0|[1-9][0-9]{0,2})(\.[0-9]{1,6})?", re.ASCII)


class MalformedRate(Malformed):
    code = "malformed_rate"
    message = 'A rate is percent as a decimal string with at most six decimals, such as "10.5".'


class NegativeRate(Malformed):
    code = "negative_rate"
    message = "A rate must not be negative."


class RateOutOfRange(Malformed):
    code = "rate_out_of_range"
    message = "A rate is below 1000 percent a year."


@dataclass(frozen=True, slots=True, order=True)
class Rate:
    """``millionths`` of a percent a year: 10.5 % is 10_500_000."""

    millionths: int

    def __post_init__(self) -> None:
        if self.millionths < 0:
            raise NegativeRate()
        if self.millionths > MAX_MILLIONTHS:
            raise RateOutOfRange()

    @classmethod
    def parse_annual(cls, percent: str) -> Self:
        """Read ``"10.8"`` percent a year. Raises MalformedRate, NegativeRate or RateOutOfRange."""
        return cls(parse_percent(percent))

    @classmethod
    def parse_monthly(cls, percent: str) -> Self:
        """Read percent a month, as bridge loans are priced: twelve of them make the year."""
        return cls(12 * parse_percent(percent))

    @classmethod
    def of_percent(cls, percent: Decimal) -> Self:
        """NUMERIC(9,6) percent a year, exactly."""
        return cls(int(percent.scaleb(6)))

    @property
    def percent(self) -> Decimal:
        """Percent a year, as NUMERIC(9,6) keeps it."""
        return Decimal(self.millionths).scaleb(-6)

    def __str__(self) -> str:
        return format_percent(self.millionths)


NO_RATE = Rate(0)


def parse_percent(percent: str) -> int:
    """``"0.85"`` to 850_000 millionths. Raises MalformedRate, or NegativeRate for a minus before a number."""
    if not isinstance(percent, str):
        raise MalformedRate()
    if percent.startswith("-") and _PERCENT.fullmatch(percent[1:]):
        raise NegativeRate()
    if _PERCENT.fullmatch(percent) is None:
        raise MalformedRate()
    whole, _, decimals = percent.partition(".")
    return int(whole) * MILLIONTHS + int(decimals.ljust(6, "0"))


def format_percent(millionths: int) -> str:
    """850_000 to ``"0.85"``: without trailing zeros."""
    sign, millionths = ("-", -millionths) if millionths < 0 else ("", millionths)
    decimals = f"{millionths % MILLIONTHS:06d}".rstrip("0")
    return f"{sign}{millionths // MILLIONTHS}" + (f".{decimals}" if decimals else "")
