"""What may be said in Polish of each driver of the score, as ``english_drivers`` does."""

from __future__ import annotations

_DRIVERS = {
    "exit_leverage": "wskaźnik LTV|wysokość pożyczki wobec wartości|stosunek pożyczki do wartości|poziom zadłużenia"
    "|wysokość zadłużenia|dźwignia",
    "exit_prior_debt": "pierwszeństwo hipoteki|pierwszeństwo zabezpieczenia|kolejność hipoteki",
    "exit_uncertainty": "przedział wyceny|przedział wartości|szerokość tego przedziału|szerokość przedziału",
    "exit_term": "okres|okres pożyczki|długość okresu|okres o tej długości|jej okres",
    "exit_strategy": "strategia wyjścia|ta strategia wyjścia|planowane wyjście|[planowany] sposób spłaty"
    "|źródło spłaty|wyjście",
    "exit_interest": "sposób płacenia odsetek|tryb płatności odsetek",
    "income": "dochód|dochód pożyczkobiorcy|dochód firmy",
    "debts": "zadłużenie|zadłużenie pożyczkobiorcy|długi|długi pożyczkobiorcy|inne długi pożyczkobiorcy|inne długi",
    "adverse": "stan rejestrów|historia kredytowa|historia kredytowa pożyczkobiorcy|rejestry kredytowe",
}
# What is said with an adjective can only be said of the direction that the adjective points to.
_AGAINST = {
    "exit_leverage": "wysoki wskaźnik LTV|wysoka dźwignia|wysoki poziom zadłużenia"
    "|wysoki stosunek pożyczki do wartości",
    "exit_term": "długi okres [<of_loan>]|dłuższy okres [<of_loan>]",
    "income": "niski dochód [pożyczkobiorcy]|ograniczony dochód [pożyczkobiorcy]|niski dochód firmy",
    "debts": "wysokie zadłużenie [pożyczkobiorcy]|wysokie długi [pożyczkobiorcy]|duże zadłużenie [pożyczkobiorcy]",
    "exit_prior_debt": "dług wyprzedzający tę pożyczkę|zadłużenie wyprzedzające tę pożyczkę"
    "|dług wyprzedzający pożyczkę|wcześniejsze zadłużenie <of_property>|wcześniejsze zadłużenie"
    "|zadłużenie o wyższym pierwszeństwie|dług o wyższym pierwszeństwie",
    "exit_uncertainty": "niepewna wycena|niepewna wartość|szeroki przedział wyceny|szeroki przedział wartości"
    "|niepewność co do wartości|niepewność co do wyceny|niepewność wyceny|niepewność wartości",
    "exit_interest": "kapitalizowane odsetki|odsetki płatne na końcu|odsetki doliczane do długu",
    "adverse": "negatywne wpisy w rejestrach kredytowych|[negatywne] wpisy [pożyczkobiorcy] w rejestrach"
    "|negatywne wpisy|wpisy negatywne"
    "|wpisy pożyczkobiorcy w rejestrach",
}
# In favour nothing is said with an adjective, as in English.
_FOR = {
    "exit_interest": "regularna płatność odsetek|bieżąca płatność odsetek|odsetki płacone w trakcie okresu"
    "|odsetki płacone w terminie|odsetki płacone na bieżąco",
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


def _subjects(neutral: str, directed: str | None) -> str:
    return "|".join(filter(None, (neutral, directed)))


DRIVER_PHRASES = {
    **{f"against_{code}": _subjects(neutral, _AGAINST.get(code)) for code, neutral in _DRIVERS.items()},
    **{f"for_{code}": _subjects(neutral, _FOR.get(code)) for code, neutral in _DRIVERS.items()},
    **{f"states_against_{code}": states for code, states in _STATES_AGAINST.items()},
    **{f"states_for_{code}": states for code, states in _STATES_FOR.items()},
    "weighs_against": "działają przeciw pożyczce|przemawia przeciwko pożyczce|przemawiają przeciwko pożyczce"
    "|działa przeciw pożyczce|przemawia przeciw pożyczce|przemawiają przeciw pożyczce"
    "|przeciw pożyczce działa",
    "weighs_for": "przemawia za pożyczką|przemawiają za pożyczką|przemawia na korzyść pożyczki"
    "|działa na korzyść pożyczki|działają na korzyść pożyczki|działa na rzecz pożyczki|liczy się na plus"
    "|działają na rzecz pożyczki|za nią działa",
}


def _direction(subject: str, verb: str, adjective: str, weighs: str, likely: str) -> list[str]:
    return [
        f"{subject} [również|także] {verb} <risk>",
        f"{subject}, który {verb} <risk>",
        f"<risk> {verb} [również|także] {subject}",
        f"<risk> [również|także] {verb} {subject}",
        f"{subject} sprawia, że ryzyko jest {adjective}",
        f"{subject} sprawiają, że ryzyko jest {adjective}",
        f"{subject} {weighs}",
        f"{subject} jest czynnikiem, który {verb} <risk>",
        f"{subject} to czynnik, który {verb} <risk>",
        f"{subject} {weighs}: {verb} <risk>",
        f"{subject} czyni niespłacenie {likely} prawdopodobnym",
        f"{weighs} {subject}, który {verb} <risk>",
    ]


def _stated(states: str, verb: str, adjective: str) -> list[str]:
    """A statement and what follows from it, in the direction of its side."""
    return [
        f"{states}, co {verb} <risk>",
        f"{states}, a to {verb} <risk>",
        f"{states}: {verb} to <risk>",
        f"ponieważ {states}, ryzyko jest {adjective}",
        f"ryzyko jest {adjective}, ponieważ {states}",
        f"ryzyko jest {adjective}, bo {states}",
    ]


def drivers() -> dict[str, list[str]]:
    """What may be said of each driver, by its fact id."""
    found: dict[str, list[str]] = {}
    for code in _DRIVERS:
        found[f"against:{code}"] = [
            *_direction(f"<against_{code}>", "<raises>", "wyższe", "<weighs_against>", "bardziej"),
            *_CLAUSES_AGAINST.get(code, ()),
            *(_stated(f"<states_against_{code}>", "<raises>", "wyższe") if code in _STATES_AGAINST else ()),
        ]
        found[f"for:{code}"] = _direction(f"<for_{code}>", "<lowers>", "niższe", "<weighs_for>", "mniej")
        if code in _STATES_FOR:
            found[f"for:{code}"] += _stated(f"<states_for_{code}>", "<lowers>", "niższe")
    return found
