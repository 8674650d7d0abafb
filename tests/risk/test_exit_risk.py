"""The structural exit model against a Monte-Carlo run of itself, and its limits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from halfpenny_risk.exit_risk import ExitTerms, exit_risk, prior_claim, redemption
from halfpenny_risk.normal import quantile
from halfpenny_risk.policy import load_policies

POLICY = load_policies().policies[0].exit
PATHS = 400_000


def terms(**changes: float) -> ExitTerms:
    """One loan of 65 % on a property worth 300,000, as arrays of one."""
    usual = {
        "amount": 195_000.0,
        "prior_debt": 0.0,
        "value": 300_000.0,
        "value_sd": 0.12,
        "volatility": 0.09,
        "term_months": 12.0,
        "rolled_up": 0.0,
        "refinance": 0.0,
        "works_overrun": 0.0,
        "late_months": 0.0,
        "rank_months": 0.0,
        "reference_percent": 3.75,
    }
    return ExitTerms(**{name: np.array([value]) for name, value in (usual | changes).items()})


@dataclass(frozen=True)
class Simulated:
    """What drawn prices give: how often the exit falls short, the loss in the worst exits, and the loss of all
    shortfalls spread over every path; the losses as fractions of the amount."""

    shortfall: float
    downturn_loss: float
    loss_of_shortfalls: float


def simulate(loan: ExitTerms, rate_shift: float, seed: int) -> Simulated:
    """The same model by drawing prices instead of integrating them."""
    random = np.random.default_rng(seed)
    one = {name: float(getattr(loan, name)[0]) for name in loan.__dataclass_fields__}
    kind = "unknown" if np.isnan(one["refinance"]) else ("refinance" if one["refinance"] else "sale")
    delay = random.choice(POLICY.delay_months, PATHS, p=POLICY.delay_weights[kind])
    years = (one["term_months"] + delay + one["late_months"]) / 12.0
    spread = np.sqrt(one["value_sd"] ** 2 + one["volatility"] ** 2 * years)
    drawn = random.standard_normal(PATHS)
    price = one["value"] * np.exp(-0.5 * spread**2 + spread * drawn)
    enforcement = POLICY.enforcement_months + one["rank_months"]
    owed, prior, owed_later, prior_later = (np.empty(PATHS) for _ in range(4))
    for months in POLICY.delay_months:
        here, late = delay == months, months + one["late_months"]
        owed[here] = redemption(loan, POLICY, late, rate_shift)
        prior[here] = prior_claim(loan, POLICY, loan.term_months + late, rate_shift)
        owed_later[here] = redemption(loan, POLICY, late + enforcement, rate_shift)
        prior_later[here] = prior_claim(loan, POLICY, loan.term_months + late + enforcement, rate_shift)
    by_sale = price * (1.0 - POLICY.sale_cost) < owed + prior
    by_refinance = price * POLICY.refinance_ltv < owed + prior
    short = {"sale": by_sale, "refinance": by_refinance, "unknown": by_sale | by_refinance}[kind]
    step = one["volatility"] * np.sqrt(enforcement / 12.0)
    forced = price * np.exp(-0.5 * step**2 + step * random.standard_normal(PATHS))
    net = forced * (1.0 - POLICY.forced_sale_discount) * (1.0 - POLICY.sale_cost - POLICY.enforcement_cost)
    loss = np.minimum((owed_later - np.clip(net - prior_later, 0.0, owed_later)) / one["amount"], 1.0)
    worst = drawn < quantile(np.array([POLICY.downturn_share]))[0]
    return Simulated(float(short.mean()), float(loss[worst].mean()), float((loss * short).mean()))


CASES: list[dict[str, float]] = [
    {},
    {"amount": 240_000.0},
    {"amount": 150_000.0, "refinance": 1.0},
    {"refinance": float("nan")},
    {"rolled_up": 1.0, "term_months": 24.0},
    {"amount": 120_000.0, "prior_debt": 90_000.0, "rank_months": 3.0},
    {"works_overrun": 20_000.0, "late_months": 5.0},
    {"value_sd": 0.3, "volatility": 0.02},
    {"value_sd": 0.05, "volatility": 0.25},
    {"rolled_up": 1.0, "reference_percent": 0.5, "prior_debt": 30_000.0},
]


@pytest.mark.parametrize("changes", CASES)
@pytest.mark.parametrize("rate_shift", [0.0, 2.0])
def test_it_reproduces_its_own_monte_carlo(changes: dict[str, float], rate_shift: float) -> None:
    loan = terms(**changes)
    exact, drawn = exit_risk(loan, POLICY, rate_shift), simulate(loan, rate_shift, seed=11)
    # Four standard errors of the draws; the loss is measured on the worst share of them.
    assert abs(exact.shortfall[0] - drawn.shortfall) < 4.0 * np.sqrt(0.25 / PATHS)
    worst = PATHS * POLICY.downturn_share
    assert abs(exact.lgd_without_floor[0] - drawn.downturn_loss) < 4.0 * 0.3 / np.sqrt(worst)


@pytest.mark.parametrize("changes", CASES)
def test_probability_times_loss_is_no_less_than_the_loss_of_all_shortfalls(changes: dict[str, float]) -> None:
    """A default is at least a shortfall of the exit, and its loss is a downturn's: the product understates nothing."""
    loan = terms(**changes)
    exact, drawn = exit_risk(loan, POLICY), simulate(loan, 0.0, seed=12)
    expected_loss = exact.shortfall[0] * exact.lgd[0]
    assert expected_loss > drawn.loss_of_shortfalls - max(0.1 * drawn.loss_of_shortfalls, 0.002)


def test_a_worse_loan_is_never_safer() -> None:
    steps = np.linspace(0.0, 1.0, 40)
    usual = terms(prior_debt=40_000.0)
    many = ExitTerms(**{name: np.repeat(getattr(usual, name), 40) for name in usual.__dataclass_fields__})

    def rising(values: np.ndarray) -> bool:
        return bool((np.diff(values) >= -1e-12).all())

    for name, values in {
        "amount": 10_000.0 + 400_000.0 * steps,
        "prior_debt": 300_000.0 * steps,
        "works_overrun": 150_000.0 * steps,
        "late_months": 12.0 * steps,
        "rank_months": 24.0 * steps,
        "term_months": 3.0 + 21.0 * steps,
        "reference_percent": 8.0 * steps,
        "value_sd": POLICY.least_sd + 0.6 * steps,
        "value": 600_000.0 * (1.01 - steps),
    }.items():
        risk = exit_risk(ExitTerms(**{**many.__dict__, name: values}), POLICY)
        assert rising(risk.shortfall), name
        assert rising(risk.lgd_without_floor), name


def test_uncertainty_never_helps_a_loan_above_the_value() -> None:
    sd = np.linspace(POLICY.least_sd, 0.8, 60)
    for amount in (285_000.0, 300_000.0, 330_000.0, 600_000.0):
        loans = terms(amount=amount)
        many = ExitTerms(**{name: np.repeat(getattr(loans, name), 60) for name in loans.__dataclass_fields__})
        risk = exit_risk(ExitTerms(**{**many.__dict__, "value_sd": sd}), POLICY)
        assert (np.diff(risk.shortfall) >= -1e-12).all()


def test_its_limits() -> None:
    nothing_lent = exit_risk(terms(amount=1.0), POLICY)
    assert nothing_lent.shortfall[0] < 1e-12
    assert nothing_lent.lgd[0] == POLICY.lgd_floor
    far_too_much = exit_risk(terms(amount=3_000_000.0), POLICY)
    assert far_too_much.shortfall[0] > 1.0 - 1e-12
    assert 0.9 < far_too_much.lgd[0] <= 1.0
    behind_a_large_debt = exit_risk(terms(prior_debt=3_000_000.0), POLICY)
    assert behind_a_large_debt.lgd[0] == pytest.approx(1.0, abs=1e-9)
