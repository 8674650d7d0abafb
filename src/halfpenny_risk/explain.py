"""Why the score is what it is: contributions that add up to it, each with a sentence.

The borrower's part is the model's own Shapley values; the exit's part is the Shapley value of each of its drivers
against the reference loan, over all subsets; overlays are their own reason.
"""

from __future__ import annotations

import math

import numpy as np

from halfpenny_messages import LocalisedText, Reason, ValuationSource
from halfpenny_risk.application import Application
from halfpenny_risk.borrower import FEATURES, BorrowerModel
from halfpenny_risk.exit_risk import ExitTerms, exit_risk
from halfpenny_risk.normal import Floats, logit
from halfpenny_risk.policy import Policy
from halfpenny_risk.scoring import OVERLAYS, LoanColumns, Scores, exit_log_odds, overlays, reference_terms
from halfpenny_risk.trees import shapley_weights
from halfpenny_risk.valuation import NORMAL_90, Security, price_lowers
from halfpenny_risk.wording import FIGURE_OF, REASONS, sentence, unchecked_value

# Which fields of the exit's terms each driver moves.
DRIVERS = {
    "exit_leverage": ("amount",),
    "exit_prior_debt": ("prior_debt",),
    "exit_uncertainty": ("value_sd", "volatility"),
    "exit_term": ("term_months",),
    "exit_strategy": ("refinance",),
    "exit_interest": ("rolled_up",),
    "exit_works": ("works_overrun", "late_months"),
}
# Which fact of the borrower each feature needs: without it there is no sentence.
FACT_OF = {
    "income": "income",
    "amount_to_income": "income",
    "instalment_to_income": "income",
    "assets": "assets",
    "assets_to_amount": "assets",
    "debts": "debts",
    "debts_to_assets": "debts",
    "costs": "yearly_costs",
    "costs_to_income": "yearly_costs",
    "years_trading": "years_trading",
    "premises_owned": "premises",
}
# A contribution smaller than this has no sentence of its own unless it is needed for the sum.
NEGLIGIBLE_CONTRIBUTION = 5e-13


def exit_contributions(terms: ExitTerms, policy: Policy) -> dict[str, float]:
    """What each driver of one loan's exit adds to the score, against the reference loan: Shapley values."""
    standard = reference_terms(policy, terms.reference_percent[:1])
    reference = {name: float(getattr(standard, name)[0]) for name in standard.__dataclass_fields__}
    value = float(terms.value[0])
    # Every amount is put in units of the value, so that the reference loan can have a value of one.
    own = {
        name: float(getattr(terms, name)[0])
        / (value if name in ("amount", "prior_debt", "value", "works_overrun") else 1.0)
        for name in reference
    }
    subsets = np.arange(1 << len(DRIVERS))
    columns = {name: np.full(len(subsets), usual) for name, usual in reference.items()}
    for place, names in enumerate(DRIVERS.values()):
        chosen = (subsets >> place) & 1 == 1
        for name in names:
            columns[name][chosen] = own[name]
    risk = exit_risk(ExitTerms(**columns), policy.exit, with_loss=False)
    odds = policy.exit_weight * exit_log_odds(risk.shortfall)
    added = shapley_weights(len(DRIVERS)) @ odds
    return dict(zip(DRIVERS, added.tolist(), strict=True))


def reasons(
    model: BorrowerModel,
    application: Application,
    security: Security,
    columns: LoanColumns,
    scores: Scores,
    policy: Policy,
) -> tuple[float, tuple[Reason, ...]]:
    """The base score and the reasons, largest first; base and contributions add up to ``score``."""
    score = float(scores.score[0])
    centre = float(logit(np.array(policy.central_tendency)))
    expected, by_feature = model.explain(columns.facts.rows()[0])
    borrower_reference = float(logit(np.array(policy.reference_borrower_pd)))
    by_driver = exit_contributions(columns.exit_terms, policy)
    # The exit is measured against the reference loan, which adds nothing to the base.
    base = centre + policy.borrower_weight * (expected - borrower_reference)
    parts = {
        name: policy.borrower_weight * added for name, added in zip(FEATURES, by_feature.tolist(), strict=True)
    } | by_driver
    parts |= dict(zip(OVERLAYS, overlays(columns, policy)[0].tolist(), strict=True))
    parts["exit_floor"] = float(scores.exit_floor[0])
    # What floating point lost on the way goes into the base, so that the published figures add up.
    base += score - (base + math.fsum(parts.values()))
    facts = _facts(application, security, columns, scores, policy)
    facts |= {code: None for code, other in FIGURE_OF.items() if abs(parts.get(other, 0.0)) > NEGLIGIBLE_CONTRIBUTION}
    found = tuple(
        Reason(
            code=code,
            text=sentence(code, facts.get(code)),
            contribution=f"{added:.12f}",
            audience=REASONS[code].audience,
        )
        for code, added in sorted(parts.items(), key=lambda part: (-abs(part[1]), part[0]))
        if abs(added) > NEGLIGIBLE_CONTRIBUTION
    )
    return base, found


def _facts(
    application: Application, security: Security, columns: LoanColumns, scores: Scores, policy: Policy
) -> dict[str, float | str | LocalisedText | None]:
    """The fact that goes into each sentence."""
    row = dict(zip(FEATURES, columns.facts.rows()[0].tolist(), strict=True))
    value = security.used
    records = float(application.adverse_records) if application.knows("adverse_records") else None
    haircut = policy.valuation.sources[application.valuation_source].haircut_outside_market
    strategies = {None: "unknown", True: "refinance", False: "sale"}
    return {
        **row,
        "premises_owned": "owned" if application.premises_owned else "rented",
        **{name: None for name in FACT_OF if not application.knows(FACT_OF[name])},
        "adverse": records,
        "further_records": records,
        "term": float(application.term_months),
        "exit_leverage": (application.amount + application.prior_debt) / value,
        "exit_prior_debt": application.prior_debt / value,
        "exit_uncertainty": math.exp(NORMAL_90 * security.sd) - 1.0,
        "exit_term": float(application.term_months),
        "exit_strategy": strategies[application.refinance],
        "exit_interest": "rolled_up" if application.rolled_up else "paid",
        "exit_works": application.renovation_cost / value,
        "outside_market": unchecked_value(
            security.model.index_as_of if security.model and "market_stale" in security.flags else None,
            haircut,
            price_weight=application.price_weight if price_lowers(application, haircut) else 0.0,
            or_estimate=(security.model or security.bound) is not None
            and application.valuation_source is not ValuationSource.SURVEY,
        ),
        "exit_floor": _at(scores.shortfall),
        "ltgdv": _at(columns.ltgdv),
        "works_to_value": _at(columns.works_to_value),
        "valuation_age": application.valuation_age_months,
        "facts_missing": _at(columns.facts_missing),
    }


def _at(column: Floats) -> float:
    return float(column[0])
