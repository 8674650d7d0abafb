"""Bank statements as ISO 20022 camt.053: read as banks send them, written as the sandbox bank does.

Source of the message's structure: the message definitions camt.053.001.02 to .13 in the ISO 20022 catalogue
(https://www.iso20022.org/iso-20022-message-definitions, Bank-to-Customer Cash Management).

Only a document that is no statement is refused here. Whatever else a bank writes is read as far as it can be: what an
entry leaves open is its remark, and money that no entry explains is a line of its own, so that the lines always lead
from the opening to the closing balance.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from xml.etree import ElementTree as ET

from halfpenny.funding.bank.elements import (
    FAMILY,
    MalformedStatement,
    day_at,
    minor_of,
    moment_at,
    parse_document,
    text_at,
    texts_at,
)
from halfpenny.funding.bank.model import BankStatement, CashDirection, StatementLine
from halfpenny.platform.clock import MARKET_ZONE
from halfpenny.primitives.money import MAX_MINOR, format_minor

NAMESPACE = FAMILY + "08"
# Balances that a statement may open and close with, best first: of the day, of the day before, of its page.
_OPENING = ("OPBD", "PRCD", "ITBD")
_CLOSING = ("CLBD", "ITBD")
_NO_REFERENCE = frozenset({"NOTPROVIDED", "NOT PROVIDED", "NONREF"})
_MAX_TEXT = 500

_BOOKED = "BOOK"  # ISO 20022, ExternalEntryStatus1Code


def read_statements(document: bytes) -> list[BankStatement]:
    """Every statement of the document, in its order.

    Raises MalformedStatement where it holds none, or one without an account, a currency, a day or any balance.
    """
    root = parse_document(document)
    message = text_at(root, "BkToCstmrStmt/GrpHdr/MsgId")
    bodies = root.findall("BkToCstmrStmt/Stmt")
    if root.tag != "Document" or not bodies:
        raise MalformedStatement("The document holds no statement.")
    return [_StatementReader(body, message).read() for body in bodies]


@dataclass
class _StatementReader:
    """Reads one ``Stmt``, and collects on the way what could not be booked."""

    body: ET.Element
    message: str
    remarks: list[str] = field(default_factory=list)
    currency: str = ""
    day: date = date.min

    def read(self) -> BankStatement:
        balances = self.body.findall("Bal")
        first = next((found.get("Ccy", "") for balance in balances for found in balance.findall("Amt")), "")
        self.currency = text_at(self.body, "Acct/Ccy") or first
        account = "".join(text_at(self.body, "Acct/Id/IBAN", "Acct/Id/Othr/Id").split())
        if not account or not self.currency:
            raise MalformedStatement("A statement names its account and its currency.")
        self.day = self._closing_day(balances)
        opening = self._balance(balances, _OPENING, first=True)
        closing = self._balance(balances, _CLOSING, first=False)
        if opening is None and closing is None:
            raise MalformedStatement("A statement has a booked balance to begin or to end with.")
        lines = [line for entry in self.body.findall("Ntry") for line in self._lines_of(entry)]
        moved = sum(line.signed_minor for line in lines)
        if opening is None:
            opening = (closing or 0) - moved
        if closing is None:
            closing = opening + moved
        lines += self._unexplained(closing - opening - moved)
        created = moment_at(self.body, "CreDtTm") or datetime(
            self.day.year, self.day.month, self.day.day, tzinfo=MARKET_ZONE
        )
        return BankStatement(
            message_id=text_at(self.body, "Id") or self.message,
            account=account,
            currency=self.currency,
            day=self.day,
            created_at=created,
            opening_minor=opening,
            closing_minor=closing,
            lines=tuple(lines),
            remarks=tuple(self.remarks),
        )

    def _closing_day(self, balances: Sequence[ET.Element]) -> date:
        for code in _CLOSING:
            days = [day for each in balances if _code(each) == code and (day := day_at(each, "Dt"))]
            if days:
                return max(days)
        end = moment_at(self.body, "FrToDt/ToDtTm")
        days = [day for entry in self.body.findall("Ntry") if (day := day_at(entry, "BookgDt"))]
        opened = [day for each in balances if _code(each) == "OPBD" and (day := day_at(each, "Dt"))]
        found = end.date() if end else max(days or opened, default=None)
        if found is None:
            raise MalformedStatement("A statement says which day it closes.")
        return found

    def _balance(self, balances: Sequence[ET.Element], codes: Sequence[str], *, first: bool) -> int | None:
        for code in codes:
            found = [
                minor
                for each in balances
                if _code(each) == code and (minor := self._signed(each, text_at(each, "CdtDbtInd"))) is not None
            ]
            if found:
                return found[0] if first else found[-1]
        return None

    def _signed(self, element: ET.Element, direction: str) -> int | None:
        amount = element.find("Amt")
        if amount is None or amount.get("Ccy", self.currency) != self.currency:
            return None
        minor = minor_of(amount.text or "")
        if minor is None or direction not in tuple(CashDirection):
            return None
        return minor if direction == CashDirection.IN else -minor

    def _lines_of(self, entry: ET.Element) -> Iterator[StatementLine]:
        """The entry, or the payments of a batch where they add up to it. What cannot be booked is a remark."""
        named = text_at(entry, "AcctSvcrRef", "NtryRef") or "an entry without a reference"
        status = text_at(entry, "Sts/Cd", "Sts/Prtry", "Sts") or _BOOKED
        if status != _BOOKED:
            self.remarks.append(f"{named}: not booked ({status})")
            return
        signed = self._signed(entry, text_at(entry, "CdtDbtInd"))
        if not signed:
            fault = "of zero" if signed == 0 else "whose amount or direction cannot be read"
            self.remarks.append(f"{named}: an entry {fault}")
            return
        details = entry.findall("NtryDtls/TxDtls")
        parts = self._parts(details, signed)
        if parts:
            yield from (
                self._line(entry, detail, part, "") for detail, part in zip(details, parts, strict=True) if part
            )
            return
        remark = "a reversal" if text_at(entry, "RvslInd") in ("true", "1") else ""
        if len(details) > 1 or text_at(entry, "NtryDtls/Btch/NbOfTxs").lstrip("0") not in ("", "1"):
            remark = "a batch whose payments do not add up to it, or are not listed"
        yield self._line(entry, details[0] if len(details) == 1 else None, signed, remark)

    def _parts(self, details: Sequence[ET.Element], whole: int) -> list[int] | None:
        """What each payment of a batch moves, signed; None where it is no batch or they do not add up."""
        if len(details) < 2:
            return None
        usual = CashDirection.IN if whole > 0 else CashDirection.OUT
        parts = []
        for detail in details:
            direction = text_at(detail, "CdtDbtInd") or usual
            # Version 02 has the amount of a payment in AmtDtls only.
            own = detail if detail.find("Amt") is not None else detail.find("AmtDtls/TxAmt")
            part = None if own is None else self._signed(own, direction)
            if part is None:
                return None
            parts.append(part)
        return parts if sum(parts) == whole else None

    def _line(self, entry: ET.Element, detail: ET.Element | None, signed: int, remark: str) -> StatementLine:
        detail = detail if detail is not None else ET.Element("TxDtls")
        incoming = signed > 0
        parties = ("RltdPties/Dbtr", "RltdPties/UltmtDbtr") if incoming else ("RltdPties/Cdtr", "RltdPties/UltmtCdtr")
        account = "RltdPties/DbtrAcct/Id" if incoming else "RltdPties/CdtrAcct/Id"
        end_to_end = text_at(detail, "Refs/EndToEndId")
        booked = day_at(entry, "BookgDt") or day_at(entry, "ValDt") or self.day
        words = [*texts_at(detail, "RmtInf/Ustrd", "RmtInf/Strd/CdtrRefInf/Ref")] or [
            *texts_at(detail, "AddtlTxInf"),
            *texts_at(entry, "AddtlNtryInf"),
        ]
        return StatementLine(
            bank_reference=text_at(detail, "Refs/AcctSvcrRef") or text_at(entry, "AcctSvcrRef", "NtryRef"),
            end_to_end_id="" if end_to_end.upper() in _NO_REFERENCE else end_to_end,
            direction=CashDirection.IN if incoming else CashDirection.OUT,
            amount_minor=abs(signed),
            booked_on=booked,
            value_on=day_at(entry, "ValDt") or booked,
            payer=text_at(detail, *(f"{party}/{name}" for party in parties for name in ("Nm", "Pty/Nm")))[:_MAX_TEXT],
            payer_account=text_at(detail, f"{account}/IBAN", f"{account}/Othr/Id"),
            remittance=" ".join(words)[:_MAX_TEXT],
            remark=remark,
        )

    def _unexplained(self, minor: int) -> Iterator[StatementLine]:
        """Money that the balances moved by and no entry explains: it stands in suspense like any unknown payment."""
        if not minor:
            return
        if abs(minor) > MAX_MINOR:
            raise MalformedStatement("The balances are further apart than any amount that can be booked.")
        direction = CashDirection.IN if minor > 0 else CashDirection.OUT
        remark = "the balances differ by this amount and no entry that could be read explains it"
        yield StatementLine("", "", direction, abs(minor), self.day, self.day, remark=remark)


def _code(balance: ET.Element) -> str:
    return text_at(balance, "Tp/CdOrPrtry/Cd", "Tp/CdOrPrtry/Prtry")


def write_statement(statement: BankStatement) -> bytes:
    """The XML document of one statement, as version 08 has it."""
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
    _sub(_sub(account, "Id"), "IBAN", statement.account)
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
    _sub(_sub(details, "Refs"), "EndToEndId", line.end_to_end_id or "NOTPROVIDED")
    if line.payer or line.payer_account:
        side = "Dbtr" if line.direction is CashDirection.IN else "Cdtr"
        parties = _sub(details, "RltdPties")
        if line.payer:
            _sub(_sub(_sub(parties, side), "Pty"), "Nm", line.payer)
        if line.payer_account:
            _sub(_sub(_sub(parties, f"{side}Acct"), "Id"), "IBAN", line.payer_account)
    if line.remittance:
        _sub(_sub(details, "RmtInf"), "Ustrd", line.remittance)


def _sub(parent: ET.Element, tag: str, text: str | None = None) -> ET.Element:
    child = ET.SubElement(parent, f"{{{NAMESPACE}}}{tag}")
    child.text = text
    return child


def _amount(parent: ET.Element, minor: int, currency: str) -> None:
    _sub(parent, "Amt", format_minor(minor)).set("Ccy", currency)
