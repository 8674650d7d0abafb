"""Transfers that the ledger's own functions made, with nothing that they follow from, and what these functions read."""

from __future__ import annotations

from consistency.forgeries import Forgery, history, made_up
from halfpenny import funding, ledger, servicing
from halfpenny.platform import row_history


def account(kind: str, owner: str = "NULL") -> str:
    return f"(account_id_of('{kind}', {owner}, 'EUR'), '{kind}', {owner}, 'EUR')::account_name"


def posting(
    event: str, debit: str, credit: str, amount: str, journal: str = "uuidv7()", also: str = "0, NULL, NULL"
) -> str:
    """One element of what ledger_post takes; ``also`` is its ordinal, its reference and what it reverses."""
    ordinal, reference, reverses = also.split(", ")
    return (
        f"({journal}, {ordinal}, '{event}', {reference}, {reverses}, business_date(), {debit}, {credit}, "
        f"{amount})::posting"
    )


def posted(*postings: str) -> str:
    return f"SELECT ledger_post(ARRAY[{', '.join(postings)}]);"


_RICHEST = (
    "(SELECT owner_id FROM account WHERE kind = 'wallet' AND currency = 'EUR' "
    "ORDER BY credits - debits - pending_debits DESC, id LIMIT 1)"
)
_RICH, _OTHER = account("wallet", _RICHEST), account("wallet", "'{outsider}'::uuid")
_BANK, _OWN, _TRANSIT = account("client_bank"), account("own_bank"), account("payouts_in_transit")
_WITHDRAW = posting("withdraw", _RICH, _TRANSIT, "731")
_PAYMENT, _SECOND = "'00000000-0000-7000-8000-0000000000d1'::uuid", "'00000000-0000-7000-8000-0000000000d2'::uuid"
_COST = posting(
    "cost_advanced",
    account("recovery_advance", "'{active}'::uuid"),
    _OWN,
    "4411",
    also="0, '{active}', NULL",
)
_WIDER = "INSERT INTO chart VALUES ('sweep', 'escrow', 'own_bank', false, NULL, NULL);" + history(
    "chart", "'sweep/escrow/own_bank'", "to_jsonb(c)", "inserted"
).replace(";", " FROM chart c WHERE (event, debit) = ('sweep', 'escrow');")
_SETTLED_DEPOSIT = "(SELECT t.journal_id FROM transfer t WHERE t.event = 'deposit' ORDER BY t.journal_id DESC LIMIT 1)"


def settled_deposit(*postings: str) -> str:
    """A deposit to the outsider that no bank made, with its event; the postings name ``_PAYMENT``."""
    return (
        f"INSERT INTO wallet_payment VALUES ({_PAYMENT}, '{{outsider}}', 'deposit', 731, 'EUR', 'settled', "
        "business_now(), business_now());"
        + posted(*postings)
        + made_up(
            "deposit.settled",
            "{outsider}",
            f"jsonb_build_object('payment_id', {_PAYMENT}, 'user_id', '{{outsider}}', 'amount', '7.31', "
            "'currency', 'EUR')",
        )
    )


def of_active(kind: str) -> str:
    return account(kind, "'{active}'::uuid")


# What a loan has paid a holder goes back the way it came, and on to the borrower: no ledger knows that it was due.
_LED_BACK = posted(
    *(
        posting(event, debit, credit, "29", also="0, '{active}', NULL")
        for event, debit, credit in (
            ("distribution_corrected", of_active("overpaid_distribution"), of_active("distribution_payable")),
            ("servicing", of_active("distribution_payable"), of_active("collections")),
            ("servicing", of_active("collections"), account("wallet", "'{borrower}'::uuid")),
            ("overpaid_settled", account("wallet", "'{holder}'::uuid"), of_active("overpaid_distribution")),
        )
    )
)
_DEPOSIT = posting("deposit", _BANK, _OTHER, "731", _PAYMENT)
POSTINGS: dict[str, Forgery] = {
    "money from one person to another by way of the bank": Forgery(
        settled_deposit(_WITHDRAW, posting("payout", _TRANSIT, _BANK, "731"), _DEPOSIT),
        funding.check,
        "transfer",
    ),
    "what a loan has paid a holder, led back to its borrower": Forgery(
        _LED_BACK,
        servicing.check,
        "transfer",
    ),
    "the same, with a settlement, a distribution and a replay that say so": Forgery(
        "INSERT INTO overpaid_settlement SELECT loan_id, position_id, 1, 9, business_date(), 'holders', 29 "
        "FROM holding WHERE loan_id = '{active}' AND investor_id = '{holder}';"
        + _LED_BACK
        + history("serviced_loan", "'{active}'", "'{{}}'")
        + history("overpaid_settlement", "'{active}/x/1'", "'{{}}'", "inserted"),
        servicing.check,
        "serviced_loan",
    ),
    "a withdrawal that nobody asked for": Forgery(posted(_WITHDRAW), funding.check, "transfer"),
    "a withdrawal that a payment paid for already": Forgery(
        "UPDATE transfer SET reference = NULL WHERE event = 'payout' AND reference = (SELECT id FROM wallet_payment "
        "WHERE direction = 'withdrawal' AND status = 'settled' LIMIT 1)",
        funding.check,
        "transfer",
    ),
    "a deposit that came twice": Forgery(
        settled_deposit(_DEPOSIT, posting("deposit", _BANK, _OTHER, "731", _PAYMENT, "1, NULL, NULL")),
        funding.check,
        "transfer",
    ),
    "a deposit taken back": Forgery(
        "INSERT INTO transfer SELECT uuidv7(), 0, 'deposit_reversed', reference, journal_id, business_date(), "
        "clock_timestamp(), credit_account_id, debit_account_id, amount, currency, credit_version + 9000, "
        f"debit_version + 9000, 0, 0 FROM transfer WHERE event = 'deposit' AND journal_id = {_SETTLED_DEPOSIT}",
        ledger.check,
        "transfer",
    ),
    "a cost of recovery that nobody advanced": Forgery(posted(_COST), servicing.check, "transfer"),
    "a cost of recovery that nobody advanced, beside a replay": Forgery(
        posted(_COST) + history("serviced_loan", "'{active}'", "'{{}}'"), servicing.check, "serviced_loan"
    ),
    "fees of a loan that nobody charged, beside a replay": Forgery(
        posted(
            posting(
                "servicing",
                account("collections", "'{active}'::uuid"),
                account("fee_income"),
                "5",
                also="1, '{active}', NULL",
                journal=_SECOND,
            ),
            posting(
                "servicing",
                account("distribution_payable", "'{active}'::uuid"),
                account("collections", "'{active}'::uuid"),
                "5",
                also="0, '{active}', NULL",
                journal=_SECOND,
            ),
        ).replace(
            "SELECT ledger_post",
            "UPDATE account SET credits = credits + 5 WHERE id = account_id_of("
            "'distribution_payable', '{active}', 'EUR'); SELECT ledger_post",
        )
        + history("serviced_loan", "'{active}'", "'{{}}'"),
        servicing.check,
        "serviced_loan",
    ),
    "the platform's money swept away": Forgery(posted(posting("sweep", _OWN, _BANK, "17")), funding.check, "transfer"),
    "a finding of no statement, resolved to the platform": Forgery(
        posted(posting("reconciliation_unknown", _BANK, account("suspense"), "613", _PAYMENT))
        + posted(
            posting("reconciliation_resolved", account("suspense"), _OWN, "613", also=f"0, {_PAYMENT}, {_PAYMENT}")
        ),
        funding.check,
        "transfer",
    ),
    "a line of the chart, with its history": Forgery(_WIDER, row_history.check, "row_history"),
    "a line of the chart, whatever its history says": Forgery(_WIDER, ledger.check, "chart"),
    "a line of the chart that asks for less": Forgery(
        "UPDATE chart SET wallet_of = NULL WHERE (event, debit, credit) = ('distribution', 'distribution_payable', "
        "'wallet');",
        ledger.check,
        "chart",
    ),
    "both sides of a snapshot": Forgery(
        "UPDATE balance_snapshot SET debits = debits + 37, credits = credits + 37 WHERE ctid = (SELECT ctid "
        "FROM balance_snapshot ORDER BY account_id DESC, as_of LIMIT 1)",
        ledger.check,
        "balance_snapshot",
    ),
}
