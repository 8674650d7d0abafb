"""The command ``halfpenny``: each subcommand loads what it needs and calls one function."""

from __future__ import annotations

import importlib.util
import sys
from typing import Annotated
from uuid import UUID

import typer

from halfpenny.entrypoints.settings import Settings, WrongSettings
from halfpenny.primitives.errors import HalfpennyError

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
documents = typer.Typer(help="The marketplace's listings in the document store.", no_args_is_help=True)
for name, group in (
    ("admin", admin),
    ("check", check),
    ("sandbox", sandbox),
    ("close", close),
    ("deadletters", deadletters),
    ("documents", documents),
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
def migrate() -> None:
    """Bring the database's schema up to this release."""
    from halfpenny.entrypoints.servers import running_servers
    from halfpenny.platform.migrations import migrate as bring_up_to_date

    with running_servers(Settings.load()) as settings:
        before, after = bring_up_to_date(settings.require_database())
    typer.echo(f"schema {after}: " + ("nothing to do" if before == after else f"migrated from {before or 'nothing'}"))


@admin.command("create")
def create_administrator(
    email: Annotated[str, typer.Option(help="Address to sign in with.")],
    full_name: Annotated[str, typer.Option(help="Name that colleagues and the audit trail see.")],
    password_file: Annotated[
        typer.FileText | None,
        typer.Option(help="File whose first line is the password, - for standard input; asked for where left out."),
    ] = None,
) -> None:
    """Make an administrator: nobody can register as one."""
    import asyncio

    from halfpenny.entrypoints.people import create_administrator as create
    from halfpenny.entrypoints.servers import running_servers

    if password_file is None:
        password = typer.prompt("Password (15 characters or more)", hide_input=True, confirmation_prompt=True)
    else:
        password = password_file.readline().rstrip("\r\n")
    with running_servers(Settings.load()) as settings:
        user_id = asyncio.run(create(settings, email, full_name, password))
    typer.echo(f"{email} is an administrator now ({user_id})")


@check.command("schema")
def check_schema(
    write: Annotated[bool, typer.Option("--write", help="Write docs/schema.sql anew from a fresh database.")] = False,
) -> None:
    """Compare the migrated schema with docs/schema.sql: tables, constraints, functions, triggers, grants."""
    from halfpenny.entrypoints.servers import running_servers
    from halfpenny.platform import migrations

    if write:
        typer.echo(f"{migrations.write_schema()} is that of a fresh database.")
        return
    with running_servers(Settings.load()) as settings:
        migrations.migrate(settings.require_database())
        migrations.check(settings.require_database())
    typer.echo("The schema is that of docs/schema.sql.")


@check.command("books")
def check_books() -> None:
    """Verify every cent: ledger, seals, tickets, claims, distributions, audit trail, listings."""
    import asyncio

    from halfpenny.entrypoints.books import check_books as run_check
    from halfpenny.entrypoints.servers import running_servers

    with running_servers(Settings.load()) as settings:
        proof = asyncio.run(run_check(settings))
    for problem in proof.problems:
        typer.echo(f"wrong: {problem}")
    typer.echo(proof.summary)
    raise typer.Exit(1 if proof.problems else 0)


@sandbox.command("advance")
def sandbox_advance(by: Annotated[str, typer.Argument(help="How far, such as 90d, 36h or 2w.")]) -> None:
    """Move the business clock forward and close the days that pass; refused in production."""
    import asyncio

    from halfpenny.entrypoints.books import advance
    from halfpenny.entrypoints.servers import running_servers

    with running_servers(Settings.load()) as settings:
        moved = asyncio.run(advance(settings, by))
    typer.echo(f"It is {moved.now:%Y-%m-%d %H:%M} UTC for the business; {moved.days} days closed")


@app.command("reassess")
def reassess_loans() -> None:
    """Put every loan that an assessment still matters for to the risk service again, after a new model."""
    import asyncio

    from halfpenny.entrypoints.reassessing import reassess
    from halfpenny.entrypoints.servers import running_servers

    with running_servers(Settings.load()) as settings:
        asked = asyncio.run(reassess(settings))
    typer.echo(f"{asked} loans will be assessed again")


@close.command("run")
def close_run() -> None:
    """Close every business day that has passed; a second run finds nothing to do."""
    import asyncio

    from halfpenny.entrypoints.books import close_days
    from halfpenny.entrypoints.servers import running_servers

    with running_servers(Settings.load()) as settings:
        days = asyncio.run(close_days(settings))
    for day in days:
        typer.echo(f"{day.business_date}: {day.loans} loans, {day.released} releases, {day.late} past due")
    typer.echo(f"{len(days)} days closed")


@deadletters.command("list")
def list_dead_letters(queue: Annotated[str | None, typer.Argument(help="Only those of this queue.")] = None) -> None:
    """Name the events that were given up, oldest first: when, which queue, which event, and why."""
    import asyncio

    from halfpenny.entrypoints import deadletters as letters
    from halfpenny.entrypoints.servers import running_servers

    with running_servers(Settings.load()) as settings:
        found = asyncio.run(letters.read(settings, queue))
    for letter in found:
        typer.echo(letters.line(letter))
    typer.echo(f"{len(found)} dead letters")


@deadletters.command("show")
def show_dead_letter(queue: str, event_id: UUID) -> None:
    """Show one with its payload and its last error."""
    import asyncio

    from halfpenny.entrypoints import deadletters as letters
    from halfpenny.entrypoints.servers import running_servers

    with running_servers(Settings.load()) as settings:
        typer.echo(letters.as_text(asyncio.run(letters.one(settings, queue, event_id))))


@deadletters.command("replay")
def replay_dead_letters(
    queue: str,
    event_id: Annotated[UUID | None, typer.Argument(help="One event; without it, all of the queue.")] = None,
) -> None:
    """Put dead letters back into their queue with all their attempts, once what was wrong is mended."""
    import asyncio

    from halfpenny.entrypoints import deadletters as letters
    from halfpenny.entrypoints.servers import running_servers

    with running_servers(Settings.load()) as settings:
        typer.echo(f"{asyncio.run(letters.replay(settings, queue, event_id))} replayed")


@documents.command("rebuild")
def rebuild_documents() -> None:
    """Drop the listings and make them anew from PostgreSQL; the market is thin until it is done."""
    import asyncio

    from halfpenny.entrypoints.listings import rebuild
    from halfpenny.entrypoints.servers import running_servers

    with running_servers(Settings.load()) as settings:
        typer.echo(f"{asyncio.run(rebuild(settings))} loans read, their listings rebuilt")


def _add_demonstration() -> None:
    """The commands of halfpenny_demo, where that package is installed: what production runs does not need it."""
    if importlib.util.find_spec("halfpenny_demo") is not None:
        importlib.import_module("halfpenny_demo.commands").add_to(app)


def main() -> None:
    """Run a command; what goes wrong by name ends in one line and a status, not in a traceback."""
    from halfpenny.identity import BadSigningKey
    from halfpenny.platform.data_folder import AlreadyRunning
    from halfpenny.platform.migrations import MigrationFailed
    from halfpenny.platform.servers import ServerFailed

    _add_demonstration()
    try:
        app()
    except WrongSettings as wrong:
        sys.exit(f"halfpenny: {wrong}")
    except (AlreadyRunning, BadSigningKey, MigrationFailed, ServerFailed) as failed:
        sys.exit(f"halfpenny: {failed}")
    except HalfpennyError as refused:
        sys.exit(f"halfpenny: {refused} ({refused.code})")


if __name__ == "__main__":
    main()
