"""The order of the suite names files that are there, and takes apart only those whose tests share nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from support.scheduling import BY_FILE, BY_TEST, rank, unit

ROOT = Path(__file__).parents[2]
SHARED = re.compile(r"""scope\s*=\s*["'](?:module|class|package)["']""")


def test_every_listed_file_is_there_once() -> None:
    listed = [*BY_TEST, *BY_FILE]
    assert len(set(listed)) == len(listed)
    assert [file for file in listed if not (ROOT / file).is_file()] == []


@pytest.mark.parametrize("file", BY_TEST)
def test_what_is_taken_apart_shares_no_fixture(file: str) -> None:
    """Its tests may run in two workers: a fixture of the module would be made twice."""
    assert not SHARED.search((ROOT / file).read_text())


def test_files_that_share_a_fixture_are_recognised() -> None:
    assert SHARED.search((ROOT / "tests" / "mutants" / "test_mutants.py").read_text())


def test_the_longest_come_first_and_a_file_stays_whole() -> None:
    long, listed, other = f"{BY_TEST[0]}::test_a[1]", f"{BY_FILE[0]}::test_b", "tests/x/test_x.py::test_c[a::b]"
    assert rank(long) < rank(listed) < rank(other)
    assert (unit(long), unit(listed), unit(other)) == (long, BY_FILE[0], "tests/x/test_x.py")
