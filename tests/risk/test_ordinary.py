"""Row 1: refer is no default. Ordinary applications are answered without a person, and a command prints the share."""

from __future__ import annotations

import re
from datetime import date, timedelta

import msgspec
import pytest

from halfpenny_messages import lies_in
from halfpenny_risk import cli
from halfpenny_risk.assess import ModelSet
from halfpenny_risk.models import load_models
from halfpenny_risk.ordinary import COUNT, decided_share, ordinary_applications
from halfpenny_risk.policy import Limit, PolicyVersions, load_policies

TODAY = date(2026, 11, 25)


@pytest.fixture(scope="module")
def models() -> ModelSet:
    return load_models("champion")


@pytest.mark.parametrize("seed", [3, 77])
def test_row_1_seven_in_ten_are_decided_in_every_market_of_the_demo(models: ModelSet, seed: int) -> None:
    share = decided_share(models, load_policies(), TODAY, seed)
    assert share.answers.total() == COUNT
    assert share.decided >= 0.70
    for currency, answers in share.by_currency.items():
        assert 1.0 - answers["refer"] / answers.total() >= 0.70, (currency, answers)


def test_row_1_the_share_sees_a_policy_that_refers_everything(models: ModelSet) -> None:
    [policy] = load_policies().policies
    limits = policy.limits | {"ltv": Limit(refer=0.10, decline=0.80)}
    cautious = PolicyVersions((msgspec.structs.replace(policy, limits=limits),))
    assert decided_share(models, cautious, TODAY).decided < 0.70


def test_row_1_the_applications_are_ordinary() -> None:
    [policy] = load_policies().policies
    for loan in ordinary_applications(policy, TODAY, count=200, seed=8):
        assert lies_in(loan.property.country, loan.property.lat, loan.property.lon)
        assert float(loan.amount) == pytest.approx(0.60 * float(loan.property.valuation), abs=0.01)
        assert (TODAY - loan.property.valued_on).days <= 92
        assert loan.borrower.adverse_records == 0 and loan.charge_rank == 1


def test_row_1_the_command_prints_the_share(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["decided-share", "--on", "2026-12-01"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["EUR", "PLN", "USD", "all"]
    shares = [re.search(r"([\d.]+)% decided without a person$", line) for line in lines]
    assert all(share is not None and float(share[1]) >= 70.0 for share in shares)


@pytest.mark.parametrize("days_before", [1, 30, 9_000])
def test_row_1_before_the_first_policy_there_is_no_share(days_before: int, capsys: pytest.CaptureFixture[str]) -> None:
    first = load_policies().policies[0].effective_from
    assert cli.main(["decided-share", "--on", (first - timedelta(days=days_before)).isoformat()]) == 2
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err.startswith("policy_not_in_force: ") and first.isoformat() in printed.err
