"""The platform's own income, as far as people decide what it bears."""

from __future__ import annotations

from halfpenny import ledger
from halfpenny.ledger import Account, AccountKind
from halfpenny.platform.database import Connection
from halfpenny.primitives.money import Money


def fee_income(amount: Money) -> Account:
    """The account of the fees in the currency of ``amount``."""
    return Account(AccountKind.FEE_INCOME, None, amount.currency)


async def check_fees_cover(connection: Connection, amount: Money) -> None:
    """Raises InsufficientAvailable where the fees that have come in are less. The ledger refuses it no more: a bounced
    receipt takes fees back whatever they have paid since."""
    account = fee_income(amount)
    if (await ledger.balances(connection, [account]))[account].available < amount.minor:
        raise ledger.InsufficientAvailable()
