"""Units of each currency in a euro (``currencies``), as limits, reports and assessments compare amounts.

No money is ever converted. An operator replaces rates with the setting ``HALFPENNY_UNITS_PER_EUR``, which both programs
read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from halfpenny_messages.currencies import RATES_ON, RATES_SOURCE, Currency

UNITS_PER_EUR: Final[Mapping[str, Decimal]] = MappingProxyType(
    {currency.value: currency.units_per_eur for currency in Currency}
)
SETTING: Final = "HALFPENNY_UNITS_PER_EUR"
EXAMPLE: Final = '{"PLN": "4.31", "GBP": "0.87"}'
_RATE = re.compile(r"[0-9]{1,7}(\.[0-9]{1,9})?", re.ASCII)


def source_of(units_per_eur: Mapping[str, Decimal]) -> str:
    """Where these rates come from, in one line: the table's source and day, and which of them an operator replaced."""
    replaced = sorted(code for code, rate in units_per_eur.items() if rate != UNITS_PER_EUR.get(code))
    table = f"{RATES_SOURCE}, {RATES_ON.isoformat()}"
    return f"{table}; {', '.join(replaced)}: {SETTING}" if replaced else table


def read_units_per_eur(text: str) -> dict[str, Decimal]:
    """The rates that the setting replaces: a JSON object, each number a decimal or a string of one.

    Raises ValueError for anything else, for a currency that has no rate above or stands twice, for the euro, and for 0.
    """
    try:
        pairs = json.loads(text, object_pairs_hook=list, parse_float=str, parse_int=str)
        rates = {code: _rate(code, rate) for code, rate in pairs}
        if text.strip().startswith("{") and len(rates) == len(pairs):
            return rates
    except (TypeError, ValueError):
        pass
    raise ValueError(f"should be a JSON object of currencies and their units in a euro, such as {EXAMPLE}")


def _rate(code: Any, rate: Any) -> Decimal:
    if code == "EUR" or code not in UNITS_PER_EUR or not _RATE.fullmatch(rate) or not Decimal(rate):
        raise ValueError
    return Decimal(rate)
