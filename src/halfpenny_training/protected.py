"""Protected attributes, found by what a column's name means, and the columns that follow them (proxies).

A name is read as words, in English and Polish, without case, diacritics and separators: ``customer_age``, ``Płeć``,
``maritalStatus`` and ``data ur.`` are an age, a sex, a marital status and a date of birth. What people are is never
scored; what a thing is may be: ``building_age`` and ``wiek budynku`` are no person's.

Sources of the list: 12 CFR 1002.2(z) and 1002.6 (Regulation B), 50 USC 3919 (military service), Regulation (EU)
2016/679 art. 9, Directive 2000/43/EC, 2000/78/EC and 2004/113/EC. PESEL holds the date of birth and the sex.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from halfpenny_training.table import Table, parse_number

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_SPACED_OUT = re.compile(r"(?<![A-Za-z])[A-Za-z](?:[\W_]+[A-Za-z](?![A-Za-z])){2,}")
# Beginnings of words that mean the attribute. They are sought where a word begins, and inside a word after nothing but
# parts of compound names ("dateofbirth", not "obciazajaca"); one may go on over the words that follow ("place of
# birth"). The first attribute that is found counts: a country of birth is an origin, no age.
STEMS: Mapping[str, tuple[str, ...]] = {
    "origin": (
        *("ethnic", "nationalit", "citizen", "racial", "birthplace", "birthcountr", "immigra", "countryofbirth"),
        *("placeofbirth", "countryborn", "foreignborn", "skincol", "colorofskin", "colourofskin", "hispanic", "latino"),
        *("latina", "caucasian", "gypsy"),
        *("etnicz", "narodowosc", "obywatel", "cudzoziem", "imigra", "obcokraj", "krajurodz", "miejsceurodz"),
        *("kolorskor", "czarnoskor", "ciemnoskor", "bialoskor", "cygan", "murzyn"),
    ),
    "age": ("birth", "urodz", "pesel"),
    "sex": ("gender", "kobiet", "mezczyzn", "geschlecht"),
    "marital status": (
        *("marital", "married", "marriage", "divorc", "widow", "spous", "husband", "matrimon", "cohabit", "maidenname"),
        *("cywiln", "malzen", "malzon", "zamezn", "zonat", "wdow", "mezatk", "panienski"),
        *("rozwied", "rozwodow", "rozwodz", "rozwodk", "rozwodnik"),
    ),
    "religion": (
        *("religi", "muslim", "catholic", "jewish", "buddhis", "hinduis", "protestant", "atheis"),
        *("wyznani", "katoli", "muzulm", "zydow", "prawoslaw", "ateist", "ewangeli"),
    ),
    "family": ("nautrzym", "householdsize", "householdmember", "dependents", "dependants", "numberofchildren"),
    "public assistance": (
        *("publicassist", "socialassist", "welfare", "foodstamp", "unemploymentbenefit", "unemploymentcompensation"),
        *("socialsecurityincome", "housingbenefit", "disabilitybenefit"),
        *("zasilek", "zasilk", "pomocspolecz", "swiadczeniasocjaln", "swiadczeniesocjaln", "swiadczeniarodzinn"),
    ),
    "disability and health": (
        *("disab", "handicap", "pregnan", "maternity", "invalidity", "genetic", "mentalhealth", "diabet", "psychiat"),
        *("niepelnospraw", "ciaza", "ciazy", "inwalid", "genetycz", "rencist", "cukrzyc", "przewleklechor"),
    ),
    "military status": (
        *("veteran", "servicemember", "activeduty", "militaryserv", "militarystat", "exmilitary"),
        *("weteran", "kombatan", "sluzbawojsk", "sluzbywojsk", "sluzbiewojsk"),
    ),
    "sexual orientation": ("transgend", "homosex", "heterosex", "lgbt"),
    "opinion and membership": (
        *("politic", "politycz", "tradeunion", "laborunion", "labourunion", "unionmember"),
        *("zwiazkow", "zwiazekzawod", "zwiazkizawod"),
    ),
}
# Whole words that mean the attribute by themselves.
WORDS: Mapping[str, frozenset[str]] = {
    "age": frozenset({"dob", "yob", "born", "ur", "emeryt", "pensioner", "elderly"}),
    "sex": frozenset(
        {"sex", "sexes", "male", "female", "woman", "women", "man", "men", "plec", "plci", "msex", "sx", "mrs"}
        | {"fmle", "femal", "fmale"}
    ),
    "marital status": frozenset(
        {"wife", "bachelor", "spinster", "kawaler", "panna", "zona", "maz", "unmarried", "rozwod", "rozwodu"}
    ),
    "origin": frozenset(
        {"race", "skin", "rasa", "rasy", "foreigner", "tribe", "caste", "ancestry", "descent", "tongue", "nation"}
        | {"asian", "african", "arab", "skory", "latinx"}
    ),
    "religion": frozenset(
        {"creed", "faith", "church", "denomination", "kosciol", "jew", "islam", "hindu", "sikh", "christian", "zyd"}
    ),
    "family": frozenset(
        {"children", "child", "kids", "dependents", "dependants", "dependent", "familial", "dzieci", "dziecko"}
    ),
    "disability and health": frozenset(
        {"illness", "disease", "choroba", "choroby", "zdrowia", "zdrowie", "blind", "deaf", "wheelchair", "hiv", "dna"}
    ),
    "military status": frozenset(
        {"military", "soldier", "reservist", "zolnierz", "zolnierza", "wojskowy", "rezerwista"}
    ),
    "sexual orientation": frozenset({"gay", "lesbian", "bisexual", "gej"}),
}
# Words that are also written without some of their vowels ("gndr"), in names that are cut short. Each has at least four
# consonants: fewer ("sps") are also the letters of other words.
SHORTENED: Mapping[str, tuple[str, ...]] = {
    "age": ("birth",),
    "sex": ("gender",),
    "marital status": ("marital", "married"),
    "origin": ("ethnic", "ethnicity", "nationality", "citizen", "citizenship", "hispanic"),
    "religion": ("religion", "muslim"),
    "family": ("children",),
    "disability and health": ("disability", "disabled", "pregnant"),
}
# Compound names are written in one word ("yearborn", "sexcode", "noofchildren"). They are read as separate words where
# they consist of protected words of this list and the other words below, and of nothing else. Short words that stand
# inside others ("man" in "mandate") are not among them.
PROTECTED_PARTS = frozenset(
    {"sex", "race", "born", "dob", "plec", "plci", "rasa", "male", "female", "children", "child", "wife", "dzieci"}
    | {"asian", "hiv", "rozwod"}
)
OTHER_PARTS = (
    *("year", "yr", "date", "day", "month", "code", "cd", "flag", "is", "type", "cat", "class", "group", "num", "no"),
    *("of", "client", "customer", "applicant", "borrower", "person", "owner", "country", "status", "has", "when"),
    *("rok", "data", "kod", "nr", "liczba", "typ", "klient", "klienta", "wnioskodawcy", "kredytobiorcy", "osoby"),
    *("stan", "numer", "place", "main", "primary", "lead", "first", "second", "joint", "self", "name"),
)
# What else may stand before a stem in one word and leaves it protected ("nonhispanic", "wspolmalzonek").
BEFORE_STEMS = (
    *("non", "un", "ex", "pre", "bi", "multi", "inter", "re", "co", "never", "wspol", "nie", "bez"),
    *("the", "number", "count", "current", "previous", "czy", "jest", "rodzaj", "nazwa", "opis"),
    *("mother", "mothers", "father", "fathers", "parent", "parents", "husbands", "spouses", "zony", "meza"),
)
COLOURS = frozenset({"black", "white"})
_OF_COLOURS = frozenset(
    {"list", "listed", "label", "out", "box", "friday", "swan", "scholes", "paper", "goods", "market", "rock", "stone"}
    | {"collar", "rate", "rates", "space", "spirit", "sea"}
)
_OF_REGIONS = frozenset(
    {"market", "markets", "asset", "assets", "stocks", "equity", "equities", "index", "fund", "funds", "bond", "bonds"}
    | {"option", "options", "currency", "emirates", "region", "exposure"}
)
_SWITCHED_OFF = frozenset(
    {"account", "accounts", "autopay", "debit", "debits", "payment", "payments", "card", "login", "access", "feature"}
    | {"service", "services", "notification", "notifications", "alerts", "portal", "api", "mandate", "overdraft"}
)
# Words for what people are that mean a thing where one of these words stands beside them.
THINGS_BESIDE: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(COLOURS, _OF_COLOURS),
    **dict.fromkeys(("asian", "african", "arab"), _OF_REGIONS),
    **dict.fromkeys(("disabled", "disable"), _SWITCHED_OFF),
    "union": frozenset({"credit"}),
    "faith": frozenset({"good", "bad"}),
    "child": frozenset(
        {"account", "accounts", "company", "companies", "loan", "loans", "entity", "entities", "record"}
    ),
    "dependent": frozenset({"variable", "variables", "cost", "costs", "path"}),
    "man": frozenset({"day", "days", "hour", "hours", "month", "months"}),
    "race": frozenset({"track", "course", "horse"}),
    "blind": frozenset({"pool", "trust", "bid", "bids"}),
    "descent": frozenset({"gradient"}),
    "church": frozenset({"street", "road", "lane", "property", "building", "conversion", "land"}),
    "marriage": frozenset({"value"}),
    "military": frozenset({"base", "area", "zone", "land", "airport", "property"}),
    "old": frozenset({"rate", "balance", "price", "value", "address", "amount", "limit", "version", "terms", "new"}),
}
# Words that may stand between the two.
_BETWEEN = frozenset({"is", "are", "was", "been", "has", "of", "the"})
# Words that mean the attribute only together with another, or not beside a word for a thing.
PEOPLE = (
    *("cust", "client", "applicant", "borrower", "coborrower", "person", "owner", "director", "guarantor", "debtor"),
    *("user", "member", "investor", "founder", "head", "debtor", "proprietor"),
    *("klient", "wniosk", "pozyczkob", "kredytob", "osob", "wlascic", "dluznik", "porecz", "prezes"),
)
THINGS = (
    *(
        "property",
        "building",
        "house",
        "home",
        "flat",
        "dwelling",
        "valuation",
        "appraisal",
        "loan",
        "account",
        "credit",
    ),
    *(
        "company",
        "business",
        "firm",
        "vehicle",
        "car",
        "asset",
        "collateral",
        "roof",
        "file",
        "report",
        "debt",
        "arrear",
    ),
    *("history", "inquiry", "trade", "relationship", "record", "invoice", "lease", "policy"),
    *(
        "budyn",
        "nieruchom",
        "firm",
        "kredyt",
        "pozyczki",
        "wycen",
        "dom",
        "mieszkan",
        "kont",
        "rachun",
        "spolk",
        "dlug",
    ),
    *("pojazd", "zabezpiecz", "umow", "wpis", "lokal", "dzialalnosc"),
)
_OF_SENIORITY = frozenset({"debt", "lien", "loan", "charge", "tranche", "secured", "ranking", "manager", "managers"})
_AGE = re.compile(
    r"age(s|d|yrs?|years?|groups?|bands?|buckets?|bins?|cat|class|ranges?|num|at\w+|in(?!g)\w+)?|wiek(u|owa|owy)?"
)
# What follows the beginnings in PEOPLE, in one word.
_PERSON_ENDINGS = (
    *("", "s", "omer", "omers", "a", "y", "ow", "ka", "ki", "odawca", "odawcy", "odawcow", "odawczyni"),
    *("iorca", "iorcy", "iorcow", "iorczyni", "iel", "iela", "ieli", "yciel", "yciela", "ycieli"),
)
PERSONS = frozenset(one + ending for one in PEOPLE for ending in _PERSON_ENDINGS)
_PART = re.compile("|".join(sorted((*PROTECTED_PARTS, *OTHER_PARTS), key=lambda part: (-len(part), part))))
_COMPOUND = re.compile(f"(?:{_PART.pattern})+")
_ALL_BEFORE_STEMS = tuple({*PROTECTED_PARTS, *OTHER_PARTS, *BEFORE_STEMS, *PERSONS})
# Columns that often stand in for an attribute; what they follow in the file is measured besides.
PROXY_WORDS: Mapping[str, frozenset[str]] = {
    "origin": frozenset(
        {"postcode", "postal", "zip", "zipcode", "pocztowy", "neighbourhood", "neighborhood", "tract", "language"}
        | {"jezyk", "surname", "nazwisko", "accent", "dzielnica", "birthname"}
    ),
    "sex": frozenset({"firstname", "forename", "imie", "salutation", "title", "honorific", "tytul"}),
    "age": frozenset({"graduation", "pension", "retirement", "emerytura", "retired"}),
}
PROXY_PAIRS: Mapping[tuple[str, str], str] = {
    ("first", "name"): "sex",
    ("given", "name"): "sex",
    ("last", "name"): "origin",
    ("family", "name"): "origin",
    ("post", "code"): "origin",
}
# Rank correlation, or its like for categories, from which a column is reported as following an attribute.
PROXY_ASSOCIATION = 0.3
_FEWEST_ROWS = 30


def words_of(name: str) -> list[str]:
    """The words of a column's name: lower case, without diacritics, parted at separators and capitals."""
    plain = unicodedata.normalize("NFKD", name.replace("ł", "l").replace("Ł", "L"))
    letters = "".join(letter for letter in plain if not unicodedata.combining(letter))
    # Letters that stand apart ("s e x") are one word; a single one beside words is not.
    spaced = re.sub(_SPACED_OUT, lambda found: re.sub(r"[\W_]", "", found[0]), letters)
    return [word.lower() for word in _WORD.findall(spaced)]


def protected_meaning(name: str) -> str | None:
    """The protected attribute that a column of this name holds, or None."""
    words = _without_things([part for word in words_of(name) for part in _parted(word)])
    return next((meaning for meaning in _meanings(words) if not _asked_by_law(meaning, words)), None)


def _without_things(words: list[str]) -> list[str]:
    """The words, less those that mean a thing by a word beside them: the union of ``credit_union``."""
    pairs = list(itertools.pairwise(word for word in words if word not in _BETWEEN))
    beside = [*pairs, *((right, left) for left, right in pairs)]
    things = {word for word, other in beside if other in THINGS_BESIDE.get(word, ())}
    return [word for word in words if word not in things]


def _meanings(words: list[str]) -> Iterator[str]:
    whole, starts = set(words), _starts(words)
    # The first attribute in the order of the stems: what is found first says most.
    yield from (meaning for meaning, stems in STEMS.items() if any(start.startswith(stems) for start in starts))
    yield from (meaning for meaning, some in WORDS.items() if some & whole)
    yield from (
        meaning
        for meaning, some in SHORTENED.items()
        if any(_without_vowels(word, full) for word in words for full in some)
    )
    together = next((meaning for meaning, found in _READ_TOGETHER if found(whole)), None)
    if together is not None:
        yield together


def _starts(words: list[str]) -> list[str]:
    """The name without separators, from each place where a stem may begin.

    None begins with a word of one letter: Polish prepositions (``w dowodzie``) would make other words.
    """
    return [
        word[place:] + "".join(words[number + 1 :])
        for number, word in enumerate(words)
        if len(word) > 1
        for place in _places(word)
    ]


def _places(word: str) -> list[int]:
    """The places in a word before which nothing but parts of compound names stand; 0 is one."""
    places = {0}
    for place in range(len(word)):
        if place in places:
            places.update(place + len(part) for part in _ALL_BEFORE_STEMS if word.startswith(part, place))
    return sorted(places - {len(word)})


def _asked_by_law(meaning: str, words: list[str]) -> bool:
    """Who is politically exposed is asked by the law against money laundering, and is no opinion."""
    return meaning == "opinion and membership" and bool({"exposed", "pep"} & set(words))


def _parted(word: str) -> list[str]:
    """The parts of a compound name that holds a protected word; else the word."""
    found = _COMPOUND.fullmatch(word)
    if not found:
        return [word]
    parts = _PART.findall(word)
    return parts if "".join(parts) == word and PROTECTED_PARTS & set(parts) else [word]


def _without_vowels(word: str, full: str) -> bool:
    """Whether ``word`` is ``full`` without some of its vowels and with all of its other letters."""
    if len(word) >= len(full):
        return False
    pattern = "".join(f"{letter}?" if letter in "aeiouy" else letter for letter in full)
    return re.fullmatch(pattern, word) is not None


def _of_people(words: set[str]) -> bool:
    return any(word.startswith(PEOPLE) for word in words)


def _names_a_persons_age(word: str) -> bool:
    """Whether the word is a person and an age and nothing else: ``customerage``, no ``customermileage``."""
    return any(
        (word[:place] in PERSONS and _AGE.fullmatch(word[place:]))
        or (word[:place] in ("age", "ageof", "wiek") and word[place:] in PERSONS)
        for place in range(1, len(word))
    )


def _is_age(words: set[str]) -> bool:
    if any(_names_a_persons_age(word) for word in words):
        return True
    if "senior" in words and not _OF_SENIORITY & words:
        return True
    of_things = any(word.startswith(THINGS) for word in words)
    if {"old", "young"} & words and not of_things:
        return True
    return any(_AGE.fullmatch(word) for word in words) and (_of_people(words) or not of_things)


def _is_marital(words: set[str]) -> bool:
    if "single" in words and not {"family", "unit", "payment"} & words:
        return True
    if "status" in words and {"civil", "relationship"} & words:
        return True
    return "partner" in words and bool({"has", "life", "domestic"} & words)


def _is_family(words: set[str]) -> bool:
    if any(word.startswith("gospodarstw") for word in words) and any(word.startswith("osob") for word in words):
        return True
    family = any(word in ("family", "household") or word.startswith("rodzin") for word in words)
    return family and bool({"status", "size", "stan", "sytuacja", "members", "persons", "people"} & words)


def _is_origin(words: set[str]) -> bool:
    if COLOURS & words:
        return True
    beside = {"national", "country", "family", "social"} & words
    if "origin" in words and (len(words) == 1 or beside or _of_people(words)):
        return True
    of_money = any(word.startswith(("srodk", "kapital", "fundus", "pieni", "majatk")) for word in words)
    return any(word.startswith("pochodzeni") for word in words) and not of_money


def _is_health(words: set[str]) -> bool:
    return "health" in words and bool(_of_people(words) or {"status", "condition", "state"} & words)


# Words that are read by those beside them: an age of whom, a status of what, an origin of what.
_READ_TOGETHER: tuple[tuple[str, Callable[[set[str]], bool]], ...] = (
    ("age", _is_age),
    ("marital status", _is_marital),
    ("family", _is_family),
    ("origin", _is_origin),
    ("sexual orientation", lambda words: bool({"sexual", "seksualna"} & words) and len(words) > 1),
    ("disability and health", _is_health),
    ("opinion and membership", lambda words: "union" in words and bool({"trade", "labor", "labour"} & words)),
)


def proxy_meaning(name: str) -> str | None:
    """The attribute that a column of this name often stands in for, or None."""
    words = words_of(name)
    for meaning, whole in PROXY_WORDS.items():
        if whole & {*words, "".join(words)}:
            return meaning
    pairs = itertools.pairwise(words)
    return next((PROXY_PAIRS[pair] for pair in pairs if pair in PROXY_PAIRS), None)


@dataclass(frozen=True)
class Proxy:
    """A feature that follows a protected column of the same file; ``association`` is between 0 and 1."""

    feature: str
    protected: str
    association: float


def measured_proxies(table: Table, features: Sequence[str], protected: Sequence[str]) -> list[Proxy]:
    """The features whose association with a protected column reaches ``PROXY_ASSOCIATION``, strongest first."""
    columns = {name: _ranks_or_codes(table, name) for name in {*features, *protected}}
    found = [
        Proxy(feature, other, strength)
        for feature in features
        for other in protected
        if (strength := _association(columns[feature], columns[other])) >= PROXY_ASSOCIATION
    ]
    return sorted(found, key=lambda proxy: (-proxy.association, proxy.feature, proxy.protected))


def report_proxies(
    table: Table, features: Sequence[str], protected: Sequence[str], progress: Callable[[str], None]
) -> None:
    """One line for every feature that may stand in for a protected attribute, by its name or by what it follows."""
    for name in features:
        meaning = proxy_meaning(name)
        if meaning is not None:
            progress(f"proxy: {name!r} often stands in for {meaning}; say in the model's card why it is needed")
    for proxy in measured_proxies(table, features, protected):
        progress(
            f"proxy: {proxy.feature!r} follows {proxy.protected!r} (association {proxy.association:.2f}); "
            "say in the model's card why it is needed"
        )


def _ranks_or_codes(table: Table, name: str) -> tuple[bool, pd.Series]:
    """Whether the column is a number, and its ranks or codes; NaN where missing."""
    cells = pd.Series(table.texts(name))
    known = cells != ""
    numbers = cells.map(parse_number)
    readable = numbers.notna() & known
    if known.any() and readable.sum() >= 0.9 * known.sum() and cells[known].nunique() > 2:
        return True, pd.to_numeric(numbers.where(readable)).rank()
    return False, pd.Series(pd.factorize(cells.where(known))[0], dtype=float).where(known)


def _association(one: tuple[bool, pd.Series], other: tuple[bool, pd.Series]) -> float:
    """Rank correlation of two numbers, else how much of a column's ranks or levels the other's levels explain.

    The root of the share explained (correlation ratio) or Cramér's V, each less what chance alone would give.
    """
    both = one[1].notna() & other[1].notna()
    left, right = one[1][both], other[1][both]
    if len(left) < _FEWEST_ROWS or left.nunique() < 2 or right.nunique() < 2:
        return 0.0
    if one[0] and other[0]:
        return float(abs(left.corr(right)))
    if one[0] or other[0]:
        numbers, codes = (left, right) if one[0] else (right, left)
        means = numbers.groupby(codes).transform("mean")
        explained, chance = float(means.var(ddof=0) / numbers.var(ddof=0)), (codes.nunique() - 1) / (len(codes) - 1)
        return float(np.sqrt(max(0.0, explained - chance)))
    counts = pd.crosstab(left, right).to_numpy().astype(np.float64)
    expected = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0, keepdims=True) / counts.sum()
    freedom = (counts.shape[0] - 1) * (counts.shape[1] - 1)
    excess = max(0.0, float(((counts - expected) ** 2 / expected).sum()) - freedom) / counts.sum()
    return float(np.sqrt(excess / (min(counts.shape) - 1)))
