"""Row 5: statements follow each other by account and balance; everything else that banks write is taken as it comes."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

import httpx2
import pytest

from funding.world import check_books
from halfpenny import funding
from halfpenny.entrypoints.books import CHECKS
from halfpenny.funding import bank
from halfpenny.funding.bank import BankStatement, CashDirection, StatementLine
from halfpenny.funding.errors import (
    FirstStatement,
    OpeningBalanceDiffers,
    StatementOfAnotherAccount,
    StatementOfFuture,
    StatementOutOfOrder,
)
from halfpenny.funding.service import statements
from halfpenny.funding.service.statements import Handover
from halfpenny.identity import Role
from halfpenny.platform import clock
from halfpenny.platform.consistency import collect
from halfpenny.platform.database import Database
from halfpenny.primitives.errors import HalfpennyError
from halfpenny.primitives.ids import uuid7
from support.people import make_somebody

IBAN = "DE75512108001245126199"
MONDAY = date(2026, 6, 15)


def entry(amount: str, direction: str = "CRDT", *more: str, status: str = "<Sts><Cd>BOOK</Cd></Sts>") -> str:
    return (
        f'<Ntry><Amt Ccy="EUR">{amount}</Amt><CdtDbtInd>{direction}</CdtDbtInd>{status}'
        f"<BookgDt><Dt>2026-06-15</Dt></BookgDt><ValDt><Dt>2026-06-15</Dt></ValDt>{''.join(more)}</Ntry>"
    )


def balance(code: str, amount: str, day: str = "<Dt>2026-06-15</Dt>", direction: str = "CRDT") -> str:
    return (
        f"<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy='EUR'>{amount}</Amt>"
        f"<CdtDbtInd>{direction}</CdtDbtInd><Dt>{day}</Dt></Bal>"
    )


def stated(*parts: str, account: str = f"<IBAN>{IBAN}</IBAN>", currency: str = "<Ccy>EUR</Ccy>") -> str:
    return (
        f"<Stmt><Id>0042</Id><CreDtTm>2026-06-16T03:11:09</CreDtTm><Acct><Id>{account}</Id>{currency}</Acct>"
        f"{''.join(parts)}</Stmt>"
    )


def document(*bodies: str, version: str = "08") -> bytes:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.{version}">'
        f"<BkToCstmrStmt><GrpHdr><MsgId>MSG-77</MsgId><CreDtTm>2026-06-16T03:11:09</CreDtTm></GrpHdr>"
        f"{''.join(bodies)}</BkToCstmrStmt></Document>"
    ).encode()


def only(body: bytes) -> BankStatement:
    [found] = bank.read_statements(body)
    assert found.opening_minor + sum(line.signed_minor for line in found.lines) == found.closing_minor
    return found


NO_END_TO_END_ID = "<NtryDtls><TxDtls><Refs><MsgId>X</MsgId></Refs></TxDtls></NtryDtls>"
OPEN, CLOSE = balance("OPBD", "100.00"), balance("CLBD", "150.25")
# What real banks write, and how it is read: each of one credit of 50.25.
VARIANTS: dict[str, bytes] = {
    "version 08 with an IBAN": document(stated(OPEN, CLOSE, entry("50.25"))),
    "version 02, its status without a code": document(
        stated(OPEN, CLOSE, entry("50.25", status="<Sts>BOOK</Sts>")), version="02"
    ),
    "version 13": document(stated(OPEN, CLOSE, entry("50.25")), version="13"),
    "another identification": document(stated(OPEN, CLOSE, entry("50.25"), account=f"<Othr><Id>{IBAN}</Id></Othr>")),
    "an IBAN in groups of four": document(
        stated(OPEN, CLOSE, entry("50.25"), account="<IBAN>DE75 5121 0800 1245 1261 99</IBAN>")
    ),
    "no currency of the account": document(stated(OPEN, CLOSE, entry("50.25"), currency="")),
    "the closing balance of the day before": document(
        stated(balance("PRCD", "100.00", "<Dt>2026-06-12</Dt>"), CLOSE, entry("50.25"))
    ),
    "no opening balance": document(stated(CLOSE, entry("50.25"))),
    "no closing balance": document(stated(OPEN, entry("50.25"))),
    "interim balances of a page": document(
        stated(balance("ITBD", "100.00"), balance("ITBD", "150.25"), entry("50.25"))
    ),
    "moments for days": document(
        stated(
            balance("OPBD", "100.00", "<DtTm>2026-06-15T00:00:00</DtTm>"),
            balance("CLBD", "150.25", "<DtTm>2026-06-15T23:59:59.999</DtTm>"),
            entry("50.25").replace("<Dt>2026-06-15</Dt>", "<DtTm>2026-06-15T14:20:00+02:00</DtTm>"),
        )
    ),
    "a day with an offset": document(
        stated(balance("OPBD", "100.00", "<Dt>2026-06-15+02:00</Dt>"), CLOSE, entry("50.25"))
    ),
    "leading zeros and a plus sign": document(
        stated(balance("OPBD", "000100.00"), balance("CLBD", "+150.25"), entry("00050.2500"))
    ),
    "an entry without a reference of the payer": document(
        stated(OPEN, CLOSE, entry("50.25", "CRDT", NO_END_TO_END_ID))
    ),
    "blanks about everything": document(
        stated(OPEN, CLOSE, entry(" 50.25 ").replace("<Dt>2026-06-15</Dt>", "<Dt> 2026-06-15 </Dt>"))
    ),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_what_banks_write_is_read(variant: str) -> None:
    found = only(VARIANTS[variant])
    assert (found.account, found.currency, found.day) == (IBAN, "EUR", MONDAY)
    assert (found.opening_minor, found.closing_minor) == (10_000, 15_025)
    [line] = found.lines
    assert (line.direction, line.amount_minor, line.booked_on, line.remark) == (CashDirection.IN, 5_025, MONDAY, "")


DETAILS = (
    "<NtryDtls><TxDtls><Refs><AcctSvcrRef>B-9</AcctSvcrRef><EndToEndId>{e2e}</EndToEndId></Refs>{more}"
    "<RltdPties><Dbtr>{dbtr}</Dbtr><DbtrAcct><Id><IBAN>PL61109010140000071219812874</IBAN></Id></DbtrAcct></RltdPties>"
    "<RmtInf><Ustrd>loan 7,</Ustrd><Ustrd>June</Ustrd></RmtInf></TxDtls></NtryDtls>"
)


@pytest.mark.parametrize("party", ["<Nm>Zofia Wilk</Nm>", "<Pty><Nm>Zofia Wilk</Nm></Pty>"])
@pytest.mark.parametrize(("output", "read"), [("E-5", "E-5"), ("NOTPROVIDED", ""), ("Notprovided", "")])
def test_payer_reference_and_words_are_read_from_every_version(party: str, output: str, read: str) -> None:
    details = DETAILS.format(e2e=output, more="", dbtr=party)
    [line] = only(document(stated(OPEN, CLOSE, entry("50.25", "CRDT", details)))).lines
    assert (line.payer, line.payer_account) == ("Zofia Wilk", "PL61109010140000071219812874")
    assert (line.bank_reference, line.end_to_end_id, line.remittance) == ("B-9", read, "loan 7, June")


def part(amount: str, *, version02: bool = False, e2e: str = "E", currency: str = "EUR") -> str:
    money = f'<Amt Ccy="{currency}">{amount}</Amt>'
    wrapped = f"<AmtDtls><TxAmt>{money}</TxAmt></AmtDtls>" if version02 else money
    return f"<TxDtls><Refs><EndToEndId>{e2e}</EndToEndId></Refs>{wrapped}</TxDtls>"


@pytest.mark.parametrize("version02", [False, True])
def test_a_batch_with_its_payments_is_read_payment_by_payment(version02: bool) -> None:
    parts = "".join(part(f"{cents}.00", version02=version02, e2e=f"E{cents}") for cents in (30, 20))
    details = f"<NtryDtls><Btch><NbOfTxs>3</NbOfTxs></Btch>{parts}{part('0.25', version02=version02)}</NtryDtls>"
    found = only(document(stated(OPEN, CLOSE, entry("50.25", "CRDT", details))))
    assert [(line.end_to_end_id, line.amount_minor) for line in found.lines] == [
        ("E30", 3000),
        ("E20", 2000),
        ("E", 25),
    ]


@pytest.mark.parametrize(
    "details",
    [
        "<NtryDtls><Btch><NbOfTxs>2</NbOfTxs></Btch></NtryDtls>",
        f"<NtryDtls>{part('30.00')}{part('20.00')}</NtryDtls>",
        f"<NtryDtls>{part('30.00')}{part('20.25', currency='CHF')}</NtryDtls>",
        f"<NtryDtls>{part('30.00')}{part('much')}</NtryDtls>",
    ],
)
def test_a_batch_that_does_not_add_up_stays_one_line_with_a_remark(details: str) -> None:
    [line] = only(document(stated(OPEN, CLOSE, entry("50.25", "CRDT", details)))).lines
    assert line.amount_minor == 5_025 and line.remark


@pytest.mark.parametrize(
    ("odd", "remark"),
    [
        (entry("9.00", status="<Sts><Cd>PDNG</Cd></Sts>"), "not booked (PDNG)"),
        (entry("9.00", status="<Sts>INFO</Sts>"), "not booked (INFO)"),
        (entry("0.00"), "an entry of zero"),
        (entry("nine"), "cannot be read"),
        (entry("9.00", "SIDEWAYS"), "cannot be read"),
        (entry("9.001"), "cannot be read"),
        (entry("9" * 17), "cannot be read"),
    ],
)
def test_what_cannot_be_booked_is_listed_and_never_refuses_the_day(odd: str, remark: str) -> None:
    found = only(document(stated(OPEN, CLOSE, entry("50.25"), odd)))
    assert [line.amount_minor for line in found.lines] == [5_025]
    [output] = found.remarks
    assert remark in output


@pytest.mark.parametrize(("closing", "direction", "minor"), [("150.26", "CRDT", 1), ("99.99", "DBIT", 5026)])
def test_money_that_no_entry_explains_is_a_line_of_its_own(closing: str, direction: str, minor: int) -> None:
    found = only(document(stated(OPEN, balance("CLBD", closing), entry("50.25"))))
    line = found.lines[-1]
    assert (line.direction, line.amount_minor) == (direction, minor) and line.remark


def test_an_overdrawn_account_and_a_reversal_are_read() -> None:
    overdrawn = stated(
        balance("OPBD", "7.00", direction="DBIT"),
        balance("CLBD", "3.00"),
        entry("10.00", "CRDT", "<RvslInd>true</RvslInd>"),
    )
    found = only(document(overdrawn))
    assert (found.opening_minor, found.closing_minor, found.lines[0].remark) == (-700, 300, "a reversal")


# Of a real bank, on a database.


def day_of(
    opening: int, *amounts: int, day: date = MONDAY, account: str = IBAN, currency: str = "EUR", mark: str = ""
) -> BankStatement:
    lines = tuple(
        StatementLine(
            bank_reference=f"{mark}{day:%m%d}-{place}",
            end_to_end_id="",
            direction=CashDirection.IN if amount > 0 else CashDirection.OUT,
            amount_minor=abs(amount),
            booked_on=day,
            value_on=day,
            payer="Zofia Wilk",
        )
        for place, amount in enumerate(amounts)
    )
    [read] = bank.read_statements(document(stated(OPEN, CLOSE, entry("50.25"))))
    closing = opening + sum(amounts)
    changes = {"account": account, "currency": currency, "day": day, "lines": lines, "message_id": f"{mark}{day}"}
    return replace(read, opening_minor=opening, closing_minor=closing, **changes)


async def accepted(database: Database, *found: BankStatement) -> int:
    """The findings of statements that come in one file, from the sandbox's side (no second person is asked)."""
    async with database.unit_of_work() as connection:
        return len(await statements.accept(connection, list(found), Handover()))


async def refused(database: Database, *found: BankStatement) -> HalfpennyError:
    before = await books(database)
    with pytest.raises(HalfpennyError) as caught:
        await accepted(database, *found)
    assert await books(database) == before
    return caught.value


async def books(database: Database) -> Sequence[object]:
    counts = (
        "SELECT (SELECT count(*) FROM bank_statement), (SELECT count(*) FROM bank_statement_line), "
        "(SELECT count(*) FROM transfer), (SELECT count(*) FROM bank_account), "
        "(SELECT count(*) FROM reconciliation_item)"
    )
    async with database.reading() as connection:
        assert [str(one) for one in await collect(connection, *CHECKS)] == []
        return tuple(await connection.fetchrow(counts) or ())


async def test_another_account_is_refused_whole_and_named(database: Database) -> None:
    await accepted(database, day_of(0, 900))
    other = "FR7630006000011234567890189"
    tuesday = MONDAY + timedelta(days=1)
    wrong = await refused(database, day_of(900, 50, day=tuesday), day_of(0, 70, day=tuesday, account=other))
    assert isinstance(wrong, StatementOfAnotherAccount)
    assert wrong.data == {"account": other, "currency": "EUR", "ours": IBAN}
    assert isinstance(await refused(database, day_of(0, 5, currency="CHF")), StatementOfAnotherAccount)


@pytest.mark.parametrize(
    ("later", "opening", "missing"),
    [(4, 901, "2026-06-16"), (2, 0, "2026-06-16"), (1, 899, None), (0, 900 + 1, None)],
)
async def test_another_opening_balance_is_refused_whole_and_a_gap_names_its_first_day(
    database: Database, later: int, opening: int, missing: str | None
) -> None:
    await accepted(database, day_of(0, 900))
    wrong = await refused(database, day_of(opening, 70, day=MONDAY + timedelta(days=later), mark="again"))
    assert isinstance(wrong, OpeningBalanceDiffers)
    assert (wrong.data["expected"], wrong.data["last_day"]) == ("9.00", "2026-06-15")
    assert wrong.data["missing_day"] == missing


@pytest.mark.parametrize("back", [1, 3, 400])
async def test_the_days_of_an_account_never_run_backwards(database: Database, back: int) -> None:
    await accepted(database, day_of(0, 900))
    wrong = await refused(database, day_of(900, 70, day=MONDAY - timedelta(days=back)))
    assert isinstance(wrong, StatementOutOfOrder)
    assert (wrong.data["last_day"], wrong.data["account"]) == ("2026-06-15", IBAN)
    # A second statement of the same day goes on where the first ended.
    assert await accepted(database, day_of(900, 70, mark="page 2")) == 1
    await books(database)


@pytest.mark.parametrize("ahead", [1, 2, 398])
@pytest.mark.parametrize("first", [True, False])
async def test_a_day_that_has_not_come_is_on_no_statement(database: Database, ahead: int, first: bool) -> None:
    async with database.reading() as connection:
        today = await clock.business_date(connection)
    if not first:
        await accepted(database, day_of(0, 900))
    opening = 0 if first else 900
    wrong = await refused(database, day_of(opening, 70, day=today + timedelta(days=ahead)))
    assert isinstance(wrong, StatementOfFuture)
    assert wrong.data["business_date"] == today.isoformat()
    honest = day_of(opening, 70, day=today)
    booked = tuple(replace(line, booked_on=today + timedelta(days=ahead)) for line in honest.lines)
    assert isinstance(await refused(database, replace(honest, lines=booked)), StatementOfFuture)
    assert await accepted(database, honest) == 1


async def test_days_on_which_nothing_moved_are_no_gap(database: Database) -> None:
    assert await accepted(database, day_of(0, 900)) == 1
    assert await accepted(database, day_of(900, -300, 25, day=MONDAY + timedelta(days=30))) == 2
    await check_books(database)


async def test_a_statement_that_comes_again_finds_nothing_new_under_whatever_name(database: Database) -> None:
    first, second = day_of(0, 900, 12), day_of(912, 70, day=MONDAY + timedelta(days=1))
    assert await accepted(database, second, first) == 3
    before = await books(database)
    for again in (first, second, replace(first, message_id="another")):
        assert await accepted(database, again) == 0
    assert await accepted(database, first, second) == 0
    assert await books(database) == before


async def test_a_line_on_two_statements_is_named_a_duplicate_and_goes_nowhere_by_itself(database: Database) -> None:
    first = day_of(0, 900)
    again = replace(day_of(900, 900, day=MONDAY + timedelta(days=1)), lines=first.lines)
    await accepted(database, first)
    again = replace(again, lines=tuple(replace(line, id=uuid7()) for line in again.lines))
    assert await accepted(database, again) == 1
    async with database.reading() as connection:
        kinds = [one.kind.value for one in await funding.open_findings(connection, None, 9)]
    assert kinds == ["unknown", "duplicate"]
    await books(database)


async def test_bank_charges_stand_in_suspense_and_the_house_covers_them(database: Database) -> None:
    assert await accepted(database, day_of(0, 900, -35)) == 2
    async with database.reading() as connection:
        found = await funding.open_findings(connection, None, 9)
    assert [(one.kind.value, one.direction.value, one.surplus_minor) for one in found] == [
        ("unknown", "CRDT", 900),
        ("unknown", "DBIT", -35),
    ]


async def test_two_imports_of_one_statement_at_once_count_once(database: Database) -> None:
    await accepted(database, day_of(0, 900))
    tuesday = day_of(900, 77, day=MONDAY + timedelta(days=1))
    assert sorted(await asyncio.gather(*(accepted(database, tuesday) for _ in range(4)))) == [0, 0, 0, 1]
    await books(database)


async def test_the_first_statement_of_an_account_takes_two_people(
    client: httpx2.AsyncClient, database: Database
) -> None:
    one, other = await make_somebody(database, Role.TREASURER), await make_somebody(database, Role.ADMINISTRATOR)
    path = "/api/v1/reconciliation/statements"
    async with database.unit_of_work() as connection:
        with pytest.raises(FirstStatement):
            await statements.accept(connection, [day_of(0, 5)], Handover(received_by=one.user_id))
    body = document(stated(OPEN, CLOSE, entry("50.25")))
    waiting = await client.post(path, content=body, headers=one.headers)
    assert (waiting.status_code, waiting.json()["approval"]["act"]) == (202, "bank.statement")
    approve = f"/api/v1/approvals/{waiting.json()['approval']['id']}/approve"
    assert (await client.post(approve, json={}, headers=one.paying())).json()["code"] == "four_eyes"
    async with database.reading() as connection:
        assert await connection.fetchval("SELECT count(*) FROM transfer") == 0
    facts = (await client.get(approve.removesuffix("/approve"), headers=other.headers)).json()["facts"]
    assert facts["statements"][0]["account"] == IBAN
    done = await client.post(approve, json={}, headers=other.paying())
    assert (done.status_code, len(done.json()["result"]["findings"])) == (200, 1)
    # From now on one person takes in what brings no money that only they vouch for.
    follows = bank.write_statement(day_of(15_025, -8, day=MONDAY + timedelta(days=1)))
    assert (await client.post(path, content=follows, headers=one.headers)).status_code == 201
    proposed = []
    for forged in (1, 1_000_000_00):
        body_of = bank.write_statement(day_of(15_017, forged, -forged, day=MONDAY + timedelta(days=2)))
        proposed.append(body_of)
        answer = await client.post(path, content=body_of, headers=one.headers)
        assert (answer.status_code, answer.json()["approval"]["status"]) == (202, "pending")
    again = await client.post(path, content=body, headers=one.headers)
    assert (again.status_code, again.json()) == (201, [])
    foreign = follows.replace(IBAN.encode(), b"FR7630006000011234567890189")
    assert (await client.post(path, content=foreign, headers=one.headers)).json()[
        "code"
    ] == "statement_of_another_account"
    [newest, first] = (await client.get(path, headers=one.headers)).json()["items"]
    assert (first["opening"], first["closing"], newest["opening"]) == ("100.00", "150.25", "150.25")
    async with database.reading() as connection:
        digests = [row["sha256"] for row in await connection.fetch("SELECT sha256 FROM statement_file ORDER BY id")]
    # Every file that was handed in is kept, one that waits for a second person and one that came again too.
    assert digests == [hashlib.sha256(file).digest() for file in (body, follows, *proposed, body)]
    await books(database)
