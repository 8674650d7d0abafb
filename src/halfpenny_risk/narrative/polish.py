"""What each fact may be said with in Polish, as ``english`` does: it states, and judges nothing."""

from __future__ import annotations

from halfpenny_risk.narrative.grammar import Grammar, compile_grammar

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
    "|ubiega się o|prosi o|chce pożyczyć",
    "lenders": "pożyczkodawcy|inwestorzy|pożyczkodawcy łącznie|inwestorzy łącznie",
    "provide": "udostępniliby|pożyczyliby|wpłaciliby",
    "term": "okres [<of_loan>]|jej okres|czas trwania [<of_loan>]|okres podany we wniosku",
    "ltv": "wskaźnik LTV|LTV|stosunek pożyczki do wartości|stosunek ten|jej wskaźnik LTV",
    "of_value": "wartości [<of_property>]|tej wartości|przyjętej wartości|jej wartości|tego, ile warta jest <property>",
    "makes_up": "to|stanowi|wynosi|odpowiada",
    "against_value": "wobec [przyjętej] wartości|w stosunku do [przyjętej] wartości",
    "low_end": "przy niższej granicy wyceny|przy niższej granicy przedziału|na dolnej granicy przedziału"
    "|na dolnej granicy wyceny|wobec dolnej granicy wyceny|przy dolnej granicy|wobec dolnej granicy przedziału"
    "|przy dolnej granicy przedziału"
    "|mierzona wobec dolnej granicy przedziału|przy dolnej granicy wyceny",
    "low_is": "to|wynosi|wyniósłby|wyniosłaby|wynosiłby|<loan> stanowi|<loan> stanowiłaby|wskaźnik to|wskaźnik LTV to"
    "|wskaźnik wynosi|wskaźnik LTV wynosi|wskaźnik LTV wyniósłby",
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
    "range": "wycena|wartość <of_property>|zakres wartości|przedział wartości <of_property>|wartość|jej przedział"
    "|przedział wartości|przedział wyceny|jej wartość|ona|on|przedział",
    "lies": "mieści się między {value_low} a {value_high}|leży między {value_low} a {value_high}"
    "|może leżeć między {value_low} a {value_high}|sięga od {value_low} do {value_high}"
    "|rozciąga się od {value_low} do {value_high}|wynosi od {value_low} do {value_high}|to {value_low} do {value_high}",
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
_DRIVERS = {
    "exit_leverage": "wskaźnik LTV|wysokość pożyczki wobec wartości|stosunek pożyczki do wartości|poziom zadłużenia"
    "|wysokość zadłużenia|dźwignia",
    "exit_prior_debt": "pierwszeństwo hipoteki|pierwszeństwo zabezpieczenia|kolejność hipoteki",
    "exit_uncertainty": "przedział wyceny|przedział wartości|szerokość tego przedziału|szerokość przedziału",
    "exit_term": "okres|okres pożyczki|długość okresu|okres o tej długości|jej okres",
    "exit_strategy": "strategia wyjścia|ta strategia wyjścia|planowane wyjście|sposób spłaty|źródło spłaty|wyjście",
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
_FOR = {
    "exit_leverage": "niski wskaźnik LTV|umiarkowany wskaźnik LTV|niska dźwignia|umiarkowana dźwignia"
    "|niski stosunek pożyczki do wartości|umiarkowany stosunek pożyczki do wartości",
    "exit_uncertainty": "wąski przedział wyceny|wąski przedział wartości|pewność wyceny|pewność wartości",
    "exit_term": "krótki okres [<of_loan>]|krótszy okres [<of_loan>]",
    "income": "wysoki dochód [pożyczkobiorcy]|wysoki dochód firmy",
    "debts": "niskie zadłużenie [pożyczkobiorcy]|niskie długi [pożyczkobiorcy]|małe zadłużenie [pożyczkobiorcy]",
    "exit_interest": "regularna płatność odsetek|bieżąca płatność odsetek|odsetki płacone w trakcie okresu"
    "|odsetki płacone w terminie|odsetki płacone na bieżąco",
}
_CLAUSES_AGAINST = {
    "exit_term": ("im dłuższy okres, tym wyższe ryzyko",),
    "exit_uncertainty": ("ponieważ wycena jest niepewna, ryzyko jest wyższe",),
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
PHRASES |= {
    "intro": "według modelu|zgodnie z modelem|łącznie|ogółem|w tej ocenie|w ocenie|na potrzeby oceny|przy tym ryzyku"
    "|dla tej pożyczki",
    "finds": "model szacuje|szacujemy|ocena szacuje|model określa|określamy",
    "gives": "model podaje|model przewiduje|przewidujemy|model przyjmuje|przyjmujemy|ocena przyjmuje|w ocenie przyjęto"
    "|model wskazuje|pożyczka ma|ta pożyczka ma|daje to|oznacza to",
    "tells": "wynika|wynika z tego|z tego wynika|z obu wynika|stąd wynika",
    "for_loan": "<of_loan>|dla <of_loan>|na tej pożyczce",
}


def _framed(noun: str, figure: str) -> list[str]:
    """Every way to say that a noun has its figure; none says more."""
    named, object_ = f"<noun_{noun}> [<for_loan>]", f"<object_{noun}> [<for_loan>]"
    return [
        f"[<intro>] {named} <is> {figure}" + (" [<year>]" if noun == "rate" else ""),
        f"{named}: {figure}",
        f"{figure} to {named}",
        f"<finds> {object_} na {figure}",
        f"<gives> {object_} [w wysokości|na poziomie] {figure}",
        f"<tells> {named} [w wysokości|na poziomie] {figure}",
    ]


# How each figure may be said besides.
_FIGURES = {
    "amount": [
        "<borrower> <asks> [pożyczkę w kwocie] {amount}",
        "<amount> <is> {amount}",
        "{amount} to <amount>",
        "jest to pożyczka [pomostowa] w kwocie {amount}",
        "jest to pożyczka [pomostowa] na {amount}",
        "<loan> opiewa na {amount}",
        "<loan> wynosi {amount}",
        "wniosek dotyczy [kwoty] {amount}",
        "wnioskowana jest pożyczka [w wysokości|w kwocie] {amount}",
        "we wniosku wskazano kwotę {amount}",
        "we wniosku podano kwotę {amount}",
        "wnioskowana kwota: {amount}",
        "pożyczona ma być suma {amount}",
        "<lenders> <provide> {amount}",
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
        "stanowi ona {loan_to_value} <of_value>",
        "w stosunku do wartości <of_property> <loan> <makes_up> {loan_to_value}",
        "wobec wartości <of_property> <loan> <makes_up> {loan_to_value}",
        "odpowiada to wskaźnikowi LTV [na poziomie|w wysokości] {loan_to_value}",
        "daje to wskaźnik LTV [na poziomie|w wysokości] {loan_to_value}",
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
        "model przewiduje stratę {loss_given_default} <in_default>",
        "model szacuje stratę na {loss_given_default} <in_default>",
        "<in_default> <lenders> straciliby [szacunkowo] {loss_given_default}",
        "<in_default>, po sprzedaży nieruchomości utracono by szacunkowo {loss_given_default}",
        "{loss_given_default} to <lgd>",
        "{loss_given_default} to szacowana strata w takim przypadku",
        "strata w razie <default>: {loss_given_default}",
    ],
    "expected_loss": [
        "<el> [<on_amount>] <is> {expected_loss}",
        "<el> [<within>] <is> {expected_loss} <on_amount>",
        "razem daje to <el_object> [w wysokości] {expected_loss}",
        "daje to <el_object> [w wysokości] {expected_loss}",
        "{expected_loss} to <el>",
        "ważona prawdopodobieństwem, jest to strata {expected_loss}",
        "z tego na <el_object> przypada {expected_loss}",
        "średnio na podobnych pożyczkach traci się {expected_loss}",
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
        "rozciąga się od {value_low} do {value_high}",
        "sięga od {value_low} do {value_high}",
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


def _drivers() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for code, neutral in _DRIVERS.items():
        PHRASES[f"against_{code}"] = "|".join(filter(None, (neutral, _AGAINST.get(code))))
        PHRASES[f"for_{code}"] = "|".join(filter(None, (neutral, _FOR.get(code))))
        found[f"against:{code}"] = [
            *_direction(f"<against_{code}>", "<raises>", "wyższe", "<weighs_against>", "bardziej"),
            *_CLAUSES_AGAINST.get(code, ()),
        ]
        found[f"for:{code}"] = _direction(f"<for_{code}>", "<lowers>", "niższe", "<weighs_for>", "mniej")
    return found


PHRASES |= {
    "weighs_against": "działają przeciw pożyczce|przemawia przeciwko pożyczce|przemawiają przeciwko pożyczce"
    "|działa przeciw pożyczce|przemawia przeciw pożyczce|przemawiają przeciw pożyczce"
    "|przeciw pożyczce działa",
    "weighs_for": "przemawia za pożyczką|przemawiają za pożyczką|przemawia na korzyść pożyczki"
    "|działa na korzyść pożyczki|działają na korzyść pożyczki|działa na rzecz pożyczki|liczy się na plus"
    "|działają na rzecz pożyczki|za nią działa",
}


def polish() -> Grammar:
    """The grammar of Polish."""
    for name, (nominative, accusative) in _NOUNS.items():
        PHRASES[f"noun_{name}"], PHRASES[f"object_{name}"] = nominative, accusative
    figures = {
        name: [*rules, *(_framed(name, f"{{{name}}}") if name in _NOUNS else ())] for name, rules in _FIGURES.items()
    }
    return compile_grammar(PHRASES, figures | _drivers())
