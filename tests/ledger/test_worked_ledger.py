"""The worked life of a loan in docs/algorithms/ledger.md, posted row by row."""

from __future__ import annotations

from uuid import UUID

from halfpenny import ledger
from halfpenny.ledger import Account, AccountKind, Journal, Transfer
from halfpenny.platform.clock import business_date
from halfpenny.platform.consistency import collect
from halfpenny.platform.database import Connection, Database
from halfpenny.primitives.ids import JournalId, uuid7
from halfpenny.primitives.money import Currency, format_minor, parse_minor
from support import holding, lending
from support.worked_tables import worked_table

PLATFORM = {
    "client_bank",
    "own_bank",
    "fee_income",
    "tax_payable",
    "payouts_in_transit",
}


def account(name: str, owners: dict[str, UUID]) -> Account:
    """``wallet A``, ``escrow`` or ``client_bank``: wallets by person, the rest the loan's or the platform's."""
    kind, _, person = name.partition(" ")
    if person:
        owner = owners.setdefault(person, uuid7())
    else:
        owner = None if kind in PLATFORM else owners.setdefault("loan", uuid7())
    return Account(AccountKind(kind), owner, Currency.EUR)


async def _people_and_loan(connection: Connection) -> dict[str, UUID]:
    """The loan, its borrower, and A and B as its holders: nobody else could be paid by it."""
    borrower, staff = [await lending.person(connection, role) for role in ("borrower", "administrator")]
    owners: dict[str, UUID] = {"borrower": borrower, "loan": (await lending.funding(connection, borrower, staff)).id}
    # As a loan is when its borrower is paid.
    await connection.execute("UPDATE loan SET status = 'conditions_met' WHERE id = $1", owners["loan"])
    for name, stake in (("A", 600_000), ("B", 400_000)):
        owners[name] = await lending.person(connection, "investor")
        await holding.hold(connection, owners["loan"], owners[name], stake)
    return owners


async def test_the_worked_life_of_a_loan(database: Database) -> None:
    named: dict[str, Account] = {}
    async with database.unit_of_work() as connection:
        today = await business_date(connection)
        owners = await _people_and_loan(connection)
        for row in worked_table("ledger.md", "A loan's life in journals"):
            debit, credit = (named.setdefault(name, account(name, owners)) for name in (row["debit"], row["credit"]))
            transfer = Transfer(debit, credit, parse_minor(row["amount"]))
            journal = Journal(JournalId(uuid7()), row["event"], (transfer,), today)
            if row["event"] == "invest":
                investor = owners[row["debit"].removeprefix("wallet ")]
                journal = await holding.invest(connection, owners["loan"], investor, transfer.amount, uuid7())
            assert await ledger.post(connection, journal), row
        found = await ledger.balances(connection, list(named.values()))
    left = {name: format_minor(found[one].posted) for name, one in named.items() if found[one].posted}
    stated = {row["account"]: row["balance"] for row in worked_table("ledger.md", "Where that leaves the accounts")}
    assert left == stated
    async with database.reading() as connection:
        assert await collect(connection, ledger.check) == []
