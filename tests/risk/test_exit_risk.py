"""The structural exit model against a Monte-Carlo run of itself, and its limits."""

from __future__ import annotations

import numpy as np
import pytest

from halfpenny_risk.exit_risk import ExitTerms, exit_risk, prior_claim, redemption
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
    }
    return ExitTerms(**{name: np.array([value]) for name, value in (usual | changes).items()})


def simulate(loan: ExitTerms, borrower_pd: float, rate_shift: float, seed: int) -> tuple[float, float]:
    """Shortfall probability and loss given default, by drawing prices instead of integrating them."""
    random = np.random.default_rng(seed)
    one = {name: float(getattr(loan, name)[0]) for name in loan.__dataclass_fields__}
    kind = "unknown" if np.isnan(one["refinance"]) else ("refinance" if one["refinance"] else "sale")
    delay = random.choice(POLICY.delay_months, PATHS, p=POLICY.delay_weights[kind])
    years = (one["term_months"] + delay) / 12.0
    spread = np.sqrt(one["value_sd"] ** 2 + one["volatility"] ** 2 * years)
    log_price = np.log(one["value"]) - 0.5 * spread**2 + spread * random.standard_normal(PATHS)
    owed, prior, owed_later, prior_later = (np.empty(PATHS) for _ in range(4))
    for months in POLICY.delay_months:
        here, later = delay == months, months + POLICY.enforcement_months
        owed[here] = redemption(loan, POLICY, months, rate_shift)
        prior[here] = prior_claim(loan, POLICY, loan.term_months + months, rate_shift)
        owed_later[here] = redemption(loan, POLICY, later, rate_shift)
        prior_later[here] = prior_claim(loan, POLICY, loan.term_months + later, rate_shift)
    price = np.exp(log_price)
    by_sale = price * (1.0 - POLICY.sale_cost) < owed + prior
    if kind == "sale":
        short = by_sale
    elif kind == "refinance":
        short = price * POLICY.refinance_ltv < owed + prior
    else:
        needed = 0.5 * (owed + prior) * (1.0 / (1.0 - POLICY.sale_cost) + 1.0 / POLICY.refinance_ltv)
        short = price < needed
    default = short | (random.random(PATHS) < borrower_pd)
    later = POLICY.enforcement_months / 12.0
    step = one["volatility"] * np.sqrt(later)
    forced = price * np.exp(-0.5 * step**2 + step * random.standard_normal(PATHS))
    net = forced * (1.0 - POLICY.forced_sale_discount) * (1.0 - POLICY.sale_cost - POLICY.enforcement_cost)
    recovered = np.clip(net - prior_later, 0.0, owed_later)
    loss = 1.0 - recovered / owed_later
    return float(short.mean()), float(loss[default].mean())


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"amount": 240_000.0},
        {"amount": 150_000.0, "refinance": 1.0},
        {"refinance": float("nan")},
        {"rolled_up": 1.0, "term_months": 24.0},
        {"amount": 120_000.0, "prior_debt": 90_000.0},
        {"value_sd": 0.3, "volatility": 0.02},
        {"value_sd": 0.05, "volatility": 0.25},
    ],
)
def test_it_reproduces_its_own_monte_carlo(changes: dict[str, float]) -> None:
    loan = terms(**changes)
    for borrower_pd, rate_shift in ((0.05, 0.0), (0.2, 2.0)):
        exact = exit_risk(loan, POLICY, np.array([borrower_pd]), rate_shift)
        shortfall, lgd = simulate(loan, borrower_pd, rate_shift, seed=11)
        # Four standard errors of 400,000 draws; the loss is measured on the defaults among them.
        assert abs(exact.shortfall[0] - shortfall) < 4.0 * np.sqrt(0.25 / PATHS)
        assert abs(exact.lgd_without_floor[0] - lgd) < 4.0 * 0.35 / np.sqrt(PATHS * 0.05)


def test_a_worse_loan_is_never_safer() -> None:
    steps = np.linspace(0.0, 1.0, 40)
    usual = terms()
    many = ExitTerms(**{name: np.repeat(getattr(usual, name), 40) for name in usual.__dataclass_fields__})

    def rising(values: np.ndarray) -> bool:
        return bool((np.diff(values) >= -1e-12).all())

    pd = np.full(40, 0.05)
    by_amount = ExitTerms(**{**many.__dict__, "amount": 100_000.0 + 200_000.0 * steps})
    by_prior = ExitTerms(**{**many.__dict__, "prior_debt": 150_000.0 * steps})
    for loans in (by_amount, by_prior):
        risk = exit_risk(loans, POLICY, pd)
        assert rising(risk.shortfall)
        assert rising(risk.shortfall * risk.lgd)
    assert rising(exit_risk(many.shifted(-0.5 * steps, 0.0), POLICY, pd).shortfall)
    late = exit_risk(many.shifted(0.0, 24.0 * steps), POLICY, pd)
    assert rising(late.shortfall)


def test_its_limits() -> None:
    nothing_lent = exit_risk(terms(amount=1.0), POLICY, np.array([0.05]))
    assert nothing_lent.shortfall[0] < 1e-12
    assert nothing_lent.lgd[0] == POLICY.lgd_floor
    far_too_much = exit_risk(terms(amount=3_000_000.0), POLICY, np.array([0.05]))
    assert far_too_much.shortfall[0] > 1.0 - 1e-12
    assert 0.9 < far_too_much.lgd[0] < 1.0
    behind_a_large_debt = exit_risk(terms(prior_debt=3_000_000.0), POLICY, np.array([0.05]))
    assert behind_a_large_debt.lgd[0] == pytest.approx(1.0, abs=1e-9)
