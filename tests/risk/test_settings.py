"""The risk service's settings: each format in the guide is taken, and none is missing there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from halfpenny_messages import exchange_rates
from halfpenny_risk.settings import NAMES, PREFIX, read_settings

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "risk-service.md"
ROW = re.compile(r"^\| `([A-Z_]+)` \| (\*?)`(.+?)`\*? \| .+ \|$", re.MULTILINE)
FILES = {"HALFPENNY_RISK_POLICY", "HALFPENNY_RISK_ARTEFACTS", "HALFPENNY_RISK_PROMOTION_KEY"}


def documented() -> list[tuple[str, str, bool]]:
    """Each variable with its value, and whether that is the default."""
    return [(name, value, not starred) for name, starred, value in ROW.findall(GUIDE.read_text())]


def test_every_setting_is_in_the_guide_and_none_else() -> None:
    names = [name for name, _, _ in documented()]
    assert len(names) == len(set(names))
    shared = {"DATABASE_URL", "AMQP_URL", "MONGO_URL", exchange_rates.SETTING}
    assert set(names) == shared | {f"{PREFIX}{name}" for name in NAMES}


@pytest.mark.parametrize(("name", "value", "is_default"), documented())
def test_every_format_is_shown_by_a_value_that_is_taken(
    name: str, value: str, is_default: bool, tmp_path: Path
) -> None:
    """What people copy works, and changes nothing where it is shown as the default."""
    if name in FILES:
        assert value.startswith("/")
        value = str(tmp_path)  # the example's own place does not exist on this machine
    base = {}
    if "NARRATIVE" in name:
        base = {"HALFPENNY_RISK_NARRATIVE_URL": "http://127.0.0.1:1/v1", "HALFPENNY_RISK_NARRATIVE_MODEL": "m"}
    assert (read_settings(base | {name: value}) == read_settings(base)) is is_default


def test_a_variable_that_is_empty_counts_as_not_set() -> None:
    assert read_settings({name: "" for name, _, _ in documented()}) == read_settings({})
