"""No way around four eyes: what an act does is reached only through its registration."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "halfpenny"
# Only the mechanism makes the pass that an act's function asks for.
MAKERS = {"approvals/service.py"}


def passes_made(tree: ast.AST) -> Iterator[int]:
    """The lines that construct an ActRun, however it is spelt."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and "ActRun" in ast.unparse(node.func).replace("[", ".").split("."):
            yield node.lineno


def test_only_the_mechanism_makes_passes() -> None:
    found = {
        file.relative_to(SOURCE).as_posix()
        for file in SOURCE.rglob("*.py")
        if any(passes_made(ast.parse(file.read_text())))
    }
    assert found == MAKERS


@pytest.mark.parametrize("bad", ["ActRun(1)", "approvals.ActRun(1)", "ActRun[Any](1)", "approvals.ActRun[X](1)"])
def test_the_rule_catches_a_pass_made_by_hand(bad: str) -> None:
    assert list(passes_made(ast.parse(bad))) == [1]


@pytest.mark.parametrize("good", ["act.run(connection, run)", "x: ActRun[int]", "ActOutcome(1)"])
def test_the_rule_lets_its_use_pass(good: str) -> None:
    assert list(passes_made(ast.parse(good))) == []


# What an act does is called by its registration alone; the seed plays a history that two people made.
ACTS = {
    "arrears.write_off": "servicing/acts.py",
    "forbearing.extend": "servicing/forbearance_acts.py",
    "forbearing.pause_interest": "servicing/forbearance_acts.py",
    "forbearing.waive": "servicing/forbearance_acts.py",
    "identity.change_role": "backoffice/acts.py",
    "identity.invite": "backoffice/acts.py",
}


def acts_called(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and (called := ast.unparse(node.func)) in ACTS:
            yield called


def test_no_route_and_no_job_does_an_act_past_its_registration() -> None:
    found = {
        (called, file.relative_to(SOURCE).as_posix())
        for file in SOURCE.rglob("*.py")
        for called in acts_called(ast.parse(file.read_text()))
    }
    assert found == set(ACTS.items())


def test_the_rule_sees_an_act_called_by_hand() -> None:
    assert list(acts_called(ast.parse("await arrears.write_off(connection, loan_id, actor, reason)")))
