"""What a person reads where a value does not fit: of a request or a setting, in our own words and not Pydantic's."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from halfpenny.primitives.wording import counted

# What a person reads where a value does not fit; a kind that is not here keeps its own text.
_DETAILS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "missing": "is missing",
        "extra_forbidden": "is not known here",
        "string_type": "should be text",
        "list_type": "should be a list",
        "bool_type": "should be true or false",
        "bool_parsing": "should be true or false",
        "int_type": "should be a whole number",
        "int_parsing": "should be a whole number",
        "int_from_float": "should be a whole number",
        "float_type": "should be a number",
        "float_parsing": "should be a number",
        "finite_number": "should be a number",
        "decimal_type": "should be a number",
        "decimal_parsing": "should be a number",
        "greater_than": "should be more than {gt}",
        "greater_than_equal": "should be at least {ge}",
        "less_than": "should be less than {lt}",
        "less_than_equal": "should be at most {le}",
        "enum": "should be {expected}",
        "literal_error": "should be {expected}",
        "uuid_type": "should be a UUID",
        "uuid_parsing": "should be a UUID",
        "date_type": "should be a date, such as 2026-05-31",
        "date_parsing": "should be a date, such as 2026-05-31",
        "date_from_datetime_parsing": "should be a date, such as 2026-05-31",
        "date_from_datetime_inexact": "should be a date, such as 2026-05-31",
        "dict_type": "should be an object",
        "model_type": "should be an object",
        "model_attributes_type": "should be an object",
    }
)
# Kinds whose text counts something: the limit's name in the context, the bound, the noun, and where it is counted.
_COUNTED: Final[Mapping[str, tuple[str, str, str, str]]] = MappingProxyType(
    {
        "string_too_short": ("min_length", "at least", "character", ""),
        "string_too_long": ("max_length", "at most", "character", ""),
        "too_short": ("min_length", "at least", "item", ""),
        "too_long": ("max_length", "at most", "item", ""),
        "decimal_max_places": ("decimal_places", "at most", "decimal place", ""),
        "decimal_max_digits": ("max_digits", "at most", "digit", ""),
        "decimal_whole_digits": ("whole_digits", "at most", "digit", " before the decimal point"),
    }
)


def described(error: Mapping[str, Any]) -> str:
    """What is wrong with a value, by one of Pydantic's errors and without the value itself.

    Never empty: an error without a text of its own says that the value cannot be read.
    """
    kind, context = str(error.get("type", "")), error.get("ctx")
    found = context if isinstance(context, Mapping) else {}
    if kind in _COUNTED and _COUNTED[kind][0] in found:
        name, bound, noun, where = _COUNTED[kind]
        limit = int(found[name])
        if name == "min_length" and limit == 1:
            return "should not be empty"
        return f"should have {bound} {counted(limit, noun)}{where}"
    if kind in _DETAILS and (found or "{" not in _DETAILS[kind]):
        return _DETAILS[kind].format_map(found)
    # Pydantic puts its own words before the text of a ValueError.
    return str(error.get("msg", "")).removeprefix("Value error,").strip() or "cannot be read"
