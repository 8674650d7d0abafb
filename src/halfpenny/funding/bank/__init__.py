"""Bank statements as camt.053, and the sandbox bank, which takes payments and prints them as a real bank would.

Everything that the platform learns from a bank is what it sends: whether a payment was made, and the statement.
"""

from halfpenny.funding.bank.camt import read_statements, write_statement
from halfpenny.funding.bank.elements import MAX_BYTES, MalformedStatement
from halfpenny.funding.bank.model import BankStatement, CashDirection, StatementLine
from halfpenny.funding.bank.sandbox import (
    CLIENT_ACCOUNTS,
    BankCredit,
    DayOfCreditOver,
    Instruction,
    currency_of_account,
    days_with_entries,
    make_payments,
    pay_from_outside,
    print_statement,
)

__all__ = [
    "CLIENT_ACCOUNTS",
    "MAX_BYTES",
    "BankCredit",
    "BankStatement",
    "CashDirection",
    "DayOfCreditOver",
    "Instruction",
    "MalformedStatement",
    "StatementLine",
    "currency_of_account",
    "days_with_entries",
    "make_payments",
    "pay_from_outside",
    "print_statement",
    "read_statements",
    "write_statement",
]
