"""The path of --loans, its splits and its figures, on tables small enough to be checked by hand."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from halfpenny_risk.errors import BadTable
from halfpenny_training.cli import main
from halfpenny_training.encoding import encode, learn_code, parse_moment, read_times
from halfpenny_training.index import hedonic_index
from halfpenny_training.loans import load_loans
from halfpenny_training.metrics import auc, bootstrap, brier, calibration, logistic_fit
from halfpenny_training.projection import OHIO_NORTH
from halfpenny_training.splits import stratified_folds, time_split
from halfpenny_training.table import Table, parse_number, read_csv


def write(path: Path, header: list[str], rows: list[list[Any]]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
    return path


def loans(path: Path, count: int = 90, *, target: bool = True, seed: int = 3) -> Path:
    """Loans whose fate follows from income and colour, with holes and oddities in every column."""
    random = np.random.default_rng(seed)
    rows: list[list[Any]] = []
    for i in range(count):
        income, colour = float(random.normal()), str(random.choice(["red", "green", "blue"]))
        bad = random.random() < 1.0 / (1.0 + np.exp(-(-0.8 - 1.5 * income + (colour == "red"))))
        cell = ["", "n/a", "1,250.5"][i % 3] if i % 17 == 0 else f"{income:.3f}"
        rows.append(
            [
                f"L{i}",
                cell,
                colour if i % 13 else "",
                f"20{10 + i % 6}-0{1 + i % 9}-01",
                i // 3,
                i % 40,
                "bad" if bad else "good",
            ]
        )
    header = ["loan", "income", "colour", "opened", "borrower", "age", "outcome"]
    if not target:
        header, rows = header[:-1], [row[:-1] for row in rows]
    return write(path, header, rows)


FEATURES = "income,colour,opened,age"


def test_train_on_one_file_and_score_another_that_has_no_target(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table, model = loans(tmp_path / "train.csv"), tmp_path / "model"
    train = ["train", "--loans", str(table), "--features", FEATURES, "--target", "outcome", "--out", str(model)]
    assert main(train) == 0
    assert "protected" in capsys.readouterr().out
    assert "age" not in {code.name for code in load_loans(model).codes}
    unseen = loans(tmp_path / "new.csv", 600, target=False, seed=9)
    predictions = tmp_path / "predictions.csv"
    score = ["evaluate", "--loans", str(unseen), "--model", str(model), "--id", "loan", "--predictions"]
    assert main([*score, str(predictions)]) == 0
    found = read_csv(predictions)
    assert found.texts("id").tolist() == [f"L{i}" for i in range(600)]
    assert ((found.floats("probability") > 0.0) & (found.floats("probability") < 1.0)).all()
    # The probabilities show the outcomes that were hidden.
    hidden = (read_csv(loans(tmp_path / "truth.csv", 600, seed=9)).texts("outcome") == "bad").astype(np.int64)
    assert auc(hidden, found.floats("probability")) > 0.7


def test_training_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    table = loans(tmp_path / "train.csv")
    for name in ("one", "two"):
        main(
            [
                "train",
                "--loans",
                str(table),
                "--features",
                FEATURES,
                "--target",
                "outcome",
                "--out",
                str(tmp_path / name),
            ]
        )
    assert (tmp_path / "one" / "loans_model.json").read_bytes() == (tmp_path / "two" / "loans_model.json").read_bytes()


@pytest.mark.parametrize(
    "options", [[], ["--time", "opened"], ["--group", "borrower"], ["--time", "opened", "--group", "borrower"]]
)
def test_evaluate_splits_by_what_it_is_given(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    table = loans(tmp_path / "loans.csv")
    out = tmp_path / "predictions.csv"
    done = main(
        [
            "evaluate",
            "--loans",
            str(table),
            "--features",
            "income,colour",
            "--target",
            "outcome",
            "--predictions",
            str(out),
            *options,
        ]
    )
    assert done == 0
    assert "AUC" in capsys.readouterr().out
    tested = len(read_csv(out))
    assert tested == 90 if "--time" not in options else 0 < tested < 60


def test_a_category_that_was_never_seen_and_a_missing_one_are_scored(tmp_path: Path) -> None:
    model = tmp_path / "model"
    main(
        [
            "train",
            "--loans",
            str(loans(tmp_path / "a.csv")),
            "--features",
            "income,colour",
            "--target",
            "outcome",
            "--out",
            str(model),
        ]
    )
    odd = write(
        tmp_path / "odd.csv", ["income", "colour"], [["0.5", "purple"], ["", ""], ["1e9", "red"], ["x", "blue"]]
    )
    out = tmp_path / "p.csv"
    assert main(["evaluate", "--loans", str(odd), "--model", str(model), "--predictions", str(out)]) == 0
    assert np.isfinite(read_csv(out).floats("probability")).all()


@pytest.mark.parametrize(
    ("arguments", "output"),
    [
        (["--features", "income,nothing", "--target", "outcome"], "no column"),
        (["--features", "income", "--target", "colour"], "two values"),
        (["--features", "income,outcome", "--target", "outcome"], "is among --features"),
        (["--features", "age", "--target", "outcome"], "no feature is left"),
        (["--features", "income"], "--target"),
        (["--features", "", "--target", "outcome"], "--features"),
        (["--features", "income", "--target", "outcome", "--positive", "purple"], "all rows are alike"),
        (["--features", "income", "--target", "outcome", "--time", "colour"], "neither a date nor a number"),
    ],
)
def test_what_cannot_be_trained_on_is_reported_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], output: str
) -> None:
    out = tmp_path / "model"
    assert main(["train", "--loans", str(loans(tmp_path / "a.csv")), "--out", str(out), *arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("bad_table: ") and output in error and len(error.splitlines()) == 1
    assert not out.exists()


@pytest.mark.parametrize(
    ("content", "output"),
    [
        (b"", "first line"),
        (b"a,b\n", "no rows"),
        (b"a,a\n1,2\n", "same name"),
        (b"a,b\n1\n", "line 2: fewer"),
        (b"a,b\n1,2\n3,4\n1\n5,6\n", "line 4: fewer"),
        (b"a,b\n1,2\n3,4,5\n6,7\n", "line 3: more"),
        (b"a,b\n1,2,3\n6,7\n", "line 2: more"),
        (b'a,b\n"1\n1",2\n\n6,7,\n', "line 5: more"),
        (b"a,b\n\xff\xfe,2\n", "codec"),
        (b'a,b\n"1,2\n', "unexpected end"),
    ],
)
def test_a_broken_file_is_named(tmp_path: Path, content: bytes, output: str) -> None:
    path = tmp_path / "broken.csv"
    path.write_bytes(content)
    with pytest.raises(BadTable, match=output):
        read_csv(path)


@pytest.mark.parametrize(
    ("cell", "number"),
    [
        ("1", 1.0), ("-2.5", -2.5), ("1e3", 1000.0), ("1,250.5", 1250.5), ("1,250", 1250.0), ("0,25", 0.25),
        (" 7 ", 7.0), ("12%", 12.0), ("€100", 100.0), ("1 000", 1000.0),
    ],
)  # fmt: skip
def test_numbers_written_as_text_are_read(cell: str, number: float) -> None:
    assert parse_number(cell) == number


def test_what_is_no_number_is_none_and_what_is_missing_is_nan() -> None:
    for cell in ("red", "1-2", "inf", "1e999", "--"):
        assert parse_number(cell) is None
    for cell in ("", "NA", "n/a", "NaN", "null", "None", "?", "-"):
        assert np.isnan(parse_number(cell) or 0.0)


def test_moments_are_read_in_their_many_forms() -> None:
    day = parse_moment("2015-03-01")
    assert day == (date(2015, 3, 1) - date(1970, 1, 1)).days
    assert (
        parse_moment("2015-03") == day
        and parse_moment("2015/3/1") == day
        and parse_moment("2015-03-01T10:00:00") == day
    )
    assert parse_moment("2015Q2") == (date(2015, 4, 1) - date(1970, 1, 1)).days
    assert parse_moment("2015-02-30") is None and parse_moment("soon") is None
    table = Table({"t": np.array(["2016", "2015", ""])})
    assert read_times(table, "t").tolist() == [2016.0, 2015.0, -np.inf]


def test_a_column_is_what_most_of_its_cells_are() -> None:
    target = np.array([0, 1] * 50)
    mixed = np.array([str(i) for i in range(95)] + ["x"] * 5)
    words = np.array(["a", "b"] * 50)
    days = np.array(["2015-01-01", "2016-05-05"] * 50)
    table = Table({"mixed": mixed, "words": words, "days": days, "empty": np.array([""] * 100)})
    kinds = {name: learn_code(table, name, target).kind for name in table.columns}
    assert kinds == {"mixed": "number", "words": "category", "days": "date", "empty": "number"}
    code = learn_code(table, "words", target)
    encoded = encode(Table({"words": np.array(["a", "b", "c"])}), code)
    assert encoded[2].tolist() == [0.5, 0.0, 0.0] and encoded[0, 0] < 0.5 < encoded[1, 0]
    assert msgspec.json.decode(msgspec.json.encode(code), type=type(code)) == code


def test_no_group_is_on_both_sides_of_a_split() -> None:
    random = np.random.default_rng(4)
    group = random.integers(0, 60, 400)
    target = (random.random(400) < 0.3).astype(np.int64)
    folds = stratified_folds(target, 5, 1, group)
    assert sorted(np.concatenate(folds).tolist()) == list(range(400))
    for fold in folds:
        rest = np.setdiff1d(np.arange(400), fold)
        assert not set(group[fold].tolist()) & set(group[rest].tolist())
    # Loans that begin over time, and a panel in which all begin at once.
    for time in (group + random.random(400), random.random(400)):
        early, late = time_split(time, 0.25, group)
        assert len(early) and len(late)
        assert time[early].max() < time[late].min()
        assert not set(group[early].tolist()) & set(group[late].tolist())


def test_a_time_split_never_cuts_through_a_moment() -> None:
    time = np.array([1.0] * 50 + [2.0] * 50)
    early, late = time_split(time, 0.1)
    assert set(time[early].tolist()) == {1.0} and set(time[late].tolist()) == {2.0}


def test_figures_of_known_cases() -> None:
    target = np.array([0, 0, 1, 1])
    assert auc(target, np.array([0.1, 0.2, 0.3, 0.4])) == 1.0
    assert auc(target, np.array([0.4, 0.3, 0.2, 0.1])) == 0.0
    assert auc(target, np.array([0.5, 0.5, 0.5, 0.5])) == 0.5
    assert np.isnan(auc(np.zeros(4, dtype=np.int64), np.arange(4.0)))
    assert brier(target, np.array([0.0, 0.0, 1.0, 1.0])) == 0.0
    random = np.random.default_rng(5)
    odds = random.normal(0.0, 1.5, 20_000)
    drawn = (random.random(20_000) < 1.0 / (1.0 + np.exp(-odds))).astype(np.int64)
    slope, intercept = calibration(drawn, 1.0 / (1.0 + np.exp(-odds)))
    assert abs(slope - 1.0) < 0.05 and abs(intercept) < 0.05
    estimate = bootstrap(lambda rows: float(drawn[rows].mean()), len(drawn))
    assert estimate.low < estimate.value < estimate.high
    separable = logistic_fit(np.array([[-1.0], [1.0]]), np.array([0, 1]), ridge=1e-3)
    assert np.isfinite(separable).all() and separable[1] > 0.0


def test_the_index_finds_a_trend_and_does_not_carry_it_on() -> None:
    random = np.random.default_rng(6)
    month = random.integers(0, 48, 6000).astype(np.float64)
    size = random.normal(size=(6000, 1))
    log_price = 12.0 + 0.01 * month + 0.5 * size[:, 0] + random.normal(0.0, 0.1, 6000)
    index = hedonic_index(log_price, month, size)
    assert index.level[-1] == 0.0
    assert index.drift == pytest.approx(0.12, abs=0.01)
    assert index.at(np.array([1000.0]))[0] == 0.0


def test_the_projection_is_undone() -> None:
    # The first home of the data lies in Whitehouse, Ohio, west of Toledo.
    lat, lon = OHIO_NORTH.to_degrees(np.array([600_000.0, 484_668.145]), np.array([0.0, 195_300.0]))
    assert lat[0] == pytest.approx(39.6666666667, abs=1e-9) and lon[0] == pytest.approx(-82.5, abs=1e-12)
    assert 41.3 < lat[1] < 41.8 and -84.0 < lon[1] < -83.5
