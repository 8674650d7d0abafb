"""Collect the outcomes and exposures of the book, and make, keep and write the reports about them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from halfpenny import identity, loans, servicing, underwriting
from halfpenny.loans import Loan
from halfpenny.platform.clock import business_date
from halfpenny.platform.database import Connection, Database
from halfpenny.primitives.ids import LoanId, UserId
from halfpenny.risk_reporting import metrics, model, store
from halfpenny.risk_reporting.store import RiskReportKind
from halfpenny.servicing import ServicingFacts
from halfpenny.underwriting import AnswerFigures
from halfpenny_messages import exchange_rates
from halfpenny_monitoring.impairment import Allowance, allowance
from halfpenny_monitoring.outcomes import LoanOutcome, OutcomesHeader, write_outcomes
from halfpenny_monitoring.portfolio import Exposure, related_groups
from halfpenny_monitoring.report import MonitoringReport, PortfolioReport, monitor, portfolio

_BATCH = 200

Progress = Callable[[int], None]


def _silent(_: int) -> None:
    """Nobody watches."""


@dataclass(slots=True)
class CollectedBook:
    """Everything that reports read, as of one business date."""

    header: OutcomesHeader
    outcomes: list[LoanOutcome] = field(default_factory=list)
    exposures: list[Exposure] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ReportsMade:
    monitoring: MonitoringReport
    portfolio: PortfolioReport


async def collect(
    connection: Connection, units_per_eur: Mapping[Any, Decimal], progress: Progress = _silent
) -> CollectedBook:
    """Read every assessed loan in batches, in the caller's transaction; ``progress`` gets how many were read."""
    rates = {str(currency): rate for currency, rate in units_per_eur.items()}
    today = await business_date(connection)
    book = CollectedBook(
        OutcomesHeader(as_of=today, units_per_euro=rates, rates_source=exchange_rates.source_of(rates))
    )
    borrowers: dict[str, UserId] = {}
    async for loan, answers, facts in _assessed(connection, None):
        book.outcomes.append(model.outcome(loan, answers, facts))
        held = model.exposure(loan, answers, facts, str(loan.borrower_id))
        if held is not None:
            book.exposures.append(held)
            borrowers[held.group] = loan.borrower_id
        if len(book.outcomes) % _BATCH == 0:
            progress(len(book.outcomes))
    groups = await _groups(connection, borrowers)
    book.exposures = [msgspec.structs.replace(held, group=groups[held.group]) for held in book.exposures]
    return book


async def _assessed(
    connection: Connection, after: UUID | None
) -> AsyncIterator[tuple[Loan, Sequence[AnswerFigures], ServicingFacts | None]]:
    """Every assessed loan after this one by id, with its answers and what servicing knows of it, read in batches."""
    while page := await underwriting.assessed_page(connection, after, _BATCH):
        known = await loans.get_many(connection, list(page))
        facts = await servicing.facts_of(connection, list(page))
        for loan_id, answers in page.items():
            yield known[LoanId(loan_id)], answers, facts.get(loan_id)
        after = max(page)


async def _groups(connection: Connection, borrowers: Mapping[str, UserId]) -> dict[str, str]:
    """The group of each borrower, by the related parties that administrators recorded."""
    found = await identity.related_parties(connection, list(borrowers.values()))
    related = {str(person): [str(other) for other in others] for person, others in found.items()}
    return related_groups(borrowers, related)


async def make_reports(
    database: Database, units_per_eur: Mapping[Any, Decimal], progress: Progress = _silent
) -> ReportsMade:
    """The reports of the present business date: those that are kept, or else made and kept now."""
    async with database.reading() as connection:
        book = await collect(connection, units_per_eur, progress)
    return await _keep_once(database, book)


async def make_due_reports(
    database: Database, units_per_eur: Mapping[Any, Decimal], outcomes_file: Path
) -> ReportsMade | None:
    """The worker's job: once a business date, as soon as there is an assessed loan; None where there is nothing to do.

    Any number of workers may run it at once, beside the command too: a day has one pair of reports. The metrics show
    the newest, whoever made it and however often this process was started.
    """
    async with database.reading() as connection:
        newest = await store.newest(connection, RiskReportKind.MONITORING)
        if newest is not None:
            metrics.show_drift(newest)
        if _day_of(newest) >= await business_date(connection):
            return None
        book = await collect(connection, units_per_eur)
    if not book.outcomes:
        return None
    await asyncio.to_thread(write_outcomes_file, outcomes_file, book)
    return await _keep_once(database, book)


def _day_of(report: Mapping[str, Any] | None) -> date:
    """The business date of a stored report; the first day of the calendar where there is none."""
    return date.min if report is None else date.fromisoformat(report["as_of"])


async def _keep_once(database: Database, book: CollectedBook) -> ReportsMade:
    """Keep the reports of the book's day, unless another process has: then those."""
    async with database.unit_of_work() as connection:
        await store.lock_day(connection, book.header.as_of)
        newest = await store.newest(connection, RiskReportKind.MONITORING)
        if _day_of(newest) < book.header.as_of:
            return await _keep(connection, book)
        opening = await store.newest(connection, RiskReportKind.PORTFOLIO)
    return ReportsMade(
        msgspec.convert(newest, MonitoringReport, strict=False), msgspec.convert(opening, PortfolioReport, strict=False)
    )


async def _keep(connection: Connection, book: CollectedBook) -> ReportsMade:
    stored = await store.newest(connection, RiskReportKind.PORTFOLIO)
    opening = msgspec.convert(stored, PortfolioReport, strict=False) if stored else None
    made = await asyncio.to_thread(_reports, book, opening)
    for kind, report in ((RiskReportKind.MONITORING, made.monitoring), (RiskReportKind.PORTFOLIO, made.portfolio)):
        await store.insert(connection, kind, book.header.as_of, msgspec.to_builtins(report))
    metrics.show_drift(msgspec.to_builtins(made.monitoring))
    return made


def _reports(book: CollectedBook, opening: PortfolioReport | None) -> ReportsMade:
    return ReportsMade(monitor(book.header, book.outcomes), portfolio(book.header, book.exposures, opening))


def write_outcomes_file(path: Path, book: CollectedBook) -> int:
    """Write the file whole or not at all; returns how many loans are in it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with unfinished.open("wb") as file:
            written = write_outcomes(file, book.header, book.outcomes)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return written


async def allowances_page(connection: Connection, after: UUID | None, limit: int) -> list[Allowance]:
    """The allowances of at most ``limit`` loans of the book by id, as they are now."""
    today = await business_date(connection)
    found: list[Allowance] = []
    async for loan, answers, facts in _assessed(connection, after):
        held = model.exposure(loan, answers, facts, "")
        if held is not None:
            found.append(allowance(held, today))
        if len(found) == limit:
            break
    return found
