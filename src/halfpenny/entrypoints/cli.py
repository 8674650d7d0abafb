"""The command ``halfpenny``: each subcommand loads what it needs and calls one function."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from halfpenny.entrypoints.frame import on_any_servers, on_servers
from halfpenny.entrypoints.settings import Settings
from halfpenny.primitives.errors import HalfpennyError, OperatorError
from halfpenny.primitives.wording import counted

app = typer.Typer(
    help="Halfpenny: a marketplace for bridge loans, exact to the last halfpenny.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
admin = typer.Typer(help="People with the role of an administrator.", no_args_is_help=True)
check = typer.Typer(help="Prove that what is stored is right.", no_args_is_help=True)
sandbox = typer.Typer(help="Move the business clock of a sandbox.", no_args_is_help=True)
close = typer.Typer(help="The end of a business day.", no_args_is_help=True)
deadletters = typer.Typer(help="Events that no consumer could handle.", no_args_is_help=True)
risk = typer.Typer(help="What became of assessed loans, and the book as a whole.", no_args_is_help=True)
documents = typer.Typer(help="The marketplace's listings and assessments in the document store.", no_args_is_help=True)
for name, group in (
    ("admin", admin),
    ("check", check),
    ("sandbox", sandbox),
    ("close", close),
    ("deadletters", deadletters),
    ("documents", documents),
    ("risk", risk),
):
    app.add_typer(group, name=name)


@app.command()
def serve() -> None:
    """Serve the API and the pages (DATABASE_URL must be set)."""
    from halfpenny.entrypoints import api

    api.serve(Settings.load())


@app.command()
def worker() -> None:
    """Consume events and do what recurs (DATABASE_URL must be set)."""
    from halfpenny.entrypoints import worker as wiring

    wiring.work(Settings.load())


@app.command()
@on_any_servers
async def migrate(settings: Settings) -> None:
    """Bring the database's schema up to this release."""
    from halfpenny.platform.migrations import migrate as bring_up_to_date

    before, after = bring_up_to_date(settings.require_database())
    typer.echo(f"schema {after}: " + ("nothing to do" if before == after else f"migrated from {before or 'nothing'}"))


@app.command()
@on_servers
async def status(settings: Settings) -> None:
    """Show every operating indicator beside its limit; ends with 1 where one is above it."""
    from halfpenny.entrypoints import operating

    readings = await operating.status(settings)
    for each in readings.known:
        typer.echo(operating.line(each))
    for name in sorted(readings.unknown):
        typer.echo(f"{'?':<6}{name:<60}{'unknown':>14}")
    above = [each for each in readings.known if each.above_limit]
    for each in above:
        typer.echo(f"{each.indicator.description} What to do: {each.indicator.runbook}")
    raise typer.Exit(1 if above or readings.unknown else 0)


@admin.command("create")
@on_servers
async def create_administrator(
    settings: Settings,
    email: Annotated[str, typer.Option(help="Address to sign in with.")],
    full_name: Annotated[str, typer.Option(help="Name that colleagues and the audit trail see.")],
    password_file: Annotated[
        typer.FileText | None,
        typer.Option(help="File whose first line is the password, - for standard input; asked for where left out."),
    ] = None,
) -> None:
    """Make an administrator: nobody can register as one."""
    from halfpenny.entrypoints.people import create_administrator as create

    if password_file is None:
        password = typer.prompt("Password (15 characters or more)", hide_input=True, confirmation_prompt=True)
    else:
        password = password_file.readline().rstrip("\r\n")
    user_id = await create(settings, email, full_name, password)
    typer.echo(f"{email} is an administrator now ({user_id})")


@check.command("schema")
def check_schema(
    write: Annotated[bool, typer.Option("--write", help="Write docs/schema.sql anew from a fresh database.")] = False,
) -> None:
    """Compare the migrated schema with docs/schema.sql: tables, constraints, functions, triggers, grants."""
    from halfpenny.platform import migrations

    if write:
        typer.echo(f"{migrations.write_schema()} is that of a fresh database.")
    else:
        _compare_schema()


@on_any_servers
async def _compare_schema(settings: Settings) -> None:
    from halfpenny.platform import migrations

    migrations.migrate(settings.require_database())
    migrations.check(settings.require_database())
    typer.echo("The schema is that of docs/schema.sql.")


@check.command("books")
def check_books(
    unchecked: Annotated[
        bool, typer.Option("--unchecked", help="Only list the columns that no check can see, each with its reason.")
    ] = False,
) -> None:
    """Hold every amount, owner, status, rate and date against its second source: one line a finding.

    The ledger against its transfers, investments and payments against the ledger, loans against replays of their
    events, every row against its history, the listings against a rebuild, and the three chains against their seals.
    """
    if not unchecked:
        _check_books()
        return
    from halfpenny.entrypoints.books import UNCHECKED

    for column, reason in sorted(UNCHECKED.items()):
        typer.echo(f"{column}: {reason}")


@on_servers
async def _check_books(settings: Settings) -> None:
    from halfpenny.entrypoints.books import check_books as run_check

    books = await run_check(settings, lambda finding: typer.echo(f"wrong: {finding}"))
    for line in books.lines:
        typer.echo(line)
    raise typer.Exit(1 if books.findings else 0)


@sandbox.command("advance")
@on_servers
async def sandbox_advance(
    settings: Settings, by: Annotated[str, typer.Argument(help="How far, such as 90d, 36h or 2w.")]
) -> None:
    """Move the business clock forward and close the days that pass; refused in production."""
    from halfpenny.entrypoints.books import advance

    moved = await advance(settings, by)
    typer.echo(f"It is {moved.now:%Y-%m-%d %H:%M} UTC for the business; {counted(moved.days, 'day')} closed")


@app.command("reassess")
@on_servers
async def reassess_loans(settings: Settings) -> None:
    """Put every loan that an assessment still matters for to the risk service again, after a new model."""
    from halfpenny.entrypoints.reassessing import reassess

    typer.echo(f"{counted(await reassess(settings), 'loan')} will be assessed again")


@close.command("run")
@on_servers
async def close_run(settings: Settings) -> None:
    """Close every business day that has passed; a second run finds nothing to do."""
    from halfpenny.entrypoints.books import close_days

    days = await close_days(settings)
    for day in days:
        moved = f"{counted(day.loans, 'loan')}, {counted(day.released, 'release')}"
        set_aside = f", {counted(day.set_aside, 'loan')} set aside: see check books" if day.set_aside else ""
        typer.echo(f"{day.business_date}: {moved}, {day.late} past due{set_aside}")
    typer.echo(f"{counted(len(days), 'day')} closed")


@deadletters.command("list")
@on_servers
async def list_dead_letters(
    settings: Settings, queue: Annotated[str | None, typer.Argument(help="Only those of this queue.")] = None
) -> None:
    """Name the events that were given up, oldest first: when, which queue, which event, and why."""
    from halfpenny.entrypoints import deadletters as letters

    found = await letters.read(settings, queue)
    for letter in found:
        typer.echo(letters.line(letter))
    typer.echo(counted(len(found), "dead letter"))


@deadletters.command("show")
@on_servers
async def show_dead_letter(settings: Settings, queue: str, event_id: UUID) -> None:
    """Show one with its payload and its last error."""
    from halfpenny.entrypoints import deadletters as letters

    typer.echo(letters.as_text(await letters.one(settings, queue, event_id)))


@deadletters.command("replay")
@on_servers
async def replay_dead_letters(
    settings: Settings,
    queue: str,
    event_id: Annotated[UUID | None, typer.Argument(help="One event; without it, all of the queue.")] = None,
) -> None:
    """Put dead letters back into their queue with all their attempts, once what was wrong is mended."""
    from halfpenny.entrypoints import deadletters as letters

    typer.echo(f"{counted(await letters.replay(settings, queue, event_id), 'dead letter')} replayed")


@documents.command("rebuild")
@on_servers
async def rebuild_documents(settings: Settings) -> None:
    """Drop the listings and assessments and make them anew from PostgreSQL; the market is thin until it is done."""
    from halfpenny.entrypoints.listings import rebuild

    typer.echo(f"{counted(await rebuild(settings), 'loan')} read, their listings and assessments rebuilt")


@risk.command("outcomes")
@on_servers
async def risk_outcomes(
    settings: Settings, file: Annotated[Path, typer.Argument(help="Where to write them, as JSON Lines.")]
) -> None:
    """Write what happened to every assessed loan, for `halfpenny-risk monitor`; the worker does it every day."""
    from halfpenny.entrypoints.risk import write_outcomes

    typer.echo(f"{counted(await write_outcomes(settings, file), 'outcome')} written to {file}")


@risk.command("report")
@on_servers
async def risk_report(settings: Settings) -> None:
    """Make the monitoring and the portfolio report of today, keep them for the pages, and print the first."""
    from halfpenny.entrypoints.risk import make_reports
    from halfpenny_monitoring.report import report_lines

    made = await make_reports(settings)
    for line in report_lines(made.monitoring):
        typer.echo(line)
    book = made.portfolio
    typer.echo("")
    typer.echo(f"The book: {counted(book.loans, 'loan')}, EUR {book.exposure}, expected loss EUR {book.expected_loss}")


@risk.command("allowances")
@on_servers
async def risk_allowances(
    settings: Settings, file: Annotated[Path, typer.Argument(help="Where to write them, as CSV.")]
) -> None:
    """Write the IFRS 9 stage and the expected credit loss of every loan of the book."""
    from halfpenny.entrypoints.risk import write_allowances

    typer.echo(f"{counted(await write_allowances(settings, file), 'allowance')} written to {file}")


@risk.command("promotion-key")
def risk_promotion_key(file: Annotated[Path, typer.Argument(help="Where to write it, as a JWK set.")]) -> None:
    """Write the public half of the key that signs promotions of models, for HALFPENNY_RISK_PROMOTION_KEY."""
    from halfpenny.entrypoints.risk import write_promotion_key

    write_promotion_key(Settings.load(), file)
    typer.echo(f"The public key is in {file}")


def _add_demonstration() -> None:
    """The commands of halfpenny_demo, where that package is installed: what production runs does not need it."""
    if importlib.util.find_spec("halfpenny_demo") is not None:
        importlib.import_module("halfpenny_demo.commands").add_to(app)


def main() -> None:
    """Run a command; what goes wrong by name ends in one line and a status, not in a traceback."""
    _add_demonstration()
    try:
        app(prog_name="halfpenny")
    except OperatorError as failed:
        sys.exit(f"halfpenny: {failed}")
    except HalfpennyError as refused:
        sys.exit(f"halfpenny: {refused} ({refused.code})")


if __name__ == "__main__":
    main()
