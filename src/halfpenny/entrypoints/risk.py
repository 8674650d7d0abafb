"""``halfpenny risk``: the outcomes as a file, both reports, and the book loan by loan. With progress."""

from __future__ import annotations

import csv
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
from rich.console import Console

from halfpenny import risk_reporting
from halfpenny.entrypoints.settings import Settings, WrongSettings
from halfpenny.platform.database import Database
from halfpenny.risk_reporting.views import allowance

# Everything that was ever assessed is read: no statement of it is given up as hanging.
_TIMEOUT_S = 3_600.0
_BATCH = 200


def outcomes_file(settings: Settings) -> Path:
    """Where the worker keeps the file of outcomes."""
    return settings.data / "risk" / "outcomes.jsonl"


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[tuple[Database, Callable[[int], None]]]:
    database = await Database.connect(settings.require_database(), max_size=2, timeout_s=_TIMEOUT_S)
    try:
        with Console(stderr=True).status("reading ...") as status:
            yield database, lambda read: status.update(f"{read} assessed loans read ...")
    finally:
        await database.close()


async def write_outcomes(settings: Settings, path: Path) -> int:
    """Write the file of outcomes; returns how many loans. Raises WrongSettings where it cannot be written."""
    async with _opened(settings) as (database, progress), database.reading() as connection:
        book = await risk_reporting.collect(connection, settings.lending.rules.units_per_eur, progress)
    try:
        return risk_reporting.write_outcomes_file(path, book)
    except OSError as error:
        raise WrongSettings(f"cannot write {path}: {error.strerror or error}") from None


async def make_reports(settings: Settings) -> risk_reporting.ReportsMade:
    """Make both reports of the present business date and keep them."""
    async with _opened(settings) as (database, progress):
        return await risk_reporting.make_reports(database, settings.lending.rules.units_per_eur, progress)


async def write_allowances(settings: Settings, path: Path) -> int:
    """The loss allowance of every loan of the book as CSV; returns how many. Raises WrongSettings."""
    written, after = 0, None
    try:
        with path.open("w", newline="", encoding="utf-8") as file:
            async with _opened(settings) as (database, progress), database.reading() as connection:
                while page := await risk_reporting.allowances_page(connection, after, _BATCH):
                    rows = [_flat(allowance(each)) for each in page]
                    writer = csv.DictWriter(file, fieldnames=list(rows[0]))
                    if not written:
                        writer.writeheader()
                    writer.writerows(rows)
                    written, after = written + len(rows), UUID(page[-1].loan_id)
                    progress(written)
    except OSError as error:
        raise WrongSettings(f"cannot write {path}: {error.strerror or error}") from None
    return written


def require_promotion_key(settings: Settings) -> None:
    """Raises WrongSettings where the key of promotions cannot be used."""
    try:
        risk_reporting.public_key_document(settings.promotion_key)
    except risk_reporting.PromotionKeyMissing as error:
        raise WrongSettings(str(error)) from None


def write_promotion_key(settings: Settings, path: Path) -> None:
    """The public half of the key of promotions, as the risk service reads it. Raises WrongSettings."""
    try:
        document = risk_reporting.public_key_document(settings.promotion_key)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(msgspec.json.format(msgspec.json.encode(document)) + b"\n")
    except risk_reporting.PromotionKeyMissing as error:
        raise WrongSettings(str(error)) from None
    except OSError as error:
        raise WrongSettings(f"cannot write {path}: {error.strerror or error}") from None


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value["amount"] if isinstance(value, dict) else value for name, value in row.items()}
