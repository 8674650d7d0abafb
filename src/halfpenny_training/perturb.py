"""Push one figure of an application the worse way and see that the score never gets better."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from halfpenny_risk.assess import ModelSet
from halfpenny_risk.borrower import OPTIONAL_FEATURES, BorrowerFacts
from halfpenny_risk.exit_risk import ExitTerms
from halfpenny_risk.models import load_models
from halfpenny_risk.normal import Floats
from halfpenny_risk.policy import Policy, load_policies
from halfpenny_risk.scoring import LoanColumns, score_loans

# What floating point may differ by between two sums of the same trees.
TOLERANCE = 1e-9
# What is moved the worse way: facts that everybody states, facts that may be withheld, and withholding those.
PUSHED = ("ltv", "adverse", "income", "costs", "years_trading", "withheld")


def random_loans(count: int, seed: int) -> LoanColumns:
    """Loans all over the plausible range and some way beyond it; a tenth of the borrowers' facts unknown."""
    median = load_policies().policies[-1].borrower_scale
    random = np.random.default_rng(seed)

    def between(low: float, high: float) -> Floats:
        return random.uniform(low, high, count)

    def around(spread: float) -> Floats:
        return np.exp(random.normal(0.0, spread, count))

    def some_unknown(values: Floats) -> Floats:
        return np.where(random.random(count) < 0.1, np.nan, values)

    value, ltv = 300_000.0 * around(0.6), between(0.05, 1.3)
    prior = np.where(random.random(count) < 0.2, between(0.0, 0.4), 0.0) * ltv
    amount, months = (ltv - prior) * value, np.round(between(1.0, 36.0))
    refinance = random.choice([0.0, 1.0, np.nan], count)
    facts = BorrowerFacts(
        amount=amount / median.amount_euro,
        ltv=ltv,
        income=some_unknown(np.where(random.random(count) < 0.05, 0.0, around(0.8))),
        assets=some_unknown(around(1.2)),
        debts=some_unknown(np.where(random.random(count) < 0.5, 0.0, around(1.2))),
        debts_to_assets=some_unknown(around(1.5)),
        adverse_records=some_unknown(random.integers(0, 4, count).astype(np.float64)),
        term=months / 12.0,
        costs=np.where(random.random(count) < 0.3, OPTIONAL_FEATURES["costs"], around(0.8)),
        years_trading=np.where(random.random(count) < 0.3, 0.0, np.round(between(0.0, 40.0))),
        premises_owned=(random.random(count) < 0.4).astype(np.float64),
    )
    terms = ExitTerms(
        amount=amount,
        prior_debt=prior * value,
        value=value,
        value_sd=between(0.05, 0.3),
        volatility=between(0.03, 0.15),
        term_months=months,
        rolled_up=(random.random(count) < 0.3).astype(np.float64),
        refinance=refinance,
        works_overrun=np.zeros(count),
        late_months=np.zeros(count),
        rank_months=np.zeros(count),
        reference_percent=random.uniform(0.0, 8.0, count),
    )
    nothing = np.zeros(count)
    return LoanColumns(
        facts=facts,
        exit_terms=terms,
        ltv=ltv,
        ltgdv=some_unknown(ltv * between(0.6, 1.0)),
        outside_market=(random.random(count) < 0.5).astype(np.float64),
        works_to_value=nothing,
        valuation_age_months=nothing,
        charge_rank=np.ones(count),
        facts_missing=nothing,
        reference_percent=nothing,
    )


def worse(loans: LoanColumns, which: str, step: Floats) -> LoanColumns:
    """The same loans with one fact moved the worse way (``PUSHED``), or an optional one withheld."""
    facts = loans.facts
    if which == "ltv":
        # More is lent on the same property, and everything that follows from the amount follows.
        factor = 1.0 + step
        return replace(
            loans,
            ltv=loans.ltv * factor,
            ltgdv=loans.ltgdv * factor,
            facts=replace(facts, ltv=facts.ltv * factor, amount=facts.amount * factor),
            exit_terms=replace(
                loans.exit_terms,
                amount=loans.exit_terms.amount * factor,
                prior_debt=loans.exit_terms.prior_debt * factor,
            ),
        )
    if which == "adverse":
        return replace(loans, facts=replace(facts, adverse_records=facts.adverse_records + np.ceil(5.0 * step)))
    if which == "costs":
        return replace(loans, facts=replace(facts, costs=facts.costs * (1.0 + step)))
    if which == "years_trading":
        return replace(loans, facts=replace(facts, years_trading=np.maximum(facts.years_trading - 10.0 * step, 0.0)))
    if which == "withheld":
        nothing = np.zeros_like(facts.costs)
        unknown = np.full_like(facts.costs, OPTIONAL_FEATURES["costs"])
        return replace(loans, facts=replace(facts, costs=unknown, years_trading=nothing, premises_owned=nothing))
    return replace(loans, facts=replace(facts, income=facts.income * (1.0 - np.minimum(step, 1.0))))


def monotone_breaks(trials: int, seed: int = 7, models: ModelSet | None = None) -> dict[str, int]:
    """How often the score got better when a figure got worse, for each model, over ``trials`` perturbations."""
    policy: Policy = load_policies().policies[-1]
    if models is not None:
        chosen = {models.borrower.version: models.borrower}
    else:
        both = load_models("champion")
        chosen = {"champion": both.borrower, "scorecard": load_models("scorecard").borrower}
    loans = random_loans(trials, seed)
    random = np.random.default_rng(seed + 1)
    step = random.exponential(0.15, trials)
    which = random.choice(PUSHED, trials)
    breaks = {}
    for name, model in chosen.items():
        before = score_loans(model, loans, policy).score
        count = 0
        for kind in PUSHED:
            after = score_loans(model, worse(loans, kind, step), policy).score
            count += int(((after < before - TOLERANCE) & (which == kind)).sum())
        breaks[name] = count
    return breaks
