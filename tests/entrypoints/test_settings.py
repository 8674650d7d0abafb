"""Settings: documented, frozen, and wrong ones stop the start with one line that names them."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import ValidationError

from halfpenny.entrypoints.connectivity import require_shown_logins
from halfpenny.entrypoints.settings import Settings, WrongSettings, every_setting
from halfpenny.entrypoints.settings_document import document
from halfpenny.primitives.fees import FeeKind, OfferedFee
from halfpenny.primitives.money import UNITS_PER_EUR, Currency

DOCUMENT = Path(__file__).parents[2] / "docs" / "settings.md"


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for setting in every_setting():
        monkeypatch.delenv(setting.name, raising=False)


# Any text is a folder, a name or a postal address.
FREE_TEXT = {"HALFPENNY_DATA", "HALFPENNY_SHOWN_LOGINS_FILE", "HALFPENNY_LENDER_NAME", "HALFPENNY_LENDER_ADDRESS"}


def test_the_document_equals_the_settings() -> None:
    assert DOCUMENT.read_text() == document(), "make docs"


def documented() -> list[tuple[str, str]]:
    """Each variable of the document, with its default or, in italics, its example."""
    return re.findall(r"^\| `([A-Z0-9_]+)` \| \*?`(.+?)`\*? \| .* \|$", DOCUMENT.read_text(), re.MULTILINE)


@pytest.mark.parametrize(("name", "value"), documented())
def test_every_format_is_shown_by_a_value_that_is_taken(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """What people copy works, and means what the default is where it is shown as the default."""
    shown = {setting.name: setting for setting in every_setting()}[name]
    monkeypatch.setenv(name, value)
    loaded = str(Settings.load())
    monkeypatch.delenv(name)
    assert (loaded == str(Settings.load())) is bool(shown.default)


def test_every_setting_has_a_description_a_value_and_a_name_of_its_own() -> None:
    settings = list(every_setting())
    assert [name for name, _ in documented()] == [setting.name for setting in settings]
    assert len({setting.name for setting in settings}) == len(settings)
    assert all(setting.description.endswith(".") for setting in settings)
    assert all(bool(setting.default) != bool(setting.example) for setting in settings)


def test_a_variable_that_is_empty_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compose files pass on what nobody has set; an empty key file is no folder named "."."""
    plain = Settings.load()
    for setting in every_setting():
        monkeypatch.setenv(setting.name, "")
    assert Settings.load() == plain


def units(**changed: str) -> str:
    """Every other currency than the euro as JSON, with something wrong about one of them."""
    others = [currency for currency in Currency if currency is not Currency.EUR]
    return "{" + ", ".join(f'"{currency}": {changed.get(currency, "1.5")}' for currency in others) + "}"


@pytest.mark.parametrize(
    ("name", "value", "printed"),
    [
        ("HALFPENNY_PORT", "80x", "HALFPENNY_PORT: should be a whole number, such as 8000"),
        ("HALFPENNY_GOVERNING_LAW", "XX", "HALFPENNY_GOVERNING_LAW: should be the code of a country in ISO 3166-1, "),
        ("HALFPENNY_PORT", "70000", "HALFPENNY_PORT: "),
        ("HALFPENNY_DATABASE_TIMEOUT_S", "0", "HALFPENNY_DATABASE_TIMEOUT_S: "),
        ("HALFPENNY_ENVIRONMENT", "prod", "HALFPENNY_ENVIRONMENT: "),
        ("HALFPENNY_SANDBOX", "perhaps", "HALFPENNY_SANDBOX: "),
        ("HALFPENNY_FAILURES_PER_ACCOUNT", "now and then", "HALFPENNY_FAILURES_PER_ACCOUNT: "),
        ("HALFPENNY_MAIL_URL", "localhost:25", "HALFPENNY_MAIL_URL: "),
        ("HALFPENNY_MAIL_VERIFICATION", "true", "HALFPENNY_MAIL_URL must be set"),
        ("HALFPENNY_PROT", "8000", "HALFPENNY_PROT is not a setting"),
        ("HALFPENNY_UNITS_PER_EUR", "zloty", "HALFPENNY_UNITS_PER_EUR: "),
        ("HALFPENNY_UNITS_PER_EUR", "[1, 2]", "HALFPENNY_UNITS_PER_EUR: "),
        ("HALFPENNY_UNITS_PER_EUR", '{"EUR": 2}', "HALFPENNY_UNITS_PER_EUR: "),
        ("HALFPENNY_UNITS_PER_EUR", units(PLN="NaN"), "HALFPENNY_UNITS_PER_EUR: "),
        ("HALFPENNY_UNITS_PER_EUR", units(GBP="Infinity"), "HALFPENNY_UNITS_PER_EUR: "),
        ("HALFPENNY_UNITS_PER_EUR", units(USD="-0"), "HALFPENNY_UNITS_PER_EUR: "),
        ("HALFPENNY_UNITS_PER_EUR", units(ILS="4") + "x", "HALFPENNY_UNITS_PER_EUR: "),
        ("HALFPENNY_UNITS_PER_EUR", units(ILS='4, "PLN": 2'), "HALFPENNY_UNITS_PER_EUR: "),
        ("HALFPENNY_WITHHOLDING_PERCENT", "nineteen", "HALFPENNY_WITHHOLDING_PERCENT: "),
        ("HALFPENNY_WITHHOLDING_PERCENT", '{"DE": 25}', "HALFPENNY_WITHHOLDING_PERCENT: "),
        ("HALFPENNY_WITHHOLDING_PERCENT", '{"DE": [25, 101]}', "HALFPENNY_WITHHOLDING_PERCENT: "),
        ("HALFPENNY_WITHHOLDING_PERCENT", '{"DE": [25.0000001, 5]}', "HALFPENNY_WITHHOLDING_PERCENT: "),
        ("HALFPENNY_WITHHOLDING_PERCENT", '{"Germany": [25, 5]}', "HALFPENNY_WITHHOLDING_PERCENT: "),
        ("HALFPENNY_WITHHOLDING_PERCENT", '{"ZZ": [25, 5]}', "HALFPENNY_WITHHOLDING_PERCENT: "),
        ("HALFPENNY_LENDER_NAME", "  ", "HALFPENNY_LENDER_NAME: "),
        ("HALFPENNY_LENDER_ADDRESS", "\t ", "HALFPENNY_LENDER_ADDRESS: "),
        ("HALFPENNY_FEE_PERCENTS", '{"arrangement": "1.1234567"}', "HALFPENNY_FEE_PERCENTS: "),
        ("HALFPENNY_MAXIMUM_ANNUAL_RATE", "nan", "HALFPENNY_MAXIMUM_ANNUAL_RATE: "),
        ("HALFPENNY_MINIMUM_TICKET", "9" * 30, "HALFPENNY_MINIMUM_TICKET: "),
        ("HALFPENNY_MINIMUM_TERM_MONTHS", "25", "HALFPENNY_MINIMUM_TERM_MONTHS is 25, which is more than "),
        ("HALFPENNY_MAXIMUM_TERM_MONTHS", "2", "HALFPENNY_MINIMUM_TERM_MONTHS is 3, which is more than "),
        ("HALFPENNY_FUNDING_DAYS", "181", "HALFPENNY_FUNDING_DAYS is 181, which is more than "),
        ("HALFPENNY_HOST", "localhost", "HALFPENNY_HOST: "),
        ("HALFPENNY_PUBLIC_URL", "halfpenny.example", "HALFPENNY_PUBLIC_URL: "),
        ("HALFPENNY_PUBLIC_URL", "https://halfpenny.example/app", "HALFPENNY_PUBLIC_URL: "),
        ("HALFPENNY_ALLOWED_HOSTS", "halfpenny.example:443", "HALFPENNY_ALLOWED_HOSTS: "),
        ("HALFPENNY_TRUSTED_PROXIES", "10.0.0.1/8", "HALFPENNY_TRUSTED_PROXIES: "),
        ("HALFPENNY_TRUSTED_PROXIES", "proxy", "HALFPENNY_TRUSTED_PROXIES: "),
        ("HALFPENNY_DOCUMENTS_NAME", "half.penny", "HALFPENNY_DOCUMENTS_NAME: "),
        ("HALFPENNY_FAILURES_PER_ADDRESS", "0/minute", "HALFPENNY_FAILURES_PER_ADDRESS: "),
        ("HALFPENNY_MAIL_SENDER", "Halfpenny", "HALFPENNY_MAIL_SENDER: "),
        ("HALFPENNY_MAIL_SENDER", "a@b.example\nBcc: c@d.example", "HALFPENNY_MAIL_SENDER: "),
        ("HALFPENNY_MAIL_URL", "smtp://mail:port", "HALFPENNY_MAIL_URL: "),
    ],
)
def test_a_wrong_setting_is_named_in_one_line(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, printed: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(WrongSettings) as wrong:
        Settings.load()
    assert str(wrong.value).startswith(printed)
    assert "\n" not in str(wrong.value)


@pytest.mark.parametrize("name", [name for name, _ in documented() if not name.endswith("_KEY_FILE")])
def test_a_value_that_cannot_be_read_is_answered_with_one_that_can(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "\N{BALLOT X} \N{BALLOT X}")
    try:
        Settings.load()
    except WrongSettings as wrong:
        assert str(wrong).startswith(f"{name}: ")
        # One text of ours: not empty, and none of a library's words.
        text = str(wrong).removeprefix(f"{name}: ").partition("such as")[0]
        assert text.startswith("should ") and text.count("should ") == 1
        assert not re.search(r"Input|String|valid (integer|number|boolean|decimal)|unable to", text)
        examples = str(wrong).partition("such as ")[2]
        monkeypatch.setenv(name, examples if examples.startswith("{") else re.split(", | or ", examples)[0])
        assert Settings.load()
    else:
        assert name in FREE_TEXT


@pytest.mark.parametrize(
    ("name", "value", "printed"),
    [
        (
            "HALFPENNY_UNITS_PER_EUR",
            value,
            'a JSON object of currencies and their units in a euro, such as {"PLN": "4.31"',
        )
        for value in ("4.31", "[]", '{"PLN"}', '{"PLN": "a lot"}', '{"XXX": "11"}', '{"PLN": 0}', '{"EUR": 1}')
    ]
    + [
        ("HALFPENNY_FEE_PERCENTS", value, f"a JSON object of the fees {' and '.join(FeeKind)}, ")
        for value in ("2", '{"late": 1}', '{"exit": 51}', '{"exit": "-1"}', '{"exit": null}', '{"exit": 1, "exit": 1}')
    ]
    + [
        (
            "HALFPENNY_WITHHOLDING_PERCENT",
            value,
            'a JSON object of countries, each with two percentages, such as {"PL": [',
        )
        for value in ("19", '{"DE": 25}', '{"DE": [25]}', '{"DE": [25, 15, 5]}', '{"DE": "25"}', '{"de": [25, 15]}')
    ],
)
def test_a_malformed_object_is_answered_with_its_format_and_an_example(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, printed: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(WrongSettings) as wrong:
        Settings.load()
    assert str(wrong.value).startswith(f"{name}: should be {printed}")
    monkeypatch.setenv(name, str(wrong.value).partition("such as ")[2])
    assert Settings.load()


def test_fees_replace_the_usual_ones_that_they_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings.load().lending.rules.fees == (OfferedFee(FeeKind.ARRANGEMENT, Decimal(2)),)
    monkeypatch.setenv("HALFPENNY_FEE_PERCENTS", '{"exit": 1.25}')
    usual = OfferedFee(FeeKind.ARRANGEMENT, Decimal(2))
    assert Settings.load().lending.rules.fees == (usual, OfferedFee(FeeKind.EXIT, Decimal("1.25")))
    monkeypatch.setenv("HALFPENNY_FEE_PERCENTS", '{"arrangement": 0}')
    assert Settings.load().lending.rules.fees == ()


def test_units_in_a_euro_replace_those_that_they_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALFPENNY_UNITS_PER_EUR", '{"PLN": 4.31}')
    found = Settings.load().lending.rules.units_per_eur
    assert found == {**UNITS_PER_EUR, Currency.PLN: Decimal("4.31")}


@pytest.mark.parametrize("name", ["DATABASE_URL", "MONGO_URL", "AMQP_URL"])
def test_a_wrong_address_is_named_and_its_password_not_repeated(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "mysql://halfpenny:hunter2@db/halfpenny")
    with pytest.raises(WrongSettings, match=rf"^{name}: .*should begin with") as wrong:
        Settings.load()
    assert "hunter2" not in str(wrong.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "postgresql://halfpenny:hunter2@db:many/halfpenny"),
        ("DATABASE_URL", "postgresql://halfpenny:hunter2@db/halfpenny?no_such_option=1"),
        ("MONGO_URL", "mongodb://halfpenny:hunter2@documents:many/"),
        ("MONGO_URL", "mongodb://halfpenny:hunter2@/"),
        ("AMQP_URL", "amqp://halfpenny:hunter2@broker:70000/"),
        ("AMQP_URL", "amqp://halfpenny:hunter2@/"),
    ],
)
def test_an_address_that_no_server_can_have_is_named_and_its_password_not_repeated(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(WrongSettings, match=rf"^{name}: .*, such as ") as wrong:
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
    known = {setting.name for setting in every_setting()}
    for file in ("Dockerfile", "compose.yml"):
        text = (DOCUMENT.parents[1] / "deploy" / file).read_text()
        named = set(re.findall(r"\b(?:HALFPENNY_[A-Z0-9_]+|[A-Z]+_URL)\b", text))
        assert {name for name in named if not name.startswith("HALFPENNY_RISK_")} <= known


def test_the_address_is_one_that_a_browser_can_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALFPENNY_HOST", "0.0.0.0")  # noqa: S104 - what is tested
    assert Settings.load().base_url == "http://localhost:8000"
    monkeypatch.setenv("HALFPENNY_PUBLIC_URL", "https://halfpenny.example/")
    assert Settings.load().base_url == "https://halfpenny.example"


def test_an_idle_time_longer_than_its_session_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALFPENNY_PAGE_SESSION_HOURS", "2")
    monkeypatch.setenv("HALFPENNY_PAGE_IDLE_MINUTES", "120")
    assert Settings.load()
    monkeypatch.setenv("HALFPENNY_PAGE_IDLE_MINUTES", "121")
    with pytest.raises(WrongSettings, match="HALFPENNY_PAGE_IDLE_MINUTES is longer"):
        Settings.load()


@pytest.mark.parametrize("content", [None, b"not JSON", b'{"role": "investor"}', b'[{"role": "king"}]'])
def test_a_file_of_logins_that_cannot_be_shown_is_named_at_the_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "logins.json"
    if content is not None:
        file.write_bytes(content)
    monkeypatch.setenv("HALFPENNY_SHOWN_LOGINS_FILE", str(file))
    with pytest.raises(WrongSettings, match=r"HALFPENNY_SHOWN_LOGINS_FILE: .* is no file of logins"):
        require_shown_logins(Settings.load())
    file.write_bytes(b'[{"role": "investor", "email": "ida@example.com", "password": "one two three"}]')
    require_shown_logins(Settings.load())
