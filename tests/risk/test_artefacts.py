"""Model files are what was signed, or they are refused; nothing in them can run."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from halfpenny_messages import exchange_rates
from halfpenny_risk.artefacts import DEFAULT_FOLDER, EVALUATION, MANIFEST, ArtefactFolder, sign
from halfpenny_risk.errors import BadArtefact, BadSettings
from halfpenny_risk.models import CHAMPION_FILE, SCORECARD_FILE, load_models
from halfpenny_risk.policy import DEFAULT_POLICY_FILE, load_policies


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    copy = tmp_path / "artefacts"
    copy.mkdir()
    for name in (CHAMPION_FILE, SCORECARD_FILE):
        shutil.copyfile(DEFAULT_FOLDER / name, copy / name)
    sign(copy)
    return copy


def test_the_package_holds_only_signed_json_and_arrays() -> None:
    hashes = ArtefactFolder.open().hashes
    files = {path.name for path in DEFAULT_FOLDER.iterdir()} - {MANIFEST, EVALUATION}
    assert files == set(hashes)
    for name, digest in hashes.items():
        content = (DEFAULT_FOLDER / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == digest
        assert b"pickle" not in content[:4096] and name.endswith((".json", ".npz"))
    assert sum((DEFAULT_FOLDER / name).stat().st_size for name in hashes) < 6_000_000


def test_a_changed_file_is_refused(folder: Path) -> None:
    assert load_models("champion", folder).borrower.version.startswith("champion-")
    for name in (CHAMPION_FILE, SCORECARD_FILE):
        original = (folder / name).read_bytes()
        (folder / name).write_bytes(original.replace(b"1", b"2", 1))
        with pytest.raises(BadArtefact, match=name):
            load_models("champion", folder)
        (folder / name).write_bytes(original)


def test_a_missing_file_or_manifest_is_refused(folder: Path) -> None:
    (folder / CHAMPION_FILE).unlink()
    with pytest.raises(BadArtefact):
        load_models("champion", folder)
    load_models("scorecard", folder)
    (folder / MANIFEST).write_text("[]")
    with pytest.raises(BadArtefact):
        load_models("scorecard", folder)


def test_a_file_outside_the_manifest_is_not_read(folder: Path) -> None:
    (folder / "extra.json").write_text("{}")
    artefacts = ArtefactFolder.open(folder)
    for name in ("extra.json", "../artefacts/extra.json", MANIFEST):
        with pytest.raises(BadArtefact):
            artefacts.read(name)


def test_an_array_file_with_an_object_in_it_is_refused(folder: Path) -> None:
    np.savez(folder / "avm_evil.npz", objects=np.array([{"a": 1}], dtype=object))
    sign(folder)
    with pytest.raises(BadArtefact):
        ArtefactFolder.open(folder).arrays("avm_evil.npz")


def test_a_champion_of_other_features_is_refused(folder: Path) -> None:
    content = json.loads((folder / CHAMPION_FILE).read_text())
    content["features"][0] = "age"
    (folder / CHAMPION_FILE).write_text(json.dumps(content))
    sign(folder)
    with pytest.raises(BadArtefact):
        load_models("champion", folder)


def test_no_feature_is_a_protected_attribute() -> None:
    for name in (CHAMPION_FILE, SCORECARD_FILE):
        features = set(json.loads((DEFAULT_FOLDER / name).read_text())["features"])
        assert not features & {"age", "marital", "sex", "gender", "origin", "nationality"}


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"central_tendency": 0.0}, "central_tendency"),
        ({"borrower_weight": -1.0}, "weights"),
        ({"surprise": 1}, "surprise"),
        ({"version": "v" * 41}, "version"),
        # Rates of currencies are not the policy's: halfpenny_messages.exchange_rates has them.
        ({"currencies": {"per_euro": {"PLN": 4.3}}}, "currencies"),
        ({"exchange_rates": {"PLN": 4.3}}, "exchange_rates"),
        ({"grades": {"A": 0.2, "B": 0.1, "C": 0.3, "D": 0.4}}, "grades"),
        ({"effective_from": "2016-01-01"}, "effective_from is before 2026-11-25"),
    ],
)
def test_a_policy_with_a_fault_is_refused_by_name(tmp_path: Path, change: dict[str, object], fault: str) -> None:
    policies = json.loads(DEFAULT_POLICY_FILE.read_text())
    path = tmp_path / "policy.json"
    path.write_text(json.dumps([policies[0] | change]))
    with pytest.raises(BadSettings, match=fault):
        load_policies(path)


# A version names one content for good: assessments, letters and the published method quote it. Whoever changes a
# figure, a text, or a rate of a currency by which amounts are compared, gives the policy a new version and adds a line.
POLICY_CONTENTS = {
    "policy-3": "6d2a6d23aa77e85acc391cbb94871fe58fd94af9aec505913f567bf09652d4a3",
    "policy-4": "dca19dc86b24b67dc1bf937aa93ed48980c9e6521c89ca36fdcf10a08531d39a",
}


def policy_content(text: str) -> tuple[str, str]:
    """A policy's version, and the hash of everything else that it says."""
    [policy] = json.loads(text)
    version = policy.pop("version")
    policy["units_per_eur"] = {currency: str(rate) for currency, rate in exchange_rates.UNITS_PER_EUR.items()}
    return version, hashlib.sha256(json.dumps(policy, sort_keys=True).encode()).hexdigest()


def test_row_10_a_version_of_the_policy_names_one_content() -> None:
    version, content = policy_content(DEFAULT_POLICY_FILE.read_text())
    assert POLICY_CONTENTS.get(version) == content, "the policy says something else than its version has stood for"
    assert list(POLICY_CONTENTS)[-1] == version
    assert len(set(POLICY_CONTENTS.values())) == len(POLICY_CONTENTS)


@pytest.mark.parametrize(
    ("old", "new"), [('"sd": 0.45', '"sd": 0.44'), ("no data", "some data"), ('"refer": 0.75', '"refer": 0.74')]
)
def test_row_10_a_changed_figure_or_text_is_another_content(old: str, new: str) -> None:
    text = DEFAULT_POLICY_FILE.read_text()
    assert old in text
    version, content = policy_content(text.replace(old, new))
    assert POLICY_CONTENTS[version] != content


def test_row_10_no_policy_was_committed_with_two_contents_under_its_version() -> None:
    """The lines above can be changed together with the policy; what was committed before cannot be."""
    root = Path(__file__).parents[2]
    path = DEFAULT_POLICY_FILE.relative_to(root).as_posix()
    texts = [DEFAULT_POLICY_FILE.read_text()]
    for commit in _git(root, "log", "--format=%H", "--", path).split():
        texts.append(_git(root, "show", f"{commit}:{path}"))
    contents: dict[str, set[str]] = {}
    for text in texts:
        policy = json.loads(text)[-1]
        contents.setdefault(policy.pop("version"), set()).add(json.dumps(policy, sort_keys=True))
    # The three before it were changed under their versions, before there was this test.
    kept = {version: len(found) for version, found in contents.items() if int(version.removeprefix("policy-")) >= 4}
    assert kept and set(kept.values()) == {1}, kept


def _git(root: Path, *arguments: str) -> str:
    """What git prints; nothing outside of a repository."""
    try:
        ran = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return ran.stdout if ran.returncode == 0 else ""


def test_the_policy_in_force_is_the_last_that_has_begun(tmp_path: Path) -> None:
    from datetime import date

    first = json.loads(DEFAULT_POLICY_FILE.read_text())[0] | {"version": "policy-1"}
    second = first | {"effective_from": "2027-01-01", "version": "policy-2", "central_tendency": 0.08}
    path = tmp_path / "policy.json"
    path.write_text(json.dumps([second, first]))
    book = load_policies(path)
    found = [book.on(day).version for day in (date(2000, 1, 1), date(2026, 12, 31), date(2027, 1, 1))]
    assert found == ["policy-1", "policy-1", "policy-2"]
