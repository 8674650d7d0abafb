"""Why an application was approved or declined: a closed list of codes, each in words of both languages.

A text stands beside a code and never for it: what a letter, a statistic or a review goes by is the code. The official
comment on 12 CFR 1002.9(b)(2) asks for the specific principal reasons; the codes that decline are those subjects.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from halfpenny_messages import LocalisedText


class DecisionReason(StrEnum):
    """The reason of a decision. Those that name a subject of the assessment have the code of its principal reason."""

    WITHIN_POLICY = "within_policy"
    COMPENSATING_FACTS = "compensating_facts"
    LEVERAGE = "leverage"
    PRIOR_DEBT = "prior_debt"
    VALUATION = "valuation"
    TERM = "term"
    EXIT = "exit"
    INTEREST = "interest"
    WORKS = "works"
    INCOME = "income"
    ASSETS = "assets"
    DEBTS = "debts"
    ADVERSE_RECORDS = "adverse_records"
    FACTS_MISSING = "facts_missing"
    IDENTITY_NOT_VERIFIED = "identity_not_verified"
    OUTSIDE_LENDING_POLICY = "outside_lending_policy"


APPROVING = frozenset({DecisionReason.WITHIN_POLICY, DecisionReason.COMPENSATING_FACTS})

REASON_TEXTS: Mapping[DecisionReason, LocalisedText] = {
    DecisionReason.WITHIN_POLICY: LocalisedText(
        "The loan is within the lending policy.", "Pożyczka mieści się w polityce kredytowej."
    ),
    DecisionReason.COMPENSATING_FACTS: LocalisedText(
        "Facts outside of the assessment outweigh what it says against the loan.",
        "Okoliczności spoza oceny przeważają nad tym, co przemawia przeciw pożyczce.",
    ),
    DecisionReason.LEVERAGE: LocalisedText(
        "The loan is too large for the value of the property.", "Pożyczka jest za duża wobec wartości nieruchomości."
    ),
    DecisionReason.PRIOR_DEBT: LocalisedText(
        "Too much debt ranks before the loan.", "Zbyt duży dług ma pierwszeństwo przed pożyczką."
    ),
    DecisionReason.VALUATION: LocalisedText(
        "The value of the property is not proven well enough.", "Wartość nieruchomości nie jest wystarczająco wykazana."
    ),
    DecisionReason.TERM: LocalisedText("The term is too long.", "Okres pożyczki jest za długi."),
    DecisionReason.EXIT: LocalisedText(
        "The exit strategy is not credible within the term.", "Plan spłaty nie jest wiarygodny w okresie pożyczki."
    ),
    DecisionReason.INTEREST: LocalisedText(
        "Interest that is added to the debt makes it too large.", "Doliczane odsetki nadmiernie zwiększają dług."
    ),
    DecisionReason.WORKS: LocalisedText(
        "The works are too large or too uncertain.", "Zakres prac jest za duży lub zbyt niepewny."
    ),
    DecisionReason.INCOME: LocalisedText(
        "The income is too small for the loan.", "Dochód jest za niski wobec pożyczki."
    ),
    DecisionReason.ASSETS: LocalisedText(
        "The assets are too small for the loan.", "Majątek jest za mały wobec pożyczki."
    ),
    DecisionReason.DEBTS: LocalisedText(
        "The debts leave no room for the loan.", "Zadłużenie nie zostawia miejsca na pożyczkę."
    ),
    DecisionReason.ADVERSE_RECORDS: LocalisedText(
        "There are adverse credit records.", "Istnieją negatywne wpisy kredytowe."
    ),
    DecisionReason.FACTS_MISSING: LocalisedText(
        "Facts that were asked for are missing.", "Brakuje danych, o które poproszono."
    ),
    DecisionReason.IDENTITY_NOT_VERIFIED: LocalisedText(
        "The business or the people behind it could not be verified.",
        "Nie udało się zweryfikować firmy lub osób, które za nią stoją.",
    ),
    DecisionReason.OUTSIDE_LENDING_POLICY: LocalisedText(
        "Loans of this kind are not given.", "Nie udzielamy pożyczek tego rodzaju."
    ),
}
