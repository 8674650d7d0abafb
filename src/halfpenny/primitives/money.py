"""Money: whole minor units and a currency. Every division names its rounding, every split adds up."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Final, Self

from halfpenny.primitives.errors import Malformed
from halfpenny_messages import currencies

Currency = currencies.Currency

# The largest amount that travels: it keeps every sum of ten million such rows inside BIGINT's neighbourhood.
# Thirteen digits and two decimals: what _AMOUNT lets through ends here.
MAX_MINOR = 10**15 - 1
_AMOUNT = re.compile(r"(0|[1-9][0-9]{0,12})(\.[0-9]{1,2})?", re.ASCII)
UNITS_PER_EUR: Final[Mapping[Currency, Decimal]] = {currency: currency.units_per_eur for currency in Currency}


class MalformedAmount(Malformed):
    code = "malformed_amount"
    message = 'An amount is a decimal string with at most two decimals, such as "250.00".'


class CurrencyMismatch(Malformed):
    code = "currency_mismatch"
    message = "The amounts are in different currencies."


@dataclass(frozen=True, slots=True, order=False)
class Money:
    """An exact amount: ``minor`` is in hundredths of ``currency`` and may be negative in arithmetic."""

    minor: int
    currency: Currency

    @classmethod
    def parse(cls, amount: str, currency: str | Currency) -> Self:
        """Read an edge's decimal string. Raises MalformedAmount for anything that is not plain ASCII digits."""
        return cls(parse_minor(amount), Currency(currency))

    def __str__(self) -> str:
        return format_minor(self.minor)

    def __add__(self, other: Money) -> Money:
        return Money(self.minor + self._same(other), self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.minor - self._same(other), self.currency)

    def __lt__(self, other: Money) -> bool:
        return self.minor < self._same(other)

    def __le__(self, other: Money) -> bool:
        return self.minor <= self._same(other)

    def __gt__(self, other: Money) -> bool:
        return self.minor > self._same(other)

    def __ge__(self, other: Money) -> bool:
        return self.minor >= self._same(other)

    def check_currency(self, ours: Currency) -> None:
        """Raise CurrencyMismatch unless the amount is in the currency that something of ours is in."""
        if self.currency is not ours:
            raise CurrencyMismatch(ours=ours.value, theirs=self.currency.value)

    def _same(self, other: Money) -> int:
        other.check_currency(self.currency)
        return other.minor


def parse_minor(amount: str) -> int:
    """``"250.00"`` to 25000. No sign, no exponent, no blanks, no leading zeros, at most MAX_MINOR."""
    if not isinstance(amount, str) or _AMOUNT.fullmatch(amount) is None:
        raise MalformedAmount()
    whole, _, cents = amount.partition(".")
    return int(whole) * 100 + int(cents.ljust(2, "0") or "0")


def format_minor(minor: int) -> str:
    """25000 to ``"250.00"``; negative amounts carry a leading minus sign."""
    sign, minor = ("-", -minor) if minor < 0 else ("", minor)
    return f"{sign}{minor // 100}.{minor % 100:02d}"


def round_half_up(value: Decimal) -> int:
    """Round to a whole number of minor units, halves away from zero: how loan schedules are published."""
    return int(value.quantize(Decimal(1), rounding=ROUND_HALF_UP))


def percent_of(minor: int, percent: Decimal) -> int:
    """``percent`` of an amount, computed exactly and rounded once, half up."""
    with localcontext() as context:
        context.prec = 60
        return round_half_up(Decimal(minor) * percent / 100)


def split(total_minor: int, weights: Sequence[int]) -> list[int]:
    """Split an amount by weights with the largest remainder, so that the parts add up to the whole.

    Ties go to the earlier weight: callers pass weights in the order of their positions' ids.
    Raises ValueError where no weight is positive and there is something to split.
    """
    if total_minor < 0 or any(weight < 0 for weight in weights):
        raise ValueError("a split takes a non-negative amount and non-negative weights")
    whole = sum(weights)
    if whole == 0:
        if total_minor:
            raise ValueError("nobody to split the amount over")
        return [0] * len(weights)
    parts, remainders = [], []
    for index, weight in enumerate(weights):
        part, remainder = divmod(total_minor * weight, whole)
        parts.append(part)
        remainders.append((-remainder, index))
    # No more cents are left than there are fractions, so a weight of zero can never receive one.
    for _, index in sorted(remainders)[: total_minor - sum(parts)]:
        parts[index] += 1
    return parts
