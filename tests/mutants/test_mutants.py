"""The list of mutants fits the code as it is, and the runner names those that survive (``make mutants``)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mutants.run import ROOT, Fate, Scratch, read_list

MUTANTS = read_list()
RULES = {"cursor", "tie", "waterfall", "limit", "boundary", "idempotency", "chart", "suspense", "promotion", "session"}
QUICK = [mutant for mutant in MUTANTS if mutant.quick]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_changes_a_text_that_is_there_once(mutant: object) -> None:
    [found] = [each for each in MUTANTS if each is mutant]
    count = (ROOT / found.file).read_text().count(found.original)
    assert count == 1, f"{found.file} holds the text of '{found.name}' {count} times: say it anew in mutants.toml"
    assert found.original != found.mutant
    assert [test for test in found.tests if not (ROOT / test.partition("::")[0]).is_file()] == []


def test_every_rule_has_its_mutants() -> None:
    counted = Counter(mutant.rule for mutant in MUTANTS)
    assert set(counted) == RULES and min(counted.values()) >= 5 and len(MUTANTS) >= 40
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scratch]:
    yield Scratch(tmp_path_factory.mktemp("scratch"))


def test_some_of_them_are_killed_here_and_now(scratch: Scratch) -> None:
    """One of each rule that needs no server: that the rest die is for make mutants."""
    by_rule = {mutant.rule: mutant for mutant in QUICK}
    assert len(by_rule) >= 4, "tie, waterfall, limit, boundary"
    assert scratch.passes(by_rule.values())
    assert {mutant.name: scratch.try_out(mutant) for mutant in by_rule.values()} == {
        mutant.name: Fate.KILLED for mutant in by_rule.values()
    }


def test_a_mutant_that_survives_and_one_that_is_out_of_date_are_reported(scratch: Scratch) -> None:
    kept = (scratch.folder / QUICK[0].file).read_text()
    unnoticed = replace(QUICK[0], mutant=f"{QUICK[0].original}  # and nothing else")
    assert scratch.try_out(unnoticed) is Fate.SURVIVED
    assert scratch.try_out(replace(QUICK[0], original="a text of another time")) is Fate.STALE
    assert scratch.try_out(replace(QUICK[0], file="src/halfpenny/gone.py")) is Fate.STALE
    assert scratch.try_out(replace(QUICK[0], mutant="(")) is Fate.BROKEN
    assert scratch.try_out(replace(QUICK[0], select="no test is called so")) is Fate.BROKEN
    assert (scratch.folder / QUICK[0].file).read_text() == kept


def test_the_tree_itself_is_never_touched(scratch: Scratch) -> None:
    assert not scratch.folder.is_relative_to(ROOT)
    assert Path(__file__).is_relative_to(ROOT)
