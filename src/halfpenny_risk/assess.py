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
from halfpenny_risk.application import MAX_LTV, Application, read_application
from halfpenny_risk.borrower import BorrowerFacts, BorrowerModel, facts_row
from halfpenny_risk.exit_risk import ExitTerms, exit_risk
from halfpenny_risk.normal import expit, logit
from halfpenny_risk.policy import Policy, PolicyBook
from halfpenny_risk.scoring import (
    LoanColumns,
    Scores,
    borrower_part,
    exit_log_odds,
    grades,
    price_of,
    score_loans,
)
from halfpenny_risk.valuation import CONFIDENCE, Market, Security, appraise
from halfpenny_risk.wording import PRICE_TERMS

# Works are credited with what they add to the value, and never with more than this many times their cost.
MOST_GAIN_PER_COST = 1.5
PRICE_CHANGES_PERCENT = (-10, -20, -30, -40)
EXTRA_MONTHS = (3, 6, 12, 18)
RATE_SHIFTS = (0, 2)
_FACTS, _TERMS = len(fields(BorrowerFacts)), len(fields(ExitTerms))
BORROWER_FACTS = ("income", "assets", "debts", "adverse_records")
# With any of these an administrator must look before the model's word is taken.
REFER_FLAGS = frozenset(
    {
        "valuation_above_model",
        "value_unknown",
        "valuation_absurd",
        "gdv_below_valuation",
        "first_charge_with_prior_debt",
        "currency_unknown",
        "area_absurd",
        "year_built_absurd",
        "position_absurd",
        "valued_in_the_future",
        "exit_unknown",
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


def assess(
    request_id: UUID, loan: messages.LoanSubmitted, models: ModelSet, policies: PolicyBook
) -> messages.LoanAssessed:
    """The assessment of one application; raises ``BadApplication`` when there is nothing to score."""
    policy = policies.on(loan.submitted_at.date())
    application = read_application(loan, policy)
    security = appraise(application, models.markets, policy)
    columns = columns_of([(application, security)], policy)
    scores = score_loans(models.borrower, columns, policy)
    ltv = float(columns.ltv[0])
    price = price_of(float(scores.expected_loss[0]), ltv, float(loan.term_months), policy.price)
    grade = grades(scores.probability_of_default, policy)[0]
    flags = tuple(dict.fromkeys((*application.flags, *security.flags, *models.flags)))
    base, reasons = explain.reasons(models.borrower, application, security, columns, policy, float(scores.score[0]))
    return messages.LoanAssessed(
        loan_id=loan.loan_id,
        request_id=request_id,
        loan_version=loan.version,
        model_version=f"{models.version}+{policy.version}",
        grade=grade,  # type: ignore[arg-type]
        recommendation=_recommendation(grade, columns, scores, flags, policy),
        probability_of_default=decimal_text(scores.probability_of_default[0], 6),
        loss_given_default=decimal_text(scores.loss_given_default[0], 6),
        expected_loss=decimal_text(scores.expected_loss[0], 6),
        exit_shortfall_probability=decimal_text(scores.shortfall[0], 6),
        suggested_rate_percent=f"{price.rate:f}",
        ltv=decimal_text(ltv, 4),
        ltv_at_low=decimal_text(min(_ratio(_debt(application), security.low), MAX_LTV), 4),
        ltc=_optional_text(columns.ltc[0]),
        ltgdv=_optional_text(columns.ltgdv[0]),
        base_score=decimal_text(base, 12),
        score=decimal_text(scores.score[0], 12),
        reasons=reasons,
        valuation=_valuation(application, security),
        price_terms=tuple(
            messages.PriceTerm(code=code, text=PRICE_TERMS[code], rate_percent=f"{rate:f}")
            for code, rate in price.terms
        ),
        stress=stress_grid(models.borrower, columns, scores, policy),
        challenger=_challenger(models, columns, policy),
        flags=flags,
    )


def columns_of(loans: Sequence[tuple[Application, Security]], policy: Policy) -> LoanColumns:
    """The columns of loans, each with its security: one pass in plain Python, then arrays."""
    rows = np.array([_row(application, security, policy) for application, security in loans])
    parts = [rows[:, i].copy() for i in range(rows.shape[1])]
    facts, terms, rest = parts[:_FACTS], parts[_FACTS : _FACTS + _TERMS], parts[_FACTS + _TERMS :]
    return LoanColumns(BorrowerFacts(*facts), ExitTerms(*terms), *rest)


def _row(application: Application, security: Security, policy: Policy) -> tuple[float, ...]:
    """All numbers of one loan: the fields of ``BorrowerFacts``, of ``ExitTerms``, then the others, in their order."""
    debt = _debt(application)
    cost = (application.purchase_price or 0.0) + application.renovation_cost
    ltv = min(_ratio(debt, security.used), MAX_LTV)
    value, sd = _value_at_exit(application, security, policy)
    return (
        *facts_row(application, ltv, policy),
        application.amount,
        application.prior_debt,
        value,
        sd,
        security.volatility,
        float(application.term_months),
        float(application.rolled_up),
        math.nan if application.refinance is None else float(application.refinance),
        ltv,
        math.nan if application.purchase_price is None else _ratio(application.amount, cost),
        _ratio(debt, application.gdv) if application.gdv else math.nan,
        float("outside_market" in security.flags),
        float("valuation_above_model" in security.flags),
        float("valuation_stale" in application.flags),
        float(sum(f"{name}_missing" in application.flags for name in BORROWER_FACTS)),
    )


def stress_grid(
    model: BorrowerModel, columns: LoanColumns, scores: Scores, policy: Policy
) -> tuple[messages.StressCell, ...]:
    """Prices down, the exit late and rates up, every combination, all other parts of the score as they are."""
    price, months = (axis.ravel() for axis in np.meshgrid(PRICE_CHANGES_PERCENT, EXTRA_MONTHS, indexing="ij"))
    terms = columns.exit_terms
    many = ExitTerms(**{name: np.repeat(getattr(terms, name), len(price)) for name in terms.__dataclass_fields__})
    stressed = many.shifted(price / 100.0, months.astype(np.float64))
    centre = float(logit(np.array(policy.central_tendency)))
    borrower = np.repeat(expit(centre + borrower_part(model, columns, policy)), len(price))
    without_exit = scores.score[0] - policy.exit_weight * exit_log_odds(scores.shortfall)[0]
    cells = []
    for shift in RATE_SHIFTS:
        risk = exit_risk(stressed, policy.exit, borrower, float(shift))
        default = expit(without_exit + policy.exit_weight * exit_log_odds(risk.shortfall))
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


def _debt(application: Application) -> float:
    return application.amount + application.prior_debt


def _value_at_exit(application: Application, security: Security, policy: Policy) -> tuple[float, float]:
    """The value that the exit can count on: part of what the works add, never more than 1.5 times their cost."""
    if application.gdv is None or application.gdv <= security.used:
        return security.used, security.sd
    added = min(application.gdv - security.used, MOST_GAIN_PER_COST * application.renovation_cost)
    value = security.used + policy.exit.completion_credit * added
    return value, math.hypot(security.sd, policy.exit.completion_sd)


def _recommendation(
    grade: str, columns: LoanColumns, scores: Scores, flags: Sequence[str], policy: Policy
) -> Literal["approve", "refer", "decline"]:
    limits = policy.limits
    beyond = (
        columns.ltv[0] > limits.ltv
        or np.nan_to_num(columns.ltgdv[0]) > limits.ltgdv
        or scores.probability_of_default[0] > limits.pd
    )
    if beyond or grade == "E":
        return "decline"
    return "refer" if grade == "D" or REFER_FLAGS.intersection(flags) else "approve"


def _challenger(models: ModelSet, columns: LoanColumns, policy: Policy) -> messages.Challenger | None:
    if models.challenger is None:
        return None
    scores = score_loans(models.challenger, columns, policy)
    return messages.Challenger(
        model_version=models.challenger.version,
        grade=grades(scores.probability_of_default, policy)[0],  # type: ignore[arg-type]
        probability_of_default=decimal_text(scores.probability_of_default[0], 6),
    )


def _valuation(application: Application, security: Security) -> messages.Valuation:
    model = security.model
    value, low, high = (model.value, model.low, model.high) if model else (security.used, security.low, security.high)
    return messages.Valuation(
        source=security.source,  # type: ignore[arg-type]
        market=model.market if model else None,
        value=money_text(value),
        low=money_text(low),
        high=money_text(high),
        used=money_text(security.used),
        currency=application.currency,
        confidence=decimal_text(CONFIDENCE, 2),
        index_volatility=decimal_text(security.volatility, 4),
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
