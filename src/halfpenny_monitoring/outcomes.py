"""An outcome: what was predicted of one assessed loan, what was decided, and what came of it; and the file of them.

The file is JSON Lines. Its first line says the day and the exchange rates, every other line is one loan. It holds
no name, no address and no free text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import IO

import msgspec
from msgspec import Struct

from halfpenny_monitoring.money import in_euro

FORMAT = "halfpenny-outcomes-1"
# A default is declared at the latest so many days after the loan was due: after them its outcome is known.
DAYS_AFTER_MATURITY = 90


class OutcomesUnreadable(Exception):
    """The file is not one of outcomes; the text names the line and what is wrong with it."""


class OutcomeKind(StrEnum):
    """What has happened to an assessed loan by the day of the file."""

    PENDING = "pending"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    NOT_FUNDED = "not_funded"
    RAISING = "raising"
    RUNNING = "running"
    LATE = "late"
    DEFAULTED = "defaulted"
    REPAID = "repaid"
    REPAID_LATE = "repaid_late"
    WRITTEN_OFF = "written_off"


class LoanOutcome(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One assessed loan. Amounts are in ``currency``; probabilities, losses and LTV are fractions of one.

    The prediction is that of the answer which the decision went by (``assessed_on``, ``model_version``), the
    challenger's that of the same answer. ``defaulted_on`` is the first default, also of a loan that was cured or repaid
    later; ``lost`` is principal written off less what was recovered after it. ``drawn_down_on`` is None for a loan
    that was never booked.
    """

    loan_id: str
    model_version: str
    assessed_on: date
    submitted_on: date
    grade: str
    probability_of_default: Decimal
    loss_given_default: Decimal
    expected_loss: Decimal
    score: float
    recommendation: str
    suggested_rate_percent: Decimal
    challenger_version: str | None = None
    challenger_probability: Decimal | None = None
    verdict: str | None = None
    offered_rate_percent: Decimal | None = None
    currency: str
    amount: Decimal
    term_months: int
    ltv: Decimal
    charge_rank: int
    property_kind: str
    country: str
    income: Decimal | None = None
    adverse_records: int | None = None
    outcome: OutcomeKind
    drawn_down_on: date | None = None
    due_on: date | None = None
    days_past_due: int = 0
    defaulted_on: date | None = None
    ended_on: date | None = None
    lost: Decimal = Decimal(0)

    @property
    def booked(self) -> bool:
        return self.drawn_down_on is not None

    def is_observed(self, day: date) -> bool:
        """Whether the loan's outcome window is over: by its dates alone, so that early defaults do not count double."""
        return self.due_on is not None and self.due_on + timedelta(days=DAYS_AFTER_MATURITY) <= day


class OutcomesHeader(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The first line: the business date, and units of each currency in a euro with where they come from."""

    format: str = FORMAT
    as_of: date
    units_per_euro: dict[str, Decimal]
    rates_source: str

    def in_euro(self, amount: Decimal, currency: str) -> Decimal:
        """The amount at the stated rate; raises OutcomesUnreadable for a currency that has none."""
        try:
            return in_euro(amount, currency, self.units_per_euro)
        except KeyError:
            raise OutcomesUnreadable(f"no rate is stated for {currency}") from None


def write_outcomes(file: IO[bytes], header: OutcomesHeader, outcomes: Iterable[LoanOutcome]) -> int:
    """Write a file of outcomes; returns how many loans."""
    encode = msgspec.json.Encoder().encode
    file.write(encode(header) + b"\n")
    written = 0
    for outcome in outcomes:
        file.write(encode(outcome) + b"\n")
        written += 1
    return written


def read_outcomes(path: Path) -> tuple[OutcomesHeader, list[LoanOutcome]]:
    """Read a file of outcomes; raises OutcomesUnreadable."""
    try:
        with path.open("rb") as file:
            lines = iter(enumerate(file, 1))
            header = _header(path, lines)
            return header, list(_outcomes(path, lines))
    except OSError as error:
        raise OutcomesUnreadable(f"{path}: {error.strerror or error}") from None


def _header(path: Path, lines: Iterator[tuple[int, bytes]]) -> OutcomesHeader:
    _, first = next(lines, (1, b""))
    try:
        header = msgspec.json.decode(first, type=OutcomesHeader)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise OutcomesUnreadable(f"{path}, line 1: {error}") from None
    if header.format != FORMAT:
        raise OutcomesUnreadable(f"{path}, line 1: the format is {header.format!r}, not {FORMAT!r}")
    if any(not rate.is_finite() or rate <= 0 for rate in header.units_per_euro.values()):
        raise OutcomesUnreadable(f"{path}, line 1: a rate must be above 0")
    return header


def _outcomes(path: Path, lines: Iterator[tuple[int, bytes]]) -> Iterator[LoanOutcome]:
    decoder = msgspec.json.Decoder(LoanOutcome)
    for number, line in lines:
        try:
            outcome = decoder.decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise OutcomesUnreadable(f"{path}, line {number}: {error}") from None
        if not 0 <= outcome.probability_of_default <= 1:
            raise OutcomesUnreadable(f"{path}, line {number}: probability_of_default must be between 0 and 1")
        yield outcome
