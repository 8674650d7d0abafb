"""An application as it is typed: the texts of its steps, what they mean, and every field that cannot stand; pure.

The rules are those of the request and of ``application_rules``; here they only find their fields.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from pydantic import ValidationError

from halfpenny.loans.application_rules import application_faults
from halfpenny.loans.model import Application, LendingRules
from halfpenny.loans.requests import ApplicationRequest, BorrowerRequest, PropertyRequest
from halfpenny.platform.figures import read_amount
from halfpenny.primitives.errors import HalfpennyError
from halfpenny.primitives.ids import LoanId, UserId
from halfpenny_messages import PropertyKind

_LOAN: Final = tuple(
    name for name in ApplicationRequest.model_fields if name not in ("property", "borrower", "currency")
)
# The fields of each step. All amounts are in the one currency, so the first step asks for it.
STEPS: Final[Mapping[int, tuple[str, ...]]] = {
    1: ("currency", *PropertyRequest.model_fields),
    2: tuple(BorrowerRequest.model_fields),
    3: _LOAN,
}
_FIELDS: Final = frozenset(name for names in STEPS.values() for name in names)
AMOUNTS: Final = frozenset(
    {
        *("purchase_price", "valuation", "renovation_cost", "gdv", "income", "yearly_costs", "assets", "debts"),
        *("amount", "prior_debt"),
    }
)
_WHOLE_NUMBERS: Final = frozenset(
    {"year_built", "beds", "adverse_records", "years_trading", "charge_rank", "term_months"}
)
_NUMBERS: Final = frozenset({"lat", "lon", "area_m2"})
_DATES: Final = frozenset({"purchased_on", "valued_on"})
_BLANKS: Final = re.compile(r"[\s\u00a0\u202f\u2009]")
_WHOLE: Final = re.compile(r"[0-9]{1,9}", re.ASCII)
_NUMBER: Final = re.compile(r"-?[0-9]{1,9}([.,][0-9]{1,12})?", re.ASCII)
_POLISH_DATE: Final = re.compile(r"([0-9]{1,2})\.([0-9]{1,2})\.([0-9]{4})", re.ASCII)
# What pydantic calls a bound, and which of its facts is the bound.
_BOUNDS: Final[Mapping[str, tuple[str, str]]] = {
    "greater_than_equal": ("number_too_small", "ge"),
    "greater_than": ("number_not_above", "gt"),
    "less_than_equal": ("number_too_large", "le"),
    "string_too_long": ("text_too_long", "max_length"),
}
_MALFORMED: Final[Mapping[str, str]] = {
    "missing": "missing",
    "string_too_short": "missing",
    "malformed_text": "malformed_text",
    "malformed_amount": "malformed_amount",
    "malformed_date": "malformed_date",
    "string_pattern_mismatch": "country_unknown",
}
# The fields that each rule is about; its refusal is shown at the first. AmountImplausible and DwellingFactsMissing
# name theirs themselves.
_FIELDS_OF: Final[Mapping[str, tuple[str, ...]]] = {
    "amount_too_small": ("amount",),
    "term_out_of_range": ("term_months",),
    "charge_rank_out_of_range": ("charge_rank",),
    "prior_debt_missing": ("prior_debt", "charge_rank"),
    "prior_debt_before_first_charge": ("prior_debt", "charge_rank"),
    "years_trading_out_of_range": ("years_trading",),
    "country_unknown": ("country",),
    "coordinates_out_of_range": ("lat", "lon"),
    "coordinates_outside_country": ("lat", "lon", "country"),
    "area_out_of_range": ("area_m2",),
    "year_built_out_of_range": ("year_built",),
    "beds_exceed_area": ("beds", "area_m2"),
    "valuation_not_positive": ("valuation",),
    "valued_in_future": ("valued_on",),
    "surveyor_missing": ("valuer", "valuation_source"),
    "gdv_below_valuation": ("gdv", "valuation"),
    "purchased_in_future": ("purchased_on",),
    "purchase_price_not_positive": ("purchase_price",),
    "purchase_price_missing": ("purchase_price", "purchased_on", "purpose"),
}
# Stands where a text is missing or cannot be read, so that the rules about the other fields can be asked.
_STAND_INS: Final[Mapping[str, Any]] = {
    "currency": "EUR",
    "kind": PropertyKind.LAND.value,
    "address": "-",
    "city": "-",
    "country": "PL",
    "lat": 52.0,
    "lon": 20.0,
    "area_m2": 100.0,
    "valuation": "1.00",
    "valued_on": "2000-01-01",
    "renovation_cost": "0.00",
    "company": "-",
    "income": "0.00",
    "assets": "0.00",
    "debts": "0.00",
    "adverse_records": 0,
    "charge_rank": 1,
    "prior_debt": "0.00",
    "amount": "1.00",
    "term_months": 1,
    "purpose": "other",
    "exit_strategy": "other",
    "interest_mode": "retained",
}


@dataclass(frozen=True, slots=True)
class ApplicationForm:
    """One application that is being filled in: ``fields`` holds what was typed, by the name of its field.

    ``version`` counts every save. ``loan_id`` is None until it is sent.
    """

    id: UUID
    borrower_id: UserId
    version: int
    fields: Mapping[str, str]
    loan_id: LoanId | None
    created_at: datetime
    changed_at: datetime

    @property
    def next_step(self) -> int:
        """The first step that holds nothing; the check page (4) when all do."""
        return next((step for step, names in STEPS.items() if not self.fields.keys() & set(names)), len(STEPS) + 1)


@dataclass(frozen=True, slots=True)
class FieldFault:
    """Why a field cannot stand: a stable code, and the figures that its words name."""

    code: str
    data: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FormReading:
    """What the texts mean: the whole application, or None; ``faults`` by the name of the field, in their order."""

    application: Application | None
    faults: Mapping[str, FieldFault]

    def of_step(self, step: int) -> dict[str, FieldFault]:
        return {name: self.faults[name] for name in STEPS[step] if name in self.faults}


def typed_in_step(step: int, typed: Mapping[str, str]) -> dict[str, str]:
    """The step's own fields of a form that was sent, without the blanks around them; what else it held is left."""
    return {name: typed.get(name, "").strip() for name in STEPS[step]}


def read_form(fields: Mapping[str, str], rules: LendingRules, today: date) -> FormReading:
    """Every fault there is, also of steps that nobody has come to yet. Where two are of one field, the first.

    A rule about several fields is asked where all of them can be read, whatever the others hold.
    """
    faults: dict[str, FieldFault] = {}
    values = dict(_read_values(fields, faults))
    try:
        body = _request(values)
    except ValidationError as error:
        _take_invalid(error, faults)
    if unread := frozenset(faults):
        readable = {name: value for name, value in values.items() if name not in unread}
        body = _request({name: _STAND_INS[name] for name in unread if name in _STAND_INS} | readable)
    application = body.read()
    for rule in application_faults(application, rules, today):
        shown_at, about = _fields_of(rule)
        if unread.isdisjoint(about):
            for name in shown_at:
                faults.setdefault(name, FieldFault(rule.code, rule.data))
    in_order = {name: faults[name] for names in STEPS.values() for name in names if name in faults}
    return FormReading(None if faults else application, in_order)


def _request(values: Mapping[str, Any]) -> ApplicationRequest:
    def part(names: Iterable[str]) -> dict[str, Any]:
        return {name: values[name] for name in names if name in values}

    asset, borrower = part(PropertyRequest.model_fields), part(BorrowerRequest.model_fields)
    return ApplicationRequest.model_validate(part(("currency", *_LOAN)) | {"property": asset, "borrower": borrower})


def _read_values(fields: Mapping[str, str], faults: dict[str, FieldFault]) -> Iterator[tuple[str, Any]]:
    """Each field that holds something, as a request's body would: numbers as numbers, amounts as decimal strings."""
    for names in STEPS.values():
        for name in names:
            text = fields.get(name, "").strip()
            if not text:
                continue
            try:
                yield name, _reader_of(name)(text)
            except ValueError as error:
                faults[name] = FieldFault(str(error))
            except HalfpennyError as error:
                faults[name] = FieldFault(error.code)


def _reader_of(name: str) -> Callable[[str], Any]:
    if name in AMOUNTS:
        return read_amount
    if name in _WHOLE_NUMBERS:
        return _whole_number
    if name in _NUMBERS:
        return _number
    if name in _DATES:
        return _day
    return str.upper if name == "country" else str


def _whole_number(text: str) -> int:
    if _WHOLE.fullmatch(_BLANKS.sub("", text)) is None:
        raise ValueError("malformed_whole_number")
    return int(_BLANKS.sub("", text))


def _number(text: str) -> float:
    """A number with a decimal point or comma: thousands are parted by blanks alone."""
    plain = _BLANKS.sub("", text).replace("\u2212", "-")
    if _NUMBER.fullmatch(plain) is None:
        raise ValueError("malformed_number")
    return float(plain.replace(",", "."))


def _day(text: str) -> str:
    """A date as browsers send it, or as it is written in Poland: ``2026-02-28`` or ``28.02.2026``."""
    if found := _POLISH_DATE.fullmatch(text):
        text = f"{found[3]}-{found[2]:0>2}-{found[1]:0>2}"
    return text


def _take_invalid(error: ValidationError, faults: dict[str, FieldFault]) -> None:
    for each in error.errors(include_url=False, include_input=False):
        # A field that takes more than one form of text also names the form, after the field.
        name = next(str(part) for part in reversed(each["loc"]) if part in _FIELDS)
        faults.setdefault(name, _invalid(each["type"], each.get("ctx", {})))


def _invalid(kind: str, facts: Mapping[str, Any]) -> FieldFault:
    if kind in _BOUNDS:
        code, bound = _BOUNDS[kind]
        return FieldFault(code, {"bound": int(facts[bound])})
    return FieldFault(_MALFORMED.get(kind, "unlisted_code"))


def _fields_of(rule: HalfpennyError) -> tuple[list[str], list[str]]:
    """Where a rule's refusal is shown, and every field that the rule is about."""
    match rule.code:
        case "amount_implausible":
            name = str(rule.data["field"])
            return [name], [name, "currency"]
        case "dwelling_facts_missing":
            names = [str(name) for name in rule.data["missing"]]  # type: ignore[attr-defined]
            return names, ["kind"]
        case code:
            about = _FIELDS_OF[code]
            return [about[0]], list(about)
