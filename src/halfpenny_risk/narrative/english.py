"""What each fact may be said with in English. Nouns and verbs that state it, and nothing that judges it.

No phrase here counts, compares, minimises, promises or denies, and none speaks of people's traits: so no sentence can.
"""

from __future__ import annotations

from halfpenny_risk.narrative.drivers import driver_following, driver_phrases, driver_sentences
from halfpenny_risk.narrative.english_drivers import ENGLISH_DRIVERS
from halfpenny_risk.narrative.grammar import After, Grammar, compile_grammar

PHRASES = {
    "the": "the|a|this|its",
    "loan": "[the|this] bridge loan|the loan|this loan|it",
    "borrower": "the borrower|the company|the business|the applicant",
    "property": "the property|the security|the collateral",
    "is": "is|stands at|comes to|amounts to|is put at|is estimated at|is estimated to be|is set at|equals",
    "year": "a year|per year|yearly|annually|per annum",
    "risk": "[the|its] risk|the risk of default|the default risk|the risk of the loan|the risk of this loan"
    "|the [overall] credit risk|the overall risk|the probability of default|the likelihood of default",
    "also": "also|too|as well",
    "amount": "the [requested] amount [requested] [of <loan>]|the [requested] sum|the principal",
    "asks": "has asked for|has applied for|has requested|would like to borrow|intends to borrow|needs|asks for"
    "|applies for|requests|seeks|wishes to borrow|wants to borrow|would borrow|is looking to borrow|is asking for"
    "|is applying for|plans to borrow",
    "requested_loan": "the requested [bridge] loan|the loan [that is] requested|the loan [that is] applied for"
    "|the proposed [bridge] loan|the planned [bridge] loan",
    "lenders": "lenders|investors|lenders together|investors together",
    "term": "the [agreed] term [of <loan>]|its term|the term agreed in the application|the duration [of <loan>]",
    "ltv": "[the|its] loan to value|[the|its] loan-to-value ratio|the ratio of loan to value|that ratio|[the] LTV",
    "of_value": "of the value [of <property>]|of the property's value|of that value|of its value"
    "|of the value used|of what <property> is worth|of the assessed value",
    "makes_up": "is|comes to|makes up|covers|stands at|amounts to|represents|corresponds to|equals"
    "|takes up|is equal to",
    "against_value": "against the value [used]|measured against the value [used]|relative to the value [used]",
    "low_end": "at the lower bound of the valuation|on the lower bound of the valuation|at the lower bound of the range"
    "|on the lower bound of the range|at the lower bound|at the low end of the valuation|at the low end of the range"
    "|at the low end of its range"
    "|at the lower end of the valuation|at the lower end of the range|at the lowest value of the range"
    "|at the bottom of the range|at the bottom of the valuation|at the lower value"
    "|measured against the low end of the range|measured against the low value|at the low value",
    "low_is": "it is|that is|it would be|that would be|<loan> is|<loan> would be|<ltv> is|<ltv> would be"
    "|<loan> would make up|<loan> would cover|<loan> makes up|<loan> covers|<loan> would amount to|<loan> would come to"
    "|<loan> amounts to|<loan> comes to|<ltv> comes to|<ltv> would come to|<ltv> amounts to|<ltv> would amount to",
    "chance": "probability|chance|likelihood",
    "pd": "the [estimated] <chance> of [a] default|its [estimated] <chance> of default"
    "|the [estimated] default probability|the <chance> that <loan> defaults|the <chance> that it defaults"
    "|an estimated <chance> of default",
    "within": "within the term|over the term|during the term|until maturity",
    "in_default": "if <borrower> defaults|should it default|should <borrower> default|if it defaults|in default"
    "|in a default|in case of [a] default|in the event of [a] default|if <loan> defaults"
    "|should <loan> default|given [a] default|after a default|upon default",
    "lgd": "the [estimated] loss given default|the [estimated] loss in case of [a] default"
    "|the [estimated] loss in the event of [a] default|the [estimated] loss after a default",
    "el": "the expected loss|an expected loss|its expected loss|the expected credit loss",
    "on_amount": "on the amount lent|of the amount lent|on <loan>|of <loan>|of the loan amount",
    "rate": "the [suggested] rate [suggested for the loan]|the [suggested] interest rate|the suggested yearly rate"
    "|its [suggested] interest rate|the suggested annual rate|its [suggested] rate|the suggested yearly interest rate",
    "value": "the value [used]|the [estimated] value of <property>|the property value|the property's value"
    "|the resulting value|the assessed value|the value in this assessment",
    "valued": "is valued at|was valued at|is taken to be worth|was taken to be worth|is worth|has a value of",
    "range": "the valuation|the range of values|the value of <property>|the valuation's range|the property's value"
    "|the value range|the range of the value|the value|the range|the range of the valuation|the property value",
    "its_range": "its value|its range|it",
    "lies": "lies between {value_low} and {value_high}|may lie between {value_low} and {value_high}"
    "|ranges from {value_low} to {value_high}|reaches from {value_low} to {value_high}"
    "|runs from {value_low} to {value_high}|runs from {value_low} up to {value_high}"
    "|is estimated between {value_low} and {value_high}|is {value_low} to {value_high}"
    "|is [estimated|expected] to lie between {value_low} and {value_high}|is between {value_low} and {value_high}"
    "|is estimated to be between {value_low} and {value_high}|is estimated at {value_low} to {value_high}"
    "|is put between {value_low} and {value_high}|could lie between {value_low} and {value_high}"
    "|extends from {value_low} to {value_high}",
    "valuation": "the valuation|the valuation model|the model|the estimate|the value",
    "draws_on": "looked at|considers|considered|was derived from|is derived from|is supported by|draws on|rests on"
    "|is based on|relies on|uses|used|compared|compares|refers to",
    "sales": "comparable sales|comparable sales nearby|nearby sales|comparable properties|similar sales"
    "|sales of comparable properties|sales in the neighbourhood|sales nearby|sales",
    "exit": "the exit|the planned exit|the exit strategy|the planned exit strategy|its exit|the way of repayment",
    "repay": "to repay it|to repay the loan|to repay this loan|repayment",
    "raises": "raises|raise|increases|increase|adds to|add to",
    "lowers": "lowers|lower|reduces|reduce|decreases|decrease",
}
# What each figure is called, with a determiner or without: said in every frame of ``_framed``.
_NOUNS = {
    "amount": "[requested] [loan] amount|loan size|size|[requested] sum|principal|amount requested",
    "term": "[agreed|planned] [loan] term|duration|loan period|length",
    "loan_to_value": "loan to value|loan-to-value [ratio]|LTV [ratio]|ratio of loan to value",
    "loan_to_value_at_low": "[loan to value|loan-to-value ratio|LTV] <low_end>",
    "probability_of_default": "[estimated] <chance> of [a] default|[estimated] default probability"
    "|[estimated] <chance> that <borrower> defaults|[estimated] <chance> that <loan> defaults",
    "loss_given_default": "[estimated] loss given [a] default|[estimated] loss <in_default>",
    "expected_loss": "expected [credit] loss|expected loss <within>",
    "rate": "[suggested|proposed] [annual|yearly] [interest] rate|suggested [annual|yearly] interest",
    "value_used": "[assessed|estimated] value [of <property>]|[assessed|estimated] property value"
    "|value used [in the assessment|for the assessment|here]|value assumed",
}
# What is the loan's is never said of the property, nor the other way round; what was applied for is no estimate.
_LOANS = ("the|its|this|the loan's|this loan's", "[<for_loan>]")
_ESTIMATED = ("<intro>", "<assessor>", "<finds>")
_FRAMES = {
    "amount": (*_LOANS, "<intro_total>", "", ""),
    "term": (*_LOANS, "<intro_applied>", "", ""),
    "loan_to_value": (*_LOANS, *_ESTIMATED),
    "loan_to_value_at_low": (*_LOANS, *_ESTIMATED),
    "probability_of_default": (*_LOANS, *_ESTIMATED),
    "loss_given_default": (*_LOANS, *_ESTIMATED),
    "expected_loss": (*_LOANS, "<intro>|<intro_total>", "<assessor>", "<finds>"),
    "rate": (*_LOANS, "<intro>|<intro_rate>", "", ""),
    "value_used": ("the|this|the property's", "", "<intro>|for the assessment,", "<assessor>|<valuer>", "<finds>"),
}
PHRASES |= {
    "article": "a|an",
    "for_loan": "of <loan>|for <loan>|on <loan>",
    "intro": "according to the model,|overall,|in this assessment,|in the assessment,|by the model's estimate,"
    "|according to the assessment,",
    "intro_total": "overall,|in total,|in all,|for <loan>,|[taken] together,",
    "intro_applied": "according to the application,|for <loan>,",
    "intro_rate": "at this risk[,]|for <loan>[,]|at this level of risk[,]",
    "assessor": "the [risk] model|we|the [risk] assessment|the estimate",
    "valuer": "the valuation model|the valuation",
    "finds": "estimates|estimate|puts|put|gives|give|shows|show|finds|find|calculates|calculate"
    "|assumes|assume|uses|use|arrives at|arrive at",
    "expects": "expects|expect",
    "suggests": "suggests|suggest|proposes|propose|arrives at|arrive at",
    "gives": "corresponds to|makes|gives|means|implies|leads to|results in|amounts to",
}


PHRASES |= {f"assessor_{noun}": frame[3] for noun, frame in _FRAMES.items()}


def _framed(noun: str, figure: str) -> list[str]:
    """Every way to say that a noun has its figure; none says more."""
    det, behind, intro, assessor, finds = _FRAMES[noun]
    named = f"[{det}] <noun_{noun}> {behind}".rstrip()
    year = " [<year>]" if noun == "rate" else ""
    rules = [f"[{intro}] {named} <is> {figure}{year}", f"{named}: {figure}", f"{figure} is {named}"]
    if assessor:
        rules += [
            f"<assessor_{noun}> {finds} {named} at {figure}",
            f"<assessor_{noun}> {finds} {named} to be {figure}",
            f"<assessor_{noun}> {finds} <article> <noun_{noun}> of {figure} {behind}".rstrip(),
        ]
    if noun in _LOAN_HAS:
        rules.append(f"<loan> has <article> <noun_{noun}> of {figure}")
    return rules


# Of what the loan itself has.
_LOAN_HAS = frozenset({"amount", "term", "loan_to_value", "probability_of_default", "expected_loss"})


def _pointing_back(noun: str, figure: str) -> list[str]:
    return [
        f"this <gives> <article> <noun_{noun}> of {figure}",
        f"that <gives> <article> <noun_{noun}> of {figure}",
        f"from this follows <article> <noun_{noun}> of {figure}",
    ]


_BOTH = frozenset({"probability_of_default", "loss_given_default"})
_SIZES = frozenset({"amount", "value_used"})
_VALUES = frozenset({"value_used", "value_range", "comparables", "for:exit_uncertainty", "against:exit_uncertainty"})
# Sentences that point back, with the facts that they rest on and that must stand directly before them.
_FOLLOWING = {
    "loan_to_value": [(After(_SIZES), _pointing_back("loan_to_value", "{loan_to_value}"))],
    "loan_to_value_at_low": [
        (
            After(frozenset({"value_range"})),
            ["at the <low_word> of <that_range>, <low_is> {loan_to_value_at_low} [<of_value>]"],
        )
    ],
    "expected_loss": [
        (
            After(_BOTH, 2),
            [
                *_pointing_back("expected_loss", "{expected_loss}"),
                "from both [together] follows <article> <noun_expected_loss> of {expected_loss}",
                "together they <make> <el> of {expected_loss} [<on_amount>]",
                "both together <make> <el> of {expected_loss} [<on_amount>]",
                "this makes <el> of {expected_loss}",
            ],
        ),
        (
            After(frozenset({"loss_given_default"})),
            ["weighted by its probability, that is a loss of {expected_loss}"],
        ),
    ],
    "value_range": [(After(_VALUES), ["<its_range> <lies>"])],
    "value_used": [(After(_VALUES), ["its [assessed|estimated] value <is> {value_used}"])],
}
PHRASES |= {
    "make": "make|give|mean|result in|lead to|amount to",
    "low_word": "lower end|low end|lower bound|bottom",
    "that_range": "that range|this range|it",
}


# How each figure may be said besides.
_FIGURES = {
    "amount": [
        "<borrower> <asks> [a loan of] {amount}",
        "<amount> <is> {amount}",
        "{amount} is <amount>",
        "[this|it] is a [bridge] loan of {amount}",
        "a [bridge] loan of {amount} is requested",
        "a [bridge] loan of {amount} is applied for",
        "a [bridge] loan of {amount} is wanted",
        "the application asks for {amount}",
        "the application is for [a loan of] {amount}",
        "{amount} is requested",
        "<requested_loan> <is> {amount}",
        "<requested_loan> is for {amount}",
        "<requested_loan> has <article> <noun_amount> of {amount}",
        "{amount} is to be lent",
        "this is a [bridge] loan of {amount}",
        "<loan> is for {amount}",
        "<loan> amounts to {amount}",
        "the application is for {amount}",
        "a sum of {amount} is to be lent",
        "amount: {amount}",
        "loan amount: {amount}",
        "{amount} is the amount of this bridge loan",
    ],
    "term": [
        "<loan> runs for {term}",
        "<loan> lasts {term}",
        "<loan> is due after {term}",
        "<loan> matures after {term}",
        "<loan> matures in {term}",
        "<loan> has <article> <noun_term> of {term}",
        "<loan> is for {term}",
        "repayment is due after {term}",
        "repayment is due in {term}",
        "repayment falls due after {term}",
        "the money is needed for {term}",
        "the money is wanted for {term}",
        "<loan> is to be repaid within {term}",
        "<loan> is to be repaid after {term}",
        "<term> is {term}",
        "<borrower> would repay [the money|<loan>] after {term}",
        "<borrower> would repay [the money|<loan>] within {term}",
        "it would repay [the money|the loan] after {term}",
        "<loan> would be repaid after {term}",
        "<loan> would run for {term}",
        "<loan> is planned for {term}",
        "<loan> is planned to run for {term}",
        "<loan> is to run for {term}",
        "<requested_loan> runs for {term}",
        "repayment is planned after {term}",
        "repayment would be due after {term}",
        "<loan> is {term}",
        "<borrower> wants the money for {term}",
        "<borrower> borrows for {term}",
        "they would do so for {term}",
        "term: {term}",
        "its term: {term}",
        "{term} is <term>",
    ],
    "loan_to_value": [
        "[with it] <ltv> <is> {loan_to_value}",
        "<loan> <makes_up> {loan_to_value} <of_value>",
        "<requested_loan> <makes_up> {loan_to_value} <of_value>",
        "{loan_to_value} <of_value> is lent",
        "{loan_to_value} <of_value> would be lent",
        "relative to the value of <property>, <loan> <makes_up> {loan_to_value}",
        "compared with the value of <property>, <loan> <makes_up> {loan_to_value}",
        "measured against the value of <property>, <loan> <makes_up> {loan_to_value}",
        "<against_value>, <loan> <makes_up> {loan_to_value}",
        "<ltv>: {loan_to_value}",
        "loan to value: {loan_to_value}",
        "{loan_to_value} is <ltv>",
    ],
    "loan_to_value_at_low": [
        "<low_end>[,] <low_is> {loan_to_value_at_low} [<of_value>]",
        "<low_end>, <low_is> {loan_to_value_at_low} [<of_value>]",
        "if <property> were worth [only] the low end of its range, <loan> would be {loan_to_value_at_low} <of_value>",
        "loan to value at the low end [of the valuation]: {loan_to_value_at_low}",
        "measured <low_end>, <low_is> {loan_to_value_at_low} [<of_value>]",
        "if the value were <low_end>, <ltv> would be {loan_to_value_at_low}",
        "if <property> were valued <low_end>, <ltv> would be {loan_to_value_at_low}",
        "<ltv> <low_end> <is> {loan_to_value_at_low}",
        "<ltv> <low_end> would be {loan_to_value_at_low}",
    ],
    "probability_of_default": [
        "<pd> [<within>] <is> {probability_of_default}",
        "{probability_of_default} is <pd> [<within>]",
        "the model puts <pd> at {probability_of_default}",
        "the model estimates <pd> at {probability_of_default}",
        "[<within>,] the model expects a default with a <chance> of {probability_of_default}",
        "probability of default: {probability_of_default}",
        "how likely is a default? The estimate is {probability_of_default}",
        "<pd> is estimated: {probability_of_default}",
    ],
    "loss_given_default": [
        "<lgd> <is> {loss_given_default}",
        "<in_default>, the loss <is> {loss_given_default} [<on_amount>]",
        "<in_default>, the loss would be {loss_given_default} [<on_amount>]",
        "<in_default>, {loss_given_default} [<on_amount>] would be lost",
        "<in_default>, <lenders> would lose {loss_given_default} [<on_amount>]",
        "<lenders> would lose {loss_given_default} [<on_amount>] <in_default>",
        "<assessor> <finds> a loss of {loss_given_default} <in_default>",
        "<lgd> <is> {loss_given_default} <on_amount>",
        "<in_default>, <lenders> would lose an estimated {loss_given_default} [<on_amount>]",
        "an estimated {loss_given_default} [<on_amount>] would be lost <in_default>",
        "{loss_given_default} [<on_amount>] would be lost <in_default>",
        "<in_default>, the [estimated|expected] loss <is> {loss_given_default} [<on_amount>]",
        "<assessor> <expects> a loss of {loss_given_default} [<on_amount>] <in_default>",
        "<in_default>, an estimated {loss_given_default} [of it|<on_amount>] would be lost"
        " [after the sale of <property>]",
        "{loss_given_default} is <lgd>",
        "{loss_given_default} is the estimated loss in that case",
        "loss given default: {loss_given_default}",
        "how much would be lost? The estimate is {loss_given_default}",
    ],
    "expected_loss": [
        "<el> [<on_amount>] <is> {expected_loss}",
        "[<intro>|<intro_total>] <el> [<within>] <is> {expected_loss} <on_amount>",
        "{expected_loss} is <el>",
        "expected loss: {expected_loss}",
    ],
    "rate": [
        "<rate> <is> {rate} [<year>]",
        "<rate> for the loan is {rate} [<year>]",
        "interest is suggested at {rate} [<year>]",
        "the price of <loan> is a rate of {rate} [<year>]",
        "[for a loan with this risk] the model suggests [a rate of] {rate} [<year>]",
        "{rate} <year> is <rate>",
        "a rate of {rate} [<year>] is suggested",
        "a rate of {rate} [<year>] is proposed",
        "<assessor> <suggests> <article> <noun_rate> of {rate} [<year>]",
        "<assessor> <suggests> {rate} [<year>]",
        "[the|its|this|the loan's|this loan's] <noun_rate> [<for_loan>]: {rate} [<year>]",
        "suggested rate: {rate} [<year>]",
        "<assessor> therefore <suggests> <article> <noun_rate> of {rate} [<year>] [<for_loan>]",
        "<assessor> therefore <suggests> {rate} [<year>]",
    ],
    "value_used": [
        "<property> <valued> {value_used}",
        "for this assessment <property> <valued> {value_used}",
        "<value> <is> {value_used}",
        "{value_used} is <value>",
        "<assessor_value_used> <finds> <article> value of {value_used} [for <property>]",
        "<assessor_value_used> values <property> at {value_used}",
        "<assessor_value_used> value <property> at {value_used}",
        "for the assessment, <property> <valued> {value_used}",
        "in this assessment, <property> <valued> {value_used}",
        "the security is a property with a value of {value_used}",
        "the sale would be of a property valued at {value_used}",
        "property value: {value_used}",
    ],
    "value_range": [
        "<range> <lies>",
        "the valuation gives a range of {value_low} to {value_high}",
        "the valuation gives a range from {value_low} to {value_high}",
        "range of the value: {value_low} to {value_high}",
        "<assessor_value_used> <finds> a [value] range of {value_low} to {value_high}",
        "<assessor_value_used> <finds> a [value] range from {value_low} to {value_high}",
        "<assessor_value_used> <finds> a value between {value_low} and {value_high}",
    ],
    "comparables": [
        "<valuation> <draws_on> {comparables} <sales>",
        "there are {comparables} <sales>",
        "{comparables} <sales> support <valued_thing>",
        "{comparables} <sales> underlie <valued_thing>",
        "<valuation> takes {comparables} <sales> into account",
        "<valuation> took {comparables} <sales> into account",
        "{comparables} <sales> were taken into account",
        "{comparables} <sales> went into <valued_thing>",
        "{comparables} <sales> were used",
        "{comparables} <sales> were compared",
        "number of comparable sales: {comparables}",
        "comparable sales: {comparables}",
    ],
    "exit_strategy": [
        "<exit> is [by] [a] {exit_strategy}",
        "<loan> is to be repaid <by> [a] {exit_strategy}",
        "<borrower> <means> <repay> <by> [a] {exit_strategy}",
        "repayment should come from a {exit_strategy}",
        "<loan> should be repaid <by> [a] {exit_strategy}",
        "<loan> would be repaid <by> [a] {exit_strategy}",
        "<exit> would be [by] [a] {exit_strategy}",
        "repayment is to come from a {exit_strategy}",
        "repayment is expected from a {exit_strategy}",
        "repayment is planned <by> a {exit_strategy}",
        "the source of repayment is a {exit_strategy}",
        "it is a {exit_strategy}",
        "repayment is meant to come from a {exit_strategy}",
        "repayment is planned through a {exit_strategy}",
        "<borrower> plans <repay> through a {exit_strategy}",
        "<borrower> plans a {exit_strategy}",
        "exit: {exit_strategy}",
        "its exit: {exit_strategy}",
        "exit strategy: {exit_strategy}",
    ],
}


PHRASES |= {
    "valued_thing": "this valuation|the valuation|the value|this value",
    "by": "by|through|from|by means of",
    "means": "intends|plans|means|wants|expects",
}


def english() -> Grammar:
    """The grammar of English."""
    PHRASES.update({f"noun_{name}": noun for name, noun in _NOUNS.items()})
    figures = {
        name: [*rules, *(_framed(name, f"{{{name}}}") if name in _NOUNS else ())] for name, rules in _FIGURES.items()
    }
    phrases = PHRASES | driver_phrases(ENGLISH_DRIVERS)
    following = _FOLLOWING | driver_following(ENGLISH_DRIVERS)
    return compile_grammar(phrases, figures | driver_sentences(ENGLISH_DRIVERS), following)
