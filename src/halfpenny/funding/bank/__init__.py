"""The sandbox bank: it takes payments in and out and prints statements in camt.053, as a real bank would.

Everything that the platform learns from it is what a bank tells: whether a payment was made, and the statement.
"""

from halfpenny.funding.bank.camt import MalformedStatement, read_statement, write_statement
from halfpenny.funding.bank.model import BankStatement, CashDirection, StatementLine
from halfpenny.funding.bank.sandbox import Instruction, make_payments, print_statement

__all__ = [
    "BankStatement",
    "CashDirection",
    "Instruction",
    "MalformedStatement",
    "StatementLine",
    "make_payments",
    "print_statement",
    "read_statement",
    "write_statement",
]
