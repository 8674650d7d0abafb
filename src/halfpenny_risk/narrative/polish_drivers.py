"""The Polish words of the drivers of the score; ``drivers`` says what is said with them.

Subjects stand by gender, for the pronoun that follows them: masculine (m), feminine (f), neuter (n), plural (p).
"""

from __future__ import annotations

from halfpenny_risk.narrative.drivers import AGAINST, FOR, DriverWords

_DRIVERS = {
    "exit_leverage": {
        "m": "wskaźnik LTV|stosunek pożyczki do wartości|poziom zadłużenia",
        "f": "wysokość pożyczki wobec wartości|wysokość zadłużenia|dźwignia",
    },
    "exit_prior_debt": {
        "f": "kolejność hipoteki",
        "n": "pierwszeństwo hipoteki|pierwszeństwo zabezpieczenia",
    },
    "exit_uncertainty": {
        "m": "przedział wyceny|przedział wartości",
        "f": "szerokość tego przedziału|szerokość przedziału",
    },
    "exit_term": {
        "m": "okres|okres pożyczki|okres o tej długości|jej okres",
        "f": "długość okresu",
    },
    "exit_strategy": {
        "m": "[planowany] sposób spłaty",
        "f": "strategia wyjścia|ta strategia wyjścia",
        "n": "planowane wyjście|źródło spłaty|wyjście",
    },
    "exit_interest": {"m": "sposób płacenia odsetek|tryb płatności odsetek"},
    "income": {"m": "dochód|dochód pożyczkobiorcy|dochód firmy"},
    "debts": {
        "n": "zadłużenie|zadłużenie pożyczkobiorcy",
        "p": "długi|długi pożyczkobiorcy|inne długi pożyczkobiorcy|inne długi",
    },
    "adverse": {
        "m": "stan rejestrów",
        "f": "historia kredytowa|historia kredytowa pożyczkobiorcy",
        "p": "rejestry kredytowe",
    },
}
# What is said with an adjective can only be said of the direction that the adjective points to.
_AGAINST = {
    "exit_leverage": {
        "m": "wysoki wskaźnik LTV|wysoki poziom zadłużenia|wysoki stosunek pożyczki do wartości",
        "f": "wysoka dźwignia",
    },
    "exit_term": {"m": "długi okres [<of_loan>]|dłuższy okres [<of_loan>]"},
    "income": {"m": "niski dochód [pożyczkobiorcy]|ograniczony dochód [pożyczkobiorcy]|niski dochód firmy"},
    "debts": {
        "n": "wysokie zadłużenie [pożyczkobiorcy]|duże zadłużenie [pożyczkobiorcy]",
        "p": "wysokie długi [pożyczkobiorcy]",
    },
    "exit_prior_debt": {
        "m": "dług wyprzedzający tę pożyczkę|dług wyprzedzający pożyczkę|dług o wyższym pierwszeństwie",
        "n": "zadłużenie wyprzedzające tę pożyczkę|wcześniejsze zadłużenie <of_property>|wcześniejsze zadłużenie"
        "|zadłużenie o wyższym pierwszeństwie",
    },
    "exit_uncertainty": {
        "m": "szeroki przedział wyceny|szeroki przedział wartości",
        "f": "niepewna wycena|niepewna wartość|niepewność co do wartości|niepewność co do wyceny|niepewność wyceny"
        "|niepewność wartości",
    },
    "exit_interest": {"p": "kapitalizowane odsetki|odsetki płatne na końcu|odsetki doliczane do długu"},
    "adverse": {
        "p": "negatywne wpisy w rejestrach kredytowych|[negatywne] wpisy [pożyczkobiorcy] w rejestrach"
        "|negatywne wpisy|wpisy negatywne|wpisy pożyczkobiorcy w rejestrach",
    },
}
_FOR = {
    "exit_interest": {
        "f": "regularna płatność odsetek|bieżąca płatność odsetek",
        "p": "odsetki płacone w trakcie okresu|odsetki płacone w terminie|odsetki płacone na bieżąco",
    },
}
_CLAUSES_AGAINST = {
    "exit_term": ("im dłuższy okres, tym wyższe ryzyko",),
}
# Statements of what a driver is, said with the direction of the side that they are true of.
_STATES_AGAINST = {
    "exit_leverage": "wskaźnik LTV jest wysoki|stosunek pożyczki do wartości jest wysoki|dźwignia jest wysoka",
    "exit_term": "okres [<of_loan>] jest długi",
    "exit_uncertainty": "wycena jest niepewna|wartość [<of_property>] jest niepewna|przedział wyceny jest szeroki"
    "|przedział wartości jest szeroki",
    "exit_prior_debt": "inny dług wyprzedza tę pożyczkę|inny dług wyprzedza pożyczkę|inne długi wyprzedzają tę pożyczkę"
    "|inne długi wyprzedzają pożyczkę|istnieje dług wyprzedzający tę pożyczkę|istnieje dług wyprzedzający pożyczkę",
    "exit_interest": "odsetki są doliczane do długu|odsetki są doliczane do pożyczki|odsetki są kapitalizowane"
    "|odsetki są płatne na końcu [okresu]|odsetki płaci się na końcu [okresu]|odsetki dolicza się do długu",
}
_STATES_FOR = {
    "exit_interest": "odsetki są płacone w terminie|odsetki są płacone na bieżąco|odsetki są płacone w trakcie okresu"
    "|odsetki płaci się na bieżąco|odsetki płaci się w trakcie okresu",
}
_FRAMES = (
    "{subject} [również|także] {verb} <risk>",
    "<risk> {verb} [również|także] {subject}",
    "<risk> [również|także] {verb} {subject}",
    "{subject} sprawia, że ryzyko jest {adjective}",
    "{subject} sprawiają, że ryzyko jest {adjective}",
    "{subject} {weighs}",
    "{subject} jest czynnikiem, który {verb} <risk>",
    "{subject} to czynnik, który {verb} <risk>",
    "{subject} {weighs}: {verb} <risk>",
    "{subject} czyni niespłacenie {likely} prawdopodobnym",
)
_RELATIVE_FRAMES = (
    "{subject}, {pronoun} {verb} <risk>",
    "{weighs} {subject}, {pronoun} {verb} <risk>",
)
_STATED_FRAMES = (
    "{states}, co {verb} <risk>",
    "{states}, a to {verb} <risk>",
    "{states}: {verb} to <risk>",
    "ponieważ {states}, ryzyko jest {adjective}",
    "ryzyko jest {adjective}, ponieważ {states}",
    "ryzyko jest {adjective}, bo {states}",
)
_PHRASES = {
    "weighs_against": "działają przeciw pożyczce|przemawia przeciwko pożyczce|przemawiają przeciwko pożyczce"
    "|działa przeciw pożyczce|przemawia przeciw pożyczce|przemawiają przeciw pożyczce"
    "|przeciw pożyczce działa",
    "weighs_for": "przemawia za pożyczką|przemawiają za pożyczką|przemawia na korzyść pożyczki"
    "|działa na korzyść pożyczki|działają na korzyść pożyczki|działa na rzecz pożyczki|liczy się na plus"
    "|działają na rzecz pożyczki|za nią działa",
}
POLISH_DRIVERS = DriverWords(
    neutral=_DRIVERS,
    directed={AGAINST: _AGAINST, FOR: _FOR},
    clauses={AGAINST: _CLAUSES_AGAINST},
    states={AGAINST: _STATES_AGAINST, FOR: _STATES_FOR},
    sides={
        AGAINST: {"verb": "<raises>", "adjective": "wyższe", "weighs": "<weighs_against>", "likely": "bardziej"},
        FOR: {"verb": "<lowers>", "adjective": "niższe", "weighs": "<weighs_for>", "likely": "mniej"},
    },
    pronouns={"m": "który", "f": "która", "n": "które", "p": "które"},
    frames=_FRAMES,
    relative_frames=_RELATIVE_FRAMES,
    stated_frames=_STATED_FRAMES,
    phrases=_PHRASES,
)
