"""One plain sentence for each fact, in both languages: what the template says, and an example to a language model."""

from __future__ import annotations

from collections.abc import Mapping

from halfpenny_messages import LocalisedText

_DRIVERS = {
    "exit_leverage": ("The loan to value", "Wskaźnik LTV"),
    "exit_term": ("The length of the term", "Długość okresu"),
    "exit_strategy": ("The exit strategy", "Źródło spłaty"),
    "income": ("The borrower's income", "Dochód pożyczkobiorcy"),
}
_AGAINST = {
    "exit_prior_debt": ("Prior debt", "Wcześniejsze zadłużenie"),
    "exit_uncertainty": ("The uncertainty of the valuation", "Niepewność wyceny"),
    "exit_interest": ("Rolled-up interest", "Sposób płacenia odsetek"),
    "adverse": ("The state of the registers", "Stan rejestrów"),
}
_FOR = {
    "exit_prior_debt": ("The rank of the charge", "Pierwszeństwo hipoteki"),
    "exit_uncertainty": ("The range of the valuation", "Przedział wyceny"),
    "exit_interest": ("Interest paid during the term", "Sposób płacenia odsetek"),
    "adverse": ("The state of the registers", "Stan rejestrów"),
}
PLAIN: Mapping[str, LocalisedText] = {
    "amount": LocalisedText("The amount of the loan is {amount}.", "Kwota pożyczki wynosi {amount}."),
    "term": LocalisedText("The loan runs for {term}.", "Okres pożyczki wynosi {term}."),
    "loan_to_value": LocalisedText(
        "The loan is {loan_to_value} of the value used.", "Pożyczka stanowi {loan_to_value} przyjętej wartości."
    ),
    "loan_to_value_at_low": LocalisedText(
        "At the low end of the valuation, it is {loan_to_value_at_low} of that value.",
        "Przy dolnej granicy wyceny wskaźnik LTV wynosi {loan_to_value_at_low}.",
    ),
    "value_used": LocalisedText("The value used is {value_used}.", "Przyjęta wartość wynosi {value_used}."),
    "value_range": LocalisedText(
        "The value lies between {value_low} and {value_high}.",
        "Wartość mieści się między {value_low} a {value_high}.",
    ),
    "probability_of_default": LocalisedText(
        "The probability of default is estimated at {probability_of_default}.",
        "Prawdopodobieństwo niewykonania zobowiązania szacuje się na {probability_of_default}.",
    ),
    "loss_given_default": LocalisedText(
        "In a default, the loss is estimated at {loss_given_default}.",
        "W razie niewykonania zobowiązania strata szacowana jest na {loss_given_default}.",
    ),
    "expected_loss": LocalisedText(
        "The expected loss is {expected_loss}.", "Oczekiwana strata wynosi {expected_loss}."
    ),
    "rate": LocalisedText("The suggested rate is {rate} a year.", "Sugerowana stopa to {rate} rocznie."),
    "comparables": LocalisedText(
        "The valuation draws on {comparables} comparable sales.",
        "Wycena opiera się na porównywalnych sprzedażach w liczbie {comparables}.",
    ),
    "exit_strategy": LocalisedText("The exit strategy is a {exit_strategy}.", "Źródło spłaty: {exit_strategy}."),
    **{
        f"against:{code}": LocalisedText(f"{en} raises the risk.", f"{pl} zwiększa ryzyko.")
        for code, (en, pl) in {**_DRIVERS, **_AGAINST}.items()
    },
    **{
        f"for:{code}": LocalisedText(f"{en} lowers the risk.", f"{pl} obniża ryzyko.")
        for code, (en, pl) in {**_DRIVERS, **_FOR}.items()
    },
    # Debts are many.
    "against:debts": LocalisedText(
        "The borrower's debts raise the risk.", "Zadłużenie pożyczkobiorcy zwiększa ryzyko."
    ),
    "for:debts": LocalisedText("The borrower's debts lower the risk.", "Zadłużenie pożyczkobiorcy obniża ryzyko."),
}
