"""The chart of accounts is obeyed: every event with every pair of kinds, posted and held, and no way round it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from uuid import UUID

import asyncpg
import pytest

from halfpenny import ledger
from halfpenny.ledger import Account, AccountKind, Hold, Journal, Transfer
from halfpenny.platform.clock import business_date
from halfpenny.platform.database import Connection, Database
from halfpenny.primitives.ids import JournalId, uuid7
from halfpenny.primitives.money import Currency
from support import holding, lending
from support.worked_tables import worked_table

Line = tuple[str, str, str, bool, str | None, str | None]
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
    one.id := account_id_of(debit, one.owner_id, 'EUR');
    two.id := account_id_of(credit, two.owner_id, 'EUR');
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
            for row in await connection.fetch(
                "SELECT event, debit, credit, one_owner, wallet_of, gives_back FROM chart"
            )
        ]


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
    # Nobody here borrows, holds or is named by a finding: what asks for such a person is refused.
    allowed = {line[:3]: line[3] for line in chart if line[4] is None and line[5] is None}
    wrong = []
    for event, debit, credit, one_owner, refused in tried:
        needs_one_owner = allowed.get((event, debit, credit))
        expected = "post hold" if needs_one_owner is None or (needs_one_owner and not one_owner) else ""
        if refused != expected:
            wrong.append((event, debit, credit, one_owner, refused))
    assert wrong == []


def test_no_line_moves_money_between_people_or_out_of_nothing(chart: list[Line]) -> None:
    """What no line may ever hold, whoever adds one."""
    assert [line for line in chart if line[1] == line[2]] == []
    assert {line[0] for line in chart if line[1:3] == ("client_bank", "wallet")} == {"deposit"}
    out = {"payout", "reconciliation_resolved", "sweep", "receipt_reversed"}
    assert {line[0] for line in chart if line[2] == "client_bank"} == out
    of_loans = {"escrow", "interest_reserve", "loan_receivable", "investor_claims", "collections"}
    of_loans |= {"distribution_payable", "recovery_advance", "advance_payments", "overpaid_distribution"}
    assert [line for line in chart if {line[1], line[2]} <= of_loans and not line[3]] == []


def test_the_documented_chart_is_the_one_that_is_enforced(chart: list[Line]) -> None:
    documented = {
        (row["event"], part.partition(" (")[0], part.partition(" (")[2].removesuffix(")"))
        for row in worked_table("ledger.md", "The chart")
        for part in row["from → to"].split("; ")
    }
    whose = {
        None: [],
        "drawing": ["the borrower's, once conditions are met"],
        "borrower": ["the borrower's"],
        "holder": ["a holder's"],
        "finding": ["whom the finding names"],
    }
    back = {None: [], "whole": ["taken back"], "part": ["what it brought"], "received": ["what a receipt brought"]}
    assert documented == {
        (event, f"{debit} → {credit}", ", ".join([*["same loan"] * one_owner, *whose[wallet_of], *back[gives_back]]))
        for event, debit, credit, one_owner, wallet_of, gives_back in chart
    }


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO chart VALUES ('gift', 'client_bank', 'wallet', false, NULL, NULL)",
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
    await connection.execute("INSERT INTO pg_temp.chart VALUES ('gift', 'client_bank', 'wallet', false, NULL, NULL)")
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


@dataclass(frozen=True)
class LoanCast:
    loan_id: UUID
    borrower: UUID
    holder: UUID
    other: UUID


async def make_loan(connection: Connection) -> LoanCast:
    """A loan that one investor holds, with money in every account that could pay a wallet."""
    borrower, staff, holder, other = [
        await lending.person(connection, role) for role in ("borrower", "administrator", "investor", "investor")
    ]
    loan = await lending.funding(connection, borrower, staff)
    await holding.hold(connection, loan.id, holder, 1_800)
    bank = account(AccountKind.CLIENT_BANK)
    escrow, collections, payable, reserve = [
        account(kind, loan.id)
        for kind in (
            AccountKind.ESCROW,
            AccountKind.COLLECTIONS,
            AccountKind.DISTRIBUTION_PAYABLE,
            AccountKind.INTEREST_RESERVE,
        )
    ]
    wallets = [account(AccountKind.WALLET, person) for person in (borrower, holder, other)]
    owed = [account(kind, loan.id) for kind in (AccountKind.LOAN_RECEIVABLE, AccountKind.INVESTOR_CLAIMS)]
    await ledger.post(
        connection,
        Journal(
            JournalId(uuid7()),
            "deposit",
            tuple(Transfer(bank, wallet, 3_000) for wallet in wallets),
            await business_date(connection),
        ),
    )
    await ledger.post(connection, await holding.invest(connection, loan.id, holder, 1_800, uuid7()))
    for event, transfers in (
        ("drawdown", [Transfer(escrow, reserve, 900), Transfer(*owed, 1_800)]),
        ("receipt", [Transfer(bank, collections, 1_800), Transfer(collections, payable, 900)]),
    ):
        journal = Journal(JournalId(uuid7()), event, tuple(transfers), await business_date(connection), loan.id)
        assert await ledger.post(connection, journal)
    return LoanCast(loan.id, borrower, holder, other)


async def refused(connection: Connection, journal: Journal) -> None:
    """The chart refuses it, and the transaction goes on."""
    savepoint = connection.transaction()
    await savepoint.start()
    with pytest.raises(ledger.NotInChart):
        await ledger.post(connection, journal)
    await savepoint.rollback()


@pytest.mark.parametrize(
    ("event", "kind", "whose"),
    [
        ("drawdown", AccountKind.ESCROW, "borrower"),
        ("distribution", AccountKind.DISTRIBUTION_PAYABLE, "holder"),
        *((event, AccountKind.COLLECTIONS, "borrower") for event in ("servicing", "receipt", "receipt_reversed")),
        *((event, AccountKind.INTEREST_RESERVE, "borrower") for event in ("servicing", "receipt", "cost_advanced")),
    ],
)
async def test_a_loan_pays_its_borrower_and_its_holders_and_nobody_else(
    connection: Connection, event: str, kind: AccountKind, whose: str
) -> None:
    cast, elsewhere = await make_loan(connection), await make_loan(connection)
    today, of_loan = await business_date(connection), account(kind, cast.loan_id)
    if event == "drawdown":
        # Not from a loan that still takes investments, whoever asks.
        early = Transfer(of_loan, account(AccountKind.WALLET, cast.borrower), 31)
        await refused(connection, Journal(JournalId(uuid7()), event, (early,), today, cast.loan_id))
        await connection.execute("UPDATE loan SET status = 'conditions_met' WHERE id = $1", cast.loan_id)
    people = {**vars(cast), "foreign": elsewhere.holder if whose == "holder" else elsewhere.borrower}
    del people["loan_id"]
    for name, person in people.items():
        wallet = account(AccountKind.WALLET, person)
        both_ways = [Transfer(of_loan, wallet, 31)]
        if event not in ("drawdown", "distribution"):
            both_ways.append(Transfer(wallet, of_loan, 31))
        for transfer in both_ways:
            journal = Journal(JournalId(uuid7()), event, (transfer,), today, cast.loan_id)
            if name == whose:
                assert await ledger.post(connection, journal)
            else:
                await refused(connection, journal)


@pytest.mark.parametrize("target", ["client_bank", "own_bank", "wallet"])
async def test_suspense_gives_out_what_a_finding_brought_and_no_more(connection: Connection, target: str) -> None:
    today, person = await business_date(connection), uuid7()
    suspense, bank = account(AccountKind.SUSPENSE), account(AccountKind.CLIENT_BANK)
    into = account(AccountKind(target), person if target == "wallet" else None)
    brought = Journal(JournalId(uuid7()), "reconciliation_unknown", (Transfer(bank, suspense, 700),), today)
    elsewhere = Journal(JournalId(uuid7()), "deposit", (Transfer(bank, account(AccountKind.WALLET, person), 5),), today)
    more = replace(brought, id=JournalId(uuid7()))
    for journal in (brought, elsewhere, more):
        await ledger.post(connection, journal)
    true = Journal(JournalId(uuid7()), "reconciliation_resolved", (Transfer(suspense, into, 640),), today)
    await refused(connection, true)
    await refused(connection, replace(true, reverses=JournalId(uuid7())))
    await refused(connection, replace(true, reverses=elsewhere.id))
    await refused(connection, replace(true, reverses=brought.id, transfers=(Transfer(suspense, into, 701),)))
    named = replace(true, reverses=brought.id)
    if target == "wallet":
        # No finding names this person's wallet.
        await refused(connection, named)
    else:
        assert await ledger.post(connection, named)


async def test_the_parts_that_leave_suspense_are_together_no_more_than_a_finding_brought(
    connection: Connection,
) -> None:
    today, suspense, bank = (
        await business_date(connection),
        account(AccountKind.SUSPENSE),
        account(AccountKind.CLIENT_BANK),
    )
    brought = Journal(JournalId(uuid7()), "reconciliation_unknown", (Transfer(bank, suspense, 700),), today)
    for journal in (brought, replace(brought, id=JournalId(uuid7()))):
        await ledger.post(connection, journal)

    def part(amount: int) -> Journal:
        out = (Transfer(suspense, bank, amount),)
        return Journal(JournalId(uuid7()), "reconciliation_resolved", out, today, reverses=brought.id)

    first = part(399)
    assert await ledger.post(connection, first)
    assert not await ledger.post(connection, first)
    await refused(connection, part(302))
    savepoint = connection.transaction()
    await savepoint.start()
    with pytest.raises(ledger.NotInChart):
        await ledger.post_many(connection, [part(200), part(102)])
    await savepoint.rollback()
    await ledger.post_many(connection, [part(200), part(101)])
    await refused(connection, part(1))
    back = Journal(JournalId(uuid7()), "reconciliation_reopened", (Transfer(bank, suspense, 399),), today)
    await refused(connection, back)
    await refused(connection, replace(back, reverses=first.id, transfers=(Transfer(bank, suspense, 398),)))
    assert await ledger.post(connection, replace(back, reverses=first.id))
    savepoint = connection.transaction()
    await savepoint.start()
    with pytest.raises(ledger.AlreadyReversed):
        await ledger.post(connection, replace(back, id=JournalId(uuid7()), reverses=first.id))
    await savepoint.rollback()
    await refused(connection, part(400))
    assert await ledger.post(connection, part(399))


async def test_a_receipt_is_taken_back_only_where_one_of_that_amount_came(connection: Connection) -> None:
    cast = await make_loan(connection)
    today, suspense = await business_date(connection), account(AccountKind.SUSPENSE)
    collections = account(AccountKind.COLLECTIONS, cast.loan_id)
    for amount, loan_account in ((1_801, collections), (20, account(AccountKind.COLLECTIONS, uuid7()))):
        transfer = Transfer(loan_account, suspense, amount)
        await refused(connection, Journal(JournalId(uuid7()), "receipt_reversed", (transfer,), today))
    transfer = Transfer(collections, suspense, 900)
    assert await ledger.post(connection, Journal(JournalId(uuid7()), "receipt_reversed", (transfer,), today))
    # What came from the loan's own reserve is no receipt, however much it was.
    other = uuid7()
    reserve, released = account(AccountKind.INTEREST_RESERVE, other), account(AccountKind.COLLECTIONS, other)
    wallet, escrow = account(AccountKind.WALLET, cast.holder), account(AccountKind.ESCROW, other)
    for event, moved in (
        ("invest", Transfer(wallet, escrow, 700)),
        ("drawdown", Transfer(escrow, reserve, 700)),
        ("servicing", Transfer(reserve, released, 700)),
    ):
        assert await ledger.post(connection, Journal(JournalId(uuid7()), event, (moved,), today))
    transfer = Transfer(released, suspense, 700)
    await refused(connection, Journal(JournalId(uuid7()), "receipt_reversed", (transfer,), today))


async def test_an_account_opens_only_under_the_id_that_follows_from_it(connection: Connection) -> None:
    """What `account_id` computes is what the database computes, and another id is refused."""
    owner = uuid7()
    for kind, own in ((AccountKind.WALLET, owner), (AccountKind.CLIENT_BANK, None)):
        for currency in Currency:
            found = await connection.fetchval("SELECT account_id_of($1, $2, $3)", kind.value, own, currency.value)
            assert found == ledger.account_id(kind, own, currency)
    true = ledger.account_id(AccountKind.WALLET, owner, Currency.EUR)
    others = [
        uuid7(),
        ledger.account_id(AccountKind.WALLET, owner, Currency.PLN),
        ledger.account_id(AccountKind.WALLET, uuid7(), Currency.EUR),
    ]
    for other in others:
        savepoint = connection.transaction()
        await savepoint.start()
        with pytest.raises(asyncpg.PostgresError, match="has the id that follows from what it is"):
            await connection.fetch("SELECT ledger_lock($1::account_name[])", [(other, "wallet", owner, "EUR")])
        await savepoint.rollback()
    await connection.fetch("SELECT ledger_lock($1::account_name[])", [(true, "wallet", owner, "EUR")])
