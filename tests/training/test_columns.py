"""Row 18: columns without use are named, protected attributes are refused by meaning, and proxies are reported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from halfpenny_training.cli import main
from halfpenny_training.loans import load_loans
from halfpenny_training.protected import protected_meaning, proxy_meaning
from halfpenny_training.table import write_csv

COUNT = 120


def table(path: Path, **columns: list[Any]) -> Path:
    """A table with one honest column and those given."""
    dice = np.random.default_rng(18)
    cover = dice.normal(size=COUNT)
    bad = (dice.random(COUNT) < 1.0 / (1.0 + np.exp(0.6 + cover))).astype(int)
    every = {"cover": [f"{one:.3f}" for one in cover], **columns, "bad": bad.tolist()}
    write_csv(path, list(every), zip(*every.values(), strict=True))
    return path


@pytest.mark.parametrize("command", ["train", "evaluate"])
@pytest.mark.parametrize(
    ("column", "message"),
    [
        (["EU"] * COUNT, "constant"),
        (["7.0"] * COUNT, "constant"),
        (["", "NA", "?"] * (COUNT // 3), "empty"),
        ([f"LN-{number:05d}-{number % 7}" for number in range(COUNT)], "names rows"),
        (list(range(5000, 5000 + COUNT)), "names rows"),
        ([f"{number:08x}-ab" for number in range(COUNT)], "names rows"),
    ],
)
def test_row_18_a_column_without_use_is_one_line_and_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str, column: list[Any], message: str
) -> None:
    path = table(tmp_path / "loans.csv", region=column)
    arguments = [command, "--loans", str(path), "--features", "cover,region", "--target", "bad"]
    assert main([*arguments, *(["--out", str(tmp_path / "model")] if command == "train" else [])]) == 2
    error = capsys.readouterr().err
    assert error.startswith("bad_table: column 'region'") and message in error and len(error.splitlines()) == 1
    assert not (tmp_path / "model").exists()


def test_row_18_a_column_that_is_known_in_a_few_rows_alone_is_learned_from(tmp_path: Path) -> None:
    rare = ["3.5" if number in (4, 90) else "" for number in range(COUNT)]
    flag = ["yes" if number % 40 == 0 else "" for number in range(COUNT)]
    path = table(tmp_path / "loans.csv", rare=rare, flag=flag)
    assert main(["evaluate", "--loans", str(path), "--features", "cover,rare,flag", "--target", "bad"]) == 0


PROTECTED = {
    "age": ["ApplicantAge", "client-age", "AGE_GROUP", "Wiek wnioskodawcy", "rok urodzenia", "Data_Urodzenia", "dob",
            "birth.year", "wiekKlienta", "years old", "PESEL"],
    "sex": ["Gender", "PŁEĆ", "plec_klienta", "is-female", "Kobieta"],
    "marital status": ["MaritalStatus", "civil status", "Stan Cywilny", "małżonek_dochód", "is_married", "Wdowiec"],
    "origin": ["Narodowość", "obywatelstwo", "country_of_origin", "ethnicity", "RACE", "citizenship"],
    "religion": ["wyznanie", "Religion"],
    "family": ["liczba_dzieci", "numberOfChildren", "family size"],
    "disability and health": ["Niepełnosprawny", "disability flag", "stan zdrowia", "pregnant"],
    "opinion and membership": ["political views", "trade union"],
    "sexual orientation": ["sexual orientation", "orientacja seksualna"],
}  # fmt: skip
LAWFUL = [
    "building_age", "Wiek budynku", "loan_age_months", "valuationAge", "mortgage", "wage", "usage", "coverage",
    "single_family", "origination_fee", "pochodzenie środków", "politically_exposed", "credit_union", "percentage",
    "garage", "years_trading", "premises", "manager_score", "status", "wiek firmy",
]  # fmt: skip


def test_row_18_protected_attributes_are_known_by_their_meaning() -> None:
    found = {name: protected_meaning(name) for names in PROTECTED.values() for name in names}
    assert found == {name: meaning for meaning, names in PROTECTED.items() for name in names}
    assert {name: protected_meaning(name) for name in LAWFUL} == dict.fromkeys(LAWFUL)
    assert [proxy_meaning(name) for name in ("Post-Code", "imię", "firstName", "cover")] == [
        "origin",
        "sex",
        "sex",
        None,
    ]


def test_row_18_protected_columns_are_refused_and_their_proxies_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dice = np.random.default_rng(3)
    born = dice.integers(1950, 2004, COUNT)
    tenure = [f"{0.4 * (2026 - year) + dice.normal(0, 3):.1f}" for year in born]
    single = dice.choice(["tak", "nie"], COUNT)
    rent = ["najem" if word == "tak" or dice.random() < 0.1 else "własne" for word in single]
    path = table(
        tmp_path / "loans.csv",
        **{"Rok urodzenia": born.tolist(), "tenure": tenure, "stan_cywilny": single.tolist(), "housing": rent},
    )
    model = tmp_path / "model"
    features = "cover,Rok urodzenia,tenure,stan_cywilny,housing"
    assert main(["train", "--loans", str(path), "--features", features, "--target", "bad", "--out", str(model)]) == 0
    lines = capsys.readouterr().out.splitlines()
    refused = next(line for line in lines if line.startswith("refused"))
    assert "Rok urodzenia (age)" in refused and "stan_cywilny (marital status)" in refused
    assert [code.name for code in load_loans(model).codes] == ["cover", "tenure", "housing"]
    proxies = [line for line in lines if line.startswith("proxy: ")]
    assert any("'tenure' follows 'Rok urodzenia'" in line for line in proxies)
    assert any("'housing' follows 'stan_cywilny'" in line for line in proxies)
    assert not any("'cover'" in line for line in proxies)


def test_row_18_nothing_but_protected_columns_is_one_line_and_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = table(tmp_path / "loans.csv", Płeć=["k", "m"] * (COUNT // 2))
    assert main(["evaluate", "--loans", str(path), "--features", "Płeć", "--target", "bad"]) == 2
    assert capsys.readouterr().err.startswith("bad_table: no feature is left")
