"""The principal reasons against a loan, at most four, each with what would change it; and what speaks for it, apart.

Contributions that say one thing (loan to value by the borrower's model and by the exit's) count as one reason. A limit
of the policy that was passed, and a flag for which a person decides, come before every contribution. What would change
a reason is found by the model itself: the application is read and scored again with one thing made better, step by
step, until its grade or its decision is better.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from msgspec.structs import replace

from halfpenny_messages import (
    MOST_PRINCIPAL_REASONS,
    ExitStrategy,
    LoanInterestMode,
    LoanSubmitted,
    LocalisedText,
    Premises,
    PrincipalReason,
    Reason,
    ValuationSource,
)
from halfpenny_risk.application import Application
from halfpenny_risk.policy import Policy
from halfpenny_risk.valuation import Security, stated_for
from halfpenny_risk.wording import (
    DECISIONS,
    EVERYONE,
    FIGURE_OF,
    FLAGGED,
    LIMITS,
    NO_CHANGE,
    PRIVATE,
    change_worded,
    figure_in_both,
    missing_facts,
    money_in_both,
)

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
    **dict.fromkeys(FLAGGED, "valuation"),
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
# What counts as missing where the borrower does not state it.
_EXPECTED_FACTS = ("income", "assets", "debts", "adverse_records")
_LOWEST_LTV_PERCENT = 20
# Parts of an amount, a twentieth from each other up to twice of it and a quarter after that.
_MORE = (*(place / 20 for place in range(21, 41)), *(place / 4 for place in range(9, 21)))
_FEWER = tuple(place / 20 for place in range(19, -1, -1))
_YEARS = range(1, 21)
# Where a larger change never leaves the loan worse than a smaller one; of a term that is not so.
_MONOTONE = frozenset({"leverage", "income", "assets", "debts", "costs", "years_trading"})
# The smallest change of an amount that an application can state.
_CENT = 0.01


class Rated(Protocol):
    """What scoring says of one application: its grade, what is recommended, how likely it defaults."""

    @property
    def grade(self) -> str: ...

    @property
    def recommendation(self) -> str: ...

    @property
    def probability_of_default(self) -> float: ...


@dataclass(frozen=True)
class Inputs:
    """One application as it came, as it was read, the security that it was valued at, and the policy of its day."""

    loan: LoanSubmitted
    application: Application
    security: Security
    policy: Policy


@dataclass(frozen=True)
class _Change:
    """One thing made better: the application as it would be sent then, and the change in words."""

    loan: LoanSubmitted
    words: LocalisedText


Rescore = Callable[[Sequence[LoanSubmitted]], Sequence[Rated]]


def principal_reasons(
    inputs: Inputs,
    rated: Rated,
    reasons: Sequence[Reason],
    passed_limits: Sequence[tuple[str, float]],
    rescore: Rescore,
) -> tuple[tuple[PrincipalReason, ...], tuple[PrincipalReason, ...]]:
    """Against (in order, with what would change each) and for (strongest first).

    ``passed_limits`` names the limits that were passed and the flags (``FLAGGED``), with the figure allowed;
    ``rescore`` rates changed applications as if they had been sent: they are read anew, so that no flag of the
    application as it is stays on them.
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
    sayable = [group for group in dict.fromkeys(against) if group in limits or _leading(group, known)]
    chosen = sayable[:MOST_PRINCIPAL_REASONS]
    changes = {group: _STEPS[group](inputs) for group in chosen}
    tried = _tried(rated, changes, rescore)
    reasons_against = [
        _reason(group, known, weights[group], limits.get(group), _best(rated, tried[group]), inputs.loan)
        for group in chosen
    ]
    favour = [
        _reason(group, known, weights[group], None, None, inputs.loan, sign=-1.0)
        for group in sorted(_beyond(weights, -1.0), key=lambda group: weights[group])
        if group not in chosen and _leading(group, known, -1.0) and _better_than_reference(group, inputs, known)
    ]
    return tuple(reasons_against), tuple(favour[:MOST_PRINCIPAL_REASONS])


def _tried(
    rated: Rated, changes: Mapping[str, Sequence[_Change]], rescore: Rescore
) -> dict[str, list[tuple[_Change, Rated]]]:
    """The changes of each group that were scored, the smallest first; the smallest that is better is among them.

    Where a larger change never does less (``_MONOTONE``), some are scored first, and then what lies before the first
    better one. All groups are scored together, in two rounds.
    """
    wanted = {
        group: _sampled(len(of_group)) if group in _MONOTONE else range(len(of_group))
        for group, of_group in changes.items()
    }
    found: dict[str, dict[int, Rated]] = {group: {} for group in changes}
    for _round in range(2):
        places = [(group, place) for group, of_group in wanted.items() for place in of_group]
        results = rescore([changes[group][place].loan for group, place in places])
        for (group, place), result in zip(places, results, strict=True):
            found[group][place] = result
        wanted = {group: _before_first_better(rated, of_group) for group, of_group in found.items()}
    return {
        group: [(changes[group][place], of_group[place]) for place in sorted(of_group)]
        for group, of_group in found.items()
    }


def _sampled(count: int) -> Sequence[int]:
    """Places at about the square root of the count from each other, with the last."""
    step = max(math.isqrt(count), 1)
    return range(count - 1, -1, -step)[::-1] if count else ()


def _before_first_better(rated: Rated, found: Mapping[int, Rated]) -> Sequence[int]:
    """The places that were not scored between the first better one and the one scored before it."""
    before = -1
    for place in sorted(found):
        if _is_better(rated, found[place]):
            return range(before + 1, place)
        before = place
    return ()


def _is_better(rated: Rated, result: Rated) -> bool:
    """Whether grade or decision is better and neither is worse."""
    better = result.grade < rated.grade or _order(result) < _order(rated)
    return better and result.grade <= rated.grade and _order(result) <= _order(rated)


def _better_than_reference(group: str, inputs: Inputs, known: Mapping[str, Reason]) -> bool:
    """Whether the fact itself is no worse than the policy's reference loan has it.

    Contributions are of parts: a small amount behind a large prior debt, or a term against the borrowers that the
    model learned from, can lower the score where the whole that the sentence states is worse than the reference.
    """
    reference, application = inputs.policy.reference_loan, inputs.application
    if group == "leverage":
        debt = application.amount + application.prior_debt
        return debt <= reference.ltv * inputs.security.used and "exit_floor" not in known
    return group != "term" or application.term_months <= reference.term_months


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
    loan: LoanSubmitted,
    sign: float = 1.0,
) -> PrincipalReason:
    measured = _MEASURED.get(limit[0], ()) if limit is not None else ()
    leading = next((known[code] for code in measured if code in known), None) or _leading(group, known, sign)
    if group == "facts_missing":
        text = missing_facts([fact for fact in _EXPECTED_FACTS if getattr(loan.borrower, fact) is None])
    else:
        text = leading.text if leading is not None else LocalisedText("", "")
    if limit is not None and limit[0] in FLAGGED:
        most, flagged = figure_in_both(limit[1], "percent"), FLAGGED[limit[0]]
        text = LocalisedText(flagged.en.format(value=most.en), flagged.pl.format(value=most.pl))
    elif limit is not None:
        limit_text = LIMITS[limit[0]]
        most = figure_in_both(limit[1], limit_text.shown_as)
        text = LocalisedText(
            f"{text.en} {limit_text.en.format(value=most.en)}".strip(),
            f"{text.pl} {limit_text.pl.format(value=most.pl)}".strip(),
        )
    audience = leading.audience if leading is not None else EVERYONE if group == "valuation" else PRIVATE
    return PrincipalReason(code=group, text=text, contribution=f"{weight:.6f}", change=change, audience=audience)


def _best(rated: Rated, tried: Sequence[tuple[_Change, Rated]]) -> LocalisedText:
    """The smallest change that betters the grade or the decision; else that it does not, and what it does."""
    for change, result in tried:
        if _is_better(rated, result):
            outcome = DECISIONS[result.recommendation]
            return LocalisedText(
                f"{change.words.en}: grade {result.grade}, {outcome.en}.",
                f"{change.words.pl}: klasa {result.grade}, {outcome.pl}.",
            )
    if not tried or tried[-1][1].probability_of_default >= rated.probability_of_default:
        return NO_CHANGE
    now, then = (figure_in_both(one.probability_of_default, "percent") for one in (rated, tried[-1][1]))
    words = tried[-1][0].words
    return LocalisedText(
        f"{words.en}: this alone is not enough for a better grade or decision; "
        f"probability of default {then.en} instead of {now.en}.",
        f"{words.pl}: sama ta zmiana nie wystarczy do lepszej klasy lub decyzji; "
        f"prawdopodobieństwo niewykonania zobowiązania {then.pl} zamiast {now.pl}.",
    )


def _order(rated: Rated) -> int:
    return ("approve", "refer", "decline").index(rated.recommendation)


def _change(
    inputs: Inputs,
    group: str,
    value: str | LocalisedText,
    *,
    of_property: Mapping[str, Any] | None = None,
    of_borrower: Mapping[str, Any] | None = None,
    **terms: Any,
) -> _Change:
    loan = inputs.loan
    if of_property:
        terms["property"] = replace(loan.property, **of_property)
    if of_borrower:
        terms["borrower"] = replace(loan.borrower, **of_borrower)
    return _Change(replace(loan, **terms), change_worded(group, value))


def _whole(amount: float) -> str:
    """An amount as an application states it, in the whole units that the words about it show."""
    return f"{round(amount)}.00"


def _of_amounts(inputs: Inputs, group: str, fact: str, amounts: Sequence[float]) -> list[_Change]:
    """The borrower's fact at each of the amounts."""
    currency = inputs.loan.currency
    return [
        _change(inputs, group, money_in_both(amount, currency), of_borrower={fact: _whole(amount)})
        for amount in amounts
    ]


def _medians(inputs: Inputs) -> Mapping[str, float]:
    """What the median borrower of the policy has, in the loan's currency."""
    rate, scale = inputs.policy.units_per_euro(inputs.loan.currency), inputs.policy.borrower_scale
    return {
        "income": scale.income_euro_a_year * rate,
        "assets": scale.assets_euro * rate,
        "debts": scale.debts_euro * rate,
        "yearly_costs": scale.costs_euro_a_year * rate,
    }


def _stated(inputs: Inputs, facts: Sequence[str]) -> list[_Change]:
    """Those of the facts that were not stated, stated: as the median borrower has them, and no adverse record."""
    medians = _medians(inputs)
    given = {
        fact: _whole(medians[fact]) if fact in medians else 0
        for fact in facts
        if getattr(inputs.loan.borrower, fact) is None
    }
    return [_change(inputs, "facts_missing", "", of_borrower=given)]


def _more_of(inputs: Inputs, fact: str) -> list[_Change]:
    if getattr(inputs.loan.borrower, fact) is None:
        return _stated(inputs, (fact,))
    now = float(getattr(inputs.loan.borrower, fact))
    # Of nothing every multiple is nothing: then it is the median borrower's that is taken in parts and multiples.
    start, factors = (now, _MORE) if now else (_medians(inputs)[fact], (0.5, 1.0, *_MORE))
    return _of_amounts(inputs, fact, fact, [factor * start for factor in factors])


def _fewer_debts(inputs: Inputs) -> list[_Change]:
    if inputs.loan.borrower.debts is None:
        return _stated(inputs, ("debts",))
    return _of_amounts(inputs, "debts", "debts", [share * inputs.application.debts for share in _FEWER])


def _lower_costs(inputs: Inputs) -> list[_Change]:
    if inputs.loan.borrower.yearly_costs is None:
        # Stated at the median borrower's, or at less.
        amounts = [share * _medians(inputs)["yearly_costs"] for share in (1.0, *_FEWER)]
    else:
        amounts = [share * inputs.application.yearly_costs for share in _FEWER]
    return _of_amounts(inputs, "costs", "yearly_costs", amounts)


def _fewer_records(inputs: Inputs) -> list[_Change]:
    fewer = range(min(inputs.application.adverse_records, 20) - 1, -1, -1)
    return [
        _change(inputs, "adverse_records", str(records), of_borrower={"adverse_records": records}) for records in fewer
    ]


def _more_years(inputs: Inputs) -> list[_Change]:
    now = inputs.loan.borrower.years_trading or 0
    return [
        _change(inputs, "years_trading", str(years), of_borrower={"years_trading": years})
        for years in _YEARS
        if years > now
    ]


def _smaller_amounts(inputs: Inputs) -> list[_Change]:
    """Whole percents of the value below today's, one by one, down to a fifth of it."""
    used, prior = inputs.security.used, inputs.application.prior_debt
    start = min(math.ceil(100.0 * (inputs.application.amount + prior) / used) - 1, 120)
    amounts = [(percent, percent / 100.0 * used - prior) for percent in range(start, _LOWEST_LTV_PERCENT - 1, -1)]
    return [
        _change(inputs, "leverage", str(percent), amount=f"{amount:.2f}")
        for percent, amount in amounts
        if amount > _CENT
    ]


def _shorter_terms(inputs: Inputs) -> list[_Change]:
    shorter = range(inputs.loan.term_months - 1, 2, -1)
    return [_change(inputs, "term", str(months), term_months=months) for months in shorter]


def _surveyed(inputs: Inputs) -> list[_Change]:
    """A report that confirms the value lent on: what a surveyor would find above it, nobody knows."""
    value = stated_for(inputs.security.used, inputs.application)
    proven = {
        "valuation": _whole(value),
        "valued_on": inputs.application.applied_on,
        "valuation_source": ValuationSource.SURVEY,
        "report_verified": True,
    }
    return [_change(inputs, "valuation", money_in_both(value, inputs.loan.currency), of_property=proven)]


# What could be better about each reason, the smallest change first.
_STEPS: Mapping[str, Callable[[Inputs], list[_Change]]] = {
    "leverage": _smaller_amounts,
    "prior_debt": lambda inputs: [_change(inputs, "prior_debt", "", prior_debt="0", charge_rank=1)],
    "valuation": _surveyed,
    "term": _shorter_terms,
    "exit": lambda inputs: [_change(inputs, "exit", "", exit_strategy=ExitStrategy.SALE)],
    "interest": lambda inputs: [_change(inputs, "interest", "", interest_mode=LoanInterestMode.SERVICED)],
    "works": lambda inputs: [_change(inputs, "works", "", of_property={"renovation_cost": "0", "gdv": None})],
    "income": lambda inputs: _more_of(inputs, "income"),
    "assets": lambda inputs: _more_of(inputs, "assets"),
    "debts": _fewer_debts,
    "costs": _lower_costs,
    "years_trading": _more_years,
    "premises": lambda inputs: [_change(inputs, "premises", "", of_borrower={"premises": Premises.OWNED})],
    "adverse_records": _fewer_records,
    "facts_missing": lambda inputs: _stated(inputs, _EXPECTED_FACTS),
}
