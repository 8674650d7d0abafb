"""What each fact may be said with in English. Nouns and verbs that state it, and nothing that judges it.

No phrase here counts, compares, minimises, promises or denies, and none speaks of people's traits: so no sentence can.
"""

from __future__ import annotations

from halfpenny_risk.narrative.grammar import Grammar, compile_grammar

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
    "|applies for|requests|seeks|wishes to borrow|wants to borrow|would borrow",
    "lenders": "lenders|investors|lenders together|investors together",
    "provide": "would provide|would lend|would put in",
    "term": "the [agreed] term [of <loan>]|its term|the term agreed in the application|the duration [of <loan>]",
    "ltv": "[the|its] loan to value|[the|its] loan-to-value ratio|the ratio of loan to value|that ratio|[the] LTV",
    "of_value": "of the value [of <property>]|of the property's value|of that value|of its value"
    "|of the value used|of what <property> is worth|of the assessed value",
    "makes_up": "is|comes to|makes up|covers|stands at|amounts to|represents|corresponds to",
    "against_value": "against the value [used]|measured against the value [used]|relative to the value [used]",
    "low_end": "at the lower bound of the valuation|on the lower bound of the valuation|at the lower bound of the range"
    "|on the lower bound of the range|at the lower bound|at the low end of the valuation|at the low end of the range"
    "|at the low end of its range"
    "|at the lower end of the valuation|at the lower end of the range|measured against the low end of the range"
    "|measured against the low value|at the low value",
    "low_is": "it is|that is|it would be|that would be|<loan> is|<loan> would be|<ltv> is|<ltv> would be",
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
    "range": "the valuation|the range of values|the value of <property>|its value|the valuation's range"
    "|the value range|the range of the value|the value|its range|it|the range|the range of the valuation|its value",
    "lies": "lies between {value_low} and {value_high}|may lie between {value_low} and {value_high}"
    "|ranges from {value_low} to {value_high}|reaches from {value_low} to {value_high}"
    "|runs from {value_low} to {value_high}|runs from {value_low} up to {value_high}"
    "|is estimated between {value_low} and {value_high}|is {value_low} to {value_high}",
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
# The subject of a sentence about a driver, by what it says: some can only be said of one direction.
_DRIVERS = {
    "exit_leverage": "its loan to value|the loan-to-value ratio|the [level of] leverage|leverage"
    "|the size of the loan against the value|the loan to value"
    "|the ratio of loan to value|the level of debt against the value|its leverage",
    "exit_prior_debt": "the rank of the charge|the charge's rank|the rank of this loan",
    "exit_uncertainty": "the range of the value|the range of the valuation|the width of this range"
    "|the width of the range|the spread of the valuation",
    "exit_term": "the term|the term of the loan|the length of the term|the length of the loan|a term of this length"
    "|its term",
    "exit_strategy": "the exit strategy|this exit strategy|the planned exit|the way of repayment"
    "|the source of repayment|the exit",
    "exit_interest": "the way interest is paid|the mode of interest|the payment of interest",
    "income": "the income|income|the borrower's income|the income of the borrower|the income of the business",
    "debts": "the debts|debts|the borrower's [other] debts|the debts of the borrower|other debts",
    "adverse": "the state of the registers|the credit registers|the borrower's credit history|the credit history"
    "|the registers",
}
# What is said with an adjective can only be said of the direction that the adjective points to.
_AGAINST = {
    "exit_leverage": "<the> high loan to value|<the> high loan-to-value ratio|<the> high LTV|<the> high leverage",
    "exit_term": "<the> long term|<the> longer term|<the> long duration",
    "income": "<the> low income [of <borrower>]|<the> limited income [of <borrower>]|the borrower's low income",
    "debts": "<the> high debts [of <borrower>]|the borrower's high debts|<the> high level of debt [of <borrower>]",
    "exit_prior_debt": "[the] prior debt on <property>|[the] debt ranking before <loan>"
    "|[the] debt ranking ahead of <loan>"
    "|[the] debt that ranks ahead of <loan>|[the] debts ranking before <loan>|prior debt"
    "|debt that ranks before this loan|debts that rank before this loan"
    "|debt that ranks before the loan|the prior debt|prior charges",
    "exit_uncertainty": "<the> uncertain valuation|<the> uncertain value|<the> wide range of the valuation"
    "|<the> wide range of the value|<the> wide range of values|<the> wide valuation range|uncertainty in the value"
    "|uncertainty in the valuation|uncertainty about the valuation|the uncertainty of the valuation"
    "|the uncertainty of the value|uncertainty about the value",
    "exit_interest": "interest [that is] added to the debt|interest [that is] added to the loan|capitalised interest"
    "|rolled-up interest|interest that is rolled up|interest that is paid at the end"
    "|interest paid at the end",
    "adverse": "[the] negative entries [in the credit registers|in registers|in credit registers]"
    "|[the] negative records"
    "|the adverse records|adverse records [in registers]|adverse credit records"
    "|the borrower's [adverse] records [in registers]|entries in registers|adverse entries in registers",
}
_FOR = {
    "exit_leverage": "<the> low loan to value|<the> moderate loan to value|<the> low loan-to-value ratio"
    "|<the> moderate loan-to-value ratio|<the> low LTV|<the> moderate LTV|<the> low leverage|<the> moderate leverage",
    "exit_uncertainty": "<the> narrow range of the valuation|<the> narrow range of the value"
    "|<the> narrow range of values"
    "|<the> narrow valuation range|the certainty of the valuation|the certainty of the value",
    "exit_term": "<the> short term|<the> shorter term|<the> short duration",
    "income": "<the> high income [of <borrower>]|the borrower's high income",
    "debts": "<the> low debts [of <borrower>]|the borrower's low debts|<the> low level of debt [of <borrower>]",
    "exit_interest": "[the] regular payment of interest|regular interest payments"
    "|the payment of interest as it falls due"
    "|interest paid during the term|interest that is paid during the term"
    "|interest paid as it falls due",
}
# Clauses of their own, in the one direction that they have.
_CLAUSES_AGAINST = {
    "exit_term": ("the longer the term, the higher the risk",),
    "exit_uncertainty": (
        "because the valuation is uncertain, the risk is higher",
        "the valuation is uncertain, which <raises> <risk>",
    ),
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
PHRASES |= {
    "det": "the|its|this|the loan's|this loan's|the property's",
    "article": "a|an",
    "for_loan": "of <loan>|for <loan>|on <loan>",
    "intro": "according to the model,|overall,|in total,|in all,|for <loan>,|in this assessment,|in the assessment,"
    "|for the assessment,|at this risk|by the model's estimate,",
    "assessor": "the [risk|valuation] model|we|the [risk] assessment|the estimate|the valuation",
    "finds": "estimates|estimate|puts|put|expects|expect|gives|give|shows|show|finds|find|calculates|calculate"
    "|assumes|assume|uses|use|arrives at|arrive at",
    "suggests": "suggests|suggest|proposes|propose|arrives at|arrive at",
    "gives": "corresponds to|makes|gives|means|implies|leads to|results in|amounts to",
}


def _framed(noun: str, figure: str) -> list[str]:
    """Every way to say that a noun has its figure; none says more."""
    named = f"[<det>] <noun_{noun}> [<for_loan>]"
    return [
        f"[<intro>] {named} <is> {figure} [<year>]" if noun == "rate" else f"[<intro>] {named} <is> {figure}",
        f"{named}: {figure}",
        f"{figure} is {named}",
        f"<assessor> <finds> {named} at {figure}",
        f"<assessor> <finds> {named} to be {figure}",
        f"<assessor> <finds> <article> <noun_{noun}> of {figure} [<for_loan>]",
        f"<loan> has <article> <noun_{noun}> of {figure}",
        f"this <gives> <article> <noun_{noun}> of {figure}",
        f"that <gives> <article> <noun_{noun}> of {figure}",
        f"from this follows <article> <noun_{noun}> of {figure}",
        f"from both follows <article> <noun_{noun}> of {figure}",
        f"from both together follows <article> <noun_{noun}> of {figure}",
    ]


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
        "{amount} is to be lent",
        "this is a [bridge] loan of {amount}",
        "<loan> is for {amount}",
        "<loan> amounts to {amount}",
        "the application is for {amount}",
        "a sum of {amount} is to be lent",
        "<lenders> <provide> {amount}",
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
        "<in_default>, <lenders> would lose an estimated {loss_given_default}",
        "<in_default>, an estimated {loss_given_default} [of it] would be lost [after the sale of <property>]",
        "{loss_given_default} is <lgd>",
        "{loss_given_default} is the estimated loss in that case",
        "loss given default: {loss_given_default}",
    ],
    "expected_loss": [
        "<el> [<on_amount>] <is> {expected_loss}",
        "<el> [<within>] <is> {expected_loss} <on_amount>",
        "together they make <el> of {expected_loss}",
        "this makes <el> of {expected_loss}",
        "{expected_loss} is <el>",
        "weighted by its probability, that is a loss of {expected_loss}",
        "of this, <el> takes {expected_loss}",
        "on average, loans like this lose {expected_loss}",
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
        "[<det>] <noun_rate> [<for_loan>]: {rate} [<year>]",
        "suggested rate: {rate} [<year>]",
    ],
    "value_used": [
        "<property> <valued> {value_used}",
        "for this assessment <property> <valued> {value_used}",
        "<value> <is> {value_used}",
        "{value_used} is <value>",
        "<assessor> <finds> <article> value of {value_used} [for <property>]",
        "<assessor> values <property> at {value_used}",
        "<assessor> value <property> at {value_used}",
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
        "<assessor> <finds> a [value] range of {value_low} to {value_high}",
        "<assessor> <finds> a [value] range from {value_low} to {value_high}",
        "<assessor> <finds> a value between {value_low} and {value_high}",
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


def _direction(subject: str, verb: str, adjective: str, weighs: str, passive: str, likely: str) -> list[str]:
    return [
        f"{subject} [also] {verb} <risk> [too]",
        f"{subject}, which {verb} <risk> [too]",
        f"<risk> is [also] {passive} by {subject}",
        f"{subject} makes <risk> {adjective}",
        f"{subject} make <risk> {adjective}",
        f"{subject} {weighs}",
        f"{subject} is a factor that {verb} <risk>",
        f"{subject} is one of the factors that {verb} <risk>",
        f"{subject} <leads_to> a {adjective} risk [of default]",
        f"<risk> is {adjective} <because_of> {subject}",
        f"<because_of> {subject}, <risk> is {adjective}",
        f"{subject} {weighs}: it {verb} <risk>",
        f"{subject} {weighs}: they {verb} <risk>",
        f"{subject} makes [a] default {likely} likely",
        f"what {weighs} is {subject}, which {verb} <risk>",
    ]


def _drivers() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for code, neutral in _DRIVERS.items():
        against = "|".join(filter(None, (neutral, _AGAINST.get(code))))
        favour = "|".join(filter(None, (neutral, _FOR.get(code))))
        PHRASES[f"against_{code}"], PHRASES[f"for_{code}"] = against, favour
        weighs_against = "<weighs_against>"
        found[f"against:{code}"] = [
            *_direction(f"<against_{code}>", "<raises>", "higher", weighs_against, "<raised>", "more"),
            *_CLAUSES_AGAINST.get(code, ()),
        ]
        found[f"for:{code}"] = _direction(f"<for_{code}>", "<lowers>", "lower", "<weighs_for>", "<lowered>", "less")
    return found


PHRASES |= {
    "leads_to": "leads to|lead to|means|mean|results in|result in|contributes to|contribute to",
    "because_of": "because of|due to|owing to",
    "weighs_against": "works against the loan|work against the loan|works against it|is against the loan"
    "|weighs against the loan|counts against the loan|speaks against the loan|weigh against the loan"
    "|count against the loan|speak against the loan|weighs against it",
    "weighs_for": "works in the loan's favour|work in the loan's favour|works in favour of the loan|speaks for the loan"
    "|speaks in favour of the loan|speak in favour of the loan|speaks in its favour|works in its favour"
    "|weighs in favour of the loan|counts in favour|count in favour|counts in favour of the loan"
    "|weighs for it|weigh in favour of the loan",
    "raised": "raised|increased",
    "lowered": "lowered|reduced|decreased",
}


def english() -> Grammar:
    """The grammar of English."""
    PHRASES.update({f"noun_{name}": noun for name, noun in _NOUNS.items()})
    figures = {
        name: [*rules, *(_framed(name, f"{{{name}}}") if name in _NOUNS else ())] for name, rules in _FIGURES.items()
    }
    return compile_grammar(PHRASES, figures | _drivers())
