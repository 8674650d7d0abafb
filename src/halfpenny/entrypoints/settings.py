"""Every setting, in one frozen tree read from the environment once and passed down from the entrypoints.

A field's environment variable is its section's prefix and its name in capitals, unless it has a name of its own.
docs/settings.md lists them all; a test compares. Features never read the environment: they get plain values.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from halfpenny.entrypoints.lending_settings import ApprovalSettings, LendingSettings, ServicingSettings
from halfpenny.entrypoints.setting_formats import (
    AmqpUrl,
    DatabaseName,
    HostNames,
    IpAddress,
    MailAddress,
    MailUrl,
    MongoUrl,
    Networks,
    OptionalMailAddress,
    Origin,
    PostgresUrl,
    RateLimit,
    WebUrl,
    WrongSettings,
    section,
)
from halfpenny.platform.faults import described

if TYPE_CHECKING:  # every command reads its settings first: features are loaded by those that use them
    from halfpenny.identity import IdentitySettings
    from halfpenny.risk_reporting import PromotionKey

__all__ = [
    "DatabaseSettings",
    "DocumentSettings",
    "LendingSettings",
    "QueueSettings",
    "ServicingSettings",
    "Setting",
    "Settings",
    "SignInSettings",
    "TelemetrySettings",
    "WrongSettings",
    "every_setting",
    "require_listening",
]

# The password in deploy/compose.yml, which is for trying things out and is refused in production.
EXAMPLE_PASSWORD = "only-for-trying"  # noqa: S105 - it is no secret


class ServerSettings(BaseSettings):
    """Where the API listens, and for whom."""

    model_config = section("HALFPENNY_")

    host: IpAddress = Field(default="127.0.0.1", description="Address that the API listens on.")
    port: int = Field(default=8000, ge=1, le=65535, description="Port that the API listens on.")
    api_processes: int = Field(default=1, ge=1, le=64, description="API processes that share the port.")
    public_url: Origin = Field(
        default="",
        description="Address that browsers use, such as https://halfpenny.example; empty: made of host and port.",
        examples=["https://halfpenny.example"],
    )
    allowed_hosts: HostNames = Field(
        default="localhost,127.0.0.1,[::1]", description="Host names that are served, without ports, parted by commas."
    )
    trusted_proxies: Networks = Field(
        default="",
        examples=["10.0.0.0/8,fd00::/8"],
        description="Networks (CIDR) whose X-Forwarded-For counts, parted by commas; empty: nobody's.",
    )
    max_body_bytes: int = Field(default=1_000_000, ge=1_000, description="Largest request body that is read.")
    body_timeout_s: float = Field(
        default=15.0, gt=0, le=300, description="Seconds in which a request's body must be whole."
    )
    header_timeout_s: float = Field(
        default=10.0, ge=0.1, le=300, description="Seconds in which the head of a request must be whole."
    )
    connections: int = Field(
        default=16_384, ge=100, le=1_000_000, description="Most connections that one API process holds open."
    )
    unfinished_per_address: int = Field(
        default=1_024, ge=1, description="Most requests of one address that may wait for their bodies at once."
    )

    def require_free(self) -> None:
        """Raises WrongSettings where the API could not listen now; a port in use is reported with its process."""
        require_listening("HALFPENNY_HOST", self.host, "HALFPENNY_PORT", self.port)


class DatabaseSettings(BaseSettings):
    """PostgreSQL: the books, and everything that money depends on."""

    model_config = section("HALFPENNY_DATABASE_")

    url: PostgresUrl = Field(
        default="",
        validation_alias="DATABASE_URL",
        examples=["postgresql://halfpenny:secret@db.example:5432/halfpenny"],
        description="PostgreSQL (libpq URL) of the role that owns the schema; the demo starts its own when empty.",
    )
    connections: int = Field(default=16, ge=2, le=500, description="Most connections that one process opens.")
    timeout_s: float = Field(
        default=5.0, gt=0, le=60, description="Seconds after which a database that hangs is given up."
    )


class DocumentSettings(BaseSettings):
    """The document store of the marketplace's listings: a read model that can always be rebuilt."""

    model_config = section("HALFPENNY_DOCUMENTS_")

    url: MongoUrl = Field(
        default="",
        validation_alias="MONGO_URL",
        examples=["mongodb://halfpenny:secret@documents.example:27017/"],
        description="MongoDB of the listings; the demo starts SecantusDB of its own when empty.",
    )
    name: DatabaseName = Field(default="halfpenny", description="Database of the document store.")
    timeout_s: float = Field(
        default=3.0, gt=0, le=60, description="Seconds after which the document store is given up."
    )


class QueueSettings(BaseSettings):
    """How events travel."""

    model_config = section("HALFPENNY_QUEUE_")

    amqp_url: AmqpUrl = Field(
        default="",
        validation_alias="AMQP_URL",
        examples=["amqp://halfpenny:secret@broker.example:5672/"],
        description="RabbitMQ that carries the events; empty: they travel through PostgreSQL.",
    )
    delivery_limit: int = Field(
        default=5, ge=1, le=10, description="Deliveries of one event before it is a dead letter."
    )


class SignInSettings(BaseSettings):
    """Signing in."""

    model_config = section("HALFPENNY_")

    mail_verification: bool = Field(
        default=False, description="Whether money moves only for people who have confirmed their mail address."
    )
    signing_key_file: Path | None = Field(
        default=None,
        examples=["/etc/halfpenny/signing-key.pem"],
        description="ES256 key (PEM, JWK or JWK set) that signs access tokens; empty: one made in the data folder.",
    )
    mail_url: MailUrl = Field(
        default="",
        examples=["smtp+starttls://halfpenny:secret@mail.example:587"],
        description="Mail server: smtp://, smtp+starttls:// or smtps://[user:password@]host[:port].",
    )
    mail_sender: MailAddress = Field(default="Halfpenny <halfpenny@localhost>", description="Sender of every letter.")
    page_idle_minutes: int = Field(
        default=30, ge=1, le=1_440, description="Minutes without a request after which somebody is signed out of pages."
    )
    page_session_hours: int = Field(
        default=12, ge=1, le=168, description="Hours after its sign-in at which a session of pages ends in any case."
    )
    shown_logins_file: Path | None = Field(
        default=None,
        examples=[".data/shown-logins.json"],
        description="Logins (JSON) that the sign-in page shows to everybody, as a demo's does; empty: none.",
    )
    argon2_time_cost: int = Field(default=3, ge=1, le=20, description="Passes of Argon2id over its memory.")
    argon2_memory_kib: int = Field(default=65_536, ge=64, le=4_194_304, description="Memory of one password hash.")
    argon2_lanes: int = Field(default=4, ge=1, le=64, description="Lanes of Argon2id.")
    register_per_address: RateLimit = Field(
        default="120/hour", description="Registrations and forgotten passwords that one address may send."
    )
    attempts_per_address: RateLimit = Field(default="600/minute", description="Sign-ins that one address may try.")
    failures_per_address: RateLimit = Field(
        default="60/minute", description="Wrong passwords that one address may try."
    )
    failures_per_account_and_address: RateLimit = Field(
        default="10/5minute", description="Wrong passwords that one address may try on one account."
    )
    failures_per_account: RateLimit = Field(
        default="100/hour", description="Wrong passwords that all addresses new to an account may try on it together."
    )

    @model_validator(mode="after")
    def _pages_end_in_order(self) -> Self:
        if self.page_idle_minutes > self.page_session_hours * 60:
            raise WrongSettings("HALFPENNY_PAGE_IDLE_MINUTES is longer than HALFPENNY_PAGE_SESSION_HOURS")
        return self

    @model_validator(mode="after")
    def _letters_can_leave(self) -> Self:
        if self.mail_verification and not self.mail_url:
            raise WrongSettings("HALFPENNY_MAIL_URL must be set where HALFPENNY_MAIL_VERIFICATION is true")
        return self


class TelemetrySettings(BaseSettings):
    """Logs and figures."""

    model_config = section("HALFPENNY_")

    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least severe line logged."
    )
    worker_metrics_port: int = Field(
        default=0, ge=0, le=65535, description="Port where the worker serves /metrics; 0: none."
    )
    books_check_hours: int = Field(
        default=24,
        ge=0,
        le=168,
        description="Hours after which a worker has the books checked; 0: never, `halfpenny check books` does it.",
    )
    alert_webhook_url: WebUrl = Field(
        default="",
        examples=["https://alerts.example/halfpenny"],
        description="Where alerts are sent, as Alertmanager sends them; empty: nowhere.",
    )
    alert_mail: OptionalMailAddress = Field(
        default="",
        examples=["operations@halfpenny.example"],
        description="Whom alerts are mailed to, through HALFPENNY_MAIL_URL; empty: nobody.",
    )


class Settings(BaseSettings):
    """The whole tree. ``Settings.load()`` reads the environment; tests build one with ``Settings(...)``."""

    model_config = section("HALFPENNY_")

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
        known = {setting.name for setting in every_setting()}
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
        if self.identity.shown_logins_file is not None:
            raise WrongSettings("HALFPENNY_SHOWN_LOGINS_FILE is for demos: in production no page shows a password")
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
            # A file that was named and is not there is mistyped: another key would sign everybody out.
            make_signing_key=self.environment != "production" and given.signing_key_file is None,
            verify_email=given.mail_verification,
            kyc_sandbox=self.lending.sandbox,
            public_url=self.base_url,
            page_idle_s=given.page_idle_minutes * 60,
            page_session_lifetime_s=given.page_session_hours * 3_600,
            shown_logins_file=given.shown_logins_file,
            argon2_time_cost=given.argon2_time_cost,
            argon2_memory_kib=given.argon2_memory_kib,
            argon2_lanes=given.argon2_lanes,
            register_per_address=given.register_per_address,
            attempts_per_address=given.attempts_per_address,
            failures_per_address=given.failures_per_address,
            failures_per_account_and_address=given.failures_per_account_and_address,
            failures_per_account=given.failures_per_account,
        )

    @property
    def promotion_key(self) -> PromotionKey:
        """The key that signs promotions of models."""
        from halfpenny.risk_reporting import PromotionKey

        given = self.approvals.promotion_key_file
        make = self.environment != "production" and given is None
        return PromotionKey(given or self.data / "promotion-key.json", make)

    def require_database(self) -> str:
        """DATABASE_URL, for the commands that cannot do without."""
        if not self.database.url:
            raise WrongSettings("DATABASE_URL is not set; `make demo` runs everything with a database of its own")
        return self.database.url


def require_listening(host_setting: str, host: str, port_setting: str, port: int) -> None:
    """Raises WrongSettings, which names the setting that is at fault, where a server could not listen there now."""
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


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting as docs/settings.md shows it. ``example`` is there where the default is empty."""

    name: str
    default: str
    example: str
    description: str


def every_setting() -> Iterator[Setting]:
    """Each setting by its environment variable, section by section."""
    for name, field in Settings.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, BaseSettings):
            yield from _settings_of(section)
        else:
            yield _setting(f"HALFPENNY_{name.upper()}", field)


def _settings_of(section: type[BaseSettings]) -> Iterator[Setting]:
    prefix = section.model_config.get("env_prefix", "")
    for name, field in section.model_fields.items():
        yield _setting(str(field.validation_alias or f"{prefix}{name}".upper()), field)


def _setting(name: str, field: FieldInfo) -> Setting:
    default = field.get_default(call_default_factory=True, validated_data={})
    example = str(field.examples[0]) if field.examples else ""
    return Setting(name, as_variable(default), example, field.description or "")


def as_variable(value: object) -> str:
    """The value as the environment would hold it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return json.dumps(value, default=str) if value else ""
    return str(value)


def _first_fault(error: ValidationError) -> str:
    fault = error.errors(include_url=False, include_input=False)[0]
    field = str(fault["loc"][0]) if fault["loc"] else ""
    sections: list[type[BaseSettings]] = [Settings, *BaseSettings.__subclasses__()]
    prefixes = {section.__name__: section.model_config.get("env_prefix", "") for section in sections}
    # A name of its own is reported in capitals already.
    name = field if field.isupper() else f"{prefixes.get(error.title, 'HALFPENNY_')}{field}".upper()
    message = described(fault)
    shown = {setting.name: setting.default or setting.example for setting in every_setting()}.get(name)
    return f"{name}: {message}" + (f", such as {shown}" if shown and "such as" not in message else "")
