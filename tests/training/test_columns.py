"""Row 18: columns without use are named, protected attributes are refused by meaning, and proxies are reported."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from halfpenny_risk.errors import BadTable
from halfpenny_risk.trees import trees_from_json
from halfpenny_training.borrower import saved_json
from halfpenny_training.cli import main
from halfpenny_training.columns import check_columns
from halfpenny_training.loans import load_loans
from halfpenny_training.protected import protected_meaning, proxy_meaning
from halfpenny_training.table import read_csv, write_csv

COUNT = 120


def table(path: Path, **columns: list[Any]) -> Path:
    """A table with one column to learn from and those given."""
    dice = np.random.default_rng(18)
    count = len(next(iter(columns.values())))
    cover = dice.normal(size=count)
    bad = (dice.random(count) < 1.0 / (1.0 + np.exp(0.6 + cover))).astype(int)
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
        (["", *["7"] * (COUNT - 1)], "nearly constant"),
        (["PL"] * (COUNT - 1) + ["DE"], "nearly constant"),
        ([f"A{number // 2}" for number in range(COUNT)], "names rows"),
        (np.random.default_rng(4).integers(1_000_000, 9_999_999, 200).tolist(), "names rows"),
        (np.random.default_rng(5).integers(100_000_000, 999_999_999, 400).tolist(), "names rows"),
        ([5000 + number - (number == 50) for number in range(COUNT)], "names rows"),
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


def test_row_18_amounts_in_whole_units_that_nearly_all_differ_are_learned_from(tmp_path: Path) -> None:
    dice = np.random.default_rng(6)
    path = table(
        tmp_path / "loans.csv",
        income=[round(float(one)) for one in dice.lognormal(11.0, 0.6, COUNT)],
        valuation=[round(float(one)) for one in dice.lognormal(13.0, 0.5, COUNT)],
        amount=[1_000 * number for number in dice.integers(1_000, 9_999, COUNT).tolist()],
    )
    assert (
        main(["evaluate", "--loans", str(path), "--features", "cover,income,valuation,amount", "--target", "bad"]) == 0
    )


@pytest.mark.parametrize("count", [20, 30, 50, 100, 199, 200, 300, 500])
@pytest.mark.parametrize("spread", [0.2, 0.4, 0.6])
def test_row_18_no_amounts_of_any_count_name_rows(tmp_path: Path, count: int, spread: float) -> None:
    for seed in range(20):
        drawn = np.random.default_rng(seed).lognormal(np.log(350_000), spread, count)
        check_amounts(tmp_path, "property_value", drawn.clip(100_001, 999_998))


@pytest.mark.parametrize(
    "name",
    ["income_no_tax", "number_of_shares", "net_amount_no_vat", "key_money", "reference_price", "numer_jeden_zysk"],
)
def test_row_18_a_number_word_that_says_no_id_is_no_name_of_rows(tmp_path: Path, name: str) -> None:
    for seed in range(5):
        check_amounts(tmp_path, name, np.random.default_rng(seed).lognormal(np.log(35_000), 1.0, 500))


@pytest.mark.parametrize(
    "name",
    [
        *("loan_number", "LoanNo", "number", "account_key", "customer_no_old", "numer_umowy", "nr_rachunku"),
        *("client_id", "case_ref", "NIP", "invoice_reference", "id_klienta"),
    ],
)
def test_row_18_numbers_that_are_named_as_ids_name_rows_in_a_file_of_any_size(tmp_path: Path, name: str) -> None:
    for count in (20, 120, 500):
        drawn = np.random.default_rng(count).lognormal(np.log(35_000_000), 1.0, count)
        with pytest.raises(BadTable, match="names rows"):
            check_amounts(tmp_path, name, drawn)


def check_amounts(folder: Path, name: str, amounts: np.ndarray[Any, Any]) -> None:
    path = table(folder / "loans.csv", **{name: amounts.astype(int).tolist()})
    check_columns(read_csv(path, [name]), [name])


def test_row_18_a_model_that_found_nothing_is_one_line_and_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dice = np.random.default_rng(11)
    columns = [[f"{one:.4f}" for one in dice.random(COUNT)] for _ in range(2)]
    for seed in (9, 11):
        bad = np.random.default_rng(seed).integers(0, 2, COUNT).tolist()
        path = tmp_path / f"loans{seed}.csv"
        write_csv(path, ["x", "z", "bad"], zip(*columns, bad, strict=True))
        model = tmp_path / f"model{seed}"
        assert main(["train", "--loans", str(path), "--features", "x,z", "--target", "bad", "--out", str(model)]) == 2
        error = capsys.readouterr().err
        assert error.startswith("bad_table: rows held back") and len(error.splitlines()) == 1
        assert "'x', 'z'" in error and not model.exists()


def test_row_18_trees_without_a_split_are_known_as_such() -> None:
    assert saved_trees([None, None]) is None
    kept = saved_trees([None, [{"float_feature_index": 0, "border": 0.5, "split_type": "FloatFeature"}]])
    assert kept is not None
    assert [len(tree["splits"]) for tree in kept["oblivious_trees"]] == [0, 1]
    assert trees_from_json(kept, ["x"]).predict(np.array([[0.0], [1.0]])).tolist() == [1.5, 2.5]


def saved_trees(splits: list[Any]) -> dict[str, Any] | None:
    """What is kept of a CatBoost model with such trees; a tree without splits says null, as CatBoost does."""

    class Saved:
        def save_model(self, path: str, **_: Any) -> None:
            trees = [
                {"splits": some, "leaf_values": [1.0, 2.0] if some else [0.5], "leaf_weights": [1] * (2 if some else 1)}
                for some in splits
            ]
            content = {"oblivious_trees": trees, "scale_and_bias": [1.0, [0.0]]}
            Path(path).write_text(json.dumps(content), encoding="utf-8")

    with tempfile.TemporaryDirectory() as scratch:
        return saved_json(Saved(), Path(scratch))


PROTECTED = {
    "age": ["ApplicantAge", "client-age", "AGE_GROUP", "Wiek wnioskodawcy", "rok urodzenia", "Data_Urodzenia", "dob",
            "birth.year", "wiekKlienta", "years old", "PESEL", "yearborn", "BirthYear", "born_date", "monthborn",
            "a g e", "customerage", "year-of-brth", "customers_age", "borrower age", "ownerageband", "memberAge",
            "guarantorage", "directoragegroup", "applicantageatstart", "klientwiek", "wiekkredytobiorcy",
            "ageofborrower", "dateofbirth", "dataurodzenia", "clientbirthdate", "numerpesel", "senior"],
    "sex": ["Gender", "PŁEĆ", "plec_klienta", "is-female", "Kobieta", "gndr", "Gendr",
            "s e x", "S.E.X.", "p_ł_e_ć", "sx", "sexcode", "clientsex", "mr_mrs", "fmle",
            "customergender", "mainapplicantgender", "genderofborrower", "man", "men_household"],
    "marital status": ["MaritalStatus", "civil status", "Stan Cywilny", "małżonek_dochód", "is_married", "Wdowiec",
                       "mrtl_status",
                       "maiden_name", "nazwisko panieńskie", "stancywilny", "dochod_wspolmalzonka", "nevermarried",
                       "borrowermaritalstatus", "rozwód", "rozwódka", "rozwodnik", "po_rozwodzie", "clientrozwod",
                       "husbandincome"],
    "origin": ["Narodowość", "obywatelstwo", "country_of_origin", "ethnicity", "RACE", "citizenship",
               "kolor_skory", "Kolor skóry", "skin_color", "obcokrajowiec", "hispanic", "is_latino", "black",
               "borrower_white", "asian", "kraj_urodzenia", "Miejsce urodzenia", "place_of_birth", "birthplace",
               "birthcountry", "country born", "ethnct", "racecode", "foreign_born", "czarnoskóry", "Rom_cyganie",
               "asian_customer_market", "borrower_black", "white_borrower", "krajurodzenia", "nonhispanic",
               "multiracial", "applicantethnicity", "noncitizen", "latina", "is_latina", "race_code",
               "czyobywatel", "mothersnationality", "rodzajobywatelstwa"],
    "religion": ["wyznanie", "Religion", "muslim", "is_catholic", "Żydowski", "jewish", "Katolik", "r e l i g i o n",
                 "rlgn", "prawosławny", "faith", "faith_of_customer", "clientreligion", "church"],
    "family": ["liczba_dzieci", "numberOfChildren", "family size", "household_size", "HouseholdMembers",
               "osoby_na_utrzymaniu", "liczba osób w gospodarstwie domowym", "num_dependents", "chldrn",
               "noofchildren", "child_count", "has_child", "child", "dependent", "dependent_child",
               "child_account_dependents",
               "liczbaosobnautrzymaniu"],
    "disability and health": ["Niepełnosprawny", "disability flag", "stan zdrowia", "pregnant",
                              "inwalidztwo", "Inwalida", "genetic_marker", "badanie genetyczne", "hiv", "HIV_status",
                              "rencista", "rencistka", "dsblty", "mental_health", "cukrzyca", "przewlekle_chory",
                              "disabled", "is_disabled", "disabled_customer", "isdisabled", "account_disability",
                              "clientdisability", "disab_flag", "ciąża", "w_ciąży", "blind", "customer_disease"],
    "opinion and membership": ["political views", "trade union", "związek_zawodowy", "Związki Zawodowe",
                               "labour_union_member", "unionmember",
                               "union_member", "unionMembership", "clientunionmember"],
    "public assistance": ["public_assistance", "zasiłek", "Zasiłki", "welfare_income", "foodStamps",
                          "social assistance", "pomoc społeczna", "świadczenia socjalne", "unemployment_benefit"],
    "military status": ["veteran", "is_veteran", "VeteranStatus", "veterans_benefit", "military_status", "weteran",
                        "Kombatant", "żołnierz", "active_duty", "servicemember_flag", "stosunek_do_służby_wojskowej",
                        "clientveteran", "reservist"],
    "sexual orientation": ["sexual orientation", "orientacja seksualna", "is_gay"],
}  # fmt: skip
LAWFUL = [
    "building_age", "Wiek budynku", "loan_age_months", "valuationAge", "mortgage", "wage", "usage", "coverage",
    "single_family", "origination_fee", "pochodzenie środków", "politically_exposed", "credit_union", "percentage",
    "garage", "years_trading", "premises", "manager_score", "status", "wiek firmy",
    "blackout_period", "age_of_valuation", "blacklist_hits", "black_list", "white_label", "senior_debt", "senior_lien",
    "client_coverage", "ownership_percentage", "director_mortgage", "brokerage", "average_balance", "leverage_ratio",
    "household_income", "dochód gospodarstwa domowego", "koszty_utrzymania", "debt_mandate", "direct_debit_mandate",
    "unemployment_rate", "stopa bezrobocia", "bezrobocie_powiat", "public_company", "public_records", "assistance_fee",
    "plc", "wk", "week_number", "ltv", "dscr", "crd_score", "term", "amount", "kwota_kredytu", "oprocentowanie",
    "rata miesięczna", "okres_kredytowania", "wartość nieruchomości", "powierzchnia", "rok_budowy", "year_built",
    "przychody_roczne", "koszty stałe", "zadłużenie", "liczba_pracowników", "forma_prawna", "branża", "NIP_valid",
    "data_wpisu_KRS", "score_bik", "opóźnienie_dni", "days_past_due", "trade_lines", "union_account", "trace_id",
    "terrace", "exit_strategy", "gdv", "charge_rank", "renovation_cost", "management_fee",
    "benefit_cost_ratio", "genre", "sector", "essex_county", "middlesex", "racecourse_distance",
    "therapy_costs_company", "religare_bank", "household_goods_value", "mortal", "currency",
    "invalid_payments", "marginal_rate", "material_cost", "maturity_date", "material_status", "mieszkanie", "country",
    "country_of_property", "kraj", "miejsce", "place", "miejscowość", "rynek wtórny", "renta_gruntowa", "rent",
    "annual_rent", "czynsz", "ground_rent", "wynagrodzenie", "wycena", "nationwide_index", "national_index",
    "manual_review", "human_capital_cost", "permanent_works", "malus", "maximum_ltv",
    "demand_index", "commandite", "skinny_margin", "brand", "family_office", "spread",
    "borrower_wage", "client_stage", "applicant_language", "customer_village", "owner_garage", "borrower_shortage",
    "customer_image", "member_message", "user_page", "client_advantage", "borrower_acreage", "owner_frontage",
    "customer_mileage", "customermileage", "borrowerwage", "director_haulage", "clienttonnage", "guarantor_salvage",
    "flat_in_area", "flat_in_arrears", "rate_flat_in_arrears", "lokalu_rodzaj", "produktu_rodzaj", "platina_index",
    "kwota_obciazajaca", "kwota obciążająca", "dług_obciążający", "numer w dowodzie", "rata_w_dowolnym_terminie",
    "zysk_rozwodniony", "geopolitical_risk", "k_m", "sps", "fml", "sexton_road",
    "credit_union_member", "customer_credit_union_membership", "creditUnionMember", "credit_union_trade_lines",
    "autopay_disabled", "direct_debit_disabled", "disabled_account", "account_is_disabled", "login_disabled",
    "white_collar", "black_rate", "white_rate", "black_sea_region", "white_space", "asian_market", "asian_option_delta",
    "african_assets", "good_faith_deposit", "bad_faith_claims", "child_account", "child_company",
    "parent_child_company", "child_loan", "dependent_variable", "dependent_costs", "man_days", "gradient_descent",
    "race_track", "blind_pool", "church_road", "senior_manager_count",
    "church_conversion", "marriage_value", "ageing_bucket", "old_rate", "old_new_balance", "military_base_distance",
    "hourly_wage", "service_charge", "stamp_duty", "veterinary_practice", "wide_area",
]  # fmt: skip


def test_row_18_protected_attributes_are_known_by_their_meaning() -> None:
    found = {name: protected_meaning(name) for names in PROTECTED.values() for name in names}
    assert found == {name: meaning for meaning, names in PROTECTED.items() for name in names}
    assert {name: protected_meaning(name) for name in LAWFUL} == dict.fromkeys(LAWFUL)
    proxies = {
        "Post-Code": "origin", "imię": "sex", "firstName": "sex", "cover": None,
        # A language is kept and reported: not protected itself, it follows the origin.
        "applicant_language": "origin",
    }  # fmt: skip
    assert {name: proxy_meaning(name) for name in proxies} == proxies


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
