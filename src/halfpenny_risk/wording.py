"""Plain sentences in English and Polish for every reason, price term and flag: one table each, nothing composed."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from halfpenny_messages import LocalisedText
from halfpenny_risk.policy import Policy, ReferenceRate

Audience = tuple[Literal["borrower", "investor", "staff"], ...]
EVERYONE: Audience = ("borrower", "investor", "staff")
# What the borrower stated about themselves is for the borrower and staff alone.
PRIVATE: Audience = ("borrower", "staff")


@dataclass(frozen=True)
class Wording:
    """A sentence with ``{value}`` where the fact goes; ``unknown`` is the sentence without a fact."""

    en: str
    pl: str
    unknown: tuple[str, str] = ("", "")
    shown_as: str = "percent"
    audience: Audience = EVERYONE


# Reasons with the figure of another one: where both stand, only the other one shows it.
FIGURE_OF: Mapping[str, str] = {"exit_leverage": "ltv", "exit_works": "works_to_value"}
REASONS: Mapping[str, Wording] = {
    "ltv": Wording(
        # Not the valuer's value, which a loan's terms are stated against: it is named.
        "The loan is {value} of the value that the risk assessment uses.",
        "Pożyczka stanowi {value} wartości przyjętej w ocenie ryzyka.",
    ),
    "income": Wording(
        "The income is {value} of the typical borrower's.",
        "Dochód wynosi {value} dochodu typowego pożyczkobiorcy.",
        ("The income is not known.", "Dochód nie jest znany."),
        audience=PRIVATE,
    ),
    "amount_to_income": Wording(
        "Relative to income, the borrower asks for {value} of the typical amount.",
        "W stosunku do dochodu pożyczkobiorca wnioskuje o {value} typowej kwoty.",
        ("The loan cannot be compared with an income.", "Nie można odnieść pożyczki do dochodu."),
        audience=PRIVATE,
    ),
    "instalment_to_income": Wording(
        "Relative to income, the pace of repayment is {value} of what is typical.",
        "Tempo spłaty w stosunku do dochodu: {value} typowego tempa.",
        ("The pace of repayment cannot be compared with an income.", "Nie można odnieść tempa spłaty do dochodu."),
        audience=PRIVATE,
    ),
    "assets": Wording(
        "The borrower's assets are {value} of the typical borrower's.",
        "Majątek pożyczkobiorcy wynosi {value} majątku typowego pożyczkobiorcy.",
        ("The borrower's assets are not known.", "Majątek pożyczkobiorcy nie jest znany."),
        audience=PRIVATE,
    ),
    "assets_to_amount": Wording(
        "Relative to the loan, the borrower's assets are {value} of what is typical.",
        "W stosunku do kwoty pożyczki majątek pożyczkobiorcy wynosi {value} typowego poziomu.",
        ("The assets cannot be compared with the loan.", "Nie można odnieść majątku do pożyczki."),
        audience=PRIVATE,
    ),
    "debts": Wording(
        "The borrower's debts are {value} of the typical borrower's.",
        "Zadłużenie wynosi {value} zadłużenia typowego pożyczkobiorcy.",
        ("The borrower's debts are not known.", "Zadłużenie pożyczkobiorcy nie jest znane."),
        audience=PRIVATE,
    ),
    "debts_to_assets": Wording(
        "The borrower's debts are {value} of its assets.",
        "Zadłużenie stanowi {value} majątku pożyczkobiorcy.",
        ("The debts cannot be compared with the assets.", "Nie można odnieść zadłużenia do majątku."),
        audience=PRIVATE,
    ),
    "adverse": Wording(
        "Adverse credit records on file: {value}.",
        "Negatywne wpisy w rejestrach kredytowych: {value}.",
        ("Whether there are adverse credit records is not known.", "Nie wiadomo, czy są negatywne wpisy kredytowe."),
        shown_as="count",
        audience=PRIVATE,
    ),
    "term": Wording("The loan runs for {value} months.", "Okres pożyczki: {value} mies.", shown_as="count"),
    "further_records": Wording(
        "There is more than one adverse record: {value}.",
        "Jest więcej niż jeden negatywny wpis: {value}.",
        shown_as="count",
        audience=PRIVATE,
    ),
    "costs": Wording(
        "The yearly costs are {value} of the typical borrower's.",
        "Roczne koszty wynoszą {value} kosztów typowego pożyczkobiorcy.",
        ("The yearly costs are not known.", "Roczne koszty nie są znane."),
        audience=PRIVATE,
    ),
    "costs_to_income": Wording(
        "Relative to income, the borrower's costs are {value} of what is typical.",
        "W stosunku do dochodu koszty pożyczkobiorcy wynoszą {value} typowego poziomu.",
        ("The costs cannot be compared with an income.", "Nie można odnieść kosztów do dochodu."),
        audience=PRIVATE,
    ),
    "years_trading": Wording(
        "Years of trading: {value}.",
        "Lata działalności firmy: {value}.",
        ("How long the business has traded is not known.", "Nie wiadomo, od kiedy firma działa."),
        shown_as="count",
        audience=PRIVATE,
    ),
    "premises_owned": Wording(
        "The business {value}.",
        "Firma {value}.",
        ("Whether the business owns its premises is not known.", "Nie wiadomo, czy firma ma własną siedzibę."),
        shown_as="word",
        audience=PRIVATE,
    ),
    "exit_leverage": Wording(
        "The exit strategy must repay {value} of the value that the risk assessment uses.",
        "Ze źródła spłaty trzeba pokryć {value} wartości przyjętej w ocenie ryzyka.",
        (
            "The exit strategy must repay this loan and whatever ranks before it.",
            "Ze źródła spłaty trzeba pokryć tę pożyczkę i długi o wyższym pierwszeństwie.",
        ),
    ),
    "exit_prior_debt": Wording(
        "Debts that rank before this loan take {value} of the value that the risk assessment uses.",
        "Długi o wyższym pierwszeństwie stanowią {value} wartości przyjętej w ocenie ryzyka.",
    ),
    "exit_uncertainty": Wording(
        "The property may be worth between {value} than the value that the risk assessment uses (90 times out of 100).",
        "Nieruchomość może być warta od {value}, niż przyjęto w ocenie ryzyka (w 90 przypadkach na 100).",
        shown_as="both ends",
    ),
    "exit_term": Wording(
        "The loan is to be repaid after {value} months, in which prices can change.",
        "Spłata ma nastąpić po {value} mies., a do tego czasu ceny mogą się zmienić.",
        shown_as="count",
    ),
    "exit_strategy": Wording("The exit strategy is {value}.", "Źródło spłaty: {value}.", shown_as="word"),
    "exit_interest": Wording("Interest is {value}.", "Odsetki są {value}.", shown_as="word"),
    "exit_works": Wording(
        "Works of {value} of the value that the risk assessment uses may cost more and take longer than planned.",
        "Prace o koszcie {value} wartości przyjętej w ocenie ryzyka mogą kosztować więcej i potrwać dłużej, niż "
        "zaplanowano.",
        (
            "Works may cost more and take longer than planned.",
            "Prace mogą kosztować więcej i potrwać dłużej, niż zaplanowano.",
        ),
    ),
    "exit_floor": Wording(
        "Judged by the property alone, the exit strategy falls short in {value} of cases.",
        "Biorąc pod uwagę samą nieruchomość, w {value} przypadków środki na spłatę nie wystarczają.",
    ),
    "ltgdv": Wording(
        "The loan is {value} of the gross development value that the borrower states.",
        "Pożyczka stanowi {value} wartości po zakończeniu prac, którą podaje pożyczkobiorca.",
    ),
    "outside_market": Wording(
        "{value}.",
        "{value}.",
        shown_as="word",
    ),
    "works_to_value": Wording(
        "The works cost {value} of the value that the risk assessment uses.",
        "Koszt prac stanowi {value} wartości przyjętej w ocenie ryzyka.",
    ),
    "exit_unknown": Wording(
        "The exit strategy is not clear.",
        "Nie jest jasne, z czego pożyczka zostanie spłacona.",
        shown_as="none",
    ),
    "valuation_age": Wording("The valuation is {value} months old.", "Wycena ma {value} mies.", shown_as="count"),
    "facts_missing": Wording(
        "Facts about the borrower are missing: {value}.",
        "Brakujące informacje o pożyczkobiorcy: {value}.",
        shown_as="count",
        audience=PRIVATE,
    ),
}

WORDS: Mapping[str, tuple[str, str]] = {
    "sale": ("a sale", "sprzedaż"),
    "refinance": ("a refinancing", "refinansowanie"),
    "unknown": ("neither a sale nor a refinancing", "ani sprzedaż, ani refinansowanie"),
    "outside_market": ("No valuation model knows this market", "Żaden model wyceny nie zna tego rynku"),
    "rolled_up": ("rolled up and paid at the end", "naliczane i płatne na końcu"),
    "paid": ("paid as it falls due", "płacone w terminie"),
    "owned": ("owns its premises", "ma własną siedzibę"),
    "rented": ("rents its premises", "wynajmuje siedzibę"),
}

# What a limit of the policy says, after the sentence of the reason that passed it.
LIMITS: Mapping[str, Wording] = {
    "ltv": Wording(
        "The policy lends up to {value} of the value that the risk assessment uses.",
        "Polityka dopuszcza pożyczki do {value} wartości przyjętej w ocenie ryzyka.",
    ),
    "ltgdv": Wording(
        "The policy lends up to {value} of the gross development value that the borrower states.",
        "Polityka dopuszcza pożyczki do {value} wartości po zakończeniu prac, którą podaje pożyczkobiorca.",
    ),
    "works_to_value": Wording(
        "The policy allows works of up to {value} of the value that the risk assessment uses.",
        "Polityka dopuszcza prace do {value} wartości przyjętej w ocenie ryzyka.",
    ),
    "adverse_records": Wording(
        "The policy allows up to {value}.", "Polityka dopuszcza najwyżej {value}.", shown_as="count"
    ),
    "debts_to_assets": Wording(
        "The policy allows debts of up to {value} of the assets.", "Polityka dopuszcza długi do {value} majątku."
    ),
    "charge_rank": Wording(
        "The policy lends behind rank {value} only after a person's review.",
        "O pożyczce z hipoteką na miejscu dalszym niż {value} decyduje człowiek.",
        shown_as="count",
    ),
    "valuation_age_months": Wording(
        "The policy accepts valuations up to {value} months old.",
        "Polityka dopuszcza wyceny nie starsze niż {value} mies.",
        shown_as="count",
    ),
}

# What a flag says that asks for a person: the whole reason, where nothing else does.
FLAGGED: Mapping[str, Wording] = {
    "valuation_above_model": Wording(
        "The stated value is more than {value} above the valuation model's estimate: a person decides.",
        "Podana wartość przekracza szacunek modelu wyceny o ponad {value}: decyduje człowiek.",
    ),
    "owner_value_unchecked": Wording(
        "The value is the owner's own figure, and no model of today's prices checks it: a person decides.",
        "Wartość podał właściciel, a żaden model aktualnych cen jej nie potwierdza: decyduje człowiek.",
    ),
    "position_absurd": Wording(
        "The coordinates do not lie in the country of the property: a person decides.",
        "Współrzędne leżą poza krajem, w którym ma być nieruchomość: decyduje człowiek.",
    ),
    "assumed_log_area": Wording(
        "No home of the stated floor area was sold in this market: a person decides.",
        "Na tym rynku nie sprzedano domu o podanej powierzchni: decyduje człowiek.",
    ),
    "assumed_beds": Wording(
        "No home with the stated number of bedrooms was sold in this market: a person decides.",
        "Na tym rynku nie sprzedano domu o podanej liczbie sypialni: decyduje człowiek.",
    ),
    "assumed_age": Wording(
        "No home of the stated age was sold in this market: a person decides.",
        "Na tym rynku nie sprzedano domu w podanym wieku: decyduje człowiek.",
    ),
}

DECISIONS: Mapping[str, LocalisedText] = {
    "approve": LocalisedText("recommended", "pozytywna rekomendacja"),
    "refer": LocalisedText("referred to a person", "do decyzji człowieka"),
    "decline": LocalisedText("not recommended", "negatywna rekomendacja"),
}

NO_CHANGE = LocalisedText(
    "No change of this alone would improve the grade or the decision.",
    "Sama zmiana w tym zakresie nie poprawi klasy ani decyzji.",
)
# What would change a reason, before the outcome.
_CHANGES: Mapping[str, tuple[str, str]] = {
    "leverage": (
        "At {value}% of the value that the risk assessment uses",
        "Przy {value}% wartości przyjętej w ocenie ryzyka",
    ),
    "term": ("Over {value} months", "Przy okresie {value} mies."),
    "income": ("With a yearly income of {value}", "Przy rocznym dochodzie {value}"),
    "assets": ("With assets of {value}", "Przy majątku {value}"),
    "debts": ("With debts of {value}", "Przy zadłużeniu {value}"),
    "costs": ("With yearly costs of {value}", "Przy rocznych kosztach {value}"),
    "years_trading": ("Having traded for {value} years", "Przy stażu działalności (lata): {value}"),
    "premises": ("With premises of its own", "Przy własnej siedzibie"),
    "adverse_records": ("With adverse records: {value}", "Przy liczbie negatywnych wpisów: {value}"),
    "facts_missing": (
        "With these facts given, at a typical borrower's",
        "Po podaniu tych danych na poziomie typowego pożyczkobiorcy",
    ),
    "valuation": (
        "With a verified surveyor's report of today at {value}",
        "Ze zweryfikowanym dzisiejszym raportem rzeczoznawcy na {value}",
    ),
    "prior_debt": ("Without debt that ranks before the loan", "Bez długu o wyższym pierwszeństwie"),
    "exit": ("Repaid by a sale", "Przy spłacie ze sprzedaży"),
    "interest": ("With interest paid as it falls due", "Przy odsetkach płaconych w terminie"),
    "works": ("Without the works", "Bez prac"),
}
_FACTS = {
    "income": ("income", "dochód"),
    "assets": ("assets", "majątek"),
    "debts": ("debts", "zadłużenie"),
    "adverse_records": ("adverse credit records", "negatywne wpisy kredytowe"),
}

PRICE_TERMS: Mapping[str, LocalisedText] = {
    "cost_of_funds": LocalisedText(
        "Cost of investors' money above the reference rate", "Koszt pieniądza inwestorów ponad stopę referencyjną"
    ),
    "expected_loss": LocalisedText("Expected loss of loans like this", "Oczekiwana strata na podobnych pożyczkach"),
    "operating_cost": LocalisedText("Servicing of the loan", "Obsługa pożyczki"),
    "cost_of_capital": LocalisedText(
        "Cost of capital held against unexpected losses", "Koszt kapitału na nieoczekiwane straty"
    ),
    "floor": LocalisedText(
        "Raised to the minimum for this loan-to-value", "Podniesienie do minimum dla tego wskaźnika LTV"
    ),
    "cap": LocalisedText(
        "Lowered to the maximum for this loan-to-value", "Obniżenie do maksimum dla tego wskaźnika LTV"
    ),
    "rounding": LocalisedText("Rounded to the nearest step", "Zaokrąglenie do najbliższego kroku"),
}


# The policy states these names in English; one that is not here is shown as it is.
REFERENCE_RATES_PL: Mapping[str, str] = {
    "European Central Bank, deposit facility": "Europejski Bank Centralny, stopa depozytowa",
    "National Bank of Poland, reference rate": "Narodowy Bank Polski, stopa referencyjna",
    "Bank of England, Bank Rate": "Bank Anglii, stopa bazowa (Bank Rate)",
    "Federal Reserve, upper end of the federal funds target range": (
        "Rezerwa Federalna, górna granica przedziału stopy funduszy federalnych"
    ),
    "Bank of Israel, benchmark rate": "Bank Izraela, stopa referencyjna",
}


def reference_note(rate: ReferenceRate) -> LocalisedText:
    """The reference rate as a term of the price: whose it is, and of which day."""
    name = REFERENCE_RATES_PL.get(rate.name, rate.name)
    return LocalisedText(
        f"Reference rate: {rate.name}, {rate.as_of.isoformat()}",
        f"Stopa referencyjna: {name}, {rate.as_of.isoformat()}",
    )


def market_note(
    as_of: date, index_as_of: date, index_name: str, level: float, policy: Policy, flags: tuple[str, ...]
) -> LocalisedText:
    """Of which day a market model's prices are, what carried them on, and what follows for the loan."""
    en = (
        f"The model's sales end on {as_of.isoformat()}. Prices are carried to {index_as_of.isoformat()} by the index "
        f"{index_name} (times {level:.3f}); the interval is wider by its volatility since the last sale."
    )
    pl = (
        f"Transakcje znane modelowi kończą się {as_of.isoformat()}. Ceny przeniesiono na {index_as_of.isoformat()} "
        f"według indeksu {index_name} (razy {_decimal_comma(f'{level:.3f}')}); przedział poszerzono o jego zmienność "
        "od ostatniej sprzedaży."
    )
    if "market_stale" in flags:
        months = f"{policy.valuation.market_limit_months:.0f}"
        en += (
            f" The index ends there, more than {months} months ago, and what prices did since then is not in the "
            "estimate: the surveyor's report counts, or the lower figure without one."
        )
        pl += (
            f" Na tym dniu indeks się kończy, ponad {months} mies. temu, więc późniejszych zmian cen szacunek nie "
            "uwzględnia: liczy się raport rzeczoznawcy, a bez niego niższa kwota."
        )
    return LocalisedText(en, pl)


def unchecked_value(known_to: date | None, haircut: float, *, price_weight: float, or_estimate: bool) -> LocalisedText:
    """What counts where no market model checks the stated figure: that figure less its source's ``haircut``.

    ``known_to`` is the last day of which a model's index knows the market's prices, too long ago, None without a model;
    ``price_weight`` is how far a lower purchase price brings the
    figure down, from none of it (0) to the price (1); ``or_estimate`` says that a lower estimate of a model counts.
    """
    if known_to is None:
        en, pl = WORDS["outside_market"]
    else:
        en = f"A model knows the prices of this market up to {known_to.isoformat()} only"
        pl = f"Model zna ceny na tym rynku tylko do {known_to.isoformat()}"
    less_en, less_pl = _shown("percent", haircut)
    if haircut > 0.0:
        en, pl = f"{en}: the stated figure counts less {less_en}", f"{pl}: podana kwota liczy się po odjęciu {less_pl}"
    elif price_weight > 0.0:
        en, pl = f"{en}: the stated figure counts", f"{pl}: podana kwota liczy się"
    else:
        en, pl = f"{en}: nothing is taken off the stated figure", f"{pl}: od podanej kwoty niczego się nie odejmuje"
    if price_weight >= 1.0:
        en, pl = f"{en}, but no more than the purchase price", f"{pl}, lecz nie więcej niż cena zakupu"
    elif price_weight > 0.0:
        en, pl = f"{en}, brought down towards the purchase price", f"{pl}, obniżona w stronę ceny zakupu"
    if or_estimate:
        en, pl = f"{en}, or a model's estimate where that is lower", f"{pl}, chyba że szacunek modelu jest niższy"
    return LocalisedText(en, pl)


def sentence(code: str, value: float | str | LocalisedText | None) -> LocalisedText:
    """The reason ``code`` in words, with its fact."""
    wording = REASONS[code]
    if wording.shown_as == "none":
        return LocalisedText(wording.en, wording.pl)
    if value is None or (isinstance(value, float) and math.isnan(value)):
        if wording.unknown[0]:
            return LocalisedText(*wording.unknown)
        return LocalisedText(wording.en.format(value="?"), wording.pl.format(value="?"))
    en, pl = (value.en, value.pl) if isinstance(value, LocalisedText) else _shown(wording.shown_as, value)
    return LocalisedText(_in_singular(wording.en.format(value=en)), wording.pl.format(value=pl))


def change_worded(group: str, value: str | LocalisedText) -> LocalisedText:
    """What would be changed about one reason, in words."""
    en, pl = _CHANGES[group]
    both = value if isinstance(value, LocalisedText) else LocalisedText(value, value)
    return LocalisedText(_in_singular(en.format(value=both.en)), pl.format(value=both.pl))


def missing_facts(facts: Sequence[str]) -> LocalisedText:
    """Which facts of the borrower were not given."""
    en, pl = (", ".join(_FACTS[fact][place] for fact in facts) for place in (0, 1))
    return LocalisedText(f"Not given about the borrower: {en}.", f"Nie podano o pożyczkobiorcy: {pl}.")


def figure_in_both(value: float, shown_as: str) -> LocalisedText:
    """A figure as readers of each language see it."""
    return LocalisedText(*_shown(shown_as, value))


def money_in_both(amount: float, currency: str) -> LocalisedText:
    """An amount in whole units: what a model recomputed claims no more."""
    english = f"{round(amount):,}"
    polish = english.replace(",", "\u00a0")
    return LocalisedText(f"{english} {currency}", f"{polish} {currency}")


def _shown(shown_as: str, value: float | str) -> tuple[str, str]:
    if shown_as == "word":
        return WORDS[str(value)]
    number = float(value)
    if shown_as == "count":
        return f"{number:.0f}", f"{number:.0f}"
    if shown_as == "both ends":
        # The interval is symmetric in logs: the same factor down as up, and so fewer percent down than up.
        down, up = _shown("percent", number / (1.0 + number)), _shown("percent", number)
        return f"{down[0]} less and {up[0]} more", f"{down[1]} mniej do {up[1]} więcej"
    if number > 99.99:
        return "more than 9,999%", "ponad 9999%"
    text = f"{100.0 * number:.1f}"
    return f"{text}%", f"{_decimal_comma(text)}%"


def _in_singular(text: str) -> str:
    """``1 month`` for ``1 months``; the Polish abbreviation "mies." stands for every number."""
    return re.sub(r"(?<![\d.,])1 months\b", "1 month", text)


def _decimal_comma(figure: str) -> str:
    return figure.replace(".", ",")
