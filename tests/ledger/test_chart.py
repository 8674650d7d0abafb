"""The chart of accounts is obeyed: every event with every pair of kinds, posted and held, and no way round it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import UUID

import asyncpg
import pytest

from halfpenny import ledger
from halfpenny.ledger import Account, AccountKind, Hold, Journal, Transfer
from halfpenny.platform.clock import business_date
from halfpenny.platform.database import Connection, Database
from halfpenny.primitives.ids import JournalId, uuid7
from halfpenny.primitives.money import Currency
from support.worked_tables import worked_table

Line = tuple[str, str, str, bool, bool]
KINDS = sorted(AccountKind)
PLATFORM = ("client_bank", "own_bank", "fee_income", "tax_payable", "default_income", "suspense", "payouts_in_transit")

# Tries one cent under each event between each two kinds, once with one owner and once with two, by posting and by
# holding, and takes each back. What the chart refuses raises HP005; an account that is overdrawn was let through.
TRY_ALL = """
DO $$
DECLARE
  one account_name; two account_name; event text; debit text; credit text; owners int; refused text;
BEGIN
  PERFORM set_config('plan_cache_mode', 'auto', true);
  FOR event, debit, credit, owners IN
    SELECT e, d, c, o FROM unnest($events$EVENTS$events$::text[]) e, unnest($kinds$KINDS$kinds$::text[]) d,
      unnest($kinds$KINDS$kinds$::text[]) c, generate_series(1, 2) o WHERE d <> c OR o = 2
  LOOP
    one := (gen_random_uuid(), debit, gen_random_uuid(), 'EUR');
    two := (gen_random_uuid(), credit, CASE owners WHEN 1 THEN one.owner_id ELSE gen_random_uuid() END, 'EUR');
    -- The platform's kinds have no owner, and so there is only one account of each.
    one.owner_id := CASE WHEN debit = ANY ($kinds$PLATFORM$kinds$::text[]) THEN NULL ELSE one.owner_id END;
    two.owner_id := CASE WHEN credit = ANY ($kinds$PLATFORM$kinds$::text[]) THEN NULL ELSE two.owner_id END;
    refused := '';
    BEGIN
      PERFORM ledger_post(ARRAY[(gen_random_uuid(), 0, event, NULL, NULL, business_date(), one, two, 1)::posting]);
      RAISE EXCEPTION USING ERRCODE = 'HP999';
    EXCEPTION WHEN SQLSTATE 'HP005' OR unique_violation THEN refused := refused || 'post ';
      WHEN SQLSTATE 'HP999' OR check_violation THEN NULL;
    END;
    BEGIN
      PERFORM ledger_hold(gen_random_uuid(), event, NULL, one, two, 1);
      RAISE EXCEPTION USING ERRCODE = 'HP999';
    EXCEPTION WHEN SQLSTATE 'HP005' OR unique_violation THEN refused := refused || 'hold';
      WHEN SQLSTATE 'HP999' OR check_violation THEN NULL;
    END;
    INSERT INTO tried VALUES (event, debit, credit, owners = 1, refused);
  END LOOP;
END $$
"""


@pytest.fixture
async def chart(database: Database) -> list[Line]:
    async with database.reading() as connection:
        return [
            tuple(row)
            for row in await connection.fetch("SELECT event, debit, credit, one_owner, gives_back FROM chart")
        ]


@pytest.fixture
async def connection(database: Database) -> AsyncIterator[Connection]:
    """As the application connects, in one transaction that is taken back."""
    async with database.pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        yield connection
        await transaction.rollback()


def account(kind: AccountKind, owner: UUID | None = None) -> Account:
    return Account(kind, owner, Currency.EUR)


async def test_every_event_moves_money_only_where_the_chart_allows(connection: Connection, chart: list[Line]) -> None:
    events = [*sorted({line[0] for line in chart}), "deposit_reversed", "gift"]
    await connection.execute(
        "CREATE TEMP TABLE tried (event text, debit text, credit text, one_owner boolean, refused text) ON COMMIT DROP"
    )
    script = TRY_ALL
    for name, words in (("EVENTS", events), ("KINDS", KINDS), ("PLATFORM", PLATFORM)):
        script = script.replace(f"${name}$", f"${{{','.join(words)}}}$")
    await connection.execute(script, timeout=300)
    tried = await connection.fetch("SELECT * FROM tried")
    assert len(tried) == len(events) * (2 * len(KINDS) ** 2 - len(KINDS))
    allowed = {(event, debit, credit): one_owner for event, debit, credit, one_owner, back in chart if not back}
    wrong = []
    for event, debit, credit, one_owner, refused in tried:
        needs_one_owner = allowed.get((event, debit, credit))
        expected = "post hold" if needs_one_owner is None or (needs_one_owner and not one_owner) else ""
        if refused != expected:
            wrong.append((event, debit, credit, one_owner, refused))
    assert wrong == []


def test_no_line_moves_money_between_people_or_out_of_nothing(chart: list[Line]) -> None:
    """What no line may ever state, whoever adds one."""
    assert [line for line in chart if line[1] == line[2]] == []
    assert {line[0] for line in chart if line[1:3] == ("client_bank", "wallet")} == {"deposit"}
    assert {line[0] for line in chart if line[2] == "client_bank"} == {*("payout", "reconciliation_resolved", "sweep")}
    of_loans = {"escrow", "interest_reserve", "loan_receivable", "investor_claims", "collections"}
    of_loans |= {"distribution_payable", "recovery_advance", "advance_payments", "overpaid_distribution"}
    assert [line for line in chart if {line[1], line[2]} <= of_loans and not line[3]] == []


def test_the_documented_chart_is_the_one_that_is_enforced(chart: list[Line]) -> None:
    documented = {
        (row["event"], part.partition(" (")[0], part.partition(" (")[2].removesuffix(")"))
        for row in worked_table("ledger.md", "The chart")
        for part in row["from → to"].split("; ")
    }
    assert documented == {
        (event, f"{debit} → {credit}", "same loan" if one_owner else "taken back" if gives_back else "")
        for event, debit, credit, one_owner, gives_back in chart
    }


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO chart VALUES ('gift', 'client_bank', 'wallet', false, false)",
        "UPDATE chart SET credit = 'wallet'",
        "DELETE FROM chart",
        "TRUNCATE chart",
        "ALTER TABLE chart RENAME TO no_chart",
        "CREATE OR REPLACE FUNCTION ledger_check_chart(postings posting[]) RETURNS void LANGUAGE sql AS ''",
        "CREATE FUNCTION public.ledger_check_chart(postings posting) RETURNS void LANGUAGE sql AS ''",
        "INSERT INTO transfer SELECT * FROM transfer",
    ],
)
async def test_the_application_cannot_change_the_chart(connection: Connection, statement: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute(statement)


async def test_tables_and_functions_of_ones_own_are_not_asked(connection: Connection) -> None:
    """PostgreSQL looks into pg_temp first unless a function's search path differs."""
    investor = account(AccountKind.WALLET, uuid7())
    await connection.execute("CREATE TEMP TABLE chart (LIKE public.chart)")
    await connection.execute("INSERT INTO pg_temp.chart VALUES ('gift', 'client_bank', 'wallet', false, false)")
    await connection.execute("CREATE TEMP TABLE account AS SELECT * FROM public.account")
    await connection.execute("CREATE TEMP TABLE transfer AS SELECT * FROM public.transfer")
    await connection.execute("SET LOCAL search_path = pg_temp, public")
    gift = Transfer(account(AccountKind.CLIENT_BANK), investor, 500)
    with pytest.raises(ledger.NotInChart):
        await ledger.post(connection, Journal(JournalId(uuid7()), "gift", (gift,), await business_date(connection)))


async def test_an_account_is_what_it_is_whatever_it_is_called(database: Database) -> None:
    """Another's wallet, named as the bank by whoever calls the function, is still a wallet."""
    poor, rich = account(AccountKind.WALLET, uuid7()), account(AccountKind.WALLET, uuid7())
    async with database.unit_of_work() as connection:
        today = await business_date(connection)
        paid_in = Transfer(account(AccountKind.CLIENT_BANK), rich, 900)
        await ledger.post(connection, Journal(JournalId(uuid7()), "deposit", (paid_in,), today))
    named_as_bank = (rich.id, "client_bank", None, "EUR")
    into = (poor.id, "wallet", poor.owner_id, "EUR")
    with pytest.raises(asyncpg.PostgresError, match="deposit may not move money from wallet to wallet"):
        async with database.unit_of_work() as connection:
            await connection.fetch(
                "SELECT ledger_post($1::posting[])",
                [(uuid7(), 0, "deposit", None, None, today, named_as_bank, into, 900)],
            )
    async with database.reading() as connection:
        assert [b.posted for b in (await ledger.balances(connection, [rich, poor])).values()] == [900, 0]


async def test_a_reversal_mirrors_what_it_takes_back(database: Database) -> None:
    """Naming a journal as reversed opens no door: its accounts, its amount, its event, or nothing."""
    investor, other = account(AccountKind.WALLET, uuid7()), account(AccountKind.WALLET, uuid7())
    escrow = account(AccountKind.ESCROW, uuid7())
    async with database.unit_of_work() as connection:
        today = await business_date(connection)
        paid_in = Transfer(account(AccountKind.CLIENT_BANK), investor, 900)
        await ledger.post(connection, Journal(JournalId(uuid7()), "deposit", (paid_in,), today))
        invested = Journal(JournalId(uuid7()), "invest", (Transfer(investor, escrow, 400),), today)
        await ledger.post(connection, invested)
    true = Journal(
        JournalId(uuid7()), "invest_reversed", (Transfer(escrow, investor, 400),), today, reverses=invested.id
    )
    forged = [
        replace(true, transfers=(Transfer(escrow, other, 400),)),
        replace(true, transfers=(Transfer(escrow, investor, 399),)),
        replace(true, transfers=(Transfer(investor, other, 400),)),
        replace(true, event="gift"),
        replace(true, reverses=JournalId(uuid7())),
        replace(true, reverses=None),
    ]
    for journal in forged:
        with pytest.raises(ledger.NotInChart):
            async with database.unit_of_work() as connection:
                await ledger.post(connection, journal)
    with pytest.raises(ledger.NotInChart):
        async with database.unit_of_work() as connection:
            await ledger.hold(connection, Hold(uuid7(), "gift", investor, other, 1))
    async with database.unit_of_work() as connection:
        assert await ledger.post(connection, true)
        found = await ledger.balances(connection, [investor, other, escrow])
    assert [balance.posted for balance in found.values()] == [900, 0, 0]


@pytest.mark.parametrize("event", ["revoke", "cancel", "expire"])
async def test_money_that_is_given_back_goes_to_whoever_it_came_from(database: Database, event: str) -> None:
    """One call of two journals, in and out of an escrow, is no way from one person's wallet to another's."""
    payer, other = account(AccountKind.WALLET, uuid7()), account(AccountKind.WALLET, uuid7())
    escrow = account(AccountKind.ESCROW, uuid7())
    async with database.unit_of_work() as connection:
        today = await business_date(connection)
        paid_in = Transfer(account(AccountKind.CLIENT_BANK), payer, 700)
        await ledger.post(connection, Journal(JournalId(uuid7()), "deposit", (paid_in,), today))
    into = Journal(JournalId(uuid7()), "invest", (Transfer(payer, escrow, 610),), today)
    for owner, reverses in ((other, None), (payer, None), (other, into.id)):
        out = Journal(JournalId(uuid7()), event, (Transfer(escrow, owner, 610),), today, reverses=reverses)
        with pytest.raises(ledger.NotInChart):
            async with database.unit_of_work() as connection:
                await ledger.post_many(connection, [into, out])
        with pytest.raises(ledger.NotInChart):
            async with database.unit_of_work() as connection:
                await ledger.post(connection, into)
                await ledger.post(connection, out)
    async with database.unit_of_work() as connection:
        await ledger.post(connection, into)
        back = Journal(JournalId(uuid7()), event, (Transfer(escrow, payer, 610),), today, reverses=into.id)
        assert await ledger.post(connection, back)
        found = await ledger.balances(connection, [payer, other, escrow])
    assert [balance.posted for balance in found.values()] == [700, 0, 0]


@pytest.mark.parametrize(
    ("kind", "owner"),
    [(AccountKind(kind), uuid7()) for kind in PLATFORM]
    + [(kind, None) for kind in AccountKind if kind not in PLATFORM],
)
async def test_an_account_opens_only_for_an_owner_of_its_kind(
    connection: Connection, kind: AccountKind, owner: UUID | None
) -> None:
    with pytest.raises(ledger.NotInChart):
        await ledger.lock(connection, [account(kind, owner)])
