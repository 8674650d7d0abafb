"""Every list that is paged, each with rows of its own: what the test of all lists walks through.

A list is found by its route in the description; one that is not named here fails that test.
"""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from halfpenny import ledger, loans, realtime, servicing, underwriting
from halfpenny.ledger import Account, AccountKind, Journal, Transfer
from halfpenny.platform import audit, rows
from halfpenny.platform.database import Connection
from halfpenny.primitives.ids import JournalId, uuid7
from halfpenny.primitives.money import Currency
from halfpenny_messages import LOAN_ASSESSED, LoanAssessed, decode_payload
from servicing import world as servicing_world
from support import lending
from support.paged_lists import PagedList, Setting
from support.people import make_somebody
from underwriting.test_assessments import answer

EUR = Currency.EUR
DAY = date(2026, 2, 3)
DATES = {"advanced_on": DAY, "matures_on": DAY, "replayed_on": DAY}
NOW = datetime(2026, 2, 3, 12, tzinfo=UTC)


def a_valuer(on: Setting, number: str) -> dict[str, Any]:
    return {
        "id": uuid7(),
        "name": "Alder & Finch Surveyors",
        "registration_body": "A register",
        "registration_number": number,
        "country": "US",
        "added_by": on.administrator.user_id,
        "added_at": NOW,
    }


async def valuers(on: Setting) -> PagedList:
    async def valuer() -> dict[str, Any]:
        return a_valuer(on, str(uuid7()))

    return PagedList("/valuers", on.investor.headers, on.adding("panel_valuer", valuer), newest_first=False)


async def open_reviews(on: Setting) -> PagedList:
    loan_id = await on.loan()

    async def review() -> dict[str, Any]:
        decision = {
            "id": uuid7(),
            "loan_id": loan_id,
            "loan_version": 1,
            "verdict": "decline",
            "final": True,
            "reason_code": "exit",
            "reason": "No buyer.",
            "made_by": on.administrator.user_id,
            "made_at": NOW,
        }
        async with on.owner.unit_of_work() as connection:
            await rows.insert(connection, "loan_decision", decision)
        return {
            "id": uuid7(),
            "loan_id": loan_id,
            "decision_id": decision["id"],
            "requested_by": on.borrower.user_id,
            "requested_at": NOW,
            "statement": "There is a buyer.",
            "due_on": DAY,
            "status": "open",
        }

    add = on.adding("decision_review", review)
    return PagedList("/reviews", on.administrator.headers, add, newest_first=False)


async def waiting_reports(on: Setting) -> PagedList:
    loan_id, valuer = await on.loan(), a_valuer(on, str(uuid7()))
    async with on.owner.unit_of_work() as connection:
        await rows.insert(connection, "panel_valuer", valuer)

    async def report() -> dict[str, Any]:
        return {
            "id": uuid7(),
            "loan_id": loan_id,
            "valuer_id": valuer["id"],
            "source": "survey",
            "amount_minor": 41_000_000,
            "currency": "EUR",
            "valued_on": DAY,
            "document_sha256": "0" * 64,
            "uploaded_by": on.borrower.user_id,
            "uploaded_at": NOW,
            "status": "uploaded",
        }

    add = on.adding("valuation_report", report)
    return PagedList("/valuation-reports", on.administrator.headers, add, newest_first=False)


async def allowances(on: Setting) -> PagedList:
    async def add() -> str:
        drawn = await servicing_world.drawn(on.database, [100_000])
        async with on.owner.unit_of_work() as connection:
            loan = await loans.get(connection, drawn.loan.id)
            payload = decode_payload(LOAN_ASSESSED, 1, answer(loan.id, loan.terms_version))
            assert isinstance(payload, LoanAssessed)
            await underwriting.receive(connection, payload, NOW)
        return str(drawn.loan.id)

    return PagedList(
        "/risk/allowances", on.administrator.headers, add, newest_first=False, key=lambda item: str(item["loan_id"])
    )


async def promotions(on: Setting) -> PagedList:
    numbers = itertools.count(1)
    colleague = await make_somebody(on.database, "administrator")

    async def promotion() -> dict[str, Any]:
        return {
            "number": next(numbers),
            "champion_file": "borrower_next.json",
            "champion_sha256": "a" * 64,
            "challenger_file": "borrower_champion.json",
            "challenger_sha256": "b" * 64,
            "judgement": {},
            "proposed_by": on.administrator.user_id,
            "approved_by": colleague.user_id,
            "promoted_at": NOW,
            "signed": "not read here",
        }

    return PagedList(
        "/risk/promotions",
        on.administrator.headers,
        on.adding("risk_promotion", promotion, "number"),
        newest_first=True,
        key=lambda item: str(item["number"]),
    )


async def people(on: Setting) -> PagedList:
    async def add() -> str:
        return str((await make_somebody(on.database)).user_id)

    return PagedList("/users", on.administrator.headers, add, newest_first=False)


def _approvals(query: str) -> Callable[[Setting], Awaitable[PagedList]]:
    async def approvals(on: Setting) -> PagedList:
        async def row() -> dict[str, Any]:
            about = {"act": "loan.example", "subject": "loan", "object_id": UUID(int=7), "object_version": "1"}
            answer = {"facts": {}, "payload": {}, "reason": "Because.", "proposed_by": on.investor.user_id}
            times = {"proposed_at": NOW, "earliest_at": NOW, "expires_at": NOW + timedelta(days=999)}
            return {"id": uuid7()} | about | answer | times

        return PagedList(f"/approvals{query}", on.administrator.headers, on.adding("approval", row), newest_first=True)

    return approvals


async def own_loans(on: Setting) -> PagedList:
    async def add() -> str:
        return str(await on.loan())

    return PagedList("/loans", on.borrower.headers, add, newest_first=True)


async def awaiting_decision(on: Setting) -> PagedList:
    async def add() -> str:
        return str(await on.loan())

    return PagedList(
        "/backoffice/applications", on.administrator.headers, add, newest_first=False, key=lambda item: item["loan_id"]
    )


def _audit(query: str) -> Callable[[Setting], Awaitable[PagedList]]:
    async def audit_trail(on: Setting) -> PagedList:
        async def add() -> str:
            async with on.database.unit_of_work() as connection:
                await audit.record(connection, on.investor.user_id, "loan.example", "loan", UUID(int=7))
                return str(await connection.fetchval("SELECT max(id) FROM audit_entry"))

        return PagedList(f"/backoffice/audit{query}", on.administrator.headers, add, newest_first=True)

    return audit_trail


async def waiting_list(on: Setting) -> PagedList:
    async def row() -> dict[str, Any]:
        place = {"id": uuid7(), "loan_id": await on.loan(), "investor_id": on.investor.user_id}
        return place | {"amount_minor": 5_000, "currency": "EUR", "joined_at": NOW}

    return PagedList("/waiting-list", on.investor.headers, on.adding("waiting_ticket", row), newest_first=True)


async def wallet_entries(on: Setting) -> PagedList:
    """Money that comes and money that goes: the two halves of the query meet in every order."""
    bank, wallet = Account(AccountKind.CLIENT_BANK, None, EUR), Account(AccountKind.WALLET, on.investor.user_id, EUR)
    count = iter(range(1_000))

    async def add() -> str:
        goes = next(count) % 3 == 2
        async with on.database.unit_of_work() as connection:
            if goes:
                journal_id = await _withdrawn(connection, wallet)
            else:
                journal_id = JournalId(uuid7())
                await ledger.post(connection, Journal(journal_id, "deposit", (Transfer(bank, wallet, 1_000),), DAY))
        return str(journal_id)

    return PagedList("/wallets/EUR/entries", on.investor.headers, add, newest_first=True)


async def _withdrawn(connection: Connection, wallet: Account) -> JournalId:
    journal_id = JournalId(uuid7())
    transit = Account(AccountKind.PAYOUTS_IN_TRANSIT, None, EUR)
    await ledger.post(connection, Journal(journal_id, "withdraw", (Transfer(wallet, transit, 100),), DAY))
    return journal_id


async def payments(on: Setting) -> PagedList:
    async def row() -> dict[str, Any]:
        money = {"direction": "deposit", "amount_minor": 100, "currency": "EUR"}
        return {"id": uuid7(), "user_id": on.investor.user_id, "requested_at": NOW} | money

    return PagedList("/payments", on.investor.headers, on.adding("wallet_payment", row), newest_first=True)


async def _statement(on: Setting) -> UUID:
    statement_id, account_id = uuid7(), uuid7()
    account = {"id": account_id, "account": "PL00", "currency": "EUR", "opened_at": NOW}
    async with on.owner.unit_of_work() as connection:
        await rows.insert(connection, "bank_account", account)
        await rows.insert(connection, "bank_statement", _statement_row(account_id, 1) | {"id": statement_id})
    return statement_id


def _statement_row(account_id: UUID, number: int) -> dict[str, Any]:
    balances = {"opening_minor": 0, "closing_minor": 0, "lines": 0, "remarks": []}
    of = {"id": uuid7(), "account_id": account_id, "number": number, "message_id": f"M-{number}", "currency": "EUR"}
    return of | balances | {"digest": uuid7().bytes, "statement_date": DAY, "received_at": NOW}


async def accepted_statements(on: Setting) -> PagedList:
    account_id = uuid7()
    account = {"id": account_id, "account": "PL00", "currency": "EUR", "opened_at": NOW}
    async with on.owner.unit_of_work() as connection:
        await rows.insert(connection, "bank_account", account)
    numbers = iter(range(1, 1_000))

    async def row() -> dict[str, Any]:
        return _statement_row(account_id, next(numbers))

    add = on.adding("bank_statement", row)
    return PagedList("/reconciliation/statements", on.administrator.headers, add, newest_first=True)


async def reconciliation_items(on: Setting) -> PagedList:
    statement_id = await _statement(on)

    async def row() -> dict[str, Any]:
        return _finding_row(statement_id)

    add = on.adding("reconciliation_item", row)
    return PagedList("/reconciliation/items", on.administrator.headers, add, newest_first=False)


def _finding_row(statement_id: UUID) -> dict[str, Any]:
    found = {"kind": "unknown", "reference": "R", "account": "client_bank", "action": "Ask.", "direction": "CRDT"}
    amounts = {"currency": "EUR", "expected_minor": 0, "found_minor": 1}
    return {"id": uuid7(), "statement_id": statement_id, "found_at": NOW} | found | amounts


async def loan_ledger(on: Setting) -> PagedList:
    """Two transfers a journal: the page may end between them."""
    loan_id = await on.loan()
    bank = Account(AccountKind.CLIENT_BANK, None, EUR)
    accounts = [Account(AccountKind.COLLECTIONS, loan_id, EUR), Account(AccountKind.WALLET, on.borrower.user_id, EUR)]
    kept: list[str] = []

    async def add() -> str:
        if not kept:
            journal_id = JournalId(uuid7())
            transfers = (Transfer(bank, accounts[0], 500), Transfer(accounts[0], accounts[1], 200))
            async with on.database.unit_of_work() as connection:
                await ledger.post(connection, Journal(journal_id, "receipt", transfers, DAY))
            kept.extend(f"{journal_id} {ordinal}" for ordinal in (0, 1))
        return kept.pop(0)

    return PagedList(
        f"/loans/{loan_id}/ledger",
        on.administrator.headers,
        add,
        newest_first=True,
        key=lambda item: f"{item['journal_id']} {item['ordinal']}",
    )


async def unmatched_receipts(on: Setting) -> PagedList:
    statement_id = await _statement(on)
    named = dict.fromkeys(("bank_reference", "end_to_end_id", "payer", "payer_account", "remittance", "remark"), "")
    line = {"statement_id": statement_id, "currency": "EUR", "direction": "CRDT", "amount_minor": 1} | named

    async def add() -> str:
        line_id = uuid7()
        async with on.owner.unit_of_work() as connection:
            await rows.insert(
                connection, "bank_statement_line", line | {"id": line_id, "booked_on": DAY, "value_on": DAY}
            )
            await rows.insert(connection, "reconciliation_item", _finding_row(statement_id) | {"line_id": line_id})
        return str(line_id)

    return PagedList("/receipts/unmatched", on.administrator.headers, add, newest_first=False)


async def expected_receipts(on: Setting) -> PagedList:
    async def row() -> dict[str, Any]:
        output = {"payer": "Nobody", "reference": "none", "announced_by": uuid7(), "announced_at": NOW}
        return {"id": uuid7(), "currency": "EUR", "amount_minor": 1, "received_on": DAY} | output

    add = on.adding("bank_receipt", row)
    return PagedList("/receipts/expected", on.administrator.headers, add, newest_first=False)


async def distributions(on: Setting) -> PagedList:
    made = await servicing_world.drawn(on.database, [100_000])
    numbers = iter(range(1, 1_000))

    async def row() -> dict[str, Any]:
        money = {"principal_minor": 1, "interest_minor": 0, "default_interest_minor": 0, "recovered_minor": 0}
        of = {"id": uuid7(), "loan_id": made.loan.id, "number": next(numbers), "currency": "EUR"}
        return of | {"effective_date": DAY, "covers_to": DAY, "after_event": 1} | money

    add = on.adding("distribution", row)
    return PagedList(f"/loans/{made.loan.id}/distributions", on.administrator.headers, add, newest_first=False)


async def distribution_shares(on: Setting) -> PagedList:
    """All shares are there from the moment at which a distribution was shared: none is added later."""
    made = await servicing_world.drawn(on.database, [10_000 + stake for stake in range(7)])
    await servicing_world.repay(on.database, made, 7_000)
    await servicing.pay_distributions(on.database)
    async with on.database.reading() as connection:
        distribution_id = await connection.fetchval("SELECT id FROM distribution")
        found = await connection.fetch("SELECT position_id FROM distribution_share ORDER BY position_id")
    return PagedList(
        f"/distributions/{distribution_id}/proof",
        on.administrator.headers,
        None,
        newest_first=False,
        key=lambda item: str(item["position_id"]),
        items="money_out",
        known=[str(row["position_id"]) for row in found],
    )


async def recovery_updates(on: Setting) -> PagedList:
    async with on.database.unit_of_work() as connection:
        loan = await lending.funding(connection, on.borrower.user_id, on.administrator.user_id)
    case = {"loan_id": loan.id, "opened_on": DAY, "next_update_due_on": DAY}
    async with on.owner.unit_of_work() as connection:
        await rows.insert(connection, "recovery_case", case)
    numbers = iter(range(1, 1_000))

    async def row() -> dict[str, Any]:
        return {"loan_id": loan.id, "number": next(numbers), "published_on": DAY, "text": "The keys are ours."}

    return PagedList(
        f"/loans/{loan.id}/recovery",
        on.administrator.headers,
        on.adding("recovery_update", row, known_by="number"),
        newest_first=False,
        key=lambda item: str(item["number"]),
        part=lambda body: body["updates"],
    )


async def arrears(on: Setting) -> PagedList:
    """Several loans late by the same number of days: the loan's id decides between them."""
    days = iter(range(3, 1_000))

    async def row() -> dict[str, Any]:
        state = {"terms": {}, "posted": {}, "standing": "late"} | DATES
        accounts = {f"{kind}_account_id": uuid7() for kind in ("reserve", "collections", "payable")}
        claims = {f"{kind}_account_id": uuid7() for kind in ("receivable", "claims")}
        late = {"days_past_due": next(days) // 3, "principal_outstanding_minor": 1, "currency": "EUR"}
        return {"loan_id": uuid7(), "borrower_id": on.borrower.user_id} | state | accounts | claims | late

    add = on.adding("serviced_loan", row, known_by="loan_id")
    return PagedList("/arrears", on.administrator.headers, add, newest_first=True, key=lambda item: item["loan_id"])


async def portfolio(on: Setting) -> PagedList:
    """Stakes, holdings, and loans with both: two registers make one list."""
    count = iter(range(1_000))

    async def add() -> str:
        kind = next(count) % 3
        loan_id = await on.loan()
        of = {"loan_id": loan_id, "investor_id": on.investor.user_id}
        async with on.owner.unit_of_work() as connection:
            if kind != 1:
                await rows.insert(connection, '"position"', of | {"currency": "EUR", "invested_minor": 100})
            if kind != 0:
                await _insert_holding(connection, of, on.borrower.user_id)
        return str(loan_id)

    return PagedList("/portfolio", on.investor.headers, add, newest_first=True, key=lambda item: item["loan_id"])


async def _insert_holding(connection: Connection, of: dict[str, Any], borrower_id: UUID) -> None:
    state = {"terms": {}, "posted": {}, "standing": "current"} | DATES
    kinds = ("reserve", "collections", "payable", "receivable", "claims")
    loan = {"loan_id": of["loan_id"], "borrower_id": borrower_id, "currency": "EUR", "principal_outstanding_minor": 100}
    await rows.insert(connection, "serviced_loan", loan | state | {f"{kind}_account_id": uuid7() for kind in kinds})
    held = {"position_id": uuid7(), "stake_minor": 100, "outstanding_minor": 100, "counted_to": DAY}
    await rows.insert(connection, "holding", of | held | {"wallet_account_id": uuid7()})


async def notifications(on: Setting) -> PagedList:
    keys = iter(range(1_000))

    async def add() -> str:
        key = str(next(keys))
        async with on.database.unit_of_work() as connection:
            notice = realtime.Notice(on.investor.user_id, "example", {"number": key}, key)
            await realtime.notify_many(connection, [notice])
        return key

    return PagedList(
        "/notifications", on.investor.headers, add, newest_first=True, key=lambda item: str(item["data"]["number"])
    )


# By the route as the description names it; more than one where parameters lead along another index.
LISTS: dict[str, list[Callable[[Setting], Awaitable[PagedList]]]] = {
    "/users": [people],
    "/valuers": [valuers],
    "/reviews": [open_reviews],
    "/valuation-reports": [waiting_reports],
    "/risk/allowances": [allowances],
    "/risk/promotions": [promotions],
    "/approvals": [
        _approvals(""),
        _approvals("?status=pending"),
        _approvals(f"?object_id={UUID(int=7)}"),
        _approvals(f"?object_id={UUID(int=7)}&status=pending&act=loan.example"),
    ],
    "/loans": [own_loans],
    "/backoffice/applications": [awaiting_decision],
    "/backoffice/audit": [_audit(""), _audit(f"?subject_id={UUID(int=7)}")],
    "/waiting-list": [waiting_list],
    "/wallets/{currency}/entries": [wallet_entries],
    "/payments": [payments],
    "/reconciliation/items": [reconciliation_items],
    "/reconciliation/statements": [accepted_statements],
    "/loans/{loan_id}/ledger": [loan_ledger],
    "/receipts/unmatched": [unmatched_receipts],
    "/receipts/expected": [expected_receipts],
    "/loans/{loan_id}/distributions": [distributions],
    "/distributions/{distribution_id}/proof": [distribution_shares],
    "/loans/{loan_id}/recovery": [recovery_updates],
    "/arrears": [arrears],
    "/portfolio": [portfolio],
    "/notifications": [notifications],
}
