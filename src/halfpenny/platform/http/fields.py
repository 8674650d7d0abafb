"""What request bodies are made of: strict, closed and frozen models and the texts that they hold."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Collection
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, TypeVar
from uuid import UUID

import msgspec
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from halfpenny.platform.views import MINOR
from halfpenny.primitives.errors import HalfpennyError
from halfpenny.primitives.money import Currency, parse_minor

T = TypeVar("T")
_RATE = re.compile(r"(0|[1-9][0-9]{0,2})(\.[0-9]{1,6})?", re.ASCII)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
# Tabs and line breaks belong in descriptions; other control characters only in attacks on logs and screens.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_BREAKS = re.compile(r"[\t\r\n]")


class RequestModel(BaseModel):
    """Base of every request body: no coercion (``"1"`` is not 1), no unknown fields, frozen."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)

    def read_as(self, kind: type[T], **read: Any) -> T:
        """The body as the dataclass ``kind``, each field from the member of its name.

        A field ``gdv_minor`` takes the amount ``gdv``; ``read`` holds what the caller has read itself. Raises
        TypeError where a member of the body has no field to go to: a request that is read in part is a mistake.
        """
        taken = {
            name: _minor(getattr(self, member)) if member != name else getattr(self, member)
            for name, member in _members(type(self), kind)
            if name not in read
        }
        return msgspec.convert(taken | read, kind)


def _minor(amount: str | None) -> int | None:
    return None if amount is None else parse_minor(amount)


def _members(body: type[BaseModel], kind: Any) -> tuple[tuple[str, str], ...]:
    """(field, member of the body) of each field of ``kind`` that the body has something for."""
    names = [field.name for field in dataclasses.fields(kind)]
    pairs = [(name, name if name in body.model_fields else name.removesuffix(MINOR)) for name in names]
    lost = body.model_fields.keys() - {member for _, member in pairs}
    if lost:
        raise TypeError(f"{kind.__name__} has no field for {', '.join(sorted(lost))} of {body.__name__}")
    return tuple((name, member) for name, member in pairs if member in body.model_fields)


def _amount(value: Any) -> str:
    try:
        parse_minor(value)
    except HalfpennyError as error:
        raise PydanticCustomError("malformed_amount", "{why}", {"why": str(error)}) from None
    return str(value)


def _alternatives(words: Collection[str]) -> str:
    """``a, b or c`` for a sentence."""
    *others, last = words
    return f"{', '.join(others)} or {last}" if others else last


def code_of(kind: type[StrEnum], only: Collection[StrEnum] | None = None) -> BeforeValidator:
    """Reads a code of the list ``kind``, or of its members in ``only``, from a string; the refusal names them all."""
    taken = [member.value for member in kind if only is None or member in only]

    def read(value: Any) -> StrEnum:
        if not isinstance(value, str) or value not in taken:
            raise PydanticCustomError("unlisted_code", f"This is one of {_alternatives(taken)}.")
        return kind(value)

    return BeforeValidator(read)


def _currency(value: Any) -> Currency:
    if type(value) is not str or value not in Currency.__members__:
        raise PydanticCustomError("malformed_currency", f"A currency is {_alternatives(list(Currency))}.")
    return Currency(value)


def _rate(value: Any) -> Decimal:
    if type(value) is not str or _RATE.fullmatch(value) is None:
        raise PydanticCustomError("malformed_rate", 'A rate is a decimal string in percent a year, such as "9.75".')
    return Decimal(value)


def _date(value: Any) -> date:
    if type(value) is str and _DATE.fullmatch(value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass  # the 30th of February has the form of a date and is none
    raise PydanticCustomError("malformed_date", 'A date is a string such as "2026-02-28".')


def _uuid(value: Any) -> UUID:
    if type(value) is not str or _UUID.fullmatch(value) is None:
        raise PydanticCustomError("malformed_id", "An id is a UUID.")
    return UUID(value)


def _plain(*, one_line: bool) -> Callable[[str], str]:
    def check(value: str) -> str:
        if _CONTROL.search(value) or (one_line and _BREAKS.search(value)):
            raise PydanticCustomError("malformed_text", "The text holds control characters.")
        if not value.strip():
            raise PydanticCustomError("malformed_text", "The text is blank.")
        return value

    return check


# An amount as a decimal string, checked and kept as text: ``Money.parse(amount, currency)`` makes it money.
AmountText = Annotated[
    str,
    BeforeValidator(_amount),
    WithJsonSchema({"type": "string", "pattern": r"^(0|[1-9][0-9]{0,12})(\.[0-9]{1,2})?$", "examples": ["250.00"]}),
]
# A currency code; arrives as text, becomes a Currency.
CurrencyText = Annotated[
    Currency,
    BeforeValidator(_currency),
    WithJsonSchema({"type": "string", "enum": [currency.value for currency in Currency]}),
]
# A rate in percent a year as a decimal string; becomes a Decimal.
RateText = Annotated[
    Decimal,
    BeforeValidator(_rate),
    WithJsonSchema({"type": "string", "pattern": r"^(0|[1-9][0-9]{0,2})(\.[0-9]{1,6})?$", "examples": ["9.75"]}),
]
# A calendar date, ISO 8601; becomes a date.
DateText = Annotated[date, BeforeValidator(_date), WithJsonSchema({"type": "string", "format": "date"})]
# An id; becomes a UUID.
IdText = Annotated[UUID, BeforeValidator(_uuid), WithJsonSchema({"type": "string", "format": "uuid"})]
CountryText = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Z]{2}$"),
    WithJsonSchema({"type": "string", "pattern": "^[A-Z]{2}$", "examples": ["PL"]}),
]
# One line of text, such as a name or an address.
LineText = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_plain(one_line=True))]
# Several lines of text, such as a description.
ProseText = Annotated[str, StringConstraints(min_length=1, max_length=5_000), AfterValidator(_plain(one_line=False))]
