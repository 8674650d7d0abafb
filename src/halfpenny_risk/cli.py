"""The command line: ``halfpenny-risk serve``, ``decided-share``, ``monitor`` and ``propose``."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

from halfpenny_risk.errors import BadTable, PolicyNotInForce, RiskError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code. A failure with a name is one line, not a traceback."""
    parser = argparse.ArgumentParser(prog="halfpenny-risk", description="The risk service of Halfpenny.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    commands.add_parser("serve", help="consume requests and answer them; settings come from the environment")
    share = commands.add_parser(
        "decided-share", help="how many of 500 ordinary applications the policy answers without a person"
    )
    share.add_argument("--on", type=date.fromisoformat, default=None, metavar="YYYY-MM-DD", help="today where left out")
    watch = commands.add_parser(
        "monitor", help="what was predicted against what came true, and drift, from a file of outcomes"
    )
    watch.add_argument("outcomes", type=Path, metavar="OUTCOMES", help="what `halfpenny risk outcomes` wrote")
    watch.add_argument("--out", type=Path, default=None, metavar="FILE", help="also write the whole report as JSON")
    propose = commands.add_parser("propose", help="propose a judged model as the champion, on the platform")
    propose.add_argument("model", metavar="MODEL", help="its file in the models' folder, such as borrower_next.json")
    propose.add_argument("--reason", required=True, help="why, for the second person who approves it")
    chosen = parser.parse_args(arguments)
    try:
        if chosen.command == "decided-share":
            _decided_share(chosen.on)
        elif chosen.command == "monitor":
            _monitor(chosen.outcomes, chosen.out)
        elif chosen.command == "propose":
            _propose(chosen.model, chosen.reason)
        else:
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


def _decided_share(on: date | None) -> None:
    """Raises ``PolicyNotInForce`` for a day before the first policy that was asked for."""
    from halfpenny_risk.artefacts import DEFAULT_FOLDER
    from halfpenny_risk.models import load_models
    from halfpenny_risk.ordinary import decided_share
    from halfpenny_risk.policy import load_policies
    from halfpenny_risk.promotion import models_in_force, promotions_kept
    from halfpenny_risk.settings import read_settings

    settings = read_settings()
    folder = settings.artefacts or DEFAULT_FOLDER
    _, pair = models_in_force(promotions_kept(settings) if settings.model == "champion" else None, folder)
    models = load_models(settings.model, folder, pair)
    policies = load_policies(settings.policy, settings.units_per_eur)
    first = policies.policies[0].effective_from
    if on is not None and on < first:
        raise PolicyNotInForce(f"no policy is in force on {on}: the first is from {first}")
    found = decided_share(models, policies, on or datetime.now(UTC).date())
    for name, answers in (*sorted(found.by_currency.items()), ("all", found.answers)):
        counts = ", ".join(f"{answer} {answers[answer]}" for answer in ("approve", "refer", "decline"))
        share = 1.0 - answers["refer"] / answers.total()
        sys.stdout.write(f"{name:<4} {counts}: {share:.1%} decided without a person\n")


def _propose(model: str, reason: str) -> None:
    from halfpenny_risk.proposing import proposal, propose
    from halfpenny_risk.settings import read_settings

    settings = read_settings()
    approval = propose(settings.proposer, proposal(settings, model, reason))
    sys.stdout.write(f"{model} is proposed as approval {approval}; another person approves it on the platform\n")


def _monitor(path: Path, out: Path | None) -> None:
    import msgspec

    from halfpenny_monitoring.outcomes import OutcomesUnreadable, read_outcomes
    from halfpenny_monitoring.report import monitor, report_lines

    sys.stderr.write(f"reading {path} ...\n")
    try:
        header, outcomes = read_outcomes(path)
        sys.stderr.write(f"{len(outcomes)} outcomes read, comparing ...\n")
        report = monitor(header, outcomes)
    except OutcomesUnreadable as error:
        raise BadTable(str(error)) from None
    if out is not None:
        out.write_bytes(msgspec.json.format(msgspec.json.encode(report)) + b"\n")
    sys.stdout.write("\n".join(report_lines(report)) + "\n")


if __name__ == "__main__":
    sys.exit(main())
