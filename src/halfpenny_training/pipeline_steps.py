"""``make train``: gather the data, train every model, judge each and write its card."""

from __future__ import annotations

import argparse
import sys
import time

from halfpenny_training.cli import main

STEPS = (["data"], ["train"], ["evaluate"], ["card"])


def run_pipeline(arguments: list[str]) -> int:
    """Run the steps in order; the arguments narrow ``train`` and ``evaluate`` (``--only seattle``).

    An argument that is not known, and ``--help``, end it before the first step: SystemExit, as argparse raises it.
    """
    only = _parser().parse_args(arguments).only
    arguments = ["--only", only] if only else []
    began = time.monotonic()
    for step in STEPS:
        narrowed = arguments if step[0] in ("train", "evaluate") else []
        failed = main([*step, *narrowed])
        if failed:
            return failed
        sys.stdout.write(f"-- {step[0]} done after {time.monotonic() - began:.0f} s\n")
        sys.stdout.flush()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make train", description=__doc__)
    parser.add_argument(
        "--only", default="", metavar="MODELS", help="which models, such as borrower,seattle; every one where left out"
    )
    return parser


if __name__ == "__main__":
    sys.exit(run_pipeline(sys.argv[1:]))
