"""The method as it is published: taken from the policy, the models and their evaluation, and from nothing else."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import msgspec

from halfpenny_messages import (
    LoanSubmitted,
    MethodFactor,
    MethodFigure,
    MethodGrade,
    MethodLimit,
    MethodPublished,
    MethodRate,
    MethodSource,
    ValuationSource,
)
from halfpenny_risk import explain
from halfpenny_risk.artefacts import EVALUATION
from halfpenny_risk.assess import REFER_FLAGS, ModelSet, decimal_text, recommend, score_application
from halfpenny_risk.ordinary import ordinary_applications
from halfpenny_risk.policy import Policy, PolicyVersions
from halfpenny_risk.principal import GROUPS

# Weights are measured on so many applications that spread over what the policy lends on, the same every time.
SAMPLE, SEED = 300, 358
# Of each evaluation, what a reader can weigh; the cards have the rest.
_FIGURES_A_MODEL = 8


def published_method(models: ModelSet, policies: PolicyVersions, folder: Path, today: date) -> MethodPublished:
    """The method in force on ``today``; ``folder`` holds the models' evaluation."""
    policy = policies.on(today)
    limits = [0.0, policy.grades.A, policy.grades.B, policy.grades.C, policy.grades.D, 1.0]
    return MethodPublished(
        policy_version=policy.version,
        model_version=models.version,
        effective_from=policy.effective_from,
        central_tendency=decimal_text(policy.central_tendency, 4),
        borrower_weight=decimal_text(policy.borrower_weight, 4),
        exit_weight=decimal_text(policy.exit_weight, 4),
        factors=factor_weights(models, policies, today),
        grades=tuple(
            MethodGrade(
                grade=grade,  # type: ignore[arg-type]
                probability_from=decimal_text(limits[place], 4),
                probability_to=decimal_text(limits[place + 1], 4),
                answer=recommend(grade, ()),
            )
            for place, grade in enumerate("ABCDE")
        ),
        limits=tuple(
            MethodLimit(code=code, refer=decimal_text(limit.refer, 4), decline=decimal_text(limit.decline, 4))
            for code, limit in policy.limits.items()
        ),
        referred=tuple(sorted(REFER_FLAGS)),
        figures=tuple(_figures(folder)),
        sources=tuple(
            MethodSource(
                name=anchor.name,
                figure=anchor.figure,
                source=anchor.source,
                read_on=anchor.read_on,
                reading=anchor.reading,
            )
            for anchor in policy.anchors
        ),
        reference_rates=_rates(policy),
    )


def factor_weights(models: ModelSet, policies: PolicyVersions, today: date) -> tuple[MethodFactor, ...]:
    """Each factor's part of all movement of the score over the sample: mean distance from its own average.

    The contributions are those that explain every single answer, so the weights are of the models that answer.
    """
    added: dict[str, list[float]] = {code: [] for code in (*GROUPS, "borrower_other")}
    group_of = {code: group for group, codes in GROUPS.items() for code in codes}
    for loan in sample_applications(policies.on(today), today):
        scored = score_application(loan, models, policies)
        _, found = explain.reasons(
            models.borrower, scored.application, scored.security, scored.columns, scored.scores, scored.policy
        )
        sums = dict.fromkeys(added, 0.0)
        for reason in found:
            sums[group_of.get(reason.code, "borrower_other")] += float(reason.contribution)
        for code, amount in sums.items():
            added[code].append(amount)
    moved = {code: _mean_distance(amounts) for code, amounts in added.items()}
    whole = math.fsum(moved.values())
    ranked = sorted(moved.items(), key=lambda pair: (-pair[1], pair[0]))
    return tuple(MethodFactor(code=code, weight=decimal_text(amount / whole, 4)) for code, amount in ranked if amount)


def _mean_distance(amounts: list[float]) -> float:
    mean = math.fsum(amounts) / len(amounts)
    return math.fsum(abs(amount - mean) for amount in amounts) / len(amounts)


def sample_applications(policy: Policy, today: date) -> Iterator[LoanSubmitted]:
    """Ordinary applications with what makes them unlike: loan-to-value, rank, works, term, records, valuation."""
    dice = random.Random(SEED)  # noqa: S311 - the same applications every time, nothing to be guessed
    replace = msgspec.structs.replace
    for loan in ordinary_applications(policy, today, SAMPLE, SEED):
        value = float(loan.property.valuation)
        second, works = dice.random() < 0.15, dice.random() < 0.25
        share = dice.uniform(0.35, 0.80) - (0.10 if second else 0.0)
        asset = replace(
            loan.property,
            valued_on=today - timedelta(days=dice.randint(0, 300)),
            valuation_source=dice.choice((ValuationSource.SURVEY, ValuationSource.SURVEY, ValuationSource.DESKTOP)),
            renovation_cost=f"{dice.uniform(0.02, 0.4) * value:.2f}" if works else "0",
            gdv=f"{dice.uniform(1.1, 1.6) * value:.2f}" if works else None,
        )
        yield replace(
            loan,
            property=asset,
            borrower=replace(loan.borrower, adverse_records=dice.choice((0, 0, 0, 0, 1, 2, None))),
            charge_rank=2 if second else 1,
            prior_debt=f"{0.10 * value:.2f}" if second else "0",
            amount=f"{share * value:.2f}",
            term_months=dice.randint(3, 24),
        )


def _figures(folder: Path) -> Iterator[MethodFigure]:
    path = folder / EVALUATION
    evaluation = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    for model in ("borrower", "seattle", "lucas"):
        for line in evaluation.get(model, {}).get("lines", ())[:_FIGURES_A_MODEL]:
            value, low, high = (decimal_text(line[part], 4) for part in ("value", "low", "high"))
            yield MethodFigure(model=model, measure=line["measure"], value=value, low=low, high=high)


def _rates(policy: Policy) -> tuple[MethodRate, ...]:
    return tuple(
        MethodRate(currency=currency, name=rate.name, rate_percent=decimal_text(rate.percent, 4), as_of=rate.as_of)
        for currency, rate in sorted(policy.reference_rates.items())
    )
