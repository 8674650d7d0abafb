"""What each fact may be said with in Polish, as ``english`` does: it states, and judges nothing."""

from __future__ import annotations

from halfpenny_risk.narrative.drivers import driver_phrases, driver_sentences
from halfpenny_risk.narrative.grammar import After, Grammar, compile_grammar
from halfpenny_risk.narrative.polish_drivers import POLISH_DRIVERS

PHRASES = {
    "loan": "pożyczka|ta pożyczka|ona",
    "of_loan": "pożyczki|tej pożyczki|pożyczki pomostowej|tej pożyczki pomostowej",
    "borrower": "pożyczkobiorca|firma|spółka|wnioskodawca",
    "property": "nieruchomość|zabezpieczenie",
    "property_object": "nieruchomość|zabezpieczenie",
    "of_property": "nieruchomości|zabezpieczenia",
    "is": "wynosi|to|stanowi|jest równa|szacuje się na|szacowane jest na|jest szacowane na|szacowana jest na"
    "|jest szacowana na|oszacowano na",
    "year": "rocznie|w skali roku",
    "risk": "jej ryzyko|ryzyko niewykonania zobowiązania|ogólne ryzyko|prawdopodobieństwo niespłacenia|ryzyko"
    "|ryzyko niespłacenia|ryzyko pożyczki|ryzyko tej pożyczki|ryzyko kredytowe",
    "amount": "kwota|[wnioskowana] kwota [<of_loan>]|wnioskowana suma",
    "asks": "wystąpił o|wystąpiła o|chciałby pożyczyć|chciałaby pożyczyć|potrzebuje|zamierza pożyczyć|wnioskuje o"
    "|ubiega się o|prosi o|chce pożyczyć|planuje pożyczyć|stara się o",
    "requested_loan": "wnioskowana pożyczka [pomostowa]|planowana pożyczka [pomostowa]"
    "|proponowana pożyczka [pomostowa]",
    "lenders": "pożyczkodawcy|inwestorzy|pożyczkodawcy łącznie|inwestorzy łącznie",
    "term": "okres [<of_loan>]|jej okres|czas trwania [<of_loan>]|okres podany we wniosku",
    "ltv": "wskaźnik LTV|LTV|stosunek pożyczki do wartości|stosunek ten|jej wskaźnik LTV",
    "of_value": "wartości [<of_property>]|tej wartości|przyjętej wartości|jej wartości|tego, ile warta jest <property>",
    "makes_up": "to|stanowi|wynosi|odpowiada|pokrywa|obejmuje|równa się",
    "would_make_up": "stanowiłaby|pokryłaby|pokrywałaby|odpowiadałaby|wyniosłaby|wynosiłaby|pokrywa|odpowiada",
    "against_value": "wobec [przyjętej] wartości|w stosunku do [przyjętej] wartości",
    "low_end": "przy niższej granicy wyceny|przy niższej granicy przedziału|na dolnej granicy przedziału"
    "|na dolnej granicy wyceny|wobec dolnej granicy wyceny|przy dolnej granicy|wobec dolnej granicy przedziału"
    "|przy dolnej granicy przedziału|przy dolnym krańcu przedziału|przy dolnym końcu przedziału"
    "|przy najniższej wartości|mierzona wobec dolnej granicy przedziału|przy dolnej granicy wyceny",
    "low_is": "to|wynosi|wyniósłby|wyniosłaby|wynosiłby|<loan> stanowi|<loan> <would_make_up>|wskaźnik to"
    "|wskaźnik LTV to|wskaźnik wynosi|wskaźnik LTV wynosi|wskaźnik LTV wyniósłby",
    "default": "niespłacenia|niewykonania zobowiązania|niewypłacalności|niespłacenia pożyczki",
    "pd": "[szacowane] prawdopodobieństwo <default>|jej [szacowane] prawdopodobieństwo <default>|szansa <default>"
    "|szacowane prawdopodobieństwo <default>",
    "within": "w okresie pożyczki|w tym okresie|do dnia zapadalności",
    "in_default": "jeśli <borrower> nie spłaci pożyczki|gdyby <borrower> nie spłacił pożyczki|w razie <default>"
    "|w przypadku <default>|jeśli pożyczka nie zostanie spłacona"
    "|gdyby pożyczka nie została spłacona",
    "lgd": "[szacowana] strata w razie <default>|[szacowana] strata w przypadku <default>",
    "el": "oczekiwana strata|jej oczekiwana strata",
    "el_object": "oczekiwaną stratę",
    "on_amount": "na pożyczonej kwocie|na tej pożyczce|pożyczki|kwoty pożyczki|pożyczonej kwoty",
    "rate": "[sugerowana] stopa|[sugerowana] stopa procentowa|sugerowana roczna stopa|jej sugerowana stopa [procentowa]"
    "|sugerowane oprocentowanie|stopa sugerowana dla pożyczki|oprocentowanie|roczna stopa|stopa roczna",
    "value": "wartość|przyjęta wartość|[szacowana] wartość <of_property>|wynikająca z tego wartość",
    "range": "wycena|wartość <of_property>|zakres wartości|przedział wartości <of_property>|wartość"
    "|przedział wartości|przedział wyceny|przedział",
    "its_range": "jej przedział|jej wartość|ona|on",
    "lies": "mieści się między {value_low} a {value_high}|leży między {value_low} a {value_high}"
    "|może leżeć między {value_low} a {value_high}|sięga od {value_low} do {value_high}"
    "|rozciąga się od {value_low} do {value_high}|wynosi od {value_low} do {value_high}|to {value_low} do {value_high}"
    "|szacuje się na od {value_low} do {value_high}|szacowana jest na od {value_low} do {value_high}"
    "|szacuje się między {value_low} a {value_high}|może wynosić od {value_low} do {value_high}"
    "|znajduje się między {value_low} a {value_high}",
    "valuation": "wycena|model wyceny|model|wartość",
    "sales_number": "porównywalnych sprzedażach z okolicy|podobnych sprzedażach|porównywalnych sprzedażach"
    "|porównywalnych transakcjach|sprzedażach z okolicy",
    "sales_object": "sprzedaże z okolicy|porównywalne sprzedaże|sprzedaże porównywalnych nieruchomości",
    "sales_genitive": "porównywalnych sprzedaży z okolicy|podobnych sprzedaży|porównywalnych sprzedaży|sprzedaży"
    "|transakcji|porównywalnych transakcji|sprzedaży z okolicy",
    "exit": "wyjście|planowane wyjście|strategia wyjścia|planowana strategia wyjścia|jej wyjście|sposób spłaty",
    "raises": "zwiększa|zwiększają|podnosi|podnoszą|podwyższa|podwyższają",
    "lowers": "obniża|obniżają|zmniejsza|zmniejszają",
}
# What each figure is called, in the nominative and in the accusative: said in every frame of ``_framed``.
_NOUNS = {
    "amount": ("[wnioskowana] kwota|wysokość|suma|kapitał", "[wnioskowaną] kwotę|wysokość|sumę"),
    "term": ("[planowany|uzgodniony] okres|czas trwania|okres spłaty", "[planowany|uzgodniony] okres"),
    "loan_to_value": (
        "wskaźnik LTV|LTV|stosunek <of_loan> do wartości [<of_property>]",
        "wskaźnik LTV|stosunek <of_loan> do wartości [<of_property>]",
    ),
    "loan_to_value_at_low": ("wskaźnik LTV <low_end>|LTV <low_end>", "wskaźnik LTV <low_end>"),
    "probability_of_default": (
        "[szacowane] prawdopodobieństwo <default>|[szacowana] szansa <default>"
        "|[szacowane] prawdopodobieństwo, że <borrower> nie spłaci pożyczki,"
        "|[szacowane] prawdopodobieństwo, że <loan> nie zostanie spłacona,",
        "prawdopodobieństwo <default>|szansę <default>",
    ),
    "loss_given_default": ("[szacowana] strata <in_default>", "stratę <in_default>"),
    "expected_loss": ("oczekiwana strata [<within>]", "oczekiwaną stratę [<within>]"),
    "rate": (
        "[sugerowana|proponowana] [roczna] stopa [procentowa]|[sugerowane] [roczne] oprocentowanie",
        "[sugerowaną|proponowaną] [roczną] stopę [procentową]|[roczne] oprocentowanie",
    ),
    "value_used": (
        "[przyjęta|szacowana] wartość [<of_property>]|wartość [<of_property>] przyjęta w [tej] ocenie",
        "[przyjętą] wartość [<of_property>]",
    ),
}
# What is the loan's is never said of the property, nor the other way round; what was applied for is no estimate.
_ESTIMATED = ("[<for_loan>]", "<intro>", "<finds>", "<gives>")
_FRAMES = {
    "amount": ("[<of_loan>]", "<intro_total>", "", ""),
    "term": ("[<of_loan>]", "<intro_applied>", "", "<loan_has>"),
    "loan_to_value": ("[<for_loan>]", "<intro>", "<finds>", "<gives>|<loan_has>"),
    "loan_to_value_at_low": _ESTIMATED,
    "probability_of_default": ("[<for_loan>]", "<intro>", "<finds>", "<gives>|<loan_has>"),
    "loss_given_default": _ESTIMATED,
    "expected_loss": ("[<for_loan>]", "<intro>|<intro_total>", "<finds>", "<gives>"),
    "rate": ("[<for_loan>]", "<intro>|<intro_rate>", "", ""),
    "value_used": ("", "<intro>|na potrzeby oceny", "<finds>", "<gives>"),
}
PHRASES |= {
    "intro": "według modelu|zgodnie z modelem|w tej ocenie|w ocenie|zgodnie z oceną",
    "intro_total": "łącznie|ogółem|dla tej pożyczki",
    "intro_applied": "zgodnie z wnioskiem|według wniosku|dla tej pożyczki",
    "intro_rate": "przy tym ryzyku|dla tej pożyczki",
    "finds": "model szacuje|szacujemy|ocena szacuje|model określa|określamy",
    "gives": "model podaje|model przewiduje|przewidujemy|model przyjmuje|przyjmujemy|ocena przyjmuje|w ocenie przyjęto"
    "|model wskazuje",
    "loan_has": "pożyczka ma|ta pożyczka ma",
    "back": "daje to|oznacza to",
    "tells": "wynika z tego|z tego wynika|stąd wynika",
    "for_loan": "<of_loan>|dla <of_loan>|na tej pożyczce",
}


PHRASES |= {f"gives_{noun}": frame[3] for noun, frame in _FRAMES.items()}


def _framed(noun: str, figure: str) -> list[str]:
    """Every way to say that a noun has its figure; none says more."""
    behind, intro, finds, gives = _FRAMES[noun]
    named, object_ = f"<noun_{noun}> {behind}".rstrip(), f"<object_{noun}> {behind}".rstrip()
    year = " [<year>]" if noun == "rate" else ""
    rules = [f"[{intro}] {named} <is> {figure}{year}", f"{named}: {figure}", f"{figure} to {named}"]
    if finds:
        rules.append(f"<finds> {object_} na {figure}")
    if gives:
        rules.append(f"<gives_{noun}> {object_} [w wysokości|na poziomie] {figure}")
    return rules


def _pointing_back(noun: str, figure: str) -> list[str]:
    return [
        f"<back> <object_{noun}> [w wysokości|na poziomie] {figure}",
        f"<tells> <noun_{noun}> [w wysokości|na poziomie] {figure}",
    ]


_VALUES = frozenset({"value_used", "value_range", "comparables", "for:exit_uncertainty", "against:exit_uncertainty"})
# Sentences that point back, with the facts that they rest on and that must stand directly before them.
_FOLLOWING = {
    "loan_to_value": [
        (
            After(frozenset({"amount", "value_used"})),
            [
                *_pointing_back("loan_to_value", "{loan_to_value}"),
                "odpowiada to wskaźnikowi LTV [na poziomie|w wysokości] {loan_to_value}",
            ],
        )
    ],
    "loan_to_value_at_low": [
        (After(frozenset({"value_range"})), ["<low_word> tego przedziału <low_is> {loan_to_value_at_low} [<of_value>]"])
    ],
    "expected_loss": [
        (
            After(frozenset({"probability_of_default", "loss_given_default"}), 2),
            [
                *_pointing_back("expected_loss", "{expected_loss}"),
                "z obu wynika <noun_expected_loss> [w wysokości|na poziomie] {expected_loss}",
                "razem <el> <is> {expected_loss}",
                "razem daje to <el_object> [w wysokości] {expected_loss}",
            ],
        ),
        (
            After(frozenset({"loss_given_default"})),
            ["ważona prawdopodobieństwem, jest to strata {expected_loss}"],
        ),
    ],
    "value_range": [
        (
            After(_VALUES),
            [
                "<its_range> <lies>",
                "rozciąga się od {value_low} do {value_high}",
                "sięga od {value_low} do {value_high}",
            ],
        )
    ],
}
PHRASES |= {
    "low_word": "przy dolnej granicy|na dolnej granicy|przy niższej granicy|przy dolnym krańcu",
    "suggests": "sugeruje|proponuje",
}


# How each figure may be said besides.
_FIGURES = {
    "amount": [
        "<borrower> <asks> [pożyczkę w kwocie] {amount}",
        "<amount> <is> {amount}",
        "{amount} to <amount>",
        "jest to pożyczka [pomostowa] w kwocie {amount}",
        "jest to pożyczka [pomostowa] na {amount}",
        "<loan> opiewa na {amount}",
        "<requested_loan> <is> {amount}",
        "<requested_loan> opiewa na {amount}",
        "<borrower> <asks> kwotę {amount}",
        "<loan> wynosi {amount}",
        "wniosek dotyczy [kwoty] {amount}",
        "wnioskowana jest pożyczka [w wysokości|w kwocie] {amount}",
        "we wniosku wskazano kwotę {amount}",
        "we wniosku podano kwotę {amount}",
        "wnioskowana kwota: {amount}",
        "pożyczona ma być suma {amount}",
        "kwota: {amount}",
        "kwota <of_loan>: {amount}",
    ],
    "term": [
        "<loan> trwa {term}",
        "<loan> przypada do spłaty po {term}",
        "spłata przypada po {term}",
        "<loan> jest wymagalna po {term}",
        "<loan> ma okres {term}",
        "pieniądze są potrzebne na {term}",
        "pożyczka jest na {term}",
        "przypada ona po {term}",
        "<loan> ma zostać spłacona w ciągu {term}",
        "<loan> ma zostać spłacona po {term}",
        "<term> wynosi {term}",
        "spłata nastąpiłaby po {term}",
        "spłatę zaplanowano po {term}",
        "spłata przypadałaby po {term}",
        "<loan> zostałaby spłacona po {term}",
        "<loan> trwałaby {term}",
        "<loan> ma trwać {term}",
        "pożyczkę zaplanowano na {term}",
        "<requested_loan> trwa {term}",
        "pożyczka jest planowana na {term}",
        "<term> to {term}",
        "wynosi on {term}",
        "<borrower> chce pieniędzy na {term}",
        "<borrower> pożycza na {term}",
        "zrobiliby to na {term}",
        "okres: {term}",
        "jej okres: {term}",
        "{term} to <term>",
    ],
    "loan_to_value": [
        "[wraz z nim] <ltv> <is> {loan_to_value}",
        "<loan> <makes_up> {loan_to_value} <of_value>",
        "<requested_loan> <makes_up> {loan_to_value} <of_value>",
        "stanowi ona {loan_to_value} <of_value>",
        "w stosunku do wartości <of_property> <loan> <makes_up> {loan_to_value}",
        "wobec wartości <of_property> <loan> <makes_up> {loan_to_value}",
        "<against_value> <loan> <makes_up> {loan_to_value}",
        "<ltv>: {loan_to_value}",
        "stosunek ten wynosi {loan_to_value}",
        "{loan_to_value} to <ltv>",
    ],
    "loan_to_value_at_low": [
        "<low_end> <low_is> {loan_to_value_at_low} [<of_value>]",
        "gdyby <property> była warta tyle, ile dolna granica przedziału, <loan> stanowiłaby {loan_to_value_at_low} "
        "<of_value>",
        "wskaźnik LTV przy dolnej granicy [wyceny]: {loan_to_value_at_low}",
        "liczony <low_end> wskaźnik LTV <is> {loan_to_value_at_low}",
        "liczony <low_end> wskaźnik LTV wyniósłby {loan_to_value_at_low}",
        "gdyby wartość była <low_end>, wskaźnik LTV wyniósłby {loan_to_value_at_low}",
        "gdyby wartość była <low_end>, <loan> stanowiłaby {loan_to_value_at_low} <of_value>",
        "wskaźnik LTV <low_end> <is> {loan_to_value_at_low}",
        "wskaźnik LTV <low_end> wyniósłby {loan_to_value_at_low}",
    ],
    "probability_of_default": [
        "<pd> [<within>] <is> {probability_of_default}",
        "{probability_of_default} to <pd> [<within>]",
        "model szacuje <pd> na {probability_of_default}",
        "[<within>] model spodziewa się niespłacenia z prawdopodobieństwem {probability_of_default}",
        "prawdopodobieństwo <default>: {probability_of_default}",
        "jak prawdopodobne jest niespłacenie? Szacunek to {probability_of_default}",
        "<pd> jest szacowana: {probability_of_default}",
    ],
    "loss_given_default": [
        "<lgd> <is> {loss_given_default}",
        "<in_default>, strata <is> {loss_given_default}",
        "<in_default> strata <is> {loss_given_default}",
        "<in_default>[,] utracono by {loss_given_default} [<on_amount>]",
        "<in_default>[,] strata wyniosłaby {loss_given_default} [<on_amount>]",
        "<in_default>[,] <lenders> straciliby [szacunkowo] {loss_given_default} [<on_amount>]",
        "<in_default>, <lenders> straciliby [szacunkowo] {loss_given_default} [<on_amount>]",
        "<in_default>[,] utracone zostałoby [szacunkowo] {loss_given_default} [<on_amount>]",
        "<in_default>[,] stracone zostałoby [szacunkowo] {loss_given_default} [<on_amount>]",
        "<in_default>[,] utracono by szacunkowo {loss_given_default} [<on_amount>]",
        "<in_default>[,] strata <is> {loss_given_default} <on_amount>",
        "<in_default>[,] szacowana strata <is> {loss_given_default} [<on_amount>]",
        "model przewiduje stratę {loss_given_default} <in_default>",
        "model szacuje stratę na {loss_given_default} <in_default>",
        "<in_default> <lenders> straciliby [szacunkowo] {loss_given_default}",
        "<in_default>, po sprzedaży nieruchomości utracono by szacunkowo {loss_given_default}",
        "{loss_given_default} to <lgd>",
        "{loss_given_default} to szacowana strata w takim przypadku",
        "strata w razie <default>: {loss_given_default}",
        "ile wyniosłaby strata? Szacunek to {loss_given_default}",
    ],
    "expected_loss": [
        "<el> [<on_amount>] <is> {expected_loss}",
        "[<intro>|<intro_total>] <el> [<within>] <is> {expected_loss} <on_amount>",
        "{expected_loss} to <el>",
        "oczekiwana strata: {expected_loss}",
    ],
    "rate": [
        "<rate> <is> {rate} [<year>]",
        "<rate> dla pożyczki to {rate} [<year>]",
        "ceną pożyczki jest stopa {rate} [<year>]",
        "[dla pożyczki o takim ryzyku] model sugeruje [stopę] {rate} [<year>]",
        "{rate} <year> to <rate>",
        "sugerowana jest [roczna] stopa {rate} [<year>]",
        "proponowana jest [roczna] stopa {rate} [<year>]",
        "sugerujemy [roczną] stopę {rate} [<year>]",
        "proponujemy [roczną] stopę {rate} [<year>]",
        "model sugeruje [roczną] stopę [procentową] {rate} [<year>]",
        "model proponuje [roczną] stopę [procentową] {rate} [<year>]",
        "<noun_rate> [<for_loan>]: {rate} [<year>]",
        "sugerowana stopa: {rate} [<year>]",
        "model <suggests> więc <object_rate> {rate} [<year>]",
        "model <suggests> zatem <object_rate> {rate} [<year>]",
        "dlatego model <suggests> <object_rate> {rate} [<year>]",
    ],
    "value_used": [
        "<property> jest warta {value_used}",
        "nieruchomość wyceniono na {value_used}",
        "w tej ocenie przyjęto, że <property> jest warta {value_used}",
        "<value> <is> {value_used}",
        "{value_used} to <value>",
        "wyceniamy <property_object> na {value_used}",
        "model wycenia <property_object> na {value_used}",
        "na potrzeby oceny przyjęto, że <property> jest warta {value_used}",
        "zabezpieczeniem jest nieruchomość o wartości {value_used}",
        "sprzedana zostałaby nieruchomość wyceniona na {value_used}",
        "wartość <of_property>: {value_used}",
    ],
    "value_range": [
        "<range> <lies>",
        "wycena daje przedział od {value_low} do {value_high}",
        "model [wyceny] daje przedział od {value_low} do {value_high}",
        "model [wyceny] podaje przedział od {value_low} do {value_high}",
        "przedział wartości: {value_low} do {value_high}",
        "przedział wartości: od {value_low} do {value_high}",
    ],
    "comparables": [
        "<valuation> opiera się na <sales_number> w liczbie {comparables}",
        "<valuation> opiera się na {comparables} <sales_number>",
        "model porównał <sales_object> w liczbie {comparables}",
        "porównano {comparables} <sales_genitive>",
        "<valuation> uwzględnia {comparables} <sales_genitive>",
        "<valuation> uwzględnił {comparables} <sales_genitive>",
        "<valuation> uwzględniła {comparables} <sales_genitive>",
        "uwzględniono {comparables} <sales_genitive>",
        "[tę] wycenę oparto na {comparables} <sales_number>",
        "wartość oparto na {comparables} <sales_number>",
        "wartość ustalono na podstawie {comparables} <sales_genitive>",
        "wycenę sporządzono na podstawie {comparables} <sales_genitive>",
        "porównano <sales_object>: {comparables}",
        "wykorzystano <sales_object>: {comparables}",
        "wykorzystano {comparables} <sales_genitive>",
        "liczba porównywalnych sprzedaży: {comparables}",
    ],
    "exit_strategy": [
        "<exit> to {exit_strategy}",
        "<loan> ma zostać spłacona w ten sposób: {exit_strategy}",
        "<loan> ma zostać spłacona przez {exit_strategy}",
        "<loan> ma być spłacona przez {exit_strategy}",
        "spłatę zaplanowano przez {exit_strategy}",
        "<borrower> planuje spłacić pożyczkę przez {exit_strategy}",
        "<borrower> planuje ją spłacić przez {exit_strategy}",
        "<borrower> zamierza spłacić pożyczkę przez {exit_strategy}",
        "<borrower> zamierza ją spłacić przez {exit_strategy}",
        "spłata ma nastąpić przez {exit_strategy}",
        "<borrower> zamierza spłacić pożyczkę w ten sposób: {exit_strategy}",
        "<borrower> planuje spłacić pożyczkę w ten sposób: {exit_strategy}",
        "<borrower> zamierza ją spłacić w ten sposób: {exit_strategy}",
        "źródłem spłaty ma być {exit_strategy}",
        "źródło spłaty: {exit_strategy}",
        "sposób spłaty: {exit_strategy}",
        "jest to {exit_strategy}",
        "spłata ma pochodzić z takiego źródła: {exit_strategy}",
        "<borrower> planuje ją spłacić w ten sposób: {exit_strategy}",
        "<borrower> planuje taki sposób spłaty: {exit_strategy}",
        "<exit>: {exit_strategy}",
    ],
}


def polish() -> Grammar:
    """The grammar of Polish."""
    for name, (nominative, accusative) in _NOUNS.items():
        PHRASES[f"noun_{name}"], PHRASES[f"object_{name}"] = nominative, accusative
    figures = {
        name: [*rules, *(_framed(name, f"{{{name}}}") if name in _NOUNS else ())] for name, rules in _FIGURES.items()
    }
    phrases = PHRASES | driver_phrases(POLISH_DRIVERS)
    return compile_grammar(phrases, figures | driver_sentences(POLISH_DRIVERS), _FOLLOWING)
