"""The settings of the business: limits of lending, terms of offers, tax on distributions, four eyes."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, model_validator
from pydantic_settings import BaseSettings, NoDecode

from halfpenny.entrypoints.setting_formats import WrongSettings, json_object, section
from halfpenny.primitives.fees import FeeKind, offered_fees
from halfpenny.primitives.money import UNITS_PER_EUR, Currency
from halfpenny_messages.countries import is_country
from halfpenny_messages.exchange_rates import EXAMPLE, read_units_per_eur

if TYPE_CHECKING:  # every command reads its settings first: features are loaded by those that use them
    from halfpenny.loans import LendingRules
    from halfpenny.servicing import Withholding

# In whole units: what a BIGINT of minor units takes, and far beyond any loan.
_LARGEST = 1_000_000_000_000


def _country(code: str) -> str:
    if not is_country(code):
        raise ValueError("should be the code of a country in ISO 3166-1")
    return code


_Country = Annotated[str, AfterValidator(_country)]
_Line = Annotated[str, StringConstraints(strip_whitespace=True)]
_Percent = Annotated[Decimal, Field(ge=0, le=100, decimal_places=6)]


def _units_per_eur(value: object) -> object:
    return read_units_per_eur(value) if isinstance(value, str) else value


_FeePercent = Annotated[Decimal, Field(ge=0, le=50, decimal_places=6)]
_FEES = '{"arrangement": "1.5", "exit": "1"}'
_FEE_KINDS = " and ".join(FeeKind)
_WITHHELD = '{"PL": [19, 19], "DE": [26.375, 15]}'


class LendingSettings(BaseSettings):
    """Limits of the business, and the terms of the offers that it makes; an accepted offer keeps its own."""

    model_config = section("HALFPENNY_")

    second_approval_above: int = Field(
        default=1_000_000,
        ge=0,
        le=_LARGEST,
        description="Loans worth more than this in whole euros need a second administrator's approval.",
    )
    borrower_ceiling: int = Field(
        default=5_000_000,
        ge=0,
        le=_LARGEST,
        description="Most, in whole euros, that one borrower may raise in twelve months (EU 2020/1503, art. 1(2)(c)).",
    )
    minimum_term_months: int = Field(default=3, ge=1, le=120, description="Shortest term of a loan in months.")
    maximum_term_months: int = Field(default=24, ge=1, le=120, description="Longest term of a loan in months.")
    maximum_annual_rate: Decimal = Field(
        default=Decimal(60), decimal_places=6, gt=0, le=999, description="Highest rate of a loan in percent a year."
    )
    fee_percents: Annotated[
        dict[FeeKind, _FeePercent], *json_object(f"the fees {_FEE_KINDS}, each with a percentage", _FEES)
    ] = Field(
        default_factory=dict,
        description="Fees of an offer, in percent of the loan, that replace the usual ones.",
        examples=[_FEES],
    )
    default_margin_points: Decimal = Field(
        default=Decimal(5),
        decimal_places=6,
        ge=0,
        le=100,
        description="What overdue amounts bear above the contract rate, in percentage points a year.",
    )
    governing_law: _Country = Field(
        default="PL",
        description="Law of offers and quotes (ISO 3166-1 alpha-2); its maximum rate for their currency limits them.",
    )
    materiality_above: int = Field(
        default=500,
        ge=0,
        le=_LARGEST,
        description="An amount past due ends in a default only above so many whole euros, or their equal.",
    )
    materiality_above_percent: Decimal = Field(
        default=Decimal(1),
        decimal_places=6,
        ge=0,
        le=100,
        description="An amount past due ends in a default only above this share of what the loan owes, in percent.",
    )
    minimum_interest_months: int = Field(
        default=0, ge=0, le=24, description="Months of interest that an early redemption pays at least."
    )
    rebate_of_retained_interest: bool = Field(
        default=True, description="Whether an early redemption gives retained interest back."
    )
    funding_days: int = Field(
        default=30, ge=1, le=365, description="Days that a loan is funded for where the decision names no deadline."
    )
    maximum_funding_days: int = Field(
        default=180, ge=1, le=365, description="Most days that a decision may give a loan to be funded."
    )
    minimum_ticket: int = Field(
        default=50, ge=1, le=_LARGEST, description="Smallest ticket, in whole units of the loan's currency."
    )
    lender_name: _Line = Field(
        default="Halfpenny", min_length=1, max_length=200, description="Who lends, as letters to borrowers name it."
    )
    lender_address: _Line = Field(
        default="Sample Street 1, 00-001 Warszawa",
        min_length=1,
        max_length=300,
        description="The postal address that letters to borrowers give for questions and objections.",
    )
    units_per_eur: Annotated[dict[Currency, Decimal], NoDecode, BeforeValidator(_units_per_eur)] = Field(
        default_factory=dict,
        description="Units of a currency in a euro that replace the built-in ones, in limits, reports and assessments; "
        "the risk service reads it too.",
        examples=[EXAMPLE],
    )
    sandbox: bool = Field(
        default=True, description="Whether the sandbox bank settles payments and the business clock can be moved."
    )

    @model_validator(mode="after")
    def _least_below_most(self) -> Self:
        for least, most in (("minimum_term_months", "maximum_term_months"), ("funding_days", "maximum_funding_days")):
            if getattr(self, least) > getattr(self, most):
                raise WrongSettings(
                    f"HALFPENNY_{least.upper()} is {getattr(self, least)}, which is more than "
                    f"HALFPENNY_{most.upper()}, {getattr(self, most)}"
                )
        return self

    @property
    def rules(self) -> LendingRules:
        """The limits as the rules of loans take them, in minor units."""
        from halfpenny.loans import LendingRules, ProductSettings

        return LendingRules(
            minimum_term_months=self.minimum_term_months,
            maximum_term_months=self.maximum_term_months,
            maximum_annual_rate=self.maximum_annual_rate,
            fees=offered_fees(self.fee_percents),
            product=ProductSettings(
                default_margin=self.default_margin_points,
                governing_law=self.governing_law,
                minimum_interest_months=self.minimum_interest_months,
                rebate_of_retained_interest=self.rebate_of_retained_interest,
                materiality_above_eur_minor=self.materiality_above * 100,
                materiality_above_percent=self.materiality_above_percent,
            ),
            funding_days=self.funding_days,
            maximum_funding_days=self.maximum_funding_days,
            minimum_ticket_minor=self.minimum_ticket * 100,
            second_approval_above_minor=self.second_approval_above * 100,
            borrower_ceiling_minor=self.borrower_ceiling * 100,
            units_per_eur={**UNITS_PER_EUR, **self.units_per_eur},
        )


class ServicingSettings(BaseSettings):
    """What every distribution has in common."""

    model_config = section("HALFPENNY_")

    withholding_percent: Annotated[
        dict[_Country, tuple[_Percent, _Percent]], *json_object("countries, each with two percentages", _WITHHELD)
    ] = Field(
        default_factory=lambda: {"PL": (Decimal(19), Decimal(19))},
        description="Tax withheld from interest by the investor's country: [without, with] a treaty form, in percent.",
    )

    @property
    def withholding(self) -> Withholding:
        from halfpenny.primitives.rate import Rate
        from halfpenny.servicing import Withholding

        return Withholding(
            tuple(
                (country, Rate.of_percent(plain).millionths, Rate.of_percent(treaty).millionths)
                for country, (plain, treaty) in sorted(self.withholding_percent.items())
            )
        )


class ApprovalSettings(BaseSettings):
    """Four eyes."""

    model_config = section("HALFPENNY_")

    approval_days: int = Field(
        default=7, ge=1, le=90, description="Days after which a proposal that nobody decided on ends."
    )
    role_grant_wait_hours: int = Field(
        default=24, ge=0, le=720, description="Hours before a role or an invitation of staff can be approved."
    )
    second_person_above: int = Field(
        default=10_000,
        ge=0,
        le=_LARGEST,
        description="Write-off, extension and pause of a loan that owes more than this in whole euros take two people.",
    )

    waiver_above: int = Field(
        default=100,
        ge=0,
        le=_LARGEST,
        description="Waivers of one loan that come to more than this in whole euros take two people.",
    )
    receipt_excess_above: int = Field(
        default=100,
        ge=0,
        le=_LARGEST,
        description="A bank receipt that exceeds its loan's debt by more whole euros than this takes a second person.",
    )

    promotion_key_file: Path | None = Field(
        default=None,
        examples=["/etc/halfpenny/promotion-key.pem"],
        description="ES256 key (PEM, JWK or JWK set) that signs promotions of risk models; empty: one made in the "
        "data folder, and in production no model can be promoted.",
    )

    @model_validator(mode="after")
    def _waits_end(self) -> Self:
        if self.role_grant_wait_hours >= self.approval_days * 24:
            raise WrongSettings("HALFPENNY_ROLE_GRANT_WAIT_HOURS must end before HALFPENNY_APPROVAL_DAYS does")
        return self
