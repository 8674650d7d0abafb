"""The English words of the drivers of the score; ``drivers`` says what is said with them."""

from __future__ import annotations

from collections.abc import Mapping

from halfpenny_risk.narrative.drivers import AGAINST, FOR, DriverWords, Subjects

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
    "exit_strategy": "the exit strategy|this exit strategy|the planned exit|the [planned] way of repayment"
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
    "exit_interest": "[the] regular payment of interest|regular interest payments"
    "|the payment of interest as it falls due"
    "|interest paid during the term|interest that is paid during the term"
    "|interest paid as it falls due",
}
# Clauses of their own, in the one direction that they have.
_CLAUSES_AGAINST = {
    "exit_term": ("the longer the term, the higher the risk",),
}
# Statements of what a driver is: each is true of the side that it stands on, and is said with that side's direction.
_STATES_AGAINST = {
    "exit_leverage": "the loan to value is high|the loan-to-value ratio is high|the LTV is high|leverage is high",
    "exit_term": "the [loan] term is long|<loan> runs for a long time",
    "exit_uncertainty": "the valuation is uncertain|the value is uncertain|the value of <property> is uncertain"
    "|the range of the valuation is wide|the range of values is wide|the valuation range is wide",
    "exit_prior_debt": "[other] debt ranks before <loan>|[other] debt ranks ahead of <loan>"
    "|other debts rank before <loan>|other debts rank ahead of <loan>|there is [other] debt that ranks before <loan>"
    "|there is [other] debt that ranks ahead of <loan>|there is prior debt [on <property>]",
    "exit_interest": "[the] interest is rolled up|[the] interest is capitalised|[the] interest is added to the debt"
    "|[the] interest is added to the loan|[the] interest is paid at the end [of the term]",
}
_STATES_FOR = {
    "exit_interest": "[the] interest is paid as it falls due|[the] interest is paid during the term"
    "|[the] interest is paid regularly",
}


def _with_which(subjects: Mapping[str, str]) -> dict[str, Subjects]:
    """Every English subject is followed by the same pronoun."""
    return {code: {"which": alternatives} for code, alternatives in subjects.items()}


_FRAMES = (
    "{subject} [also] {verb} <risk> [too]",
    "<risk> is [also] {passive} by {subject}",
    "{subject} makes <risk> {adjective}",
    "{subject} make <risk> {adjective}",
    "{subject} {weighs}",
    "{subject} is a factor that {verb} <risk>",
    "{subject} is one of the factors that {verb} <risk>",
    "{subject} <leads_to> a {adjective} risk [of default]",
    "<risk> is {adjective} <because_of> {subject}",
    "<because_of> {subject}, <risk> is {adjective}",
    "{subject} {weighs}: it {verb} <risk>",
    "{subject} {weighs}: they {verb} <risk>",
    "{subject} makes [a] default {likely} likely",
    "the {adjective} risk comes from {subject}",
)
_RELATIVE_FRAMES = (
    "{subject}, {pronoun} {verb} <risk> [too]",
    "what {weighs} is {subject}, {pronoun} {verb} <risk>",
)
_STATED_FRAMES = (
    "{states}, which {verb} <risk>",
    "{states}, and this {verb} <risk>",
    "{states}: this {verb} <risk>",
    "<as> {states}, <risk> is {adjective}",
    "<risk> is {adjective} <as> {states}",
)
_FOLLOWING_FRAMES = (
    "so does {subject}",
    "so do {subject}",
    "so does {subject}, {pronoun} {verb} <risk> [too]",
    "so do {subject}, {pronoun} {verb} <risk> [too]",
)
_PHRASES = {
    "as": "because|as|since",
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
ENGLISH_DRIVERS = DriverWords(
    neutral=_with_which(_DRIVERS),
    directed={AGAINST: _with_which(_AGAINST), FOR: _with_which(_FOR)},
    clauses={AGAINST: _CLAUSES_AGAINST},
    states={AGAINST: _STATES_AGAINST, FOR: _STATES_FOR},
    sides={
        AGAINST: {
            "verb": "<raises>",
            "adjective": "higher",
            "weighs": "<weighs_against>",
            "passive": "<raised>",
            "likely": "more",
        },
        FOR: {
            "verb": "<lowers>",
            "adjective": "lower",
            "weighs": "<weighs_for>",
            "passive": "<lowered>",
            "likely": "less",
        },
    },
    pronouns={"which": "which"},
    frames=_FRAMES,
    relative_frames=_RELATIVE_FRAMES,
    stated_frames=_STATED_FRAMES,
    following_frames=_FOLLOWING_FRAMES,
    phrases=_PHRASES,
)
