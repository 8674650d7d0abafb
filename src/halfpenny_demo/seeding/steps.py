"""What can happen to a loan of the demo, and the script of when it happens to which."""

from __future__ import annotations

import calendar
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID

from halfpenny import funding, loans, servicing, underwriting
from halfpenny.loans import LoanInterestMode, Status
from halfpenny.platform import clock
from halfpenny.platform.database import Connection
from halfpenny.primitives import legal_maximum
from halfpenny.primitives.ids import LoanId, UserId
from halfpenny.primitives.money import Money, format_minor
from halfpenny.underwriting import valuation_reports
from halfpenny_demo.seeding.plan import SURVEYOR, LoanScenario
from halfpenny_demo.valuation_document import report_document
from halfpenny_messages import ExitStrategy, LoanAssessed

# Days after the application.
_ASSESSED, _DECIDED, _ACCEPTED, OPEN = 1, 2, 3, 4
# After the last ticket: four days of reflection for investors, and one for the notary.
_TO_DRAWDOWN = 5
# After the drawdown: two months, ninety days of material arrears and a few letters; then the receiver sells.
_RECOVERY, _SOLD, _WRITTEN_OFF = 159, 181, 184

BEFORE_OFFER = frozenset(
    {
        Status.DRAFT,
        Status.SUBMITTED,
        Status.ASSESSED,
        Status.APPROVED,
        Status.DECLINED,
        Status.WITHDRAWN,
    }
)
REACHED_FUNDING = frozenset(Status) - BEFORE_OFFER - {Status.OFFERED, Status.ACCEPTED}
_REACHED_CONDITIONS = REACHED_FUNDING - {Status.FUNDING, Status.EXPIRED, Status.CANCELLED, Status.FUNDED}
_REACHED_DRAWDOWN = _REACHED_CONDITIONS - {Status.CONDITIONS_MET}
# Why a loan is approved: whatever its exit, and by its exit.
_APPROVED = (
    "Sound security and a clear exit.",
    "Moderate loan-to-value; the borrower has finished three such projects.",
)
_APPROVED_BY_EXIT = {
    ExitStrategy.SALE: "Location and condition speak for a sale within the term.",
    ExitStrategy.REFINANCE: "Valuation confirmed by comparables; refinancing offer seen.",
}
_APPROVED_AGAINST = "The borrower's sister company guarantees the loan; its accounts of two years were seen."
# Those who are declined had asked for too much of the value.
_DECLINED = (
    "More of the value is asked for than the policy lends.",
    "At this share of the value a forced sale would not repay the loan.",
)
_DEARER = "Offered above the suggested rate: one buyer decides whether the exit comes in time."
_CHEAPER = "Offered below the suggested rate: the third loan of a borrower who repaid the first two early."
_LAWFUL = "The rate is the highest that the law allows."


@dataclass(slots=True)
class SeededLoan:
    """A scenario while it is carried out: its loan once there is one, and who puts in how much on which day."""

    scenario: LoanScenario
    first_day: date
    loan_id: LoanId | None = None
    # What the risk service said, once it was asked.
    answer: LoanAssessed | None = None
    # (days after the application, investor, minor units)
    tickets: list[tuple[int, UserId, int]] = field(default_factory=list)

    @property
    def loan(self) -> LoanId:
        if self.loan_id is None:
            raise LookupError("the application comes first in every script")
        return self.loan_id

    @property
    def full_after_days(self) -> int:
        return OPEN + self.scenario.funding_days

    @property
    def drawn_after_days(self) -> int:
        return self.full_after_days + _TO_DRAWDOWN


@dataclass(frozen=True, slots=True)
class SeedContext:
    """What every step needs besides its loan."""

    rules: loans.LendingRules
    administrators: tuple[UserId, UserId]
    # The panel's valuer of each country.
    valuers: Mapping[str, UUID]

    @property
    def officer(self) -> loans.Actor:
        return loans.Actor(loans.ActorKind.ADMINISTRATOR, self.administrators[0])


LoanStep = Callable[[Connection, SeedContext, SeededLoan], Awaitable[object]]


def steps_of(seeded: SeededLoan) -> Iterator[tuple[int, LoanStep]]:
    """(days after the application, step) until the loan stands where its scenario ends."""
    target = seeded.scenario.target
    yield 0, _draft if target is Status.DRAFT else _apply
    if target in (Status.DRAFT, Status.SUBMITTED):
        return
    yield _ASSESSED, assess
    if target is Status.WITHDRAWN:
        yield _DECIDED, _withdraw
    elif target is not Status.ASSESSED or seeded.scenario.awaits_second_approval:
        yield _DECIDED, _decide
    if target in REACHED_FUNDING or target is Status.ACCEPTED:
        yield _ACCEPTED, _accept
    if target is Status.CANCELLED:
        yield seeded.full_after_days + 2, _cancel
    if target in _REACHED_CONDITIONS:
        yield seeded.full_after_days + 1, _record_conditions
    if target in _REACHED_DRAWDOWN:
        yield seeded.drawn_after_days, _draw_down
        yield from _after_drawdown(seeded)


def _after_drawdown(seeded: SeededLoan) -> Iterator[tuple[int, LoanStep]]:
    """Most borrowers pay on time; those of the defaulting scenarios stop after the drawdown."""
    target, drawn = seeded.scenario.target, seeded.drawn_after_days
    if target in (Status.IN_RECOVERY, Status.WRITTEN_OFF):
        yield drawn + _RECOVERY, _start_recovery
    if target is Status.WRITTEN_OFF:
        yield drawn + _SOLD, _sell
        yield drawn + _WRITTEN_OFF, _write_off
    if (
        target in (Status.ACTIVE, Status.REPAID)
        and seeded.scenario.application.interest_mode is LoanInterestMode.SERVICED
    ):
        last = (
            drawn + seeded.scenario.redeemed_after_days if target is Status.REPAID else seeded.scenario.applied_days_ago
        )
        drawn_on = seeded.first_day + timedelta(days=drawn)
        for month in range(1, seeded.scenario.application.term_months):
            after = (_months_after(drawn_on, month) - seeded.first_day).days
            if after < last:
                yield after, _pay_due
    if target is Status.REPAID:
        yield drawn + seeded.scenario.redeemed_after_days, _redeem


def _months_after(day: date, months: int) -> date:
    """The same day of a later month, or its last one."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


async def _draft(connection: Connection, context: SeedContext, seeded: SeededLoan) -> None:
    scenario = seeded.scenario
    seeded.loan_id = (await loans.draft(connection, scenario.company.user_id, scenario.application, context.rules)).id


async def _apply(connection: Connection, context: SeedContext, seeded: SeededLoan) -> None:
    scenario = seeded.scenario
    seeded.loan_id = (await loans.apply(connection, scenario.company.user_id, scenario.application, context.rules)).id
    report = await valuation_reports.upload(
        connection, scenario.company.user_id, seeded.loan_id, _report(scenario, context)
    )
    if scenario.target is not Status.SUBMITTED:
        await valuation_reports.verify(
            connection, context.administrators[0], seeded.loan_id, report.id, tuple(valuation_reports.ReportCheck)
        )


def _report(scenario: LoanScenario, context: SeedContext) -> valuation_reports.UploadedReport:
    """The report that stands behind the application's valuation."""
    asset = scenario.application.property
    figure = f"{format_minor(asset.valuation_minor)} {scenario.application.currency}"
    return valuation_reports.UploadedReport(
        valuer_id=context.valuers[asset.country],
        source=asset.valuation_source,
        amount_minor=asset.valuation_minor,
        valued_on=asset.valued_on,
        document=report_document(SURVEYOR, f"{asset.address}, {asset.city}", figure, asset.valued_on.isoformat()),
    )


async def assess(connection: Connection, _context: SeedContext, seeded: SeededLoan) -> None:
    """The risk service's answer, taken in as the worker would."""
    if seeded.answer is None:
        raise LookupError("the risk service is asked before its answer is taken in")
    await underwriting.receive(connection, seeded.answer, await clock.business_now(connection))


async def _withdraw(connection: Connection, _context: SeedContext, seeded: SeededLoan) -> None:
    await loans.withdraw(connection, seeded.scenario.company.user_id, seeded.loan)


def _reason(seeded: SeededLoan) -> tuple[loans.DecisionReason, str]:
    """Why the loan is declined or approved, in agreement with what the model recommended and with its exit."""
    scenario = seeded.scenario
    number = scenario.applied_days_ago
    if scenario.target is Status.DECLINED:
        return loans.DecisionReason.LEVERAGE, _DECLINED[number % len(_DECLINED)]
    if seeded.answer is not None and seeded.answer.recommendation != "approve":
        return loans.DecisionReason.COMPENSATING_FACTS, _APPROVED_AGAINST
    reasons = (*_APPROVED, _APPROVED_BY_EXIT[scenario.application.exit_strategy])
    return loans.DecisionReason.WITHIN_POLICY, reasons[number % len(reasons)]


async def _decide(connection: Connection, context: SeedContext, seeded: SeededLoan) -> None:
    scenario = seeded.scenario
    loan = await loans.get(connection, seeded.loan)
    declined = scenario.target is Status.DECLINED
    code, reason = _reason(seeded)
    rate = None
    if not declined and scenario.rate_change and loan.risk is not None:
        rate = loan.risk.suggested_rate + scenario.rate_change
        reason = f"{reason} {_DEARER if scenario.rate_change > 0 else _CHEAPER}"
    highest = _highest_lawful_rate(context, loan, await clock.business_date(connection))
    if not declined and highest and loan.risk is not None and (rate or loan.risk.suggested_rate) > highest:
        rate = highest
        reason = f"{reason} {_LAWFUL}"
    decision = loans.Decision(
        loans.Verdict.DECLINE if declined else loans.Verdict.APPROVE, loan.version, code, reason, annual_rate=rate
    )
    at_once = scenario.target is not Status.APPROVED
    first = scenario.applied_days_ago % 2
    for administrator in (context.administrators[first], context.administrators[1 - first]):
        _, outcome = await loans.decide_on(
            connection, administrator, loan.id, decision, context.rules, offer_at_once=at_once
        )
        if outcome.final or scenario.awaits_second_approval:
            return


def _highest_lawful_rate(context: SeedContext, loan: loans.Loan, today: date) -> Decimal | None:
    """What the law allows from the decision until the loan will have been drawn; None where it knows no maximum."""
    law = legal_maximum.published().get((context.rules.product.governing_law, loan.application.currency))
    known = [law.on(day) for day in (today, today + timedelta(days=90))] if law else []
    return min((maximum.contract.percent for maximum in known if maximum), default=None)


async def _accept(connection: Connection, _context: SeedContext, seeded: SeededLoan) -> None:
    at_once = seeded.scenario.target is not Status.ACCEPTED
    await loans.accept(connection, seeded.scenario.company.user_id, seeded.loan, open_at_once=at_once)


async def _cancel(connection: Connection, context: SeedContext, seeded: SeededLoan) -> None:
    await funding.cancel(connection, seeded.loan, context.officer, "The seller withdrew from the purchase.")


async def _record_conditions(connection: Connection, context: SeedContext, seeded: SeededLoan) -> None:
    today = await clock.business_date(connection)
    asset = seeded.scenario.application.property
    policy = f"HB-{today:%Y}-{seeded.scenario.applied_days_ago:04d}"
    evidence: list[loans.Charge | loans.Valuation | loans.Insurance] = [
        loans.Charge(1, today - timedelta(days=1)),
        loans.Valuation(asset.valuation_minor, asset.valued_on, SURVEYOR, asset.valuation_source),
        loans.Insurance("Nordhaus Mutual", policy, today + timedelta(days=730), asset.valuation_minor),
    ]
    await loans.record_conditions(connection, context.administrators[1], seeded.loan, evidence)


async def _draw_down(connection: Connection, context: SeedContext, seeded: SeededLoan) -> None:
    await servicing.draw_down(connection, seeded.loan, context.officer)


async def _pay_due(connection: Connection, _context: SeedContext, seeded: SeededLoan) -> None:
    """Interest that falls due comes from the company's wallet on the day."""
    due = await servicing.amount_due(connection, seeded.loan)
    if due:
        await _receive(connection, seeded, due)


async def _redeem(connection: Connection, _context: SeedContext, seeded: SeededLoan) -> None:
    """The house is sold, or refinanced: the other bank pays the loan off."""
    owed = await servicing.redemption_on(connection, seeded.loan, await clock.business_date(connection))
    await _receive(connection, seeded, owed.payable)


async def _start_recovery(connection: Connection, context: SeedContext, seeded: SeededLoan) -> None:
    await servicing.start_recovery(
        connection, seeded.loan, context.officer, "The refinancing fell through; a receiver sells the property."
    )


async def _sell(connection: Connection, _context: SeedContext, seeded: SeededLoan) -> None:
    price = seeded.scenario.application.amount_minor * 78 // 100
    await _receive(connection, seeded, price, servicing.Apply.PREPAY)


async def _write_off(connection: Connection, context: SeedContext, seeded: SeededLoan) -> None:
    await servicing.write_off(
        connection, seeded.loan, context.officer, "The sale is settled; nothing more is to be had."
    )


async def _receive(
    connection: Connection, seeded: SeededLoan, minor: int, apply: servicing.Apply | None = None
) -> None:
    """A transfer to the company's wallet, and from there to the loan: nothing waits for the day's statement."""
    company = seeded.scenario.company.user_id
    amount = Money(minor, seeded.scenario.application.currency)
    await funding.request_deposit(connection, company, amount)
    while await funding.has_pending_payments(connection, [company]):
        await funding.settle_pending(connection)
    await servicing.repay(connection, seeded.loan, company, amount, apply)
