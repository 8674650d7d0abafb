"""The facts that prose may be about, and the template that puts them into words without any language model.

Only figures and drivers of the answer are facts. No free text of the application (description, address, company,
purpose) is among them, so nothing that an applicant writes reaches a language model; nor is anything that was scored
about the borrower's own affairs, since investors read the prose too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from halfpenny_messages import ExitStrategy, LoanAssessed, LoanSubmitted, LocalisedText
from halfpenny_risk.narrative.plain import PLAIN
from halfpenny_risk.principal import GROUPS

AI_LABEL = LocalisedText(
    "Written by AI from the figures on this page; it decides nothing.",
    "Napisane przez AI na podstawie danych z tej strony; o niczym nie decyduje.",
)
TEMPLATE_LABEL = LocalisedText("Compiled automatically from the figures.", "Zestawione automatycznie z danych.")
# What a reader must find whatever a language model chose to speak of: left out, it is added in the template's words.
OBLIGATORY = ("loan_to_value", "probability_of_default", "loss_given_default", "expected_loss", "rate")
_TEMPLATE_FACTS = ("amount", "term", *OBLIGATORY)
# A driver that moves the log-odds by less is not worth a sentence.
LEAST_CONTRIBUTION = 0.02
DRIVERS = frozenset(
    {"exit_leverage", "exit_prior_debt", "exit_uncertainty", "exit_term", "exit_strategy", "exit_interest"}
)
_EXITS = {
    ExitStrategy.SALE: LocalisedText("sale", "sprzedaż"),
    ExitStrategy.REFINANCE: LocalisedText("refinancing", "refinansowanie"),
}


@dataclass(frozen=True)
class Fact:
    """One fact by its id: the figure for each of its placeholders, as readers of each language see it."""

    id: str
    figures: Mapping[str, LocalisedText] = field(default_factory=dict)


@dataclass(frozen=True)
class Facts:
    """Everything that prose about one answer may state; ``grade`` is put in by us and never by a language model."""

    grade: str
    facts: tuple[Fact, ...]

    @property
    def digest(self) -> str:
        """The hash of the facts: the same facts need prose only once."""
        return hashlib.sha256(msgspec.json.encode(self.facts, order="sorted")).hexdigest()

    def by_id(self) -> dict[str, Fact]:
        return {fact.id: fact for fact in self.facts}

    @property
    def obligatory(self) -> tuple[str, ...]:
        """The ids of what no prose may leave out, the strongest driver against the loan among them."""
        against = [fact.id for fact in self.facts if fact.id.startswith("against:")]
        return (*OBLIGATORY, *against[:1])


def facts_of(loan: LoanSubmitted, assessed: LoanAssessed) -> Facts:
    """The facts of one answer; drivers come last, the strongest first."""
    value, currency = assessed.valuation, loan.currency

    def one(name: str, figure: LocalisedText) -> Fact:
        return Fact(name, {name: figure})

    facts = [
        one("amount", _money(loan.amount, currency)),
        one("term", LocalisedText(_months(loan.term_months), f"{loan.term_months} mies.")),
        one("loan_to_value", _percent(assessed.ltv)),
        one("loan_to_value_at_low", _percent(assessed.ltv_at_low)),
        one("value_used", _money(value.used, currency)),
        Fact("value_range", {"value_low": _money(value.low, currency), "value_high": _money(value.high, currency)}),
        one("probability_of_default", _percent(assessed.probability_of_default)),
        one("loss_given_default", _percent(assessed.loss_given_default)),
        one("expected_loss", _percent(assessed.expected_loss)),
        one("rate", _in_both(f"{float(assessed.suggested_rate_percent):.2f}%")),
    ]
    if value.comparables:
        facts.append(one("comparables", _in_both(str(len(value.comparables)))))
    if loan.exit_strategy in _EXITS:
        facts.append(one("exit_strategy", _EXITS[loan.exit_strategy]))
    return Facts(assessed.grade, (*facts, *_drivers(assessed)))


def template(facts: Facts) -> LocalisedText:
    """The grade and the figures in plain sentences, in both languages."""
    sentences = [LocalisedText(f"The grade is {facts.grade}.", f"Klasa: {facts.grade}.")]
    by_id = facts.by_id()
    sentences += [plainly(by_id[name]) for name in _TEMPLATE_FACTS if name in by_id]
    return joined(sentences)


def plainly(fact: Fact) -> LocalisedText:
    """The fact in the template's words."""
    return with_figures(PLAIN[fact.id], fact)


def with_figures(sentence: LocalisedText, fact: Fact) -> LocalisedText:
    """The sentence with the fact's figures in the place of its placeholders."""
    en, pl = sentence.en, sentence.pl
    for name, figure in fact.figures.items():
        en, pl = en.replace(f"{{{name}}}", figure.en), pl.replace(f"{{{name}}}", figure.pl)
    # A figure that ends in a point ends its sentence with it.
    return LocalisedText(en.replace("..", "."), pl.replace("..", "."))


def joined(sentences: list[LocalisedText]) -> LocalisedText:
    return LocalisedText(
        " ".join(sentence.en for sentence in sentences), " ".join(sentence.pl for sentence in sentences)
    )


def _drivers(assessed: LoanAssessed) -> list[Fact]:
    """The exit's drivers; one speaks for the loan only where the answer's own list of what speaks for it says so."""
    favour = {code for reason in assessed.principal_for for code in GROUPS.get(reason.code, ())}
    drivers = [
        (abs(float(reason.contribution)), f"{'against' if float(reason.contribution) > 0.0 else 'for'}:{reason.code}")
        for reason in assessed.reasons
        if reason.code in DRIVERS and "investor" in reason.audience
        if float(reason.contribution) > 0.0 or reason.code in favour
    ]
    return [Fact(name) for size, name in sorted(drivers, key=lambda driver: -driver[0]) if size >= LEAST_CONTRIBUTION]


def _months(months: int) -> str:
    return f"{months} month" if months == 1 else f"{months} months"


def _percent(fraction: str) -> LocalisedText:
    return _in_both(f"{100.0 * float(fraction):.1f}%")


def _money(amount: str, currency: str) -> LocalisedText:
    english = f"{round(float(amount)):,}"
    # A no-break space keeps a Polish number on one line.
    polish = english.replace(",", "\u00a0")
    return LocalisedText(f"{english} {currency}", f"{polish} {currency}")


def _in_both(figure: str) -> LocalisedText:
    return LocalisedText(figure, figure.replace(".", ","))
