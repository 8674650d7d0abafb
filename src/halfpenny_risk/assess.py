"""One application in, one answer out. Pure: no clock, no network, no language model.

The description and every other free text are never read here, so nothing that is written in them can move a figure.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Literal
from uuid import UUID

import numpy as np

import halfpenny_messages as messages
from halfpenny_risk import explain
from halfpenny_risk.application import MAX_LTV, Application, read_application, read_changed
from halfpenny_risk.borrower import BorrowerFacts, BorrowerModel, facts_row
from halfpenny_risk.exit_risk import ExitTerms, exit_risk
from halfpenny_risk.normal import Floats, expit
from halfpenny_risk.policy import Policy, PolicyVersions
from halfpenny_risk.principal import Inputs, principal_reasons
from halfpenny_risk.scoring import (
    LoanColumns,
    Price,
    Scores,
    exit_log_odds,
    grades,
    price_of,
    score_loans,
)
from halfpenny_risk.valuation import CONFIDENCE, UNCHECKED_FLAGS, Market, Security, appraise, secured
from halfpenny_risk.wording import FLAGGED, PRICE_TERMS, market_note, reference_note

PRICE_CHANGES_PERCENT = (-10, -20, -30, -40)
EXTRA_MONTHS = (3, 6, 12, 18)
RATE_SHIFTS = (0, 2)
_FACTS, _TERMS = len(fields(BorrowerFacts)), len(fields(ExitTerms))
BORROWER_FACTS = ("income", "assets", "debts", "adverse_records")
# With any of these an administrator decides before the model's figures count.
REFER_FLAGS = frozenset(
    {
        "owner_value_unchecked",
        "value_unknown",
        "valuation_absurd",
        "valuation_stale",
        "valuation_above_model",
        "position_absurd",
        "valued_in_the_future",
        "exit_unknown",
        # Of a dwelling these are always stated: what was stated lies outside of what the market's sales have.
        "assumed_log_area",
        "assumed_beds",
        "assumed_age",
    }
)


@dataclass(frozen=True)
class ModelSet:
    """The models that answer together. The challenger is run on the same loans and never acted upon."""

    version: str
    borrower: BorrowerModel
    markets: tuple[Market, ...] = ()
    challenger: BorrowerModel | None = None
    flags: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class Scored:
    """One application with its figures and the decision that they recommend, before anything is put in words."""

    application: Application
    security: Security
    policy: Policy
    columns: LoanColumns
    scores: Scores
    price: Price
    grade: str
    flags: tuple[str, ...]
    recommendation: Literal["approve", "refer", "decline"]

    @property
    def probability_of_default(self) -> float:
        return float(self.scores.probability_of_default[0])

    @property
    def loss_given_default(self) -> float:
        return float(self.scores.loss_given_default[0])

    @property
    def expected_loss(self) -> float:
        return float(self.scores.expected_loss[0])


def score_application(loan: messages.LoanSubmitted, models: ModelSet, policies: PolicyVersions) -> Scored:
    """The figures of one application; raises ``BadApplication`` when there is nothing to score."""
    policy = policies.on(loan.submitted_at.date())
    application = read_application(loan, policy)
    return score_together([(application, appraise(application, models.markets, policy))], models, policy)[0]


def score_together(loans: Sequence[tuple[Application, Security]], models: ModelSet, policy: Policy) -> list[Scored]:
    """The figures of loans that were read and valued, all in one pass."""
    columns = columns_of(loans, policy)
    scores = score_loans(models.borrower, columns, policy)
    every_grade = grades(scores.probability_of_default, policy)
    found = []
    for place, (application, security) in enumerate(loans):
        own_columns, own_scores = columns.at(place), scores.at(place)
        loss, ltv = float(own_scores.expected_loss[0]), float(own_columns.ltv[0])
        reference = policy.reference_rate(application.currency)
        price = price_of(loss, ltv, float(application.term_months), reference.percent, policy.price)
        limits, _ = beyond_limits(own_columns, own_scores, policy)
        flags = tuple(dict.fromkeys((*application.flags, *security.flags, *models.flags, *limits)))
        grade = every_grade[place]
        decision = recommend(grade, flags)
        found.append(Scored(application, security, policy, own_columns, own_scores, price, grade, flags, decision))
    return found


def assess(
    request_id: UUID, loan: messages.LoanSubmitted, models: ModelSet, policies: PolicyVersions
) -> messages.LoanAssessed:
    """The assessment of one application; raises ``BadApplication`` when there is nothing to score."""
    scored = score_application(loan, models, policies)
    application, security, policy = scored.application, scored.security, scored.policy
    columns, scores, price = scored.columns, scored.scores, scored.price
    ltv = float(columns.ltv[0])
    base, reasons = explain.reasons(models.borrower, application, security, columns, scores, policy)

    def rescore(changed: Sequence[messages.LoanSubmitted]) -> list[Scored]:
        # Read anew from the beginning; only the building is the same, and with it the market's estimate.
        read = [read_changed(one, policy) for one in changed]
        again = [(one, secured(one, security.model, policy, bound=security.bound)) for one in read]
        return score_together(again, models, policy) if again else []

    inputs = Inputs(loan, application, security, policy)
    passed = passed_limits(columns, scores, policy)
    if scored.recommendation == "refer":
        passed += [(flag, policy.valuation.refer_above_model) for flag in scored.flags if flag in FLAGGED]
    against, favour = principal_reasons(inputs, scored, reasons, passed, rescore)
    return messages.LoanAssessed(
        loan_id=loan.loan_id,
        request_id=request_id,
        loan_version=loan.version,
        model_version=f"{models.version}+{policy.version}",
        grade=scored.grade,  # type: ignore[arg-type]
        recommendation=scored.recommendation,
        probability_of_default=decimal_text(scores.probability_of_default[0], 6),
        loss_given_default=decimal_text(scores.loss_given_default[0], 6),
        expected_loss=decimal_text(scores.expected_loss[0], 6),
        exit_shortfall_probability=decimal_text(scores.shortfall[0], 6),
        suggested_rate_percent=f"{price.rate:f}",
        ltv=decimal_text(ltv, 4),
        ltv_at_low=decimal_text(min(_ratio(application.amount + application.prior_debt, security.low), MAX_LTV), 4),
        ltc=_optional_text(_loan_to_cost(application)),
        ltgdv=_optional_text(columns.ltgdv[0]),
        base_score=decimal_text(base, 12),
        score=decimal_text(scores.score[0], 12),
        reasons=reasons,
        principal_against=against,
        principal_for=favour,
        valuation=_valuation(application, security, policy),
        price_terms=tuple(
            messages.PriceTerm(
                code=code,
                text=reference_note(policy.reference_rate(application.currency))
                if code == "reference_rate"
                else PRICE_TERMS[code],
                rate_percent=f"{rate:f}",
            )
            for code, rate in price.terms
        ),
        stress=stress_grid(columns, scores, policy),
        challenger=_challenger(models, columns, policy),
        flags=scored.flags,
    )


def columns_of(loans: Sequence[tuple[Application, Security]], policy: Policy) -> LoanColumns:
    """The columns of loans, each with its security: one pass in plain Python, then arrays."""
    rows = np.array([_row(application, security, policy) for application, security in loans])
    parts = [rows[:, i].copy() for i in range(rows.shape[1])]
    facts, terms, rest = parts[:_FACTS], parts[_FACTS : _FACTS + _TERMS], parts[_FACTS + _TERMS :]
    return LoanColumns(BorrowerFacts(*facts), ExitTerms(*terms), *rest)


def _row(application: Application, security: Security, policy: Policy) -> tuple[float, ...]:
    """All numbers of one loan: the fields of ``BorrowerFacts``, of ``ExitTerms``, then the others, in their order."""
    debt = application.amount + application.prior_debt
    ltv = min(_ratio(debt, security.used), MAX_LTV)
    works = _ratio(application.renovation_cost, security.used)
    share = min(1.0, works / policy.exit.works_full_share)
    overrun = policy.exit.works_overrun * application.renovation_cost
    return (
        *facts_row(application, ltv, policy),
        application.amount,
        application.prior_debt,
        security.used,
        math.hypot(security.sd, policy.exit.completion_sd * share),
        security.volatility,
        float(application.term_months),
        float(application.rolled_up),
        math.nan if application.refinance is None else float(application.refinance),
        overrun,
        policy.exit.works_delay_months * share,
        policy.exit.rank_months * (application.charge_rank - 1),
        policy.reference_rate(application.currency).percent,
        ltv,
        _loan_to_gdv(application, security, debt + overrun),
        works,
        application.valuation_age_months,
        float(application.charge_rank),
        float(bool(UNCHECKED_FLAGS & set(security.flags))),
        float(sum(not application.knows(name) for name in BORROWER_FACTS)),
        policy.reference_rate(application.currency).percent,
    )


def _loan_to_gdv(application: Application, security: Security, debt: float) -> float:
    """Debt and the works' overrun over the value after the works, of which at most twice today's counts.

    Without a figure for it the works add nothing; without works there is nothing to measure (NaN).
    """
    if application.renovation_cost <= 0.0:
        return math.nan
    after = security.used if application.gdv is None else min(application.gdv, 2.0 * security.used)
    return _ratio(debt, max(after, security.used))


def _loan_to_cost(application: Application) -> float:
    """The loan over price and works, where a price counts: shown, and scored only as loan to value."""
    if application.purchase_price is None:
        return math.nan
    return _ratio(application.amount, application.purchase_price + application.renovation_cost)


def stress_grid(columns: LoanColumns, scores: Scores, policy: Policy) -> tuple[messages.StressCell, ...]:
    """Prices down, the exit late and rates up, every combination, all other parts of the score as they are."""
    price, months = (axis.ravel() for axis in np.meshgrid(PRICE_CHANGES_PERCENT, EXTRA_MONTHS, indexing="ij"))
    terms = columns.exit_terms
    many = ExitTerms(**{name: np.repeat(getattr(terms, name), len(price)) for name in terms.__dataclass_fields__})
    stressed = many.shifted(price / 100.0, months.astype(np.float64))
    without_exit = scores.score[0] - scores.exit_floor[0] - policy.exit_weight * exit_log_odds(scores.shortfall)[0]
    cells = []
    for shift in RATE_SHIFTS:
        risk = exit_risk(stressed, policy.exit, float(shift))
        default = expit(without_exit + policy.exit_weight * exit_log_odds(risk.shortfall))
        default = np.maximum(default, risk.shortfall)
        for i in range(len(price)):
            cells.append(
                messages.StressCell(
                    price_change_percent=int(price[i]),
                    extra_months=int(months[i]),
                    rate_change_points=shift,
                    exit_shortfall_probability=decimal_text(risk.shortfall[i], 6),
                    loss_given_default=decimal_text(risk.lgd[i], 6),
                    expected_loss=decimal_text(default[i] * risk.lgd[i], 6),
                )
            )
    return tuple(cells)


def decimal_text(value: float | np.floating, places: int) -> str:
    """A float as the decimal string of a message; minus zero is zero."""
    text = f"{float(value):.{places}f}"
    return text[1:] if float(text) == 0.0 and text.startswith("-") else text


def _optional_text(value: float | np.floating) -> str | None:
    return None if math.isnan(value) else decimal_text(min(float(value), MAX_LTV), 4)


def _ratio(part: float, whole: float) -> float:
    return min(part / whole, 1e6) if whole > 0.0 else 1e6


def limited(columns: LoanColumns, scores: Scores) -> dict[str, Floats]:
    """What has a limit in the policy: one array a name, each rising as the loan gets worse."""
    return {
        "ltv": columns.ltv,
        "ltgdv": np.nan_to_num(columns.ltgdv),
        "works_to_value": columns.works_to_value,
        "pd": scores.probability_of_default,
        "lgd": scores.loss_given_default,
        "expected_loss": scores.expected_loss,
        "adverse_records": columns.facts.adverse_records,
        "debts_to_assets": columns.facts.debts_to_assets,
        "charge_rank": columns.charge_rank,
        "valuation_age_months": columns.valuation_age_months,
    }


def beyond_limits(columns: LoanColumns, scores: Scores, policy: Policy) -> tuple[list[str], list[str]]:
    """The flags of one loan's limits, and the names of those: ``declines_ltv`` or ``refers_ltv``, in their order."""
    flags, names = [], []
    for name, values in limited(columns, scores).items():
        limit = policy.limits[name]
        if values[0] > limit.decline:
            flags.append(f"declines_{name}")
            names.append(name)
        elif values[0] > limit.refer:
            flags.append(f"refers_{name}")
            names.append(name)
    return flags, names


def passed_limits(columns: LoanColumns, scores: Scores, policy: Policy) -> list[tuple[str, float]]:
    """The limits of one loan that were passed and what they allow, those that decline first."""
    flags, names = beyond_limits(columns, scores, policy)
    both = sorted(zip(flags, names, strict=True), key=lambda pair: not pair[0].startswith("declines_"))
    return [
        (name, policy.limits[name].decline if flag.startswith("declines_") else policy.limits[name].refer)
        for flag, name in both
    ]


def recommend(grade: str, flags: Sequence[str]) -> Literal["approve", "refer", "decline"]:
    """Decline beyond a limit or in grade E, a person in grade D or where a flag asks for one, else approve."""
    if grade == "E" or any(flag.startswith("declines_") for flag in flags):
        return "decline"
    if grade == "D" or any(flag in REFER_FLAGS or flag.startswith("refers_") for flag in flags):
        return "refer"
    return "approve"


def _challenger(models: ModelSet, columns: LoanColumns, policy: Policy) -> messages.Challenger | None:
    if models.challenger is None:
        return None
    scores = score_loans(models.challenger, columns, policy)
    return messages.Challenger(
        model_version=models.challenger.version,
        grade=grades(scores.probability_of_default, policy)[0],  # type: ignore[arg-type]
        probability_of_default=decimal_text(scores.probability_of_default[0], 6),
    )


def _valuation(application: Application, security: Security, policy: Policy) -> messages.Valuation:
    model, bound = security.model, security.bound
    market = model or bound
    value, low, high = (model.value, model.low, model.high) if model else (security.used, security.low, security.high)
    return messages.Valuation(
        source=security.source,  # type: ignore[arg-type]
        market=market.market if market else None,
        value=money_text(value),
        low=money_text(low),
        high=money_text(high),
        used=money_text(security.used),
        currency=application.currency,
        confidence=decimal_text(CONFIDENCE, 2),
        index_volatility=decimal_text(security.volatility, 4),
        as_of=market.as_of if market else None,
        index_as_of=market.index_as_of if market else None,
        index_level=decimal_text(market.index_level, 4) if market else None,
        houses_value=money_text(bound.value) if bound else None,
        note=market_note(model.as_of, model.index_as_of, model.index_name, model.index_level, policy, security.flags)
        if model
        else None,
        comparables=tuple(
            messages.Comparable(
                id=sale.id,
                distance_m=round(sale.distance_m),
                age_months=round(sale.age_months),
                similarity=decimal_text(sale.similarity, 3),
                price=money_text(sale.price),
                adjusted_price=money_text(sale.adjusted_price),
                sold_on=sale.sold_on,
                area_m2=decimal_text(sale.area_m2, 1),
                beds=sale.beds,
                year_built=sale.year_built,
            )
            for sale in (model.comparables if model else ())
        ),
    )


def money_text(value: float) -> str:
    """An estimate of money: whole units, since more figures would claim what no model knows."""
    return f"{min(max(round(value), 0), 10**13 - 1)}.00"
