"""An investor's yearly statement as a paper, in English or Polish: facts in, a paper out.

It holds what an accountant asks of it: who issued it and for whom, the period and its day, each loan by its name with
interest, default interest, tax, principal, recoveries and losses apart, what was still lent at the end of the year, and
every movement of each wallet with its transfer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from importlib.resources import files
from typing import Any

from halfpenny.ledger import AccountStatement
from halfpenny.platform import figures, papers
from halfpenny.platform.papers import PaperLanguage
from halfpenny.servicing.model.investor import YearTotals
from halfpenny.servicing.service.investor_reporting import YearStatement

_TEMPLATE = files("halfpenny.servicing").joinpath("templates", "statement.typ")


@dataclass(frozen=True, slots=True)
class StatementParties:
    """Who issues the statement, for whom, and on which day."""

    issuer: str
    issuer_address: str
    investor: str
    issued_on: date


_COLUMNS = (
    "interest", "default_interest", "withheld", "principal", "recovered", "netted", "lost", "paid", "outstanding"
)  # fmt: skip
_WORDS: dict[PaperLanguage, dict[str, Any]] = {
    PaperLanguage.ENGLISH: {
        "title": "Statement for {year}",
        "facts": ("Investor", "Period", "Issued on", "Tax"),
        "period": "{first} to {last}",
        "tax": "{rate} % of interest withheld at source, {country}, by the tax profile of today",
        "no_tax": "no tax profile; the tax withheld is stated for each loan",
        "loans": "Loans",
        "nothing": "No loan paid or lost anything in this year, and no principal was outstanding at its end.",
        "columns": (
            "Loan", "Interest", "Default interest", "Tax withheld", "Principal", "Recovered", "Netted", "Lost",
            "Paid", "Outstanding on 31 Dec",
        ),
        "total": "Total, {currency}",
        "netted": "Netted is what had been overpaid before a late or returned receipt was booked (negative), and what "
        "was deducted from later payments to make up for it. Lost is principal that was written off; what was "
        "recovered of it later is in the column Recovered. Paid is what was credited to the wallet. Outstanding is "
        "principal.",
        "wallet": "Wallet, {currency}",
        "balances": "Balance on 1 January {opening} {currency}, on 31 December {closing} {currency}.",
        "wallet_columns": ("Date", "Movement", "Amount ({currency})", "Transfer"),
        "movements": {
            "deposit": "deposit", "withdraw": "withdrawal", "invest": "investment", "revoke": "investment revoked",
            "cancel": "investment returned, loan cancelled", "expire": "investment returned, loan expired",
            "distribution": "payment from a loan", "overpaid_settled": "overpayment settled", "drawdown": "drawdown",
            "servicing": "servicing of a loan", "receipt": "repayment", "receipt_reversed": "repayment reversed",
            "cost_advanced": "recovery cost", "reconciliation_resolved": "bank credit assigned",
        },
    },
    PaperLanguage.POLISH: {
        "title": "Zestawienie za {year} rok",
        "facts": ("Inwestor", "Okres", "Data wystawienia", "Podatek"),
        "period": "od {first} do {last}",
        "tax": "{rate} % odsetek pobierane u źródła, {country}, według dzisiejszego profilu podatkowego",
        "no_tax": "brak profilu podatkowego; pobrany podatek podano przy każdej pożyczce",
        "loans": "Pożyczki",
        "nothing": "W tym roku pożyczki nie przyniosły wypłat ani strat, a na jego koniec nie było niespłaconego "
        "kapitału.",
        "columns": (
            "Pożyczka", "Odsetki", "Odsetki za opóźnienie", "Pobrany podatek", "Kapitał", "Odzyskano", "Potrącono",
            "Strata", "Wypłacono", "Kapitał na 31 grudnia",
        ),
        "total": "Razem, {currency}",
        "netted": "Potrącono: nadpłata sprzed zaksięgowania spóźnionej lub zwróconej wpłaty (kwota ujemna) i to, co "
        "na jej poczet potrącono z późniejszych wypłat. Strata to kapitał spisany w straty; to, co później z niego "
        "odzyskano, podano w kolumnie „Odzyskano”. Wypłacono: to, co wpłynęło do portfela.",
        "wallet": "Portfel, {currency}",
        "balances": "Saldo na 1 stycznia {opening} {currency}, na 31 grudnia {closing} {currency}.",
        "wallet_columns": ("Data", "Operacja", "Kwota ({currency})", "Przelew"),
        "movements": {
            "deposit": "wpłata", "withdraw": "wypłata", "invest": "inwestycja", "revoke": "wycofanie inwestycji",
            "cancel": "zwrot inwestycji, pożyczka anulowana", "expire": "zwrot inwestycji, zbiórka wygasła",
            "distribution": "płatność z pożyczki", "overpaid_settled": "rozliczenie nadpłaty",
            "drawdown": "wypłata pożyczki", "servicing": "obsługa pożyczki", "receipt": "spłata",
            "receipt_reversed": "storno spłaty", "cost_advanced": "koszt odzyskiwania należności",
            "reconciliation_resolved": "przypisanie wpływu na rachunek",
        },
    },
}  # fmt: skip
# What the paper calls the events of the ledger's chart that move a wallet.
MOVEMENTS: dict[PaperLanguage, dict[str, str]] = {language: words["movements"] for language, words in _WORDS.items()}


def statement_data(statement: YearStatement, parties: StatementParties, language: PaperLanguage) -> dict[str, Any]:
    """What the template sets, in the language asked for."""
    words = _WORDS[language]
    first, last = date(statement.year, 1, 1), date(statement.year, 12, 31)

    def amount(minor: int) -> str:
        return figures.exact_amount(minor, language)

    values = (
        parties.investor,
        words["period"].format(first=first.isoformat(), last=last.isoformat()),
        parties.issued_on.isoformat(),
        _tax(statement, words),
    )
    return {
        "language": language.value,
        "title": words["title"].format(year=statement.year),
        "issuer": parties.issuer,
        "issuer_address": parties.issuer_address,
        "facts": [{"name": name, "value": value} for name, value in zip(words["facts"], values, strict=True)],
        "loans": words["loans"],
        "nothing": words["nothing"],
        "columns": words["columns"],
        "netted": words["netted"],
        "currencies": [
            {
                "rows": [
                    [statement.titles[line.loan_id], *_cells(line, amount)]
                    for line in statement.loans
                    if line.currency is total.currency and line.loan_id is not None
                ],
                "total": [words["total"].format(currency=total.currency.value), *_cells(total, amount)],
            }
            for total in statement.totals
        ],
        "wallets": [_wallet(wallet, words, amount) for wallet in statement.wallets],
    }


def _cells(line: YearTotals, amount: Callable[[int], str]) -> list[str]:
    return [amount(getattr(line, column)) for column in _COLUMNS]


def _tax(statement: YearStatement, words: dict[str, Any]) -> str:
    if statement.tax is None:
        return str(words["no_tax"])
    return str(words["tax"].format(rate=f"{statement.tax.percent:f}", country=statement.tax.country))


def _wallet(wallet: AccountStatement, words: dict[str, Any], amount: Callable[[int], str]) -> dict[str, Any]:
    currency = wallet.account.currency.value
    return {
        "heading": words["wallet"].format(currency=currency),
        "balances": words["balances"].format(
            opening=amount(wallet.opening), closing=amount(wallet.closing), currency=currency
        ),
        "columns": [name.format(currency=currency) for name in words["wallet_columns"]],
        "entries": [
            [
                entry.effective_date.isoformat(),
                words["movements"][entry.event],
                amount(entry.amount),
                str(entry.journal_id),
            ]
            for entry in wallet.entries
        ],
    }


def render(statement: YearStatement, parties: StatementParties, language: PaperLanguage) -> bytes:
    """The statement as PDF."""
    return papers.render_pdf(_TEMPLATE, statement_data(statement, parties, language))
