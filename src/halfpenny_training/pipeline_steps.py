"""``make train``: gather the data, train every model, judge each and write its card."""

from __future__ import annotations

import sys
import time

from halfpenny_training.cli import main

STEPS = (["data"], ["train"], ["evaluate"], ["card"])


def run_pipeline(arguments: list[str]) -> int:
    """Run the steps in order; the arguments narrow ``train`` and ``evaluate`` (``--only seattle``)."""
    began = time.monotonic()
    for step in STEPS:
        narrowed = arguments if step[0] in ("train", "evaluate") else []
        failed = main([*step, *narrowed])
        if failed:
            return failed
        sys.stdout.write(f"-- {step[0]} done after {time.monotonic() - began:.0f} s\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(run_pipeline(sys.argv[1:]))
