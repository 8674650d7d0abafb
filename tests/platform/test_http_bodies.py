"""Request bodies: strict JSON, strict fields, and one fingerprint for one request."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from halfpenny.platform.http import (
    AmountText,
    CurrencyText,
    DateText,
    IdText,
    LineText,
    ProseText,
    RateText,
    RequestModel,
    code_of,
    decode_cursor,
    encode_cursor,
    fingerprint,
    page,
    read_json,
)
from halfpenny.platform.http.json_body import DuplicateKey, MalformedJson
from halfpenny.platform.http.paging import MalformedCursor
from halfpenny.primitives.ids import uuid7
from halfpenny.primitives.money import Currency, Money, parse_minor


class Ticket(RequestModel):
    amount: AmountText
    currency: CurrencyText


class Shade(StrEnum):
    LIGHT = "light"
    MIDDLE = "middle"
    DARK = "dark"


class Shaded(RequestModel):
    any: Annotated[Shade, code_of(Shade)]
    some: Annotated[Shade, code_of(Shade, {Shade.DARK, Shade.LIGHT})] = Shade.DARK


class Everything(RequestModel):
    rate: RateText = Decimal(1)
    day: DateText = date(2026, 1, 1)
    id: IdText = UUID(int=0)
    line: LineText = "x"
    prose: ProseText = "x"
    flag: bool = False
    count: int = 0


BAD_AMOUNTS: list[Any] = [
    *("-1", "+1", "NaN", "Infinity", "-Infinity", "1e400", "1e3", "1E3", "0.001", "1.", ".5", "01", "00", ""),
    *(" 1", "1 ", "1\n", "1,00", "1_000", "0x10", "١٢٣", "１２", "٣.٥٠", "½", "1.٥", "9223372036854775808", "1" * 400),
    *("10000000000000.01", "null", "true", "'1'", "1;DROP TABLE account", "1\u0000"),
    *(True, False, None, 1, 0, 1.5, -1, 2**63, 1e400, [], ["1"], {}, {"$gt": "0"}),
]


@pytest.mark.parametrize("amount", BAD_AMOUNTS, ids=repr)
def test_amounts_that_are_no_plain_decimal_strings_are_named(amount: Any) -> None:
    with pytest.raises(ValidationError) as refused:
        Ticket.model_validate({"amount": amount, "currency": "EUR"})
    assert [error["type"] for error in refused.value.errors()] == ["malformed_amount"]


@pytest.mark.parametrize("amount", ["0", "0.00", "250", "250.5", "250.00", "9999999999999.99"])
def test_plain_amounts_are_taken_as_they_are(amount: str) -> None:
    ticket = Ticket.model_validate({"amount": amount, "currency": "PLN"})
    assert ticket.amount == amount
    assert Money.parse(ticket.amount, ticket.currency) == Money(parse_minor(amount), Currency.PLN)


@pytest.mark.parametrize(
    "body", [{"any": "pale"}, {"any": 3}, {"any": "light", "some": "middle"}, {"any": "Dark"}], ids=repr
)
def test_a_code_outside_its_list_is_answered_with_the_list(body: Any) -> None:
    with pytest.raises(ValidationError) as refused:
        Shaded.model_validate(body)
    [fault] = refused.value.errors()
    expected = "light or dark" if "some" in body else "light, middle or dark"
    assert (fault["type"], fault["msg"]) == ("unlisted_code", f"This is one of {expected}.")


def test_a_code_of_the_list_becomes_its_member() -> None:
    shaded = Shaded.model_validate({"any": "middle", "some": "light"})
    assert (shaded.any, shaded.some) == (Shade.MIDDLE, Shade.LIGHT)


@pytest.mark.parametrize("currency", ["eur", "EURO", "XXX", "", "EUR ", "ЕUR", None, 978, ["EUR"], True], ids=repr)
def test_unknown_currencies_are_named(currency: Any) -> None:
    with pytest.raises(ValidationError) as refused:
        Ticket.model_validate({"amount": "1.00", "currency": currency})
    assert [error["type"] for error in refused.value.errors()] == ["malformed_currency"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("rate", 9.75),
        ("rate", "-1"),
        ("rate", "1e1"),
        ("rate", "NaN"),
        ("rate", "1000"),
        ("rate", "1.1234567"),
        ("rate", "٩"),
        ("rate", True),
        ("day", "2026-02-30"),
        ("day", "20260228"),
        ("day", "2026-02-28T00:00:00"),
        ("day", "٢٠٢٦-02-28"),
        ("day", 20_000),
        ("id", "not-an-id"),
        ("id", "{12345678-1234-1234-1234-123456789012}"),
        ("id", 5),
        ("line", ""),
        ("line", "   "),
        ("line", "a\nb"),
        ("line", "a\x1bb"),
        ("line", "a\u202eb"),
        ("line", "a\u2028b"),
        ("line", "x" * 201),
        ("line", 5),
        ("prose", "a\x00b"),
        ("prose", "a\x0bb"),
        ("prose", "x" * 5_001),
        ("flag", "true"),
        ("flag", 1),
        ("count", "1"),
        ("count", True),
        ("count", 1.0),
    ],
    ids=repr,
)
def test_fields_are_not_coerced(field: str, value: Any) -> None:
    with pytest.raises(ValidationError) as refused:
        Everything.model_validate({field: value})
    assert [error["loc"] for error in refused.value.errors()] == [(field,)]


def test_good_fields_become_what_they_mean() -> None:
    body = Everything.model_validate(
        {
            "rate": "9.75",
            "day": "2028-02-29",
            "id": "01899f00-0000-7000-8000-000000000001",
            "line": "Zażółć",
            "prose": "one\ntwo\t<b>",
        }
    )
    assert (body.rate, body.day) == (Decimal("9.75"), date(2028, 2, 29))
    assert body.id == UUID("01899f00-0000-7000-8000-000000000001")
    assert body.prose == "one\ntwo\t<b>"


def test_models_are_closed_and_frozen() -> None:
    with pytest.raises(ValidationError):
        Ticket.model_validate({"amount": "1.00", "currency": "EUR", "investor_id": "someone else"})
    ticket = Ticket.model_validate({"amount": "1.00", "currency": "EUR"})
    with pytest.raises(ValidationError):
        ticket.amount = "2.00"


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b'{"amount": "1.00", "amount": "9.00"}', DuplicateKey),
        (b'{"a": {"b": 1, "b": 2}}', DuplicateKey),
        (b'[{"a": 1, "\\u0061": 2}]', DuplicateKey),
        (b'{"amount": NaN}', MalformedJson),
        (b'{"amount": Infinity}', MalformedJson),
        (b'{"amount": -Infinity}', MalformedJson),
        (b'{"a": "\\u0000"}', MalformedJson),
        (b'{"a\\u0000": 1}', MalformedJson),
        (b'{"a": "\\ud800"}', MalformedJson),
        (b"[" * 40 + b"]" * 40, MalformedJson),
        (b"[" * 400_000, MalformedJson),
        (b'{"a":' * 50 + b"1" + b"}" * 50, MalformedJson),
        (b"{", MalformedJson),
        (b"", MalformedJson),
        (b"{'a': 1}", MalformedJson),
        (b'{"a": 1,}', MalformedJson),
        (b'{"a": 01}', MalformedJson),
        (b'{"a": "\n"}', MalformedJson),
        (b'\xff{"a": 1}', MalformedJson),
        (b'\xef\xbb\xbf{"a": 1}', MalformedJson),
        ('{"a": 1}'.encode("utf-16"), MalformedJson),
        (b'{"a": ' + b"9" * 5_000 + b"}", MalformedJson),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_json_that_could_be_read_in_two_ways_is_refused(body: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        read_json(body)


def test_surrogate_pairs_are_ordinary_characters() -> None:
    assert read_json(b'{"a": "\\ud83d\\ude00"}') == {"a": "\U0001f600"}


texts = st.text('ab "\\\n\u00e9\u0142\U0001f600', max_size=8)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abcdef", max_size=3), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text("abcdef", min_size=1, max_size=5), json_values, max_size=5), st.randoms())
def test_the_fingerprint_is_blind_to_order_and_blanks_only(body: dict[str, Any], random: Any) -> None:
    shuffled = list(body.items())
    random.shuffle(shuffled)
    one = fingerprint("POST", "/loans", json.dumps(body).encode())
    other = fingerprint("POST", "/loans", json.dumps(dict(shuffled), indent=3, ensure_ascii=False).encode())
    assert one == other
    assert one != fingerprint("POST", "/loans", json.dumps({**body, "zz": 1}).encode())
    assert one != fingerprint("PUT", "/loans", json.dumps(body).encode())
    assert one != fingerprint("POST", "/loan", json.dumps(body).encode())


def test_the_fingerprint_distinguishes_texts_from_numbers() -> None:
    assert fingerprint("POST", "/x", b'{"a": "1"}') != fingerprint("POST", "/x", b'{"a": 1}')
    assert fingerprint("POST", "/x", b'{"a": 1.0}') != fingerprint("POST", "/x", b'{"a": 1}')


def test_cursors_return_what_was_put_in() -> None:
    id = uuid7()
    assert decode_cursor(encode_cursor(id, -5, "Łódź"), UUID, int, str) == (id, -5, "Łódź")


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "!",
        "AAAA",
        "é",
        "W10",
        "WzFd",
        encode_cursor("not an id"),
        encode_cursor(UUID(int=7), 1),
        "A" * 300,
        "W" * 4,
    ],
)
def test_a_cursor_from_elsewhere_is_named(cursor: str) -> None:
    with pytest.raises(MalformedCursor):
        decode_cursor(cursor, UUID)


@pytest.mark.parametrize(
    ("text", "kind"),
    [("9" * 19, int), ("١", int), ("yesterday", UUID), ("a\x00b", str)],
)
def test_a_cursor_with_values_that_the_database_cannot_take_is_named(text: str, kind: type) -> None:
    with pytest.raises(MalformedCursor):
        decode_cursor(encode_cursor(text), kind)


def test_pages_follow_each_other_without_gap_or_overlap() -> None:
    rows, seen, after = list(range(23)), [], None
    while True:
        start = -1 if after is None else decode_cursor(after, int)[0]
        fetched = [row for row in rows if row > start][:6]
        answer = page(fetched, 5, lambda row: (row,))
        seen += answer["items"]
        after = answer["next_cursor"]
        if after is None:
            break
    assert seen == rows


def test_a_last_page_that_is_exactly_full_has_no_next() -> None:
    assert page([1, 2], 2, lambda row: (row,)) == {"items": [1, 2], "next_cursor": None}
    assert page([], 2, lambda row: (row,)) == {"items": [], "next_cursor": None}
