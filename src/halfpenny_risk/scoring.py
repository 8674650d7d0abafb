"""The score of many loans at once: borrower, exit and overlays together, in log-odds of default.

    score = logit(central tendency) + w_b (borrower - reference) + w_x (exit - reference) + overlays

The rule and why it is this one: docs/algorithms/exit-risk.md. Each part rises with loan-to-value and adverse
records and falls with income, so the whole does.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from halfpenny_risk.borrower import (
    LOG_ODDS_A_FURTHER_RECORD,
    MOST_RECORDS_COUNTED,
    BorrowerFacts,
    BorrowerModel,
)
from halfpenny_risk.exit_risk import ExitTerms, exit_risk
from halfpenny_risk.normal import Floats, expit, logit
from halfpenny_risk.policy import Policy, PricePolicy, Ramp

# The exit's probability enters as log-odds; beyond these no observation could tell the difference.
LEAST_EXIT_PROBABILITY = 5e-4
OVERLAYS = (
    "ltc",
    "ltgdv",
    "outside_market",
    "valuation_above_model",
    "exit_unknown",
    "valuation_stale",
    "facts_missing",
    "further_records",
)


@dataclass(frozen=True)
class LoanColumns:
    """Everything that is scored, one element a loan. Ratios are NaN where they do not apply; the others are 0 or 1."""

    facts: BorrowerFacts
    exit_terms: ExitTerms
    ltv: Floats
    ltc: Floats
    ltgdv: Floats
    outside_market: Floats
    valuation_above_model: Floats
    valuation_stale: Floats
    facts_missing: Floats


@dataclass(frozen=True)
class Scores:
    """One element a loan; ``score`` is in log-odds, the rest fractions of one."""

    score: Floats
    probability_of_default: Floats
    shortfall: Floats
    loss_given_default: Floats
    expected_loss: Floats


def exit_log_odds(shortfall: Floats) -> Floats:
    """The exit's probability in log-odds, kept off the two ends."""
    return logit(np.clip(shortfall, LEAST_EXIT_PROBABILITY, 1.0 - LEAST_EXIT_PROBABILITY))


def reference_terms(policy: Policy) -> ExitTerms:
    """The reference loan, on a property worth one."""
    one = np.ones(1)
    return ExitTerms(
        amount=policy.reference_loan.ltv * one,
        prior_debt=0.0 * one,
        value=one,
        value_sd=policy.exit.valuer_sd * one,
        volatility=policy.exit.index_volatility * one,
        term_months=policy.reference_loan.term_months * one,
        rolled_up=0.0 * one,
        refinance=0.0 * one,
    )


def reference_exit_odds(policy: Policy) -> float:
    """The log-odds that the reference loan's exit falls short."""
    risk = exit_risk(reference_terms(policy), policy.exit, np.zeros(1), with_loss=False)
    return float(exit_log_odds(risk.shortfall)[0])


def overlays(loans: LoanColumns, policy: Policy) -> Floats:
    """Loans x ``OVERLAYS``: the log-odds that the policy adds by rule."""
    rules = policy.overlays
    records = np.nan_to_num(loans.facts.adverse_records)
    further = np.clip(records, 1.0, MOST_RECORDS_COUNTED) - 1.0
    return np.column_stack(
        [
            ramp(loans.ltc, rules.ltc),
            ramp(loans.ltgdv, rules.ltgdv),
            loans.outside_market * rules.outside_market,
            loans.valuation_above_model * rules.valuation_above_model,
            np.isnan(loans.exit_terms.refinance) * rules.unknown_exit,
            loans.valuation_stale * rules.stale_valuation,
            loans.facts_missing * rules.missing_fact,
            further * LOG_ODDS_A_FURTHER_RECORD,
        ]
    )


def ramp(value: Floats, rule: Ramp) -> Floats:
    """The points of ``rule`` at each value; none where the value is unknown."""
    share = np.clip((value - rule.from_) / (rule.to - rule.from_), 0.0, 1.0)
    return np.nan_to_num(share) * rule.points


def borrower_part(model: BorrowerModel, loans: LoanColumns, policy: Policy) -> Floats:
    """What the borrower adds to the log-odds, before the exit and the overlays."""
    reference = float(logit(np.array(policy.reference_borrower_pd)))
    return policy.borrower_weight * (model.log_odds(loans.facts.rows()) - reference)


def score_loans(model: BorrowerModel, loans: LoanColumns, policy: Policy) -> Scores:
    """Score any number of loans with one borrower model."""
    centre = float(logit(np.array(policy.central_tendency)))
    borrower = borrower_part(model, loans, policy)
    exits = exit_risk(loans.exit_terms, policy.exit, expit(centre + borrower))
    part = policy.exit_weight * (exit_log_odds(exits.shortfall) - reference_exit_odds(policy))
    score = centre + borrower + part + overlays(loans, policy).sum(axis=1)
    probability = expit(score)
    return Scores(score, probability, exits.shortfall, exits.lgd, probability * exits.lgd)


def grades(probability: Floats, policy: Policy) -> list[str]:
    """The grade of each probability of default."""
    limits = np.array([policy.grades.A, policy.grades.B, policy.grades.C, policy.grades.D])
    return ["ABCDE"[i] for i in np.searchsorted(limits, probability, side="left")]


@dataclass(frozen=True)
class Price:
    """The rate a year and the terms that add up to it, all in percent."""

    rate: Decimal
    terms: tuple[tuple[str, Decimal], ...]


def price_of(expected_loss: float, ltv: float, term_months: float, policy: PricePolicy) -> Price:
    """The risk-based rate of one loan, term by term; the terms add up to the rate exactly.

    The expected loss is over the life of the loan and is spread over it; the rate is held between the floor and the
    cap of its loan-to-value band, and rounded to the policy's step.
    """
    years = max(term_months / 12.0, 0.25)
    terms = [
        ("cost_of_funds", _percent(policy.cost_of_funds_percent)),
        ("expected_loss", _percent(100.0 * expected_loss / years)),
        ("operating_cost", _percent(policy.operating_cost_percent)),
        (
            "cost_of_capital",
            _percent(policy.capital_fraction * (policy.hurdle_percent - policy.cost_of_funds_percent)),
        ),
    ]
    total = sum((rate for _, rate in terms), Decimal(0))
    band = next((band for band in policy.bands if ltv <= band.ltv_to), policy.bands[-1])
    held = min(max(total, _percent(band.floor_percent)), _percent(band.cap_percent))
    if held > total:
        terms.append(("floor", held - total))
    elif held < total:
        terms.append(("cap", held - total))
    step = Decimal(str(policy.step_percent))
    rate = (held / step).to_integral_value() * step
    if rate != held:
        terms.append(("rounding", rate - held))
    return Price(rate, tuple(terms))


def rates_of(expected_loss: Floats, ltv: Floats, term_months: Floats, policy: PricePolicy) -> Floats:
    """The rates of many loans in percent a year, as ``price_of`` gives them but for the last rounding of a float."""
    years = np.maximum(term_months / 12.0, 0.25)
    fixed = (
        policy.cost_of_funds_percent
        + policy.operating_cost_percent
        + policy.capital_fraction * (policy.hurdle_percent - policy.cost_of_funds_percent)
    )
    total = fixed + 100.0 * expected_loss / years
    band = np.minimum(np.searchsorted([b.ltv_to for b in policy.bands], ltv, side="left"), len(policy.bands) - 1)
    floor = np.array([b.floor_percent for b in policy.bands])[band]
    cap = np.array([b.cap_percent for b in policy.bands])[band]
    return np.round(np.clip(total, floor, cap) / policy.step_percent) * policy.step_percent


def _percent(value: float) -> Decimal:
    return Decimal(repr(value)).quantize(Decimal("0.0001"))
