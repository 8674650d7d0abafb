"""Every setting, in one frozen tree read from the environment once and passed down from the entrypoints.

A field's environment variable is its section's prefix and its name in capitals, unless it has a name of its own.
docs/settings.md lists them all; a test compares. Features never read the environment: they get plain values.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from halfpenny.primitives.money import Currency

if TYPE_CHECKING:  # every command reads its settings first: features are loaded by those that use them
    from halfpenny.identity import IdentitySettings
    from halfpenny.loans import LendingRules
    from halfpenny.servicing import Product, Withholding

# The password in deploy/compose.yml, which is for trying things out and is refused in production.
EXAMPLE_PASSWORD = "only-for-trying"  # noqa: S105 - it is no secret


class WrongSettings(Exception):
    """A setting is missing, malformed or unknown; the message is one line that names it."""


def _section(prefix: str) -> SettingsConfigDict:
    return SettingsConfigDict(env_prefix=prefix, frozen=True, extra="ignore", hide_input_in_errors=True)


class ServerSettings(BaseSettings):
    """Where the API listens, and for whom."""

    model_config = _section("HALFPENNY_")

    host: str = Field(default="127.0.0.1", description="Address that the API listens on.")
    port: int = Field(default=8000, ge=1, le=65535, description="Port that the API listens on.")
    api_processes: int = Field(default=1, ge=1, le=64, description="API processes that share the port.")
    public_url: str = Field(
        default="",
        description="Address that browsers use, such as https://halfpenny.example; empty: made of host and port.",
    )
    allowed_hosts: str = Field(
        default="localhost,127.0.0.1,[::1]", description="Host names that are served, without ports, parted by commas."
    )
    trusted_proxies: str = Field(
        default="", description="Networks (CIDR) whose X-Forwarded-For is believed, parted by commas; empty: nobody's."
    )
    max_body_bytes: int = Field(default=1_000_000, ge=1_000, description="Largest request body that is read.")

    @field_validator("host")
    @classmethod
    def _address(cls, host: str) -> str:
        try:
            return str(ipaddress.ip_address(host))
        except ValueError:
            raise ValueError("should be an IP address, such as 127.0.0.1, 0.0.0.0 or ::1") from None

    def require_free(self) -> None:
        """Raises WrongSettings where the API could not listen now; a port in use is told with who holds it."""
        require_listening("HALFPENNY_HOST", self.host, "HALFPENNY_PORT", self.port)


class DatabaseSettings(BaseSettings):
    """PostgreSQL: the books, and everything that money depends on."""

    model_config = _section("HALFPENNY_DATABASE_")

    url: str = Field(
        default="",
        validation_alias="DATABASE_URL",
        description="PostgreSQL (libpq URL) of the role that owns the schema; the demo starts its own when empty.",
    )
    connections: int = Field(default=16, ge=2, le=500, description="Most connections that one process opens.")
    timeout_s: float = Field(
        default=5.0, gt=0, le=60, description="Seconds after which a database that hangs is given up."
    )

    @field_validator("url")
    @classmethod
    def _scheme(cls, url: str) -> str:
        return _url_with(url, "postgresql", "postgres")


class DocumentSettings(BaseSettings):
    """The document store of the marketplace's listings: a read model that can always be rebuilt."""

    model_config = _section("HALFPENNY_DOCUMENTS_")

    url: str = Field(
        default="",
        validation_alias="MONGO_URL",
        description="MongoDB of the listings; the demo starts SecantusDB of its own when empty.",
    )
    name: str = Field(default="halfpenny", min_length=1, description="Database of the document store.")
    timeout_s: float = Field(
        default=3.0, gt=0, le=60, description="Seconds after which the document store is given up."
    )

    @field_validator("url")
    @classmethod
    def _scheme(cls, url: str) -> str:
        return _url_with(url, "mongodb", "mongodb+srv")


class QueueSettings(BaseSettings):
    """How events travel."""

    model_config = _section("HALFPENNY_QUEUE_")

    amqp_url: str = Field(
        default="",
        validation_alias="AMQP_URL",
        description="RabbitMQ that carries the events; empty: they travel through PostgreSQL.",
    )
    delivery_limit: int = Field(
        default=5, ge=1, le=10, description="Deliveries of one event before it is a dead letter."
    )

    @field_validator("amqp_url")
    @classmethod
    def _scheme(cls, url: str) -> str:
        return _url_with(url, "amqp", "amqps")


class SignInSettings(BaseSettings):
    """Signing in."""

    model_config = _section("HALFPENNY_")

    mail_verification: bool = Field(
        default=False, description="Whether money moves only for people who have confirmed their mail address."
    )
    signing_key_file: Path | None = Field(
        default=None,
        description="ES256 key (PEM, JWK or JWK set) that signs access tokens; empty: one made in the data folder.",
    )
    mail_url: str = Field(
        default="", description="Mail server: smtp://, smtp+starttls:// or smtps://[user:password@]host[:port]."
    )
    mail_sender: str = Field(default="Halfpenny <halfpenny@localhost>", description="Sender of every letter.")
    argon2_time_cost: int = Field(default=3, ge=1, le=20, description="Passes of Argon2id over its memory.")
    argon2_memory_kib: int = Field(default=65_536, ge=64, le=4_194_304, description="Memory of one password hash.")
    argon2_lanes: int = Field(default=4, ge=1, le=64, description="Lanes of Argon2id.")
    register_per_address: str = Field(
        default="120/hour", description="Registrations and forgotten passwords that one address may send."
    )
    attempts_per_address: str = Field(default="600/minute", description="Sign-ins that one address may try.")
    failures_per_address: str = Field(default="60/minute", description="Wrong passwords that one address may try.")
    failures_per_account_and_address: str = Field(
        default="10/5minute", description="Wrong passwords that one address may try on one account."
    )
    failures_per_account: str = Field(
        default="100/hour", description="Wrong passwords that all addresses new to an account may try on it together."
    )

    @field_validator(
        "register_per_address",
        "attempts_per_address",
        "failures_per_address",
        "failures_per_account_and_address",
        "failures_per_account",
    )
    @classmethod
    def _limit(cls, text: str) -> str:
        from limits import parse

        try:
            parse(text)
        except ValueError:
            raise ValueError("write a limit as 10/minute or 10/5minute") from None
        return text

    @field_validator("mail_url")
    @classmethod
    def _mail_server(cls, url: str) -> str:
        if url:
            from halfpenny.identity import SmtpSender

            SmtpSender(url, "")
        return url

    @model_validator(mode="after")
    def _letters_can_leave(self) -> Self:
        if self.mail_verification and not self.mail_url:
            raise WrongSettings("HALFPENNY_MAIL_URL must be set where HALFPENNY_MAIL_VERIFICATION is true")
        return self


class LendingSettings(BaseSettings):
    """Limits of the business."""

    model_config = _section("HALFPENNY_")

    second_approval_above: int = Field(
        default=1_000_000,
        ge=0,
        description="Loans worth more than this in whole euros need a second administrator's approval.",
    )
    borrower_ceiling: int = Field(
        default=5_000_000,
        ge=0,
        description="Most, in whole euros, that one borrower may raise in twelve months (EU 2020/1503, art. 1(2)(c)).",
    )
    minimum_term_months: int = Field(default=3, ge=1, le=120, description="Shortest term of a loan in months.")
    maximum_term_months: int = Field(default=24, ge=1, le=120, description="Longest term of a loan in months.")
    maximum_annual_rate: Decimal = Field(
        default=Decimal(60), gt=0, le=999, description="Highest rate of a loan in percent a year."
    )
    arrangement_fee_percent: Decimal = Field(
        default=Decimal(2), ge=0, le=50, description="Fee kept back at drawdown, in percent of the loan."
    )
    funding_days: int = Field(
        default=30, ge=1, le=365, description="Days that a loan is funded for where the decision names no deadline."
    )
    maximum_funding_days: int = Field(
        default=180, ge=1, le=365, description="Most days that a decision may give a loan to be funded."
    )
    minimum_ticket: int = Field(default=50, ge=1, description="Smallest ticket, in whole units of the loan's currency.")
    units_per_eur: dict[Currency, Decimal] = Field(
        default_factory=dict,
        description="Units of each currency in a euro, as a JSON object; they only convert limits.",
    )
    sandbox: bool = Field(
        default=True, description="Whether the sandbox bank settles payments and the business clock can be moved."
    )

    @field_validator("units_per_eur")
    @classmethod
    def _every_currency(cls, units: dict[Currency, Decimal]) -> dict[Currency, Decimal]:
        if units and (set(units) != set(Currency) or any(not unit > 0 for unit in units.values())):
            raise ValueError(f"name each of {', '.join(Currency)} once, with a number above 0")
        return units

    @property
    def rules(self) -> LendingRules:
        """The limits as the rules of loans take them, in minor units."""
        from halfpenny.loans import LendingRules

        return LendingRules(
            minimum_term_months=self.minimum_term_months,
            maximum_term_months=self.maximum_term_months,
            maximum_annual_rate=self.maximum_annual_rate,
            arrangement_fee_percent=self.arrangement_fee_percent,
            funding_days=self.funding_days,
            maximum_funding_days=self.maximum_funding_days,
            minimum_ticket_minor=self.minimum_ticket * 100,
            second_approval_above_minor=self.second_approval_above * 100,
            borrower_ceiling_minor=self.borrower_ceiling * 100,
            units_per_eur=self.units_per_eur or LendingRules().units_per_eur,
        )


class ServicingSettings(BaseSettings):
    """What every drawn loan has in common."""

    model_config = _section("HALFPENNY_")

    exit_fee_percent: Decimal = Field(
        default=Decimal(0), ge=0, le=50, description="Fee due with the redemption, in percent of the loan."
    )
    default_rate_percent: Decimal = Field(
        default=Decimal(12), ge=0, le=100, description="What overdue amounts bear, in percent a year."
    )
    minimum_interest_months: int = Field(
        default=0, ge=0, le=24, description="Months of interest that an early redemption pays at least."
    )
    rebate_of_retained_interest: bool = Field(
        default=True, description="Whether an early redemption gives retained interest back."
    )
    withholding_percent: dict[str, tuple[Decimal, Decimal]] = Field(
        default_factory=lambda: {"PL": (Decimal(19), Decimal(19))},
        description="Tax withheld from interest by the investor's country: [without, with] a treaty form, in percent.",
    )

    @property
    def product(self) -> Product:
        from halfpenny.servicing import Product, as_rate

        return Product(
            exit_fee=as_rate(self.exit_fee_percent),
            default_rate=as_rate(self.default_rate_percent),
            minimum_interest_months=self.minimum_interest_months,
            rebate_of_retained_interest=self.rebate_of_retained_interest,
        )

    @property
    def withholding(self) -> Withholding:
        from halfpenny.servicing import Withholding, as_rate

        return Withholding(
            tuple(
                (country, as_rate(plain).millionths, as_rate(treaty).millionths)
                for country, (plain, treaty) in sorted(self.withholding_percent.items())
            )
        )


class ApprovalSettings(BaseSettings):
    """Four eyes."""

    model_config = _section("HALFPENNY_")

    approval_days: int = Field(
        default=7, ge=1, le=90, description="Days after which a proposal that nobody decided on ends."
    )
    second_person_above: int = Field(
        default=10_000,
        ge=0,
        description="Write-off, extension and pause of a loan that owes more than this in whole euros take two people.",
    )


class TelemetrySettings(BaseSettings):
    """Logs and figures."""

    model_config = _section("HALFPENNY_")

    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least severe line logged."
    )
    worker_metrics_port: int = Field(
        default=0, ge=0, le=65535, description="Port where the worker serves /metrics; 0: none."
    )


class Settings(BaseSettings):
    """The whole tree. ``Settings.load()`` reads the environment; tests build one with ``Settings(...)``."""

    model_config = _section("HALFPENNY_")

    environment: Literal["development", "production"] = Field(
        default="development",
        description="production refuses passwords of examples, a signing key of its own making and the sandbox.",
    )
    data: Path = Field(default=Path(".data"), description="Folder of everything that is kept on this machine.")

    server: ServerSettings = Field(default_factory=ServerSettings)
    database: DatabaseSettings = Field(default_factory=DatabaseSettings)
    documents: DocumentSettings = Field(default_factory=DocumentSettings)
    queue: QueueSettings = Field(default_factory=QueueSettings)
    identity: SignInSettings = Field(default_factory=SignInSettings)
    lending: LendingSettings = Field(default_factory=LendingSettings)
    servicing: ServicingSettings = Field(default_factory=ServicingSettings)
    approvals: ApprovalSettings = Field(default_factory=ApprovalSettings)
    telemetry: TelemetrySettings = Field(default_factory=TelemetrySettings)

    @classmethod
    def load(cls) -> Self:
        """Read the environment. Raises WrongSettings, in one line, for the first setting that is wrong."""
        known = {name for name, _ in every_setting()}
        for name in sorted(os.environ):
            if name.startswith("HALFPENNY_") and not name.startswith("HALFPENNY_RISK_") and name not in known:
                raise WrongSettings(f"{name} is not a setting; docs/settings.md lists them all")
        try:
            return cls()
        except ValidationError as error:
            raise WrongSettings(_first_fault(error)) from None

    @model_validator(mode="after")
    def _fit_for_production(self) -> Self:
        if self.environment != "production":
            return self
        for name, url in (("DATABASE_URL", self.database.url), ("AMQP_URL", self.queue.amqp_url)):
            if EXAMPLE_PASSWORD in url:
                raise WrongSettings(f"{name} has the password of deploy/compose.yml, which everybody knows")
        if self.identity.signing_key_file is None:
            raise WrongSettings("HALFPENNY_SIGNING_KEY_FILE must be set in production: all its processes share the key")
        if self.lending.sandbox:
            raise WrongSettings("HALFPENNY_SANDBOX must be false in production")
        if not self.server.public_url.startswith("https://"):
            raise WrongSettings("HALFPENNY_PUBLIC_URL must be set in production, and begin with https://")
        return self

    @property
    def base_url(self) -> str:
        """The address that people use, without a slash at the end."""
        everywhere = self.server.host in ("0.0.0.0", "::")  # noqa: S104 - compared, not bound
        host = "localhost" if everywhere else self.server.host
        host = f"[{host}]" if ":" in host else host
        return self.server.public_url.rstrip("/") or f"http://{host}:{self.server.port}"

    @property
    def identity_settings(self) -> IdentitySettings:
        """What the identity feature takes."""
        from halfpenny.identity import IdentitySettings

        given = self.identity
        return IdentitySettings(
            signing_key_file=given.signing_key_file or self.data / "signing-key.json",
            make_signing_key=self.environment != "production",
            verify_email=given.mail_verification,
            kyc_sandbox=self.lending.sandbox,
            public_url=self.base_url,
            argon2_time_cost=given.argon2_time_cost,
            argon2_memory_kib=given.argon2_memory_kib,
            argon2_lanes=given.argon2_lanes,
            register_per_address=given.register_per_address,
            attempts_per_address=given.attempts_per_address,
            failures_per_address=given.failures_per_address,
            failures_per_account_and_address=given.failures_per_account_and_address,
            failures_per_account=given.failures_per_account,
        )

    def require_database(self) -> str:
        """DATABASE_URL, for the commands that cannot do without."""
        if not self.database.url:
            raise WrongSettings("DATABASE_URL is not set; `make demo` runs everything with a database of its own")
        return self.database.url


def require_listening(host_setting: str, host: str, port_setting: str, port: int) -> None:
    """Raises WrongSettings, which blames the setting that is at fault, where a server could not listen there now."""
    from halfpenny.platform.listening import CannotListen, require_free

    try:
        require_free(host, port)
    except CannotListen as refused:
        if refused.address:
            raise WrongSettings(f"{host_setting}: cannot listen on {host}: {refused}") from None
        raise WrongSettings(
            f"{port_setting}: cannot listen on {host}:{port}: {refused}; stop it, or choose another port, "
            f"such as {port_setting}={port + 1 if port < 65535 else port - 1}"
        ) from None


def _url_with(url: str, *schemes: str) -> str:
    """The URL, if it is empty or of one of these kinds; its faults are told without repeating it."""
    if url and url.partition("://")[0] not in schemes:
        raise ValueError(f"should begin with {'://, or '.join(schemes)}://")
    return url


def every_setting() -> Iterator[tuple[str, str]]:
    """Each setting's environment variable and its description, section by section."""
    for name, field in Settings.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, BaseSettings):
            yield from _settings_of(section)
        else:
            yield f"HALFPENNY_{name.upper()}", field.description or ""


def _settings_of(section: type[BaseSettings]) -> Iterator[tuple[str, str]]:
    prefix = section.model_config.get("env_prefix", "")
    for name, field in section.model_fields.items():
        yield str(field.validation_alias or f"{prefix}{name}".upper()), field.description or ""


def _first_fault(error: ValidationError) -> str:
    fault = error.errors(include_url=False, include_input=False)[0]
    field = str(fault["loc"][-1]) if fault["loc"] else ""
    sections: list[type[BaseSettings]] = [Settings, *BaseSettings.__subclasses__()]
    prefixes = {section.__name__: section.model_config.get("env_prefix", "") for section in sections}
    # A name of its own is reported in capitals already.
    name = field if field.isupper() else f"{prefixes.get(error.title, 'HALFPENNY_')}{field}".upper()
    return f"{name}: {fault['msg']}"
