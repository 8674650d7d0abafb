"""The body of a quote request and of its answer."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from halfpenny.platform.http import AmountText, CountryText, CurrencyText, DateText, LineText, RequestModel
from halfpenny.primitives.day_count import DayCount
from halfpenny.primitives.fees import FeeTime
from halfpenny.primitives.legal_maximum import MaximumRates
from halfpenny.primitives.money import format_minor, parse_minor
from halfpenny.primitives.rate import Rate, parse_percent
from halfpenny.servicing import errors
from halfpenny.servicing.model.due_dates import MonthEnd
from halfpenny.servicing.model.quote import Quote, QuoteRequest
from halfpenny.servicing.model.terms import (
    FIRST_YEAR,
    LAST_YEAR,
    MAX_PERIODS,
    Compounding,
    Fee,
    InstalmentRounding,
    InterestMode,
    Repayment,
)

# Far more than any bridge loan has, few enough that no quote is a lot of work.
MAX_TRANCHES = 24


def _percent(value: Any) -> str:
    if type(value) is not str:
        raise PydanticCustomError("malformed_rate", 'A rate is a decimal string in percent, such as "10.5".')
    return value


# A rate in percent as text; Rate.parse_annual and parse_monthly raise what is wrong with it.
PercentText = Annotated[
    str,
    BeforeValidator(_percent),
    WithJsonSchema({"type": "string", "pattern": r"^(0|[1-9][0-9]{0,2})(\.[0-9]{1,6})?$", "examples": ["10.5"]}),
]


class DrawdownBody(RequestModel):
    on: DateText
    amount: AmountText


class FeeBody(RequestModel):
    """``amount``, or ``percent`` of the loan."""

    kind: LineText
    when: Annotated[FeeTime, Field(strict=False)]
    amount: AmountText | None = None
    percent: PercentText | None = None

    def read(self) -> Fee:
        return Fee(
            kind=self.kind,
            when=self.when,
            amount_minor=None if self.amount is None else parse_minor(self.amount),
            percent_millionths=None if self.percent is None else parse_percent(self.percent),
        )


class PauseBody(RequestModel):
    """No interest from ``from`` to ``to``, both days included."""

    first: DateText = Field(alias="from")
    last: DateText = Field(alias="to")


class QuoteBody(RequestModel):
    """Exactly one of ``principal`` and ``net_advance``, exactly one of ``annual_rate`` and ``monthly_rate``, and
    ``periods`` (monthly) or ``redeemed_on``: both, where the loan is redeemed early. ``governing_law`` (ISO 3166-1
    alpha-2) is the lender's where it is left out; its maximum for the currency limits the rate."""

    currency: CurrencyText
    repayment: Annotated[Repayment, Field(strict=False)]
    interest_mode: Annotated[InterestMode, Field(strict=False)]
    principal: AmountText | None = None
    net_advance: AmountText | None = None
    annual_rate: PercentText | None = None
    monthly_rate: PercentText | None = None
    periods: int | None = Field(default=None, ge=1, le=MAX_PERIODS)
    redeemed_on: DateText | None = None
    advanced_on: DateText | None = None
    first_due_on: DateText | None = None
    day_count: Annotated[DayCount, Field(strict=False)] = DayCount.THIRTY_360
    month_end: Annotated[MonthEnd, Field(strict=False)] = MonthEnd.CLAMP
    instalment_rounding: Annotated[InstalmentRounding, Field(strict=False)] = InstalmentRounding.CENT
    compounding: Annotated[Compounding, Field(strict=False)] = Compounding.NONE
    retained_months: int = Field(default=0, ge=0, le=MAX_PERIODS)
    drawdowns: list[DrawdownBody] = Field(default_factory=list, max_length=MAX_TRANCHES)
    fees: list[FeeBody] = Field(default_factory=list, max_length=MAX_TRANCHES)
    pauses: list[PauseBody] = Field(default_factory=list, max_length=MAX_TRANCHES)
    minimum_interest_months: int = Field(default=0, ge=0, le=MAX_PERIODS)
    governing_law: CountryText | None = None

    def read(self, today: date) -> QuoteRequest:
        """``today`` is the business date, on which a loan without ``advanced_on`` is advanced."""
        if (self.principal is None) == (self.net_advance is None):
            raise errors.PrincipalOrNetAdvance()
        if self.periods is None and self.redeemed_on is None:
            raise errors.PeriodsOrRedeemedOn()
        advanced_on = self.advanced_on or today
        for day in (advanced_on, self.redeemed_on, self.first_due_on, *(pause.last for pause in self.pauses)):
            if day is not None and not FIRST_YEAR <= day.year <= LAST_YEAR + MAX_PERIODS // 12:
                raise errors.DateOutOfRange()
        return QuoteRequest(
            currency=self.currency,
            rate=self._rate(),
            repayment=self.repayment,
            interest_mode=self.interest_mode,
            advanced_on=advanced_on,
            principal_minor=None if self.principal is None else parse_minor(self.principal),
            net_advance_minor=None if self.net_advance is None else parse_minor(self.net_advance),
            periods=self.periods,
            redeemed_on=self.redeemed_on,
            first_due_on=self.first_due_on,
            day_count=self.day_count,
            month_end=self.month_end,
            instalment_rounding=self.instalment_rounding,
            compounding=self.compounding,
            retained_months=self.retained_months,
            drawdowns=tuple((tranche.on, parse_minor(tranche.amount)) for tranche in self.drawdowns),
            fees=tuple(fee.read() for fee in self.fees),
            pauses=tuple((pause.first, pause.last) for pause in self.pauses),
            minimum_interest_months=self.minimum_interest_months,
        )

    def _rate(self) -> Rate:
        if self.annual_rate is not None and self.monthly_rate is None:
            return Rate.parse_annual(self.annual_rate)
        if self.monthly_rate is not None and self.annual_rate is None:
            return Rate.parse_monthly(self.monthly_rate)
        raise errors.AnnualOrMonthlyRate()


class InstalmentAnswer(BaseModel):
    number: int
    due_on: date
    principal: str
    interest: str
    fees: str
    total: str
    balance: str


class TotalsAnswer(BaseModel):
    """Over the loan's whole life: fees taken from the advance and retained interest are in it."""

    principal: str
    interest: str
    fees: str
    total: str


class AdvanceAnswer(BaseModel):
    """One advance: ``gross`` = ``net`` + ``fees`` + ``retained_interest``."""

    on: date
    gross: str
    fees: str
    retained_interest: str
    net: str


# What an APR counts, stated with every one.
APR_CONVENTION = (
    "Directive 2014/17/EU, Annex I: whole months as twelfths of a year, odd days before them over 365 or 366"
)


class LegalMaximumAnswer(BaseModel):
    """The highest rates that the law allows, in percent a year, ``since`` a day."""

    since: date
    annual_rate: str
    default_rate: str


class QuoteAnswer(BaseModel):
    """Amounts are decimal strings in the loan's currency, ``apr`` is percent a year (null where none exists).

    ``gross_loan``, ``net_advance``, ``fees`` and ``retained_interest`` are sums over ``advances``; the first is the sum
    of the others. ``redemption`` (``payable`` is the same) is what the payer sends at maturity, or on ``redeemed_on``:
    ``owed``, which is without interest already serviced, less what the retained interest left pays of it.
    ``default_rate`` is what overdue amounts would bear, percent a year: the contract rate and the lender's margin, at
    most what ``legal_maximum`` allows on the day of the advance (null where the law knows none).
    """

    instalments: list[InstalmentAnswer]
    totals: TotalsAnswer
    gross_loan: str
    net_advance: str
    retained_interest: str
    fees: str
    advances: list[AdvanceAnswer]
    owed: str
    from_reserve: str
    from_advance_payment: str
    redemption: str
    payable: str
    apr: str | None
    apr_convention: str
    governing_law: str
    default_rate: str
    legal_maximum: LegalMaximumAnswer | None

    @classmethod
    def of(cls, quote: Quote, governing_law: str, default_rate: Rate, maximum: MaximumRates | None) -> QuoteAnswer:
        return cls(
            instalments=[
                InstalmentAnswer(
                    number=row.number,
                    due_on=row.due_on,
                    principal=format_minor(row.principal),
                    interest=format_minor(row.interest),
                    fees=format_minor(row.fees),
                    total=format_minor(row.total),
                    balance=format_minor(row.balance),
                )
                for row in quote.instalments
            ],
            totals=TotalsAnswer(
                principal=format_minor(quote.totals_principal),
                interest=format_minor(quote.totals_interest),
                fees=format_minor(quote.totals_fees),
                total=format_minor(quote.totals_total),
            ),
            gross_loan=format_minor(quote.gross_loan),
            net_advance=format_minor(quote.net_advance),
            retained_interest=format_minor(quote.retained_interest),
            fees=format_minor(quote.fees),
            advances=[
                AdvanceAnswer(
                    on=advance.on,
                    gross=format_minor(advance.gross),
                    fees=format_minor(advance.fees),
                    retained_interest=format_minor(advance.retained_interest),
                    net=format_minor(advance.net),
                )
                for advance in quote.advances
            ],
            owed=format_minor(quote.owed),
            from_reserve=format_minor(quote.from_reserve),
            from_advance_payment=format_minor(0),
            redemption=format_minor(quote.redemption),
            payable=format_minor(quote.redemption),
            apr=None if quote.apr is None else str(quote.apr),
            apr_convention=APR_CONVENTION,
            governing_law=governing_law,
            default_rate=str(default_rate),
            legal_maximum=None
            if maximum is None
            else LegalMaximumAnswer(
                since=maximum.since, annual_rate=str(maximum.contract), default_rate=str(maximum.default)
            ),
        )
