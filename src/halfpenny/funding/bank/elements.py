"""Elements of a camt message by their local names: banks send versions 02 to 13, which differ in their namespace."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import NoReturn
from xml.etree import ElementTree as ET
from xml.parsers import expat

from halfpenny.platform.clock import MARKET_ZONE, market_date
from halfpenny.primitives.errors import Malformed
from halfpenny.primitives.money import MAX_MINOR

FAMILY = "urn:iso:std:iso:20022:tech:xsd:camt.053.001."
MAX_BYTES = 20_000_000


class MalformedStatement(Malformed):
    code = "malformed_statement"
    message = "This is not a camt.053 statement."


def parse_document(document: bytes) -> ET.Element:
    """The root with all names local, in any encoding that the XML parser knows.

    Raises MalformedStatement; a document type (and with it every entity) is refused, whatever the bytes look like.
    """
    if len(document) > MAX_BYTES:
        raise MalformedStatement()
    try:
        _refuse_document_type(document)
        root = ET.fromstring(document)  # noqa: S314 - without a document type there are no entities to expand
    except (ET.ParseError, expat.ExpatError, LookupError, ValueError) as error:
        raise MalformedStatement() from error
    if not root.tag.startswith(f"{{{FAMILY}"):
        raise MalformedStatement("The document's namespace is not that of a camt.053 message.")
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root


def _refuse_document_type(document: bytes) -> None:
    """Let the parser itself say whether there is one: it decodes first, so no encoding hides a document type."""

    def refuse(*_: object) -> NoReturn:
        raise MalformedStatement("A statement has no document type and no entities.")

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    parser.Parse(document, True)


def text_at(element: ET.Element, *paths: str) -> str:
    """The first of these paths that holds text, without the blanks around it; empty where none does."""
    return next((text for path in paths if (text := (element.findtext(path) or "").strip())), "")


def texts_at(element: ET.Element, *paths: str) -> Iterator[str]:
    """All texts at all of these paths."""
    for path in paths:
        for found in element.findall(path):
            if found.text and found.text.strip():
                yield found.text.strip()


def minor_of(amount: str) -> int | None:
    """Minor units of an XML decimal: leading zeros, a plus sign and zeros after the cents are all the same amount.

    None where there is no such amount, one finer than a cent, or one beyond what a ledger holds.
    """
    try:
        value = Decimal(amount.strip())
    except InvalidOperation:
        return None
    if not value.is_finite() or value < 0 or value.adjusted() > 18:
        return None
    minor = value * 100
    return int(minor) if minor == minor.to_integral_value() and minor <= MAX_MINOR else None


def day_at(element: ET.Element, *paths: str) -> date | None:
    """A ``Dt`` or a ``DtTm`` below the first of these paths that has one. A moment with an offset is read in ours."""
    for path in paths:
        text = text_at(element, f"{path}/Dt", f"{path}/DtTm")
        if day := _day(text):
            return day
    return None


def _day(text: str) -> date | None:
    try:
        # A date of XML may carry an offset of its own ("2026-03-02+01:00"), which changes no day.
        if "T" not in text:
            return date.fromisoformat(text[:10])
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return market_date(moment) if moment.tzinfo else moment.date()


def moment_at(element: ET.Element, path: str) -> datetime | None:
    """A point in time; one without an offset is of the market's zone."""
    try:
        moment = datetime.fromisoformat(text_at(element, path))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=MARKET_ZONE)
