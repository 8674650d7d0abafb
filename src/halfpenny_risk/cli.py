"""The command line: ``halfpenny-risk serve | data | train | evaluate | card | promote | monitor``."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence

from halfpenny_risk.errors import RiskError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code. A failure with a name is one line, not a traceback."""
    parser = argparse.ArgumentParser(prog="halfpenny-risk", description="The risk service of Halfpenny.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("serve", help="consume requests and answer them; settings come from the environment")
    options = parser.parse_args(arguments)
    try:
        return _run(options)
    except RiskError as error:
        sys.stderr.write(f"{error.code}: {error}\n")
        return 2
    except KeyboardInterrupt:
        return 130


def _run(options: argparse.Namespace) -> int:
    # Each command imports only what it needs, so that the service starts in a moment.
    if options.command == "serve":
        from halfpenny_risk.service.serve import serve
        from halfpenny_risk.settings import read_settings

        asyncio.run(serve(read_settings()))
        return 0
    raise AssertionError(options.command)


if __name__ == "__main__":
    sys.exit(main())
