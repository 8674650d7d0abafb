"""Settings: documented, frozen, and wrong ones stop the start with one line that names them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from halfpenny.entrypoints.settings import Settings, WrongSettings, every_setting

DOCUMENT = Path(__file__).parents[2] / "docs" / "settings.md"


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, _ in every_setting():
        monkeypatch.delenv(name, raising=False)


def test_every_setting_is_documented_with_its_description_and_none_else() -> None:
    documented = dict(re.findall(r"^\| `([A-Z0-9_]+)` \| .* \| (.*) \|$", DOCUMENT.read_text(), re.MULTILINE))
    assert documented == dict(every_setting())


def test_every_setting_has_a_description_and_a_name_of_its_own() -> None:
    names = [name for name, _ in every_setting()]
    assert len(names) == len(set(names))
    assert all(description.endswith(".") for _, description in every_setting())


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("HALFPENNY_PORT", "eighty", "HALFPENNY_PORT: "),
        ("HALFPENNY_PORT", "70000", "HALFPENNY_PORT: "),
        ("HALFPENNY_DATABASE_TIMEOUT_S", "0", "HALFPENNY_DATABASE_TIMEOUT_S: "),
        ("HALFPENNY_ENVIRONMENT", "prod", "HALFPENNY_ENVIRONMENT: "),
        ("HALFPENNY_SANDBOX", "perhaps", "HALFPENNY_SANDBOX: "),
        ("HALFPENNY_FAILURES_PER_ACCOUNT", "now and then", "HALFPENNY_FAILURES_PER_ACCOUNT: "),
        ("HALFPENNY_MAIL_URL", "localhost:25", "HALFPENNY_MAIL_URL: "),
        ("HALFPENNY_MAIL_VERIFICATION", "true", "HALFPENNY_MAIL_URL must be set"),
        ("HALFPENNY_PROT", "8000", "HALFPENNY_PROT is not a setting"),
    ],
)
def test_a_wrong_setting_is_named_in_one_line(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(WrongSettings) as wrong:
        Settings.load()
    assert str(wrong.value).startswith(says)
    assert "\n" not in str(wrong.value)


@pytest.mark.parametrize("name", ["DATABASE_URL", "MONGO_URL", "AMQP_URL"])
def test_a_wrong_address_is_named_and_its_password_not_repeated(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "mysql://halfpenny:hunter2@db/halfpenny")
    with pytest.raises(WrongSettings, match=rf"^{name}: .*should begin with") as wrong:
        Settings.load()
    assert "hunter2" not in str(wrong.value)


@pytest.mark.parametrize("name", ["DATABASE_URL", "AMQP_URL"])
def test_production_refuses_the_password_of_the_compose_file(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    compose = (DOCUMENT.parents[1] / "deploy" / "compose.yml").read_text()
    found = re.search(rf"^  {name}: (.+)$", compose, re.MULTILINE)
    assert found is not None
    for each, value in (PRODUCTION | {name: found[1]}).items():
        monkeypatch.setenv(each, value)
    with pytest.raises(WrongSettings, match=f"{name} has the password of deploy/compose.yml"):
        Settings.load()


PRODUCTION = {
    "HALFPENNY_ENVIRONMENT": "production",
    "HALFPENNY_SIGNING_KEY_FILE": "/etc/halfpenny/signing-key.json",
    "HALFPENNY_SANDBOX": "false",
    "HALFPENNY_PUBLIC_URL": "https://halfpenny.example",
}


def test_production_starts_when_everything_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in PRODUCTION.items():
        monkeypatch.setenv(name, value)
    assert Settings.load().environment == "production"


@pytest.mark.parametrize("missing", ["HALFPENNY_SIGNING_KEY_FILE", "HALFPENNY_SANDBOX", "HALFPENNY_PUBLIC_URL"])
def test_production_refuses_defaults_that_are_for_development(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    for name, value in PRODUCTION.items():
        if name != missing:
            monkeypatch.setenv(name, value)
    with pytest.raises(WrongSettings, match=missing):
        Settings.load()


def test_settings_are_frozen() -> None:
    settings = Settings.load()
    with pytest.raises(ValidationError):
        settings.server.port = 1  # type: ignore[misc]
    with pytest.raises(ValidationError):
        settings.data = Path("/")  # type: ignore[misc]


def test_a_missing_database_is_named() -> None:
    with pytest.raises(WrongSettings, match=r"^DATABASE_URL is not set"):
        Settings.load().require_database()


def test_deployments_set_only_what_exists() -> None:
    known = {name for name, _ in every_setting()}
    for file in ("Dockerfile", "compose.yml"):
        text = (DOCUMENT.parents[1] / "deploy" / file).read_text()
        named = set(re.findall(r"\b(?:HALFPENNY_[A-Z0-9_]+|[A-Z]+_URL)\b", text))
        assert {name for name in named if not name.startswith("HALFPENNY_RISK_")} <= known


def test_the_address_is_one_that_a_browser_can_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALFPENNY_HOST", "0.0.0.0")  # noqa: S104 - what is tested
    assert Settings.load().base_url == "http://localhost:8000"
    monkeypatch.setenv("HALFPENNY_PUBLIC_URL", "https://halfpenny.example/")
    assert Settings.load().base_url == "https://halfpenny.example"
