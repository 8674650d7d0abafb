"""Reconciliation: what the bank and the books disagree on is named, kept in suspense, and ends there."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from funding.edge import serving, somebody_with_money
from funding.world import EUR, check_books
from halfpenny import funding, ledger
from halfpenny.funding import bank
from halfpenny.funding.bank import BankStatement, CashDirection, MalformedStatement, StatementLine
from halfpenny.funding.reconciliation import ReconciliationItem, Resolution
from halfpenny.funding.service import reconciling
from halfpenny.ledger import Account, AccountKind
from halfpenny.platform.clock import business_date
from halfpenny.platform.database import Database
from halfpenny.primitives.ids import UserId
from halfpenny.primitives.money import Currency, Money
from servicing.world import advance
from support.people import make_somebody


async def paid_in(database: Database, person: UserId, *amounts: int) -> BankStatement:
    """Deposits that the bank has made, and its statement of today."""
    async with database.unit_of_work() as connection:
        for amount in amounts:
            await funding.request_deposit(connection, person, Money(amount, Currency.EUR))
    await funding.settle_payments(database)
    return await today(database)


async def today(database: Database) -> BankStatement:
    async with database.reading() as connection:
        return await bank.print_statement(connection, "EUR", await business_date(connection))


def changed(statement: BankStatement, *lines: StatementLine, **changes: object) -> bytes:
    """The same day with other lines, adding up as every bank's statement does."""
    moved = sum(line.amount_minor if line.direction is CashDirection.IN else -line.amount_minor for line in lines)
    altered = replace(statement, lines=lines, closing_minor=statement.opening_minor + moved, **changes)  # type: ignore[arg-type]
    return bank.write_statement(altered)


async def matched(database: Database, document: bytes) -> list[ReconciliationItem]:
    async with database.unit_of_work() as connection:
        return await funding.reconcile(connection, document)


async def standing(database: Database) -> tuple[int, int, int]:
    """client_bank, own_bank and suspense in minor units."""
    kinds = (AccountKind.CLIENT_BANK, AccountKind.OWN_BANK, AccountKind.SUSPENSE)
    async with database.reading() as connection:
        found = await ledger.balances(connection, [Account(kind, None, EUR) for kind in kinds])
    client_bank, own_bank, suspense = (balance.posted for balance in found.values())
    return client_bank, own_bank, suspense


async def test_a_day_that_agrees_has_no_findings(database: Database) -> None:
    person = await make_somebody(database)
    statement = await paid_in(database, person.user_id, 10_000, 20_000)
    assert await matched(database, bank.write_statement(statement)) == []
    assert await standing(database) == (30_000, 0, 0)
    async with database.reading() as connection:
        day = await business_date(connection)
    assert await funding.reconcile_day(database, day) == 0


async def test_every_difference_is_named_with_its_account_and_kept_in_suspense(database: Database) -> None:
    person = await make_somebody(database)
    statement = await paid_in(database, person.user_id, 10_000, 20_000, 30_000)
    first, second, third = statement.lines
    document = changed(
        statement,
        first,
        replace(first, bank_reference="AGAIN"),
        replace(second, amount_minor=19_500),
        # The third never came; somebody unknown paid instead.
        replace(third, bank_reference="STRANGER", end_to_end_id="NOTPROVIDED", amount_minor=777),
    )
    findings = await matched(database, document)
    assert [(one.kind.value, one.surplus_minor) for one in findings] == [
        ("duplicate", 10_000),
        ("wrong_amount", -500),
        ("unknown", 777),
        ("missing", -30_000),
    ]
    wallet = f"wallet:{person.user_id}"
    assert [one.account for one in findings] == [wallet, wallet, "client_bank", wallet]
    assert all(one.action for one in findings)
    assert await standing(database) == (60_000 + 10_777, 30_500, 41_277)
    # The same statement again, and again under its own message id, finds nothing new.
    assert await matched(database, document) == []
    await check_books(database)


async def test_a_payment_that_comes_a_day_late_releases_its_suspense(database: Database) -> None:
    person = await make_somebody(database)
    statement = await paid_in(database, person.user_id, 10_000)
    [line] = statement.lines
    [missing] = await matched(database, changed(statement))
    assert missing.kind.value == "missing" and await standing(database) == (10_000, 10_000, 10_000)
    tomorrow = statement.day + timedelta(days=1)
    moved = replace(line, booked_on=tomorrow, value_on=tomorrow)
    late = changed(statement, moved, day=tomorrow, message_id="tomorrow", opening_minor=0)
    await advance(database, timedelta(days=1))
    [found] = await matched(database, late)
    assert (found.kind.value, found.suspense_minor) == ("late", 0)
    assert await standing(database) == (10_000, 0, 0)
    async with database.reading() as connection:
        assert [one.kind.value for one in await funding.open_findings(connection, None, 10)] == ["late"]


@pytest.mark.parametrize(
    ("resolution", "standing_after", "wallet_after"),
    [("returned", (10_000, 0, 0), 10_000), ("credited", (20_000, 0, 0), 20_000)],
)
async def test_money_too_many_is_returned_or_credited(
    database: Database, resolution: str, standing_after: tuple[int, int, int], wallet_after: int
) -> None:
    person, staff = await make_somebody(database), await make_somebody(database, "administrator")
    statement = await paid_in(database, person.user_id, 10_000)
    [line] = statement.lines
    [finding] = await matched(database, changed(statement, line, replace(line, bank_reference="AGAIN")))
    async with serving(database) as client:
        path = f"/api/v1/reconciliation/items/{finding.id}/resolve"
        [listed] = (await client.get("/api/v1/reconciliation/items", headers=staff.headers)).json()["items"]
        assert (listed["kind"], listed["found"], listed["suspense"]) == ("duplicate", "100.00", "100.00")
        wrong = await client.post(path, json={"resolution": "covered"}, headers=staff.paying())
        assert (wrong.status_code, wrong.json()["code"]) == (409, "wrong_resolution")
        assert (await client.post(path, json={"resolution": resolution}, headers=person.paying())).status_code == 403
        assert await standing(database) == (20_000, 0, 10_000)
        done = await client.post(path, json={"resolution": resolution}, headers=staff.paying("resolve"))
        again = await client.post(path, json={"resolution": resolution}, headers=staff.paying("resolve"))
        assert done.status_code == 200 and again.json() == done.json()
        gone = await client.post(path, json={"resolution": resolution}, headers=staff.paying())
        assert gone.status_code == 404
        assert (await client.get("/api/v1/reconciliation/items", headers=staff.headers)).json()["items"] == []
    assert await standing(database) == standing_after
    async with database.reading() as connection:
        [balance] = (await ledger.wallets(connection, person.user_id)).values()
    assert balance.posted == wallet_after


@pytest.mark.parametrize(("resolution", "standing_after"), [("corrected", (10_000, 0, 0)), ("covered", (0, 10_000, 0))])
async def test_money_too_few_is_corrected_or_covered(
    database: Database, resolution: str, standing_after: tuple[int, int, int]
) -> None:
    person, staff = await make_somebody(database), await make_somebody(database, "administrator")
    [finding] = await matched(database, changed(await paid_in(database, person.user_id, 10_000)))
    async with database.unit_of_work() as connection:
        await reconciling.resolve(connection, staff.user_id, finding.id, Resolution(resolution))
    assert await standing(database) == standing_after


async def test_withdrawals_are_matched_the_other_way_round(database: Database) -> None:
    person = await somebody_with_money(database, 100_000)
    async with database.unit_of_work() as connection:
        for amount in (10_000, 20_000):
            await funding.request_withdrawal(connection, person.user_id, Money(amount, Currency.EUR))
    await funding.settle_payments(database)
    statement = await today(database)
    kept = [line for line in statement.lines if line.direction is CashDirection.IN]
    first, _ = (line for line in statement.lines if line.direction is CashDirection.OUT)
    findings = await matched(database, changed(statement, *kept, replace(first, amount_minor=10_100)))
    assert [(one.kind.value, one.surplus_minor) for one in findings] == [("wrong_amount", -100), ("missing", 20_000)]


def line(**changes: object) -> StatementLine:
    values: dict[str, object] = {
        "bank_reference": "R1",
        "end_to_end_id": "E1",
        "direction": CashDirection.IN,
        "amount_minor": 12_345,
        "booked_on": date(2026, 3, 2),
        "value_on": date(2026, 3, 3),
        **changes,
    }
    return StatementLine(**values)  # type: ignore[arg-type]


async def test_statements_survive_the_wire(database: Database) -> None:
    statement = await today(database)
    lines = (line(), line(bank_reference="R2", direction=CashDirection.OUT, amount_minor=345))
    statement = replace(statement, lines=lines, opening_minor=-7, closing_minor=11_993)
    assert bank.read_statements(bank.write_statement(statement)) == [statement]


# Encodings that the parser reads; in the last ones no document can be read at all.
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "iso-8859-2", "windows-1250", "koi8-r"]
UNREADABLE = ["utf-7", "utf-32", "cp037", "shift_jis"]


def encoded(good: bytes, encoding: str, document_type: str = "") -> bytes:
    """A whole statement in an encoding, with a document type before it if one is given."""
    declared = {"utf-8-sig": "utf-8", "utf-16-le": "utf-16", "utf-16-be": "utf-16"}.get(encoding, encoding)
    body = good.decode().split("?>", 1)[1]
    mark = "\ufeff" if encoding in ("utf-16-le", "utf-16-be") else ""
    return f'{mark}<?xml version="1.0" encoding="{declared}"?>{document_type}{body}'.encode(encoding)


@pytest.mark.parametrize("encoding", [*ENCODINGS, *UNREADABLE])
@pytest.mark.parametrize(
    "document_type",
    [
        '<!DOCTYPE Document [<!ENTITY two "2">]>',
        '<!DOCTYPE Document SYSTEM "file:///etc/passwd">',
        "<!DOCTYPE Document [<!ATTLIST Amt Ccy CDATA 'EUR'>]>",
        "<!DOCTYPE\nDocument>",
    ],
)
async def test_no_encoding_hides_a_document_type(database: Database, encoding: str, document_type: str) -> None:
    statement = await today(database)
    good = bank.write_statement(replace(statement, lines=(line(),), opening_minor=0, closing_minor=line().amount_minor))
    with pytest.raises(MalformedStatement):
        bank.read_statements(encoded(good, encoding, document_type))


async def test_a_statement_is_read_in_every_encoding_of_the_parser(database: Database) -> None:
    plain = replace(await today(database), lines=(line(),), opening_minor=0, closing_minor=line().amount_minor)
    for encoding in ENCODINGS:
        assert bank.read_statements(encoded(bank.write_statement(plain), encoding)) == [plain], encoding
    for encoding in UNREADABLE:
        with pytest.raises(MalformedStatement):
            bank.read_statements(encoded(bank.write_statement(plain), encoding))


async def test_statements_that_are_not_plain_are_refused(database: Database) -> None:
    statement = await today(database)
    good = bank.write_statement(statement)
    bomb = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "bbbb">]><a>&b;</a>'
    for document in (b"", b"<a/>", bomb, good[:-20], good.replace(b"camt.053", b"camt.052")):
        with pytest.raises(MalformedStatement):
            bank.read_statements(document)
