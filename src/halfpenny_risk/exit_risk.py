"""Will the exit pay the loan back? The structural model of docs/algorithms/exit-risk.md.

The property's price at the exit is log-normal: the uncertainty of its valuation and the drift and the
volatility of the market's index. The loan falls short when the net price does not reach the redemption
figure; what is lost follows from a forced sale after enforcement. All functions take arrays, one element a
loan, so that one loan, the stress grid and a whole book are the same code.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from halfpenny_risk.normal import Floats, bivariate_cdf, cdf
from halfpenny_risk.policy import ExitPolicy

MONTHS_A_YEAR = 12.0


@dataclass(frozen=True)
class ExitTerms:
    """What the structural model needs to know of loans: arrays of one length.

    ``value``: the property at the exit in today's prices; ``value_sd``: its uncertainty in logs. ``amount``,
    ``prior_debt`` and ``value`` are in one currency. ``rolled_up`` and ``refinance`` are 0 or 1
    (``refinance`` may be NaN for an unknown exit). ``volatility`` is the index's, a year.
    """

    amount: Floats
    prior_debt: Floats
    value: Floats
    value_sd: Floats
    volatility: Floats
    term_months: Floats
    rolled_up: Floats
    refinance: Floats

    def shifted(self, price_change: Floats | float, extra_months: Floats | float) -> ExitTerms:
        """The same loans with every price moved by a fraction and the exit that much later."""
        return replace(
            self,
            value=self.value * (1.0 + np.asarray(price_change)),
            term_months=self.term_months + np.asarray(extra_months),
        )


@dataclass(frozen=True)
class ExitRisk:
    """``shortfall``: the probability that the exit does not redeem the loan. ``lgd``: expected loss given
    default as a fraction of what is owed then, floored; ``lgd_without_floor`` is the model's own figure.
    """

    shortfall: Floats
    lgd: Floats
    lgd_without_floor: Floats


def redemption(terms: ExitTerms, policy: ExitPolicy, delay_months: Floats | float, rate_shift: float = 0.0) -> Floats:
    """What redeems the loan when the exit comes ``delay_months`` after the term.

    Rolled-up interest is owed on top of the principal, simple, for the whole term; retained and serviced interest has
    been paid. After the term the default rate runs on the principal in every mode.
    """
    rate = (policy.reference_rate_percent + rate_shift) / 100.0
    default_rate = (policy.default_rate_percent + rate_shift) / 100.0
    rolled = terms.rolled_up * rate * terms.term_months / MONTHS_A_YEAR
    return terms.amount * (1.0 + rolled + default_rate * delay_months / MONTHS_A_YEAR)


def prior_claim(terms: ExitTerms, policy: ExitPolicy, months: Floats, rate_shift: float = 0.0) -> Floats:
    """The debt that ranks before ours, with its own interest until then."""
    rate = (policy.prior_debt_rate_percent + rate_shift) / 100.0
    return terms.prior_debt * (1.0 + rate * months / MONTHS_A_YEAR)


def price_needed(terms: ExitTerms, policy: ExitPolicy, delay_months: Floats | float, rate_shift: float = 0.0) -> Floats:
    """The price below which the exit falls short: K in the documentation.

    A sale must pay its costs and both debts; a refinancing lender lends only a part of the value, so that its
    cap decides.
    An unknown exit is held to the average of the two.
    """
    months = terms.term_months + delay_months
    owed = redemption(terms, policy, delay_months, rate_shift) + prior_claim(terms, policy, months, rate_shift)
    by_sale = owed / (1.0 - policy.sale_cost)
    by_refinance = owed / policy.refinance_ltv
    share = np.where(np.isnan(terms.refinance), 0.5, terms.refinance)
    return by_sale + share * (by_refinance - by_sale)


def exit_risk(
    terms: ExitTerms, policy: ExitPolicy, borrower_pd: Floats, rate_shift: float = 0.0, *, with_loss: bool = True
) -> ExitRisk:
    """Shortfall probability and loss given default of each loan.

    Default is a shortfall of the exit or, independently, a failure of the borrower with probability
    ``borrower_pd``. With ``with_loss=False`` the loss is left at the floor, which halves the work.
    """
    # Every loan with every delay at once: one pass over longer arrays costs less than many over short ones.
    count, delays = len(terms.amount), len(policy.delay_months)
    each = ExitTerms(**{name: np.tile(getattr(terms, name), delays) for name in terms.__dataclass_fields__})
    delay = np.repeat(np.asarray(policy.delay_months, dtype=np.float64), count)
    weight = np.concatenate([_delay_weight(terms.refinance, policy, column) for column in range(delays)])
    years = (each.term_months + delay) / MONTHS_A_YEAR
    spread = np.sqrt(each.value_sd**2 + each.volatility**2 * years)
    mean = np.log(each.value) + policy.drift_percent / 100.0 * years - 0.5 * spread**2
    needed = np.log(price_needed(each, policy, delay, rate_shift))
    shortfall = (weight * cdf((needed - mean) / spread)).reshape(delays, count).sum(axis=0)
    loss = np.zeros_like(terms.amount)
    if with_loss:
        borrower = np.tile(borrower_pd, delays)
        lost = _expected_loss(each, policy, delay, rate_shift, mean, spread, needed, borrower)
        loss = (weight * lost).reshape(delays, count).sum(axis=0)
    default = borrower_pd + (1.0 - borrower_pd) * shortfall
    own = np.clip(loss / np.maximum(default, 1e-12), 0.0, 1.0)
    return ExitRisk(np.clip(shortfall, 0.0, 1.0), np.maximum(policy.lgd_floor, own), own)


def _delay_weight(refinance: Floats, policy: ExitPolicy, column: int) -> Floats:
    weights = policy.delay_weights
    known = np.where(refinance > 0.5, weights["refinance"][column], weights["sale"][column])
    return np.where(np.isnan(refinance), weights["unknown"][column], known)


def _expected_loss(
    terms: ExitTerms,
    policy: ExitPolicy,
    delay: Floats,
    rate_shift: float,
    mean: Floats,
    spread: Floats,
    needed: Floats,
    borrower_pd: Floats,
) -> Floats:
    """E[loss x default], the loss being a fraction of what is owed after enforcement from the price at the exit.

    Default is certain below the price needed and has the borrower's probability above it. The price moves on
    for the months of enforcement, is discounted for the forced sale, pays costs and the prior debt, and the
    rest pays us. That pay-off is a difference of two put options on a log-normal price (Black and Scholes, "The
    Pricing of Options and Corporate Liabilities", 1973, undiscounted), each also cut off at the price needed.
    """
    years = policy.enforcement_months / MONTHS_A_YEAR
    owed = redemption(terms, policy, delay + policy.enforcement_months, rate_shift)
    prior = prior_claim(terms, policy, terms.term_months + delay + policy.enforcement_months, rate_shift)
    kept = (1.0 - policy.forced_sale_discount) * (1.0 - policy.sale_cost - policy.enforcement_cost)
    more = terms.volatility**2 * years
    sale = _Prices(mean, spread, mean + policy.drift_percent / 100.0 * years - 0.5 * more, np.sqrt(spread**2 + more))
    loss = np.zeros_like(owed)
    # The first debt behind the price is ours and what ranks before it; the part below the prior debt is not our loss.
    for strike, sign in (((owed + prior) / kept, 1.0), (prior / kept, -1.0)):
        some = strike > 0.0
        if some.any():
            everywhere, below = sale.puts(np.log(np.where(some, strike, 1.0)), needed)
            put = borrower_pd * everywhere + (1.0 - borrower_pd) * below
            loss += np.where(some, sign * put * kept / owed, 0.0)
    return np.maximum(loss, 0.0)


@dataclass(frozen=True)
class _Prices:
    """The log price at the exit (mean and standard deviation) and at the forced sale after it."""

    exit_mean: Floats
    exit_spread: Floats
    sale_mean: Floats
    sale_spread: Floats

    def puts(self, log_strike: Floats, log_needed: Floats) -> tuple[Floats, Floats]:
        """E[max(0, strike - V)] for the price V at the forced sale: over all exits, and over those that
        fall below the price needed.
        """
        a = (log_strike - self.sale_mean) / self.sale_spread
        b = (log_needed - self.exit_mean) / self.exit_spread
        # Weighting by V itself shifts both means by their covariance with log V.
        a_weighted = a - self.sale_spread
        b_weighted = b - self.exit_spread
        correlation = self.exit_spread / self.sale_spread
        strike = np.exp(log_strike)
        forward = np.exp(self.sale_mean + 0.5 * self.sale_spread**2)
        everywhere = strike * cdf(a) - forward * cdf(a_weighted)
        below = strike * bivariate_cdf(a, b, correlation) - forward * bivariate_cdf(a_weighted, b_weighted, correlation)
        return everywhere, below
