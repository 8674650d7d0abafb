"""What this package adds to the command ``halfpenny``: the demo, and accounts and loans for a load test."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from halfpenny.entrypoints.frame import on_servers
from halfpenny.entrypoints.settings import Settings
from halfpenny.primitives.wording import counted


def add_to(app: typer.Typer) -> None:
    """Called by ``halfpenny.entrypoints.cli``, which knows this package by its name alone."""
    app.command()(demo)
    app.command()(monitor)
    loadtest = typer.Typer(help="Accounts and loans for a load test.", no_args_is_help=True)
    loadtest.command("prepare")(loadtest_prepare)
    app.add_typer(loadtest, name="loadtest")


def demo(
    reset: Annotated[bool, typer.Option("--reset", help="Delete the demo's data and start afresh.")] = False,
    journey: Annotated[bool, typer.Option("--journey", help="Drive one loan from application to payout.")] = False,
    scenario: Annotated[str, typer.Option(help="Play through another scenario, such as default, and stop.")] = "",
    empty: Annotated[bool, typer.Option("--empty", help="Begin with people who can sign in, and no loans.")] = False,
    rabbitmq: Annotated[
        bool, typer.Option("--rabbitmq", help="Start a private RabbitMQ and send events through it.")
    ] = False,
    end_with_parent: Annotated[bool, typer.Option("--end-with-parent", hidden=True)] = False,
) -> None:
    """Start everything on this machine: servers, API, worker, risk service, and a seeded marketplace."""
    from rich.console import Console

    from halfpenny.platform import child
    from halfpenny_demo.run import Demo, DemoOptions

    if end_with_parent:  # `make demo` asks for it: a make that is killed cannot stop us any more
        child.end_with_parent(os.getppid())
    options = DemoOptions(
        reset=reset, scenario=scenario or ("journey" if journey else ""), rabbitmq=rabbitmq, marketplace=not empty
    )
    raise typer.Exit(Demo(Settings.load(), options, Console(soft_wrap=True)).run())


def monitor() -> None:
    """Start a demo with Prometheus beside it, break what can break, and show that the right alert fires and ends."""
    from rich.console import Console

    from halfpenny_demo.monitoring_drill import run

    run(Console(soft_wrap=True))


@on_servers
async def loadtest_prepare(
    settings: Settings,
    investors: Annotated[int, typer.Option(min=1, max=100_000, help="Investors with a token and money.")],
    loans: Annotated[int, typer.Option(min=1, max=10_000, help="Loans that take investments.")],
    out: Annotated[Path, typer.Option(help="Folder for tokens.txt and loans.txt.")],
) -> None:
    """Make investors and loans for bench/invest.lua in the running demo; refused in production."""
    from halfpenny_demo.loadtest import prepare

    made = await prepare(settings, investors, loans, out)
    typer.echo(f"{made.folder}: tokens of {counted(made.investors, 'investor')}, ids of {counted(made.loans, 'loan')}")
