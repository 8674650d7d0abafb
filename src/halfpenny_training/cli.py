"""The command line: ``halfpenny-training data | train | evaluate | card | judge``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from halfpenny_risk.artefacts import DEFAULT_FOLDER
from halfpenny_risk.errors import BadTable, RiskError

DATA_FOLDER = Path(".data/risk")
LOANS_HELP = (
    "Your own loan-level CSV: a header line, one loan a row. Missing cells, categories, dates and numbers written "
    "as text are understood; docs/guides/risk-training.md describes the schema."
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code. A failure with a name is one line, not a traceback."""
    options = _parser().parse_args(arguments)
    try:
        return _run(options)
    except RiskError as error:
        sys.stderr.write(f"{error.code}: {error}\n")
        return 2
    except BrokenPipeError:
        # The reader of our output went away (``| head``): nothing is left to print.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="halfpenny-training", description="Trains and judges the risk models of Halfpenny."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")

    data = commands.add_parser("data", help="gather the data sets as CSV files, with origin, licence and hash")
    _data_option(data)
    data.add_argument("--only", default="seattle,credit,lucas", help="which sets, separated by commas")

    train = commands.add_parser("train", help="train our models, or one on your own table with --loans")
    _data_option(train)
    _loans_options(train)
    train.add_argument("--only", default="borrower,seattle,lucas", help="which models, separated by commas")
    train.add_argument(
        "--out", type=Path, help="folder of the models (default: the package's own; with --loans: loans-model)"
    )

    evaluate = commands.add_parser("evaluate", help="measure our models, or one on your own table with --loans")
    _data_option(evaluate)
    _loans_options(evaluate)
    evaluate.add_argument("--only", default="borrower,monotone,seattle,lucas", help="which parts")
    evaluate.add_argument("--model", type=Path, help="with --loans: score with this trained model instead of splitting")
    evaluate.add_argument("--predictions", type=Path, metavar="CSV", help="with --loans: write the predictions here")
    evaluate.add_argument(
        "--test-share",
        type=float,
        default=0.25,
        help="with --loans and --time: the share of the latest rows to test on",
    )
    evaluate.add_argument("--out", type=Path, help="folder whose evaluation.json keeps the figures")

    card = commands.add_parser("card", help="write the model cards from the last evaluation")
    card.add_argument("--folder", type=Path, default=DEFAULT_FOLDER)
    card.add_argument("--out", type=Path, default=Path("docs/models"))

    judge = commands.add_parser(
        "judge", help="judge a borrower model as the next champion, and put it among the models, ready to be proposed"
    )
    _data_option(judge)
    judge.add_argument("candidate", type=Path, help="a borrower model written by train")
    judge.add_argument("--folder", type=Path, default=DEFAULT_FOLDER, help="folder of the models")
    judge.add_argument(
        "--champion", default="borrower_champion.json", help="the present champion (default: %(default)s)"
    )
    return parser


def _data_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, default=DATA_FOLDER, help="folder of the data sets (default: %(default)s)")


def _loans_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("your own table")
    group.add_argument("--loans", type=Path, metavar="CSV", help=LOANS_HELP)
    group.add_argument("--features", default="", help="columns to learn from, separated by commas")
    group.add_argument("--target", help="column of the outcome; rows where it is empty are only scored")
    group.add_argument("--positive", help="the value of the target that means default, where that is not plain")
    group.add_argument("--id", help="column that names a row in the predictions (default: its number)")
    group.add_argument("--time", help="column to split by: learn from earlier rows, test on later ones")
    group.add_argument("--group", help="column of what must not be split: rows of one loan or one borrower")


def _run(options: argparse.Namespace) -> int:
    # Each command imports only what it needs: scoring a file does not wait for the libraries of training.
    if options.command == "data":
        from halfpenny_training.data import SOURCES, gather

        gather(_chosen(options.only, tuple(SOURCES)), options.data, _print_line)
    elif options.command == "train":
        _train(options)
    elif options.command == "evaluate":
        _evaluate(options)
    elif options.command == "card":
        from halfpenny_training.card import write_cards

        write_cards(options.folder, options.out, _print_line)
    elif options.command == "judge":
        from halfpenny_training.lifecycle import judge

        today = datetime.now(UTC).date()
        judge(options.candidate, options.folder, options.data, options.champion, today, _print_line)
    return 0


def _train(options: argparse.Namespace) -> None:
    if options.loans is not None:
        from halfpenny_training.evaluate_loans import train_loans
        from halfpenny_training.loans import LoansTable

        if not options.target:
            raise BadTable("train --loans needs --target, the column of the outcome")
        table = LoansTable.read(options, _names(options.features), _print_line)
        train_loans(table, options.target, options.out or Path("loans-model"), _print_line)
        return
    from halfpenny_risk.artefacts import sign
    from halfpenny_training.pipeline import train_borrower, train_market

    out = options.out or DEFAULT_FOLDER
    out.mkdir(parents=True, exist_ok=True)
    for part in _chosen(options.only, ("borrower", "seattle", "lucas")):
        if part == "borrower":
            train_borrower(options.data, out, _print_line)
        else:
            train_market(part, options.data, out, _print_line)
    for name, digest in sign(out).items():
        _print_line(f"signed {digest[:12]} {name}")


def _evaluate(options: argparse.Namespace) -> None:
    if options.loans is not None:
        from halfpenny_training.evaluate_loans import evaluate_split, model_for, score_file
        from halfpenny_training.loans import LoansTable

        if not 0.01 <= options.test_share <= 0.9:
            raise BadTable("--test-share must be between 0.01 and 0.9")
        if options.model is not None:
            model = model_for(options.model)
            options.target = options.target or model.target
            options.positive = options.positive or model.positive
            table = LoansTable.read(options, [code.name for code in model.codes], _print_line, for_scoring=True)
            score_file(table, model, options.predictions, _print_line)
            return
        if not options.target:
            raise BadTable("evaluate --loans needs --target, or --model to score with")
        table = LoansTable.read(options, _names(options.features), _print_line)
        evaluate_split(table, options.target, options.test_share, options.predictions, _print_line)
        return
    from halfpenny_training import evaluate
    from halfpenny_training.lifecycle import write_evaluation

    out = options.out or DEFAULT_FOLDER
    for part in _chosen(options.only, ("borrower", "monotone", "seattle", "lucas")):
        if part == "borrower":
            found = evaluate.evaluate_borrower(options.data, _print_line)
        elif part == "monotone":
            found = evaluate.evaluate_monotone(10_000, _print_line)
        else:
            found = evaluate.evaluate_market(part, options.data, _print_line)
        write_evaluation(out, part, found)


def _chosen(text: str, known: tuple[str, ...]) -> list[str]:
    names = _names(text)
    wrong = [name for name in names if name not in known]
    if wrong or not names:
        raise BadTable(f"--only knows {', '.join(known)}, not {', '.join(wrong) or 'nothing'}")
    return names


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _print_line(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
