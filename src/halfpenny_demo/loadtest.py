"""Accounts and loans for a load test: investors with money and tokens, and loans that cannot be filled."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from halfpenny import funding, identity, loans
from halfpenny.entrypoints.settings import Settings, WrongSettings
from halfpenny.loans import RiskSummary
from halfpenny.loans.decision import Decision, Verdict
from halfpenny.platform.clock import business_now
from halfpenny.platform.database import Connection, Database
from halfpenny.primitives.ids import LoanId, UserId, uuid7
from halfpenny.primitives.money import Currency, Money

TOKEN_LIFETIME = timedelta(hours=2)
BALANCE = Money(100_000_000, Currency.EUR)
TARGET_MINOR = 40_000_000_000
_BATCH_SIZE = 500
_LOAN_CONCURRENCY = 25
_LANES = 4


@dataclass(frozen=True, slots=True)
class Prepared:
    """What was written: how many lines each file has, and where."""

    investors: int
    loans: int
    folder: Path


async def prepare(settings: Settings, investors: int, loan_count: int, folder: Path) -> Prepared:
    """Write ``tokens.txt`` and ``loans.txt``, one a line, for bench/invest.lua. Raises WrongSettings in production.

    Investors are verified and have 1,000,000.00 EUR each, through the sandbox bank; their tokens are good for
    two hours. Loans take investments, have a target of 9,000,000,000.00 EUR and no maximum a ticket.
    """
    if settings.environment == "production" or not settings.lending.sandbox:
        raise WrongSettings("loadtest prepare makes money and people: it runs only in a sandbox")
    database = await Database.connect(settings.require_database(), max_size=_LANES + 2, timeout_s=30)
    try:
        tokens = await _investors(settings, database, investors)
        opened = await _loans(settings, database, loan_count)
    finally:
        await database.close()
    _write(folder, {"tokens.txt": tokens, "loans.txt": [str(loan_id) for loan_id in opened]})
    return Prepared(len(tokens), len(opened), folder)


def _write(folder: Path, files: dict[str, list[str]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, lines in files.items():
        (folder / name).write_text("".join(f"{line}\n" for line in lines))


async def _investors(settings: Settings, database: Database, count: int) -> list[str]:
    people = [_person(identity.Role.INVESTOR) for _ in range(count)]
    signer = identity.Tokens(
        settings.identity_settings, identity.load_signing_keys(settings.identity_settings), database
    )
    tokens: list[str] = []
    for start in range(0, count, _BATCH_SIZE):
        part = people[start : start + _BATCH_SIZE]
        async with database.unit_of_work() as connection:
            await identity.create_users(connection, part)
            sessions = await identity.open_sessions(connection, [person.id for person in part], TOKEN_LIFETIME)
            for person in part:
                await funding.request_deposit(connection, person.id, BALANCE)
        lifetime_s = int(TOKEN_LIFETIME.total_seconds())
        tokens += [signer.issue(who, identity.Role.INVESTOR, session, lifetime_s) for who, session in sessions]
    while await funding.settle_payments(database):
        pass
    await _settled(database, [person.id for person in people])
    return tokens


async def _settled(database: Database, people: Sequence[UserId]) -> None:
    """Wait for the payments that a running worker has claimed."""
    while True:
        async with database.reading() as connection:
            if not await funding.has_pending_payments(connection, people):
                return
        await asyncio.sleep(0.1)


async def _loans(settings: Settings, database: Database, count: int) -> list[LoanId]:
    async with database.unit_of_work() as connection:
        borrower, administrator = _person(identity.Role.BORROWER), _person(identity.Role.ADMINISTRATOR)
        await identity.create_users(connection, [borrower, administrator])
    # The limits of real lending would refuse loans of this size; everything else is decided as always.
    rules = replace(
        settings.lending.rules,
        borrower_ceiling_minor=TARGET_MINOR * (count + 1),
        second_approval_above_minor=TARGET_MINOR,
    )

    async def lane(numbers: Sequence[int]) -> list[LoanId]:
        opened: list[LoanId] = []
        for start in range(0, len(numbers), _LOAN_CONCURRENCY):
            async with database.unit_of_work() as connection:
                for _ in numbers[start : start + _LOAN_CONCURRENCY]:
                    opened.append(await _open_loan(connection, borrower.id, administrator.id, rules))
        return opened

    lanes = await asyncio.gather(*(lane(range(count)[start::_LANES]) for start in range(_LANES)))
    return [loan_id for made in lanes for loan_id in made]


async def _open_loan(
    connection: Connection, borrower: UserId, administrator: UserId, rules: loans.LendingRules
) -> LoanId:
    now = await business_now(connection)
    loan = await loans.apply(connection, borrower, _application(now.date()), rules)
    await loans.record_assessment(connection, loan.id, _risk(loan.terms_version, now))
    loan = await loans.get(connection, loan.id)
    decision = Decision(Verdict.APPROVE, loan.version, loans.DecisionReason.WITHIN_POLICY, "Opened for a load test.")
    await loans.decide_on(connection, administrator, loan.id, decision, rules)
    await loans.accept(connection, borrower, loan.id)
    return loan.id


def _person(role: identity.Role) -> identity.NewPerson:
    person = UserId(uuid7())
    return identity.NewPerson(
        id=person,
        email=f"loadtest-{person}@halfpenny.example",
        full_name="Load Test",
        role=role,
        # No password has this hash: these people act by their tokens alone.
        password_hash="none",  # noqa: S106
        kyc_status=identity.KycStatus.VERIFIED,
        verified=True,
        country="PL",
    )


def _application(today: date) -> loans.Application:
    harbour = loans.Property(
        kind=loans.PropertyKind.MIXED_USE,
        address="Quay 1",
        city="Gdynia",
        country="PL",
        lat=54.533,
        lon=18.548,
        description="A whole harbour front: large enough that no load test can fund it.",
        year_built=1926,
        area_m2=Decimal("96000.00"),
        beds=None,
        condition=loans.Condition.GOOD,
        purchase_price_minor=TARGET_MINOR * 2,
        valuation_minor=TARGET_MINOR * 2,
        valued_on=today,
    )
    return loans.Application(
        property=harbour,
        borrower=loans.Borrower("Load Test Harbour SA", TARGET_MINOR // 10, TARGET_MINOR * 2, 0, 0),
        charge_rank=1,
        prior_debt_minor=0,
        amount_minor=TARGET_MINOR,
        currency=Currency.EUR,
        term_months=12,
        purpose=loans.LoanPurpose.PURCHASE,
        exit_strategy=loans.ExitStrategy.SALE,
        interest_mode=loans.LoanInterestMode.RETAINED,
    )


def _risk(terms_version: int, now: datetime) -> RiskSummary:
    """An assessment like the risk service's; the load test does not wait for it."""
    return RiskSummary(
        grade="C",
        recommendation="approve",
        probability_of_default=Decimal("0.05"),
        loss_given_default=Decimal("0.30"),
        expected_loss=Decimal("0.015"),
        suggested_rate=Decimal("10.5"),
        reasons=(),
        model_version="loadtest",
        assessed_at=now,
        loan_version=terms_version,
        flags=(),
    )
