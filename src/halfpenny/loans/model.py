"""A loan's lifecycle and its rules, pure: statuses, the one transition table, terms, the decision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from halfpenny.loans import errors
from halfpenny.loans.decision_reasons import DecisionReason
from halfpenny.loans.products import ProductSettings
from halfpenny.loans.statuses import FundingStatus, TransitionName
from halfpenny.primitives.fees import OfferedFee, offered_fees
from halfpenny.primitives.ids import LoanId, UserId
from halfpenny.primitives.money import UNITS_PER_EUR, Currency
from halfpenny.primitives.product_terms import ProductTerms
from halfpenny.primitives.rate import Rate
from halfpenny_messages import (
    Condition,
    ExitStrategy,
    LoanInterestMode,
    LoanPurpose,
    Premises,
    PropertyKind,
    ValuationSource,
)


class Status(StrEnum):
    """The status of a loan; TRANSITIONS holds the state transitions between them."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    ASSESSED = "assessed"
    APPROVED = "approved"
    OFFERED = "offered"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    FUNDING = "funding"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    FUNDED = "funded"
    CONDITIONS_MET = "conditions_met"
    ACTIVE = "active"
    MATURED = "matured"
    DEFAULTED = "defaulted"
    IN_RECOVERY = "in_recovery"
    REPAID = "repaid"
    WRITTEN_OFF = "written_off"


class ActorKind(StrEnum):
    """The kind of actor that may make a state transition."""

    BORROWER = "borrower"
    ADMINISTRATOR = "administrator"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who makes this one: ``user_id`` is None for the system itself."""

    kind: ActorKind
    user_id: UserId | None = None


SYSTEM = Actor(ActorKind.SYSTEM)


@dataclass(frozen=True, slots=True)
class Transition:
    """A state transition of a loan: its name, the event that reports it, and who may make it."""

    name: TransitionName
    sources: frozenset[Status]
    target: Status
    event: str
    actor_kinds: frozenset[ActorKind]


def _edge(name: TransitionName, sources: str, target: Status, event: str, actor_kinds: str) -> Transition:
    return Transition(
        name,
        frozenset(Status(source) for source in sources.split()),
        target,
        event,
        frozenset(ActorKind(kind) for kind in actor_kinds.split()),
    )


# The one table of a loan's life. docs/loan-lifecycle.md is drawn from it, and a test compares the two.
_TABLE = (
    _edge(TransitionName.SUBMIT, "draft", Status.SUBMITTED, "loan.submitted", "borrower"),
    _edge(TransitionName.ASSESS, "submitted", Status.ASSESSED, "loan.assessment_recorded", "system"),
    # A review by another person found that it must be decided anew, on a new assessment.
    _edge(TransitionName.REINSTATE, "declined", Status.SUBMITTED, "loan.reinstated", "administrator"),
    # A changed valuation puts the question to the risk service again; a decision waits for the new answer.
    _edge(
        TransitionName.REQUEST_REASSESSMENT,
        "assessed",
        Status.SUBMITTED,
        "loan.reassessment_requested",
        "borrower administrator",
    ),
    _edge(TransitionName.APPROVE, "assessed", Status.APPROVED, "loan.approved", "administrator"),
    _edge(TransitionName.DECLINE, "submitted assessed", Status.DECLINED, "loan.declined", "administrator"),
    _edge(TransitionName.OFFER, "approved", Status.OFFERED, "loan.offered", "system administrator"),
    _edge(
        TransitionName.WITHDRAW,
        "draft submitted assessed approved offered",
        Status.WITHDRAWN,
        "loan.withdrawn",
        "borrower",
    ),
    _edge(TransitionName.LAPSE, "offered accepted", Status.EXPIRED, "loan.lapsed", "system"),
    _edge(TransitionName.ACCEPT, "offered", Status.ACCEPTED, "loan.accepted", "borrower"),
    _edge(TransitionName.OPEN_FUNDING, "accepted", Status.FUNDING, "loan.funding_opened", "administrator system"),
    _edge(TransitionName.COMPLETE_FUNDING, "funding", Status.FUNDED, "loan.funded", "system"),
    # A ticket taken back in its reflection period leaves a hole that others may fill until the deadline.
    _edge(TransitionName.REOPEN_FUNDING, "funded conditions_met", Status.FUNDING, "loan.funding_reopened", "system"),
    _edge(TransitionName.EXPIRE, "funding", Status.EXPIRED, "loan.expired", "system"),
    _edge(
        TransitionName.CANCEL,
        "accepted funding funded conditions_met",
        Status.CANCELLED,
        "loan.cancelled",
        "borrower administrator",
    ),
    _edge(
        TransitionName.MEET_CONDITIONS, "funded", Status.CONDITIONS_MET, "loan.conditions_met", "administrator system"
    ),
    _edge(TransitionName.DRAW_DOWN, "conditions_met", Status.ACTIVE, "loan.drawn_down", "administrator system"),
    _edge(TransitionName.MATURE, "active", Status.MATURED, "loan.matured", "system"),
    _edge(TransitionName.EXTEND, "matured", Status.ACTIVE, "loan.extended", "administrator"),
    _edge(TransitionName.DEFAULT, "active matured", Status.DEFAULTED, "loan.defaulted", "administrator system"),
    _edge(TransitionName.CURE, "defaulted", Status.ACTIVE, "loan.cured", "administrator system"),
    # Receipts that the bank reported late show that there never was one.
    _edge(TransitionName.UNDO_DEFAULT, "defaulted", Status.ACTIVE, "loan.default_undone", "system"),
    _edge(TransitionName.START_RECOVERY, "defaulted", Status.IN_RECOVERY, "loan.recovery_started", "administrator"),
    # The receipt that paid it off was taken back by the bank.
    _edge(TransitionName.REOPEN, "repaid", Status.ACTIVE, "loan.reopened", "administrator system"),
    # What was written off is repaid after all where the bank reports late that nothing was owed by then.
    _edge(
        TransitionName.REPAY, "active matured defaulted in_recovery written_off", Status.REPAID, "loan.repaid", "system"
    ),
    _edge(
        TransitionName.WRITE_OFF,
        "defaulted in_recovery",
        Status.WRITTEN_OFF,
        "loan.written_off",
        "administrator system",
    ),
)
TRANSITIONS: Mapping[TransitionName, Transition] = {edge.name: edge for edge in _TABLE}

# What an event that is not a transition is called: figures changed while the loan stayed where it was.
REVALUED = "loan.revalued"
REASSESSMENT_REQUESTED = "loan.reassessment_requested"
# The audit trail's name of the same terms put to the risk service once more; new terms are a transition, with its own.
REASSESS = "loan.reassess"
ASSESSMENT_RECORDED = "loan.assessment_recorded"
CONDITION_RECORDED = "loan.condition_recorded"
RESCHEDULED = "loan.rescheduled"

# Anyone may see a loan from its offer on; what was withdrawn or declined stays between the two sides.
PUBLIC_STATUSES = frozenset(Status) - {
    Status.DRAFT,
    Status.SUBMITTED,
    Status.ASSESSED,
    Status.APPROVED,
    Status.DECLINED,
    Status.WITHDRAWN,
}
# Paid out and repayable as agreed; and after a default was declared, with something still to be got in.
RUNNING_STATUSES = frozenset({Status.ACTIVE, Status.MATURED})
IN_DEFAULT_STATUSES = frozenset({Status.DEFAULTED, Status.IN_RECOVERY})
# A loan that was paid out is in servicing for good.
SERVICED_STATUSES = RUNNING_STATUSES | IN_DEFAULT_STATUSES | {Status.REPAID, Status.WRITTEN_OFF}
# Nobody's money is asked for any more in these; the others count against the borrower's ceiling.
_NOT_RAISING = frozenset(
    {
        Status.DRAFT,
        Status.SUBMITTED,
        Status.ASSESSED,
        Status.DECLINED,
        Status.WITHDRAWN,
        Status.EXPIRED,
        Status.CANCELLED,
    }
)
RAISING_STATUSES = frozenset(Status) - _NOT_RAISING


@dataclass(frozen=True, slots=True)
class Property:
    """The security. Amounts are minor units of the loan's currency; ``lat`` and ``lon`` are WGS 84 degrees.

    ``country`` is ISO 3166-1 alpha-2. ``purchased_on`` is None where it is being bought, or the date is not known.
    ``valuation_report_id`` is the report that staff have verified; None: the valuation is no more than stated.
    """

    kind: PropertyKind
    address: str
    city: str
    country: str
    lat: float
    lon: float
    description: str
    year_built: int | None
    area_m2: Decimal
    beds: int | None
    condition: Condition | None
    purchase_price_minor: int | None
    valuation_minor: int
    valued_on: date
    renovation_cost_minor: int = 0
    gdv_minor: int | None = None
    valuer: str | None = None
    valuation_source: ValuationSource = ValuationSource.OWNER
    purchased_on: date | None = None
    valuation_report_id: UUID | None = None


# What of the property everybody may read, as it reads in JSON: no address, no place on the map, no price paid.
PUBLIC_PROPERTY = (
    "kind",
    "city",
    "country",
    "description",
    "area_m2",
    "beds",
    "year_built",
    "condition",
    "valuation",
    "valued_on",
    "valuation_source",
)


@dataclass(frozen=True, slots=True)
class Borrower:
    """The business that borrows: a company or a person acting in business. Income and costs a year, minor units."""

    company: str
    income_minor: int
    assets_minor: int
    debts_minor: int
    adverse_records: int
    years_trading: int | None = None
    yearly_costs_minor: int | None = None
    premises: Premises | None = None


@dataclass(frozen=True, slots=True)
class Application:
    """What a borrower asks for, on which security. The notes are the borrower's words; no model reads them."""

    property: Property
    borrower: Borrower
    charge_rank: int
    prior_debt_minor: int
    amount_minor: int
    currency: Currency
    term_months: int
    purpose: LoanPurpose
    exit_strategy: ExitStrategy
    interest_mode: LoanInterestMode
    purpose_note: str = ""
    exit_note: str = ""


# How the flag of a limit of the policy begins: above the first figure a person decides, above the second a decline.
LIMIT_FLAGS = ("refers_", "declines_")


@dataclass(frozen=True, slots=True)
class RiskReason:
    """One plain sentence about what was scored; ``audience`` is who may see it.

    ``favours``: it speaks for the loan. The sentence of a reason against ends with what would change it.
    """

    code: str
    english: str
    polish: str
    audience: tuple[str, ...]
    favours: bool = False


@dataclass(frozen=True, slots=True)
class RiskSummary:
    """The risk service's latest assessment of these terms.

    Probabilities and losses are fractions of one, ``suggested_rate`` is in percent a year, all exact.
    ``recommendation`` is approve, refer or decline, ``flags`` what was missing, odd or beyond a limit of the policy.
    ``loan_version`` is the version of the terms that it answers.
    """

    grade: str
    recommendation: str
    probability_of_default: Decimal
    loss_given_default: Decimal
    expected_loss: Decimal
    suggested_rate: Decimal
    reasons: tuple[RiskReason, ...]
    model_version: str
    assessed_at: datetime
    loan_version: int
    flags: tuple[str, ...]

    @property
    def passed_limits(self) -> tuple[str, ...]:
        """The flags of the limits of the policy that the loan passes: ``refers_ltv`` or ``declines_lgd``."""
        return tuple(flag for flag in self.flags if flag.startswith(LIMIT_FLAGS))

    @property
    def within_policy(self) -> bool:
        """Whether the loan is recommended and passes no limit of the policy."""
        return self.recommendation == "approve" and not self.passed_limits


@dataclass(frozen=True, slots=True)
class Offer:
    """What the platform offers: percent a year, the fees, the product's terms, and until when money is raised."""

    annual_rate: Decimal
    fees: tuple[OfferedFee, ...]
    product_terms: ProductTerms
    funding_deadline: datetime

    @property
    def default_rate(self) -> Decimal:
        """What overdue amounts bear as agreed, percent a year; the law's maximum may limit it."""
        return self.product_terms.default_rate(Rate.of_percent(self.annual_rate)).percent


@dataclass(frozen=True, slots=True)
class FundingState:
    """The hot part of a loan, a row of its own. ``maximum_minor`` None means no maximum a ticket."""

    loan_id: LoanId
    borrower_id: UserId
    currency: Currency
    target_minor: int
    funded_minor: int
    investors: int
    version: int
    status: FundingStatus
    deadline: datetime
    minimum_minor: int
    step_minor: int
    maximum_minor: int | None

    @property
    def remaining_minor(self) -> int:
        return self.target_minor - self.funded_minor


@dataclass(frozen=True, slots=True)
class Loan:
    """One loan as stored. ``version`` counts every change; ``terms_version`` is the last that changed its risk."""

    id: LoanId
    borrower_id: UserId
    entered_by: UserId
    status: Status
    version: int
    terms_version: int
    application: Application
    created_at: datetime
    changed_at: datetime
    submitted_at: datetime | None = None
    decided_at: datetime | None = None
    decided_by: UserId | None = None
    decision_reason_code: DecisionReason | None = None
    decision_reason: str | None = None
    offer: Offer | None = None
    risk: RiskSummary | None = None
    drawn_down_on: date | None = None
    matures_on: date | None = None
    conditions: frozenset[str] = frozenset()
    funding: FundingState | None = None

    @property
    def title(self) -> str:
        """What a listing is headed with."""
        asset = self.application.property
        return f"{asset.kind.replace('_', ' ').capitalize()} in {asset.city}, {asset.area_m2.normalize():f} m²"

    @property
    def ltv_percent(self) -> Decimal:
        return ltv_percent(self.application)

    @property
    def is_public(self) -> bool:
        return self.status in PUBLIC_STATUSES


@dataclass(frozen=True, slots=True)
class LendingRules:
    """The house's limits, from the settings. Money limits are euro cents; ``units_per_eur`` converts them.

    The ceiling is that of Regulation (EU) 2020/1503, article 1(2)(c): 5,000,000 euros a project owner
    over twelve months.
    """

    minimum_term_months: int = 3
    maximum_term_months: int = 24
    maximum_annual_rate: Decimal = Decimal("60")
    fees: tuple[OfferedFee, ...] = field(default_factory=lambda: offered_fees({}))
    product: ProductSettings = field(default_factory=ProductSettings)
    funding_days: int = 30
    maximum_funding_days: int = 180
    minimum_ticket_minor: int = 5_000
    ticket_step_minor: int = 1
    maximum_ticket_minor: int | None = None
    second_approval_above_minor: int = 100_000_000
    borrower_ceiling_minor: int = 500_000_000
    units_per_eur: Mapping[Currency, Decimal] = field(default_factory=lambda: UNITS_PER_EUR)

    def euro_minor(self, minor: int, currency: Currency) -> int:
        """An amount in euro cents at the settings' rate, rounded down: a limit is never reached early."""
        return int(Decimal(minor) / self.units_per_eur[currency])

    def product_terms(self, application: Application) -> ProductTerms:
        """What an offer on this application would take over from its product today."""
        rate = self.units_per_eur[application.currency]
        return self.product.offered(application.interest_mode, application.term_months, application.currency, rate)


def ltv_percent(application: Application) -> Decimal:
    """Loan to value: this loan and whatever ranks before it, over the valuer's value.

    In percent with two decimals. The risk service measures against a value of its own, which it names.
    """
    debt = application.amount_minor + application.prior_debt_minor
    return (Decimal(debt) * 100 / application.property.valuation_minor).quantize(Decimal("0.01"))


def check_transition(loan: Loan, transition: Transition, actor: Actor) -> None:
    """Check the table: the loan's status first, then who asks."""
    if actor.kind not in transition.actor_kinds:
        raise errors.NotYourTransition(transition=transition.name)
    if loan.status not in transition.sources:
        raise errors.WrongStatus(status=loan.status.value, transition=transition.name)


@dataclass(frozen=True, slots=True)
class Charge:
    """The registered charge (mortgage): its rank in the register and since when it stands there."""

    rank: int
    registered_on: date


@dataclass(frozen=True, slots=True)
class Valuation:
    """A valuer's figure, in minor units of the loan's currency, its source, and its report once that is verified."""

    amount_minor: int
    valued_on: date
    valuer: str
    source: ValuationSource = ValuationSource.OWNER
    report_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Insurance:
    """The building's insurance; ``sum_minor`` is what it pays at most, in the loan's currency."""

    insurer: str
    policy: str
    expires_on: date
    sum_minor: int


# Drawdown waits for all three.
CONDITIONS = frozenset({"charge", "valuation", "insurance"})
