"""The small value types of the messages: the form of a decimal string."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

# Thirteen digits before the point keep every amount, in minor units, far inside 64 bits.
AmountText = Annotated[str, Meta(pattern=r"\A(0|[1-9][0-9]{0,12})(\.[0-9]{1,2})?\Z", max_length=16)]
"""A non-negative amount of money as a decimal string, such as ``"250000.00"``."""

DecimalText = Annotated[str, Meta(pattern=r"\A-?(0|[1-9][0-9]{0,12})(\.[0-9]{1,12})?\Z", max_length=27)]
"""A signed decimal: rates in percent a year, probabilities and ratios as fractions of one."""

Word = Annotated[str, Meta(max_length=64)]
CountryCode = Annotated[str, Meta(pattern=r"\A[A-Z]{2}\Z")]
"""ISO 3166-1 alpha-2; whether there is such a country, ``is_country`` knows."""

CurrencyCode = Annotated[str, Meta(pattern=r"\A[A-Z]{3}\Z")]
