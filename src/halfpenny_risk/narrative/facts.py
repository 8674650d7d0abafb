"""The facts that prose may use, and the template that says them without any language model.

Only figures of the answer are facts. No free text of the application (description, address, company, purpose) is among
them, so nothing that an applicant writes reaches a language model.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass

import msgspec

from halfpenny_messages import LoanAssessed, LoanSubmitted, LocalisedText

AI_LABEL = LocalisedText(
    "Written by AI from the figures on this page; it decides nothing.",
    "Napisane przez AI na podstawie danych z tej strony; o niczym nie decyduje.",
)
TEMPLATE_LABEL = LocalisedText("Compiled automatically from the figures.", "Zestawione automatycznie z danych.")


@dataclass(frozen=True)
class Facts:
    """Figures as a reader sees them: ``*_percent`` without the sign, amounts in whole units of ``currency``."""

    grade: str
    amount: str
    currency: str
    term_months: str
    ltv_percent: str
    ltv_at_low_percent: str
    probability_of_default_percent: str
    loss_given_default_percent: str
    expected_loss_percent: str
    rate_percent: str
    value_used: str
    value_low: str
    value_high: str
    comparables: str

    @property
    def digest(self) -> str:
        """The hash of the facts: the same facts need prose only once."""
        return hashlib.sha256(msgspec.json.encode(asdict(self), order="sorted")).hexdigest()

    def figures(self) -> tuple[frozenset[str], frozenset[str]]:
        """The figures that prose may use: those said with a percent sign, and the others; plain, with a point."""
        percents: set[str] = set()
        plain: set[str] = set()
        for name, value in asdict(self).items():
            if name in ("grade", "currency"):
                continue
            if name == "comparables" and value == "0":
                # Nothing to tell; a bare nought would fit too many other claims.
                continue
            (percents if name.endswith("_percent") else plain).add(canonical(value))
        # The interval of the valuation is a 90 % one, and may be called so.
        percents.add("90")
        return frozenset(percents), frozenset(plain)


def canonical(figure: str) -> str:
    """A decimal without the zeros that say nothing: ``8.40`` and ``8.4`` are one figure."""
    whole, point, decimals = figure.partition(".")
    decimals = decimals.rstrip("0") if point else ""
    return f"{whole.lstrip('0') or '0'}.{decimals}" if decimals else whole.lstrip("0") or "0"


def facts_of(loan: LoanSubmitted, assessed: LoanAssessed) -> Facts:
    """The facts of one answer."""

    def percent(fraction: str) -> str:
        return f"{100.0 * float(fraction):.1f}"

    def whole(amount: str) -> str:
        return f"{round(float(amount))}"

    value = assessed.valuation
    return Facts(
        grade=assessed.grade,
        amount=whole(loan.amount),
        currency=loan.currency,
        term_months=str(loan.term_months),
        ltv_percent=percent(assessed.ltv),
        ltv_at_low_percent=percent(assessed.ltv_at_low),
        probability_of_default_percent=percent(assessed.probability_of_default),
        loss_given_default_percent=percent(assessed.loss_given_default),
        expected_loss_percent=percent(assessed.expected_loss),
        rate_percent=f"{float(assessed.suggested_rate_percent):.2f}",
        value_used=whole(value.used),
        value_low=whole(value.low),
        value_high=whole(value.high),
        comparables=str(len(value.comparables)),
    )


def template(facts: Facts) -> LocalisedText:
    """The facts in four plain sentences, in both languages."""
    en = (
        f"A loan of {_grouped(facts.amount, ',')} {facts.currency} for {facts.term_months} months, "
        f"grade {facts.grade}. It is {facts.ltv_percent}% of the value that the risk assessment uses, "
        f"{_grouped(facts.value_used, ',')} {facts.currency}. "
        f"The chance of default is estimated at {facts.probability_of_default_percent}% and the loss in that case at "
        f"{facts.loss_given_default_percent}%, which makes an expected loss of {facts.expected_loss_percent}%. "
        f"The suggested rate is {facts.rate_percent}% a year."
    )
    pl = (
        f"Pożyczka {_grouped(facts.amount, ' ')} {facts.currency} na {facts.term_months} mies., ocena {facts.grade}. "
        f"Stanowi {_comma(facts.ltv_percent)}% wartości przyjętej w ocenie ryzyka: "
        f"{_grouped(facts.value_used, ' ')} {facts.currency}. "
        f"Prawdopodobieństwo niespłacenia oszacowano na {_comma(facts.probability_of_default_percent)}%, "
        f"a stratę w takim wypadku na {_comma(facts.loss_given_default_percent)}%, co daje oczekiwaną stratę "
        f"{_comma(facts.expected_loss_percent)}%. Sugerowana stopa to {_comma(facts.rate_percent)}% rocznie."
    )
    return LocalisedText(en, pl)


def _comma(figure: str) -> str:
    return figure.replace(".", ",")


def _grouped(whole: str, separator: str) -> str:
    # A no-break space keeps a Polish number on one line.
    return f"{int(whole):,}".replace(",", "\u00a0" if separator == " " else separator)
