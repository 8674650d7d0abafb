"""The score of many loans at once: borrower, exit and overlays together, in log-odds of default.

    score = logit(central tendency) + w_b (borrower - reference) + w_x (exit - reference) + overlays
    score = at least the log-odds that the exit falls short by itself
    expected loss = probability of default x loss given default

The rule and why it is this one: docs/algorithms/exit-risk.md. Every part moves one way with each fact of an
application, so the whole does.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np

from halfpenny_messages import ValuationSource
from halfpenny_risk.borrower import (
    LOG_ODDS_A_FURTHER_RECORD,
    MAX_RECORDS_COUNTED,
    BorrowerFacts,
    BorrowerModel,
)
from halfpenny_risk.exit_risk import ExitTerms, exit_risk
from halfpenny_risk.normal import Floats, expit, logit
from halfpenny_risk.policy import Policy, PricePolicy, Ramp

# The exit's probability enters as log-odds; beyond these no observation could show the difference.
LEAST_EXIT_PROBABILITY = 5e-4
OVERLAYS = (
    "ltgdv",
    "works_to_value",
    "outside_market",
    "exit_unknown",
    "valuation_age",
    "facts_missing",
    "further_records",
)


@dataclass(frozen=True)
class LoanColumns:
    """Everything that is scored, one element a loan.

    ``ltgdv`` is NaN without works. ``outside_market`` is 0 or 1, ``facts_missing`` a count, the others are ratios,
    months and ranks, each rising as the loan gets worse; ``reference_percent`` is the reference rate of the currency.
    """

    facts: BorrowerFacts
    exit_terms: ExitTerms
    ltv: Floats
    ltgdv: Floats
    works_to_value: Floats
    valuation_age_months: Floats
    charge_rank: Floats
    outside_market: Floats
    facts_missing: Floats
    reference_percent: Floats

    def at(self, place: int) -> LoanColumns:
        """One of the loans, as arrays of one."""
        parts: dict[str, Any] = {
            name: values[place : place + 1]
            for name in self.__dataclass_fields__
            if isinstance(values := getattr(self, name), np.ndarray)
        }
        parts["facts"] = BorrowerFacts(**_one(self.facts, place))
        parts["exit_terms"] = ExitTerms(**_one(self.exit_terms, place))
        return LoanColumns(**parts)


@dataclass(frozen=True)
class Scores:
    """One element a loan; ``score`` and ``exit_floor`` (what raised it to the exit's own odds) are in log-odds, the
    rest are fractions of one."""

    score: Floats
    exit_floor: Floats
    probability_of_default: Floats
    shortfall: Floats
    loss_given_default: Floats
    expected_loss: Floats

    def at(self, place: int) -> Scores:
        """One of the loans, as arrays of one."""
        return Scores(**_one(self, place))


def _one(columns: Any, place: int) -> dict[str, Floats]:
    return {name: getattr(columns, name)[place : place + 1] for name in columns.__dataclass_fields__}


def exit_log_odds(shortfall: Floats) -> Floats:
    """The exit's probability in log-odds, kept off the two ends."""
    return logit(np.clip(shortfall, LEAST_EXIT_PROBABILITY, 1.0 - LEAST_EXIT_PROBABILITY))


def reference_terms(policy: Policy, reference_percent: Floats) -> ExitTerms:
    """The reference loan, on a property worth one, in each currency by its reference rate."""
    one = np.ones(len(reference_percent))
    return ExitTerms(
        amount=policy.reference_loan.ltv * one,
        prior_debt=0.0 * one,
        value=one,
        value_sd=policy.valuation.sources[ValuationSource.SURVEY].sd * one,
        volatility=policy.exit.index_volatility * one,
        term_months=policy.reference_loan.term_months * one,
        rolled_up=0.0 * one,
        refinance=0.0 * one,
        works_overrun=0.0 * one,
        late_months=0.0 * one,
        rank_months=0.0 * one,
        reference_percent=reference_percent,
    )


def reference_exit_odds(policy: Policy, reference_percent: Floats) -> Floats:
    """The log-odds that the reference loan's exit falls short, in each loan's currency.

    A loan is measured against the reference loan of its own currency: the same loan is no riskier for being in złoty.
    """
    rates, places = np.unique(reference_percent, return_inverse=True)
    risk = exit_risk(reference_terms(policy, rates), policy.exit, with_loss=False)
    return exit_log_odds(risk.shortfall)[places]


def overlays(loans: LoanColumns, policy: Policy) -> Floats:
    """Loans x ``OVERLAYS``: the log-odds that the policy adds by rule."""
    rules = policy.overlays
    further = np.clip(loans.facts.adverse_records, 1.0, MAX_RECORDS_COUNTED) - 1.0
    return np.column_stack(
        [
            ramp(loans.ltgdv, rules.ltgdv),
            ramp(loans.works_to_value, rules.works_to_value),
            loans.outside_market * rules.outside_market,
            np.isnan(loans.exit_terms.refinance) * rules.unknown_exit,
            ramp(loans.valuation_age_months, rules.valuation_age_months),
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


def score_loans(model: BorrowerModel, loans: LoanColumns, policy: Policy, *, with_loss: bool = True) -> Scores:
    """Score any number of loans with one borrower model."""
    centre = float(logit(np.array(policy.central_tendency)))
    exits = exit_risk(loans.exit_terms, policy.exit, with_loss=with_loss)
    odds = exit_log_odds(exits.shortfall)
    part = policy.exit_weight * (odds - reference_exit_odds(policy, loans.exit_terms.reference_percent))
    parts = centre + borrower_part(model, loans, policy) + part + overlays(loans, policy).sum(axis=1)
    # A loan cannot default less often than its own exit falls short.
    floor = np.maximum(odds - parts, 0.0)
    score = parts + floor
    probability = np.maximum(expit(score), exits.shortfall)
    return Scores(score, floor, probability, exits.shortfall, exits.lgd, probability * exits.lgd)


def grades(probability: Floats, policy: Policy) -> list[str]:
    """The grade of each probability of default."""
    limits = np.array([policy.grades.A, policy.grades.B, policy.grades.C, policy.grades.D])
    return ["ABCDE"[i] for i in np.searchsorted(limits, probability, side="left")]


@dataclass(frozen=True)
class Price:
    """The rate a year and the terms that add up to it, all in percent."""

    rate: Decimal
    terms: tuple[tuple[str, Decimal], ...]


def price_of(
    expected_loss: float, ltv: float, term_months: float, reference_percent: float, policy: PricePolicy
) -> Price:
    """The risk-based rate of one loan, term by term; the terms add up to the rate exactly.

    The expected loss is over the life of the loan and is spread over it; the rate is held between the floor and the
    cap of its loan-to-value band, and rounded to the policy's step. ``reference_percent`` is the reference rate of the
    loan's currency, which every margin stands on.
    """
    years = max(term_months / 12.0, 0.25)
    terms = [
        ("reference_rate", _percent(reference_percent)),
        ("cost_of_funds", _percent(policy.cost_of_funds_margin)),
        ("expected_loss", _percent(100.0 * expected_loss / years)),
        ("operating_cost", _percent(policy.operating_cost_percent)),
        (
            "cost_of_capital",
            _percent(policy.capital_fraction * (policy.hurdle_margin - policy.cost_of_funds_margin)),
        ),
    ]
    total = sum((rate for _, rate in terms), Decimal(0))
    band = next((band for band in policy.bands if ltv <= band.ltv_to), policy.bands[-1])
    floor, cap = (_percent(reference_percent) + _percent(margin) for margin in (band.floor_margin, band.cap_margin))
    held = min(max(total, floor), cap)
    if held > total:
        terms.append(("floor", held - total))
    elif held < total:
        terms.append(("cap", held - total))
    step = Decimal(str(policy.step_percent))
    rate = (held / step).to_integral_value() * step
    if rate != held:
        terms.append(("rounding", rate - held))
    return Price(rate, tuple(terms))


def rates_of(
    expected_loss: Floats, ltv: Floats, term_months: Floats, reference_percent: Floats, policy: PricePolicy
) -> Floats:
    """The rates of many loans in percent a year, as ``price_of`` gives them but for the last rounding of a float."""
    years = np.maximum(term_months / 12.0, 0.25)
    fixed = (
        reference_percent
        + policy.cost_of_funds_margin
        + policy.operating_cost_percent
        + policy.capital_fraction * (policy.hurdle_margin - policy.cost_of_funds_margin)
    )
    total = fixed + 100.0 * expected_loss / years
    band = np.minimum(np.searchsorted([b.ltv_to for b in policy.bands], ltv, side="left"), len(policy.bands) - 1)
    floor = reference_percent + np.array([b.floor_margin for b in policy.bands])[band]
    cap = reference_percent + np.array([b.cap_margin for b in policy.bands])[band]
    return np.round(np.clip(total, floor, cap) / policy.step_percent) * policy.step_percent


def _percent(value: float) -> Decimal:
    return Decimal(repr(value)).quantize(Decimal("0.0001"))
