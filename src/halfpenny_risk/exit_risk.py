"""Will the exit pay the loan back? The structural model of docs/algorithms/exit-risk.md.

The property's price at the exit is log-normal: the uncertainty of its valuation and the drift and the
volatility of the market's index. The loan falls short when the net price does not reach the redemption
figure. What is lost in a default is a downturn's loss: of exits in the worst part of their prices, after
enforcement. Which exits those are depends on no term of the loan, so that every figure moves one way with
each of its terms. All functions take arrays, one element a loan, so that one loan, the stress grid and a
whole portfolio are the same code.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from halfpenny_risk.normal import Floats, cdf, quantile
from halfpenny_risk.policy import ExitPolicy

MONTHS_A_YEAR = 12.0
# How many prices of the downturn the loss is averaged over.
DOWNTURN_NODES = 8


@dataclass(frozen=True)
class ExitTerms:
    """What the structural model needs to know of loans: arrays of one length.

    ``value``: the property in today's prices; ``value_sd``: its uncertainty in logs. ``amount``, ``prior_debt``,
    ``works_overrun`` (what works cost above their plan) and ``value`` are in one currency. ``rolled_up`` and
    ``refinance`` are 0 or 1 (``refinance`` may be NaN for another exit). ``volatility`` is the index's, a year.
    ``reference_percent`` is the reference rate of the loan's currency, which the policy's margins stand on.
    ``late_months`` is the delay by works, ``rank_months`` what an enforcement takes longer behind other charges.
    """

    amount: Floats
    prior_debt: Floats
    value: Floats
    value_sd: Floats
    volatility: Floats
    term_months: Floats
    rolled_up: Floats
    refinance: Floats
    works_overrun: Floats
    late_months: Floats
    rank_months: Floats
    reference_percent: Floats

    def shifted(self, price_change: Floats | float, extra_months: Floats | float) -> ExitTerms:
        """The same loans with every price moved by a fraction and the exit that much later."""
        return replace(
            self,
            value=self.value * (1.0 + np.asarray(price_change)),
            term_months=self.term_months + np.asarray(extra_months),
        )


@dataclass(frozen=True)
class ExitRisk:
    """``shortfall``: the probability that the exit does not redeem the loan. ``lgd``: the expected loss given a
    default in a downturn, as a fraction of the amount lent, at most one and floored; ``lgd_without_floor`` is the
    model's own figure. Interest that is lost counts, so that a later recovery is never a smaller loss.
    """

    shortfall: Floats
    lgd: Floats
    lgd_without_floor: Floats


def redemption(terms: ExitTerms, policy: ExitPolicy, delay_months: Floats | float, rate_shift: float = 0.0) -> Floats:
    """What redeems the loan when the exit comes ``delay_months`` after the term.

    Rolled-up interest is owed on top of the principal, simple, for the whole term; retained and serviced interest has
    been paid. After the term the default rate runs on the principal in every mode.
    """
    rate = (terms.reference_percent + policy.interest_margin + rate_shift) / 100.0
    default_rate = (terms.reference_percent + policy.default_margin + rate_shift) / 100.0
    rolled = terms.rolled_up * rate * terms.term_months / MONTHS_A_YEAR
    return terms.amount * (1.0 + rolled + default_rate * delay_months / MONTHS_A_YEAR)


def prior_claim(terms: ExitTerms, policy: ExitPolicy, months: Floats, rate_shift: float = 0.0) -> Floats:
    """What is paid before ours: the debt that ranks before it, with its own interest until then, and the works'
    overrun."""
    rate = (terms.reference_percent + policy.prior_debt_margin + rate_shift) / 100.0
    return terms.prior_debt * (1.0 + rate * months / MONTHS_A_YEAR) + terms.works_overrun


def price_needed(terms: ExitTerms, policy: ExitPolicy, delay_months: Floats | float, rate_shift: float = 0.0) -> Floats:
    """The price below which the exit falls short: K in the documentation.

    A sale must pay its costs and all debts; a refinancing lender lends only a part of the value, so that its
    cap decides. Another exit is held to the dearer of the two.
    """
    months = terms.term_months + delay_months
    owed = redemption(terms, policy, delay_months, rate_shift) + prior_claim(terms, policy, months, rate_shift)
    by_sale, by_refinance = owed / (1.0 - policy.sale_cost), owed / policy.refinance_ltv
    other = np.maximum(by_sale, by_refinance)
    known = np.where(terms.refinance > 0.5, by_refinance, by_sale)
    return np.where(np.isnan(terms.refinance), other, known)


def exit_risk(terms: ExitTerms, policy: ExitPolicy, rate_shift: float = 0.0, *, with_loss: bool = True) -> ExitRisk:
    """Shortfall probability and loss given default of each loan.

    With ``with_loss=False`` the loss is left at the floor, which halves the work.
    """
    # Every loan with every delay at once: one pass over longer arrays costs less than many over short ones.
    count, delays = len(terms.amount), len(policy.delay_months)
    each = ExitTerms(**{name: np.tile(getattr(terms, name), delays) for name in terms.__dataclass_fields__})
    delay = np.repeat(np.asarray(policy.delay_months, dtype=np.float64), count) + each.late_months
    weight = np.concatenate([_delay_weight(terms.refinance, policy, column) for column in range(delays)])
    years = (each.term_months + delay) / MONTHS_A_YEAR
    spread = np.sqrt(each.value_sd**2 + each.volatility**2 * years)
    middle = np.log(each.value) + policy.drift_percent / 100.0 * years
    needed = np.log(price_needed(each, policy, delay, rate_shift))
    short = _shortfall(needed - middle, spread, policy.least_sd)
    shortfall = np.clip((weight * short).reshape(delays, count).sum(axis=0), 0.0, 1.0)
    loss = np.zeros_like(terms.amount)
    if with_loss:
        lost = _downturn_loss(each, policy, delay, rate_shift, middle - 0.5 * spread**2, spread)
        loss = np.clip((weight * lost).reshape(delays, count).sum(axis=0), 0.0, 1.0)
    return ExitRisk(shortfall, np.maximum(policy.lgd_floor, loss), loss)


def _shortfall(gap: Floats, spread: Floats, least: float) -> Floats:
    """P(log price < middle + gap), the price's mean being kept: the larger of that at its own spread and at the least.

    A loan that needs more than the property is worth is helped by uncertainty, in the formula; here it is not: the
    probability never falls as the value becomes less certain.
    """
    own = cdf(gap / spread + 0.5 * spread)
    surest = cdf(gap / least + 0.5 * least)
    return np.maximum(own, surest)


def _delay_weight(refinance: Floats, policy: ExitPolicy, column: int) -> Floats:
    weights = policy.delay_weights
    known = np.where(refinance > 0.5, weights["refinance"][column], weights["sale"][column])
    return np.where(np.isnan(refinance), weights["unknown"][column], known)


@lru_cache(maxsize=16)
def _downturn(share: float) -> tuple[Floats, Floats]:
    """Standard normal values of the worst ``share`` and their weights, which add up to one (Gauss and Legendre)."""
    nodes, weights = np.polynomial.legendre.leggauss(DOWNTURN_NODES)
    return quantile(0.5 * share * (1.0 + nodes)), 0.5 * weights


def _downturn_loss(
    terms: ExitTerms, policy: ExitPolicy, delay: Floats, rate_shift: float, mean: Floats, spread: Floats
) -> Floats:
    """E[loss | the exit's price is among the worst], a fraction of the amount lent, above one with interest.

    The price moves on for the months of enforcement, is discounted for the forced sale, pays costs and what comes
    before us, and the rest pays us. That pay-off is a difference of two put options on a log-normal price (Black and
    Scholes, "The Pricing of Options and Corporate Liabilities", 1973, undiscounted). Each node has a positive weight
    and a loss that moves one way with every term, so the sum does.
    """
    months = policy.enforcement_months + terms.rank_months
    years = months / MONTHS_A_YEAR
    owed = redemption(terms, policy, delay + months, rate_shift)
    prior = prior_claim(terms, policy, terms.term_months + delay + months, rate_shift)
    kept = (1.0 - policy.forced_sale_discount) * (1.0 - policy.sale_cost - policy.enforcement_cost)
    moved = terms.volatility * np.sqrt(years)
    loss = np.zeros_like(owed)
    values, weights = _downturn(policy.downturn_share)
    for value, weight in zip(values, weights, strict=True):
        forward = np.exp(mean + value * spread + policy.drift_percent / 100.0 * years)
        whole = _put_option_value((owed + prior) / kept, forward, moved)
        before_us = np.where(prior > 0.0, _put_option_value(np.maximum(prior, 1e-9) / kept, forward, moved), 0.0)
        loss += weight * (whole - before_us) * kept / terms.amount
    return loss


def _put_option_value(strike: Floats, forward: Floats, spread: Floats) -> Floats:
    """E[max(0, strike - price)] of a log-normal price with that mean and that standard deviation in logs."""
    a = np.log(strike / forward) / spread + 0.5 * spread
    return strike * cdf(a) - forward * cdf(a - spread)
