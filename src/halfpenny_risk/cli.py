"""The command line: ``halfpenny-risk serve``."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence

from halfpenny_risk.errors import RiskError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code. A failure with a name is one line, not a traceback."""
    parser = argparse.ArgumentParser(prog="halfpenny-risk", description="The risk service of Halfpenny.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    commands.add_parser("serve", help="consume requests and answer them; settings come from the environment")
    parser.parse_args(arguments)
    try:
        _serve()
    except RiskError as error:
        sys.stderr.write(f"{error.code}: {error}\n")
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


def _serve() -> None:
    from halfpenny_risk.service.logs import configure_logging
    from halfpenny_risk.service.serve import serve
    from halfpenny_risk.settings import read_settings

    configure_logging()
    asyncio.run(serve(read_settings()))


if __name__ == "__main__":
    sys.exit(main())
