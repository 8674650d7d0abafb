"""Bank statements as ISO 20022 camt.053.001.08: the subset that a client account needs.

Source of the message's structure: the message definition camt.053.001.08 in the ISO 20022 catalogue
(https://www.iso20022.org/iso-20022-message-definitions, Bank-to-Customer Cash Management).
"""

from __future__ import annotations

from datetime import date, datetime
from typing import NoReturn
from xml.etree import ElementTree as ET
from xml.parsers import expat

from halfpenny.funding.bank.model import BankStatement, CashDirection, StatementLine
from halfpenny.primitives.errors import Malformed
from halfpenny.primitives.money import Currency, format_minor, parse_minor

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"
MAX_BYTES = 20_000_000
_N = {"c": NAMESPACE}


class MalformedStatement(Malformed):
    code = "malformed_statement"
    message = "This is not a camt.053.001.08 statement of one account and day."


def write_statement(statement: BankStatement) -> bytes:
    """The XML document of one statement."""
    ET.register_namespace("", NAMESPACE)
    document = ET.Element(f"{{{NAMESPACE}}}Document")
    report = _sub(document, "BkToCstmrStmt")
    header = _sub(report, "GrpHdr")
    _sub(header, "MsgId", statement.message_id)
    _sub(header, "CreDtTm", statement.created_at.isoformat())
    body = _sub(report, "Stmt")
    _sub(body, "Id", statement.message_id)
    _sub(body, "CreDtTm", statement.created_at.isoformat())
    account = _sub(body, "Acct")
    _sub(_sub(_sub(account, "Id"), "Othr"), "Id", statement.account)
    _sub(account, "Ccy", statement.currency)
    for code, minor in (("OPBD", statement.opening_minor), ("CLBD", statement.closing_minor)):
        balance = _sub(body, "Bal")
        _sub(_sub(_sub(balance, "Tp"), "CdOrPrtry"), "Cd", code)
        _amount(balance, abs(minor), statement.currency)
        _sub(balance, "CdtDbtInd", CashDirection.IN if minor >= 0 else CashDirection.OUT)
        _sub(_sub(balance, "Dt"), "Dt", statement.day.isoformat())
    for line in statement.lines:
        _write_line(body, line, statement.currency)
    text: bytes = ET.tostring(document, encoding="utf-8", xml_declaration=True)
    return text


def _write_line(body: ET.Element, line: StatementLine, currency: str) -> None:
    entry = _sub(body, "Ntry")
    _amount(entry, line.amount_minor, currency)
    _sub(entry, "CdtDbtInd", line.direction)
    _sub(_sub(entry, "Sts"), "Cd", "BOOK")
    _sub(_sub(entry, "BookgDt"), "Dt", line.booked_on.isoformat())
    _sub(_sub(entry, "ValDt"), "Dt", line.value_on.isoformat())
    _sub(entry, "AcctSvcrRef", line.bank_reference)
    domain = _sub(_sub(entry, "BkTxCd"), "Domn")
    _sub(domain, "Cd", "PMNT")
    family = _sub(domain, "Fmly")
    _sub(family, "Cd", "RCDT" if line.direction is CashDirection.IN else "ICDT")
    _sub(family, "SubFmlyCd", "ESCT")
    details = _sub(_sub(entry, "NtryDtls"), "TxDtls")
    _sub(_sub(details, "Refs"), "EndToEndId", line.end_to_end_id)


def read_statement(document: bytes) -> BankStatement:
    """Read one statement strictly, in any encoding that the XML parser knows.

    Raises MalformedStatement; a document type (and with it every entity) is refused, whatever the bytes look like.
    """
    if len(document) > MAX_BYTES:
        raise MalformedStatement()
    try:
        _refuse_document_type(document)
        root = ET.fromstring(document)  # noqa: S314 - without a document type there are no entities to expand
        bodies = root.findall("./c:BkToCstmrStmt/c:Stmt", _N)
        if len(bodies) != 1:
            raise MalformedStatement("The document holds another number of statements than one.")
        return _read_body(root, bodies[0])
    except (ET.ParseError, expat.ExpatError, LookupError, ValueError, Malformed) as error:
        if isinstance(error, MalformedStatement):
            raise
        raise MalformedStatement() from error


def _refuse_document_type(document: bytes) -> None:
    """Let the parser itself say whether there is one: it decodes first, so no encoding hides a document type."""

    def refuse(*_: object) -> NoReturn:
        raise MalformedStatement("A statement has no document type and no entities.")

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    parser.Parse(document, True)


def _read_body(root: ET.Element, body: ET.Element) -> BankStatement:
    currency = Currency(_text(body, "./c:Acct/c:Ccy")).value
    balances = {
        _text(balance, "./c:Tp/c:CdOrPrtry/c:Cd"): _signed(balance, currency) for balance in body.findall("./c:Bal", _N)
    }
    days = {_text(balance, "./c:Dt/c:Dt") for balance in body.findall("./c:Bal", _N)}
    lines = tuple(
        _read_line(entry, currency) for entry in body.findall("./c:Ntry", _N) if _text(entry, "./c:Sts/c:Cd") == "BOOK"
    )
    statement = BankStatement(
        message_id=_text(root, "./c:BkToCstmrStmt/c:GrpHdr/c:MsgId"),
        account=_text(body, "./c:Acct/c:Id/c:Othr/c:Id"),
        currency=currency,
        day=date.fromisoformat(max(days)),
        created_at=datetime.fromisoformat(_text(body, "./c:CreDtTm")),
        opening_minor=balances["OPBD"],
        closing_minor=balances["CLBD"],
        lines=lines,
    )
    moved = sum(line.amount_minor if line.direction is CashDirection.IN else -line.amount_minor for line in lines)
    if statement.opening_minor + moved != statement.closing_minor:
        raise MalformedStatement("The statement's entries do not lead from its opening to its closing balance.")
    return statement


def _read_line(entry: ET.Element, currency: str) -> StatementLine:
    direction = CashDirection(_text(entry, "./c:CdtDbtInd"))
    return StatementLine(
        bank_reference=_text(entry, "./c:AcctSvcrRef"),
        end_to_end_id=_text(entry, "./c:NtryDtls/c:TxDtls/c:Refs/c:EndToEndId"),
        direction=direction,
        amount_minor=abs(_signed(entry, currency)),
        booked_on=date.fromisoformat(_text(entry, "./c:BookgDt/c:Dt")),
        value_on=date.fromisoformat(_text(entry, "./c:ValDt/c:Dt")),
    )


def _signed(element: ET.Element, currency: str) -> int:
    amount = element.find("./c:Amt", _N)
    if amount is None or amount.get("Ccy") != currency:
        raise MalformedStatement("An amount is missing or in another currency than its account.")
    minor = parse_minor(amount.text or "")
    return minor if CashDirection(_text(element, "./c:CdtDbtInd")) is CashDirection.IN else -minor


def _text(element: ET.Element, path: str) -> str:
    text = element.findtext(path, namespaces=_N)
    if not text:
        raise MalformedStatement(f"{path.replace('c:', '').lstrip('./')} is missing.")
    return text


def _sub(parent: ET.Element, tag: str, text: str | None = None) -> ET.Element:
    child = ET.SubElement(parent, f"{{{NAMESPACE}}}{tag}")
    child.text = text
    return child


def _amount(parent: ET.Element, minor: int, currency: str) -> None:
    _sub(parent, "Amt", format_minor(minor)).set("Ccy", currency)
