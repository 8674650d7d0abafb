"""The wire: what is sent must come back the same, and what cannot be read must be named."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from uuid import UUID

import pytest

from halfpenny_messages import (
    MAX_MESSAGE_BYTES,
    Borrower,
    ExitStrategy,
    LoanInterestMode,
    LoanPurpose,
    LoanSubmitted,
    MalformedMessage,
    MessageTooLarge,
    Property,
    PropertyKind,
    ReassessmentRequested,
    UnknownMessage,
    decode,
    decode_payload,
    encode,
    to_builtins,
)

RECORDED_AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
EVENT_ID = UUID(int=7)


def submitted() -> LoanSubmitted:
    return LoanSubmitted(
        loan_id=UUID(int=1),
        version=1,
        property=Property(
            kind=PropertyKind.HOUSE,
            address="Parcel 000180-0010",
            city="Seattle",
            country="US",
            lat=47.6,
            lon=-122.3,
            area_m2=140.0,
            valuation="400000.00",
            valued_on=date(2026, 2, 1),
        ),
        borrower=Borrower(company="Green Lake Homes", income="90000.00"),
        charge_rank=1,
        amount="200000.00",
        currency="EUR",
        term_months=12,
        purpose=LoanPurpose.PURCHASE,
        exit_strategy=ExitStrategy.SALE,
        interest_mode=LoanInterestMode.RETAINED,
        submitted_at=RECORDED_AT,
    )


def test_a_message_comes_back_as_it_was_sent() -> None:
    for payload in (submitted(), ReassessmentRequested(loan=submitted(), cause="valuation_changed")):
        envelope = decode(encode(payload, id=EVENT_ID, recorded_at=RECORDED_AT))
        assert (envelope.id, envelope.recorded_at, envelope.payload) == (EVENT_ID, RECORDED_AT, payload)
        assert decode_payload(envelope.name, envelope.version, to_builtins(payload)) == payload


def test_an_unknown_name_or_version_is_named() -> None:
    wire = json.loads(encode(submitted(), id=EVENT_ID, recorded_at=RECORDED_AT))
    for change in ({"version": 2}, {"version": 0}, {"name": "loan.sung"}):
        with pytest.raises(UnknownMessage) as caught:
            decode(json.dumps(wire | change).encode())
        assert caught.value.code == "unknown_message_version"
    with pytest.raises(UnknownMessage):
        decode_payload("loan.submitted", 9, to_builtins(submitted()))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("amount", 200000),
        ("amount", "-1"),
        ("amount", "1e3"),
        ("amount", "NaN"),
        ("amount", "0.001"),
        ("amount", "٣"),
        ("amount", "10.00\n"),
        ("amount", None),
        ("term_months", 0),
        ("term_months", "12"),
        ("term_months", True),
        ("charge_rank", 0),
        ("currency", "euro"),
        ("version", 0),
        ("loan_id", "not an id"),
        ("surprise", "field"),
        ("purpose", "zakup mieszkania"),
        ("purpose", "Purchase"),
        ("exit_strategy", "refinancing"),
        ("interest_mode", "rolled"),
    ],
)
def test_a_wrong_field_is_malformed(field: str, value: object) -> None:
    wire = json.loads(encode(submitted(), id=EVENT_ID, recorded_at=RECORDED_AT))
    wire["payload"][field] = value
    with pytest.raises(MalformedMessage):
        decode(json.dumps(wire).encode())
    with pytest.raises(MalformedMessage):
        decode_payload(wire["name"], wire["version"], wire["payload"])


@pytest.mark.parametrize(
    ("field", "value"),
    [("kind", "villa"), ("country", "USA"), ("condition", "haunted"), ("valuation_source", "hearsay"), ("lat", None)],
)
def test_a_word_in_the_place_of_a_code_is_malformed(field: str, value: object) -> None:
    wire = json.loads(encode(submitted(), id=EVENT_ID, recorded_at=RECORDED_AT))
    wire["payload"]["property"][field] = value
    with pytest.raises(MalformedMessage):
        decode(json.dumps(wire).encode())


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff\xfe", b"null", b'{"id": 1}', b"[" * 100_000])
def test_what_is_not_a_message_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedMessage):
        decode(body)


def test_a_missing_time_zone_and_an_oversized_body_are_named() -> None:
    wire = json.loads(encode(submitted(), id=EVENT_ID, recorded_at=RECORDED_AT))
    with pytest.raises(MalformedMessage):
        decode(json.dumps(wire | {"recorded_at": "2026-03-01T12:00:00"}).encode())
    with pytest.raises(MessageTooLarge):
        decode(b" " * (MAX_MESSAGE_BYTES + 1))
    with pytest.raises(ValueError, match="time zone"):
        encode(submitted(), id=EVENT_ID, recorded_at=datetime(2026, 3, 1))  # noqa: DTZ001
