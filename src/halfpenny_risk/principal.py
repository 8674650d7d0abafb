"""The principal reasons against a loan, at most four, each with what would change it; and what speaks for it, apart.

Contributions that say one thing (loan to value by the borrower's model and by the exit's) count as one reason. A limit
of the policy that was passed comes before every contribution. What would change a reason is found by the model itself:
the application is scored again with one thing made better, step by step, until its grade or its decision is better.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from halfpenny_messages import LocalisedText, PrincipalReason, Reason, ValuationSource
from halfpenny_risk.application import Application
from halfpenny_risk.policy import Policy
from halfpenny_risk.valuation import Security
from halfpenny_risk.wording import (
    DECISIONS,
    FIGURE_OF,
    LIMITS,
    NO_CHANGE,
    change_worded,
    figure_in_both,
    missing_facts,
    money_in_both,
)

MOST = 4
# A contribution smaller than this, in log-odds, is no reason for anything.
LEAST_CONTRIBUTION = 0.02
# Which contributions say one thing.
GROUPS: Mapping[str, tuple[str, ...]] = {
    "leverage": ("ltv", "exit_leverage", "exit_floor"),
    "prior_debt": ("exit_prior_debt",),
    "valuation": ("exit_uncertainty", "outside_market", "valuation_age"),
    "term": ("term", "exit_term"),
    "exit": ("exit_strategy", "exit_unknown"),
    "interest": ("exit_interest",),
    "works": ("exit_works", "works_to_value", "ltgdv"),
    "income": ("income", "amount_to_income", "instalment_to_income"),
    "assets": ("assets", "assets_to_amount"),
    "debts": ("debts", "debts_to_assets"),
    "costs": ("costs", "costs_to_income"),
    "years_trading": ("years_trading",),
    "premises": ("premises_owned",),
    "adverse_records": ("adverse", "further_records"),
    "facts_missing": ("facts_missing",),
}
# The reason that a limit of the policy belongs to; a limit on a probability or a loss has no subject of its own.
OF_LIMIT: Mapping[str, str] = {
    "ltv": "leverage",
    "ltgdv": "works",
    "works_to_value": "works",
    "adverse_records": "adverse_records",
    "debts_to_assets": "debts",
    "charge_rank": "prior_debt",
    "valuation_age_months": "valuation",
}
# The sentence that names what a limit measures, where several could stand for its reason.
_MEASURED: Mapping[str, tuple[str, ...]] = {
    "ltv": ("ltv", "exit_leverage"),
    "ltgdv": ("ltgdv",),
    "works_to_value": ("works_to_value",),
    "debts_to_assets": ("debts_to_assets",),
    "valuation_age_months": ("valuation_age",),
}
# What raised the score to the exit's own odds is the loan's size at work, and no subject for a sentence.
_WITHOUT_SENTENCE = frozenset({"exit_floor"})
_FACT_OF = {"income": "income", "assets": "assets", "debts": "debts", "adverse_records": "adverse_records"}
_LOWEST_LTV_PERCENT = 20
_MORE = (1.25, 1.5, 2.0, 3.0, 5.0)
_FEWER = (0.75, 0.5, 0.25, 0.0)
_YEARS = (2.0, 5.0, 10.0, 20.0)


class Rated(Protocol):
    """What scoring says of one application: its grade, what is recommended, how likely it defaults."""

    @property
    def grade(self) -> str: ...

    @property
    def recommendation(self) -> str: ...

    @property
    def probability_of_default(self) -> float: ...


@dataclass(frozen=True)
class _Change:
    """One thing made better: the changed application, and the change in words."""

    application: Application
    words: LocalisedText


Rescore = Callable[[Sequence[Application]], Sequence[Rated]]


def principal_reasons(
    application: Application,
    security: Security,
    rated: Rated,
    reasons: Sequence[Reason],
    passed_limits: Sequence[tuple[str, float]],
    policy: Policy,
    rescore: Rescore,
) -> tuple[tuple[PrincipalReason, ...], tuple[PrincipalReason, ...]]:
    """Against (in order, with what would change each) and for (strongest first).

    ``passed_limits`` names the limits that were passed with the figure allowed; ``rescore`` rates changed applications.
    """
    known = {reason.code: reason for reason in reasons}
    weights = {
        group: math.fsum(float(known[code].contribution) for code in codes if code in known)
        for group, codes in GROUPS.items()
    }
    limits: dict[str, tuple[str, float]] = {}
    for name, limit in passed_limits:
        limits.setdefault(OF_LIMIT.get(name, ""), (name, limit))
    limits.pop("", None)
    against = [*limits, *sorted(_beyond(weights, 1.0), key=lambda group: -weights[group])]
    chosen = [group for group in dict.fromkeys(against) if group in limits or _leading(group, known)][:MOST]
    changes = {group: _changes(group, application, security, policy) for group in chosen}
    flat = [change.application for group in chosen for change in changes[group]]
    scored = iter(rescore(flat))
    reasons_against = []
    for group in chosen:
        results = [next(scored) for _ in changes[group]]
        reasons_against.append(
            _reason(group, known, weights[group], limits.get(group), _best(rated, changes[group], results), application)
        )
    favour = [
        _reason(group, known, weights[group], None, None, application, sign=-1.0)
        for group in sorted(_beyond(weights, -1.0), key=lambda group: weights[group])
        if group not in chosen and _leading(group, known, -1.0)
    ]
    return tuple(reasons_against), tuple(favour[:MOST])


def _beyond(weights: Mapping[str, float], sign: float) -> list[str]:
    return [group for group, weight in weights.items() if sign * weight >= LEAST_CONTRIBUTION]


def _leading(group: str, known: Mapping[str, Reason], sign: float = 1.0) -> Reason | None:
    """What says the group's sentence: the contribution that weighs most in that direction, or what shows its figure."""
    own = [known[code] for code in GROUPS[group] if code in known and code not in _WITHOUT_SENTENCE]
    leading = max(own, key=lambda reason: sign * float(reason.contribution), default=None)
    return leading if leading is None else known.get(FIGURE_OF.get(leading.code, ""), leading)


def _reason(
    group: str,
    known: Mapping[str, Reason],
    weight: float,
    limit: tuple[str, float] | None,
    change: LocalisedText | None,
    application: Application,
    sign: float = 1.0,
) -> PrincipalReason:
    measured = _MEASURED.get(limit[0], ()) if limit is not None else ()
    leading = next((known[code] for code in measured if code in known), None) or _leading(group, known, sign)
    if group == "facts_missing":
        text = missing_facts([fact for fact in _FACT_OF if not application.knows(fact)])
    else:
        text = leading.text if leading is not None else LocalisedText("", "")
    if limit is not None:
        limit_text = LIMITS[limit[0]]
        most = figure_in_both(limit[1], limit_text.shown_as)
        text = LocalisedText(
            f"{text.en} {limit_text.en.format(value=most.en)}".strip(),
            f"{text.pl} {limit_text.pl.format(value=most.pl)}".strip(),
        )
    audience = leading.audience if leading is not None else ("borrower", "staff")
    return PrincipalReason(code=group, text=text, contribution=f"{weight:.6f}", change=change, audience=audience)


def _best(rated: Rated, changes: Sequence[_Change], results: Sequence[Rated]) -> LocalisedText:
    """The smallest change that betters the grade or the decision; else that it does not, and what it does."""
    for change, result in zip(changes, results, strict=True):
        better = result.grade < rated.grade or _order(result) < _order(rated)
        worse = result.grade > rated.grade or _order(result) > _order(rated)
        if better and not worse:
            outcome = DECISIONS[result.recommendation]
            return LocalisedText(
                f"{change.words.en}: grade {result.grade}, {outcome.en}.",
                f"{change.words.pl}: ocena {result.grade}, {outcome.pl}.",
            )
    if not changes or results[-1].probability_of_default >= rated.probability_of_default:
        return NO_CHANGE
    now, then = (figure_in_both(one.probability_of_default, "percent") for one in (rated, results[-1]))
    words = changes[-1].words
    return LocalisedText(
        f"{words.en}: not enough by itself; probability of default {then.en} instead of {now.en}.",
        f"{words.pl}: samo to nie wystarczy; prawdopodobieństwo niespłacenia {then.pl} zamiast {now.pl}.",
    )


def _order(rated: Rated) -> int:
    return ("approve", "refer", "decline").index(rated.recommendation)


def _changes(group: str, application: Application, security: Security, policy: Policy) -> list[_Change]:
    """What could be better, the smallest change first."""
    if group in _FIXED:
        return [_change(application, group, "", **_FIXED[group])]
    return _STEPS[group](application, security, policy)


def _fewer_debts(application: Application, _security: Security, policy: Policy) -> list[_Change]:
    if not application.knows("debts"):
        return [_at_the_median(("debts",), application, policy)]
    left = [share * application.debts for share in _FEWER]
    return [_change(application, "debts", money_in_both(debts, application.currency), debts=debts) for debts in left]


def _fewer_records(application: Application, _security: Security, _policy: Policy) -> list[_Change]:
    fewer = range(min(application.adverse_records, 20) - 1, -1, -1)
    return [_change(application, "adverse_records", str(records), adverse_records=records) for records in fewer]


def _lower_costs(application: Application, _security: Security, policy: Policy) -> list[_Change]:
    shares: tuple[float, ...] = _FEWER
    if application.knows("yearly_costs"):
        now = application.yearly_costs
    else:
        # Stated at the median borrower's, or at less.
        now = policy.borrower_scale.costs_euro_a_year * policy.currencies.per_euro.get(application.currency, 1.0)
        shares = (1.0, *_FEWER)
    return [
        _change(application, "costs", money_in_both(share * now, application.currency), yearly_costs=share * now)
        for share in shares
    ]


def _stated_years(application: Application, _security: Security, _policy: Policy) -> list[_Change]:
    """What stating them would do; nobody has traded longer tomorrow than stated today."""
    if application.knows("years_trading"):
        return []
    return [_change(application, "years_trading", f"{years:.0f}", years_trading=years) for years in _YEARS]


def _stated_premises(application: Application, _security: Security, _policy: Policy) -> list[_Change]:
    return [] if application.premises_owned else [_change(application, "premises", "", premises_owned=True)]


def _shorter_terms(application: Application, _security: Security, _policy: Policy) -> list[_Change]:
    shorter = range(application.term_months - 1, 2, -1)
    return [_change(application, "term", str(months), term_months=months) for months in shorter]


def _change(application: Application, group: str, value: str | LocalisedText, **fields: object) -> _Change:
    changed = replace(application, **fields)  # type: ignore[arg-type]
    return _Change(changed, change_worded(group, value))


def _smaller_amounts(application: Application, security: Security, _policy: Policy) -> list[_Change]:
    """Whole percents of the value below today's, down to a fifth of it: near ones one by one, then every third."""
    start = min(math.ceil(100.0 * (application.amount + application.prior_debt) / security.used) - 1, 120)
    near = range(start, max(start - 20, _LOWEST_LTV_PERCENT - 1), -1)
    far = range(start - 20, _LOWEST_LTV_PERCENT - 1, -3)
    amounts = [(percent, percent / 100.0 * security.used - application.prior_debt) for percent in (*near, *far)]
    return [
        _change(application, "leverage", str(percent), amount=amount) for percent, amount in amounts if amount > 0.0
    ]


def _surveyed(application: Application, security: Security, _policy: Policy) -> list[_Change]:
    """A report that confirms the value lent on: what a surveyor would find above it, nobody knows."""
    figure = money_in_both(security.used, application.currency)
    proven = {"valuation_source": ValuationSource.SURVEY, "valuation_age_months": 0.0}
    return [_change(application, "valuation", figure, valuation=security.used, **proven)]


def _more_of(group: str, application: Application, policy: Policy) -> list[_Change]:
    now = application.income if group == "income" else application.assets
    if now <= 0.0:
        return [_at_the_median((group,), application, policy)]
    currency = application.currency
    return [
        _change(application, group, money_in_both(factor * now, currency), **{group: factor * now}) for factor in _MORE
    ]


def _at_the_median(facts: Sequence[str], application: Application, policy: Policy) -> _Change:
    """The facts that were not given, as the median borrower of the policy has them, and no adverse record."""
    rate = policy.currencies.per_euro.get(application.currency, 1.0)
    scale = policy.borrower_scale
    medians = {
        "income": scale.income_euro_a_year * rate,
        "assets": scale.assets_euro * rate,
        "debts": scale.debts_euro * rate,
        "adverse_records": 0,
    }
    fields = {fact: medians[fact] for fact in facts if not application.knows(fact) or fact != "adverse_records"}
    known = tuple(flag for flag in application.flags if flag.removesuffix("_missing") not in facts)
    changed = replace(application, flags=known, **fields)  # type: ignore[arg-type]
    return _Change(changed, change_worded("facts_missing", ""))


# What can be put right in one step, and how.
_FIXED: Mapping[str, Mapping[str, Any]] = {
    "prior_debt": {"prior_debt": 0.0, "charge_rank": 1},
    "exit": {"refinance": False},
    "interest": {"rolled_up": False},
    "works": {"renovation_cost": 0.0, "gdv": None},
}
_STEPS: Mapping[str, Callable[[Application, Security, Policy], list[_Change]]] = {
    "leverage": _smaller_amounts,
    "valuation": _surveyed,
    "term": _shorter_terms,
    "income": lambda application, _, policy: _more_of("income", application, policy),
    "assets": lambda application, _, policy: _more_of("assets", application, policy),
    "debts": _fewer_debts,
    "costs": _lower_costs,
    "years_trading": _stated_years,
    "premises": _stated_premises,
    "adverse_records": _fewer_records,
    "facts_missing": lambda application, _, policy: [_at_the_median(tuple(_FACT_OF), application, policy)],
}
