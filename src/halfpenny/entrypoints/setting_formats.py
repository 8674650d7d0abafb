"""The formats of settings. Each refusal shows what is wanted by an example, and repeats no value: it may be secret."""

from __future__ import annotations

import ipaddress
import json
import re
from email.utils import parseaddr
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, ValidatorFunctionWrapHandler, WrapValidator
from pydantic_settings import NoDecode, SettingsConfigDict

from halfpenny.primitives.errors import OperatorError

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\]", re.ASCII)
_DATABASE_NAME = re.compile(r"[A-Za-z0-9_-]{1,38}", re.ASCII)


class WrongSettings(OperatorError):
    """A setting is missing, malformed or unknown; the message is one line that names it."""


def section(prefix: str) -> SettingsConfigDict:
    return SettingsConfigDict(
        env_prefix=prefix,
        frozen=True,
        extra="ignore",
        hide_input_in_errors=True,
        # As in a compose file that passes on what is not set.
        env_ignore_empty=True,
    )


def listed(text: str) -> list[str]:
    """The parts of a list that is written with commas."""
    return [part.strip() for part in text.split(",") if part.strip()]


def ip_address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise ValueError("should be an IP address, such as 127.0.0.1, 0.0.0.0 or ::1") from None


def host_names(text: str) -> str:
    if not listed(text) or not all(_HOST.fullmatch(name) for name in listed(text)):
        raise ValueError("should be host names without ports, such as halfpenny.example,[::1]")
    return text


def networks(text: str) -> str:
    try:
        for network in listed(text):
            ipaddress.ip_network(network)
    except ValueError:
        raise ValueError("should be networks, such as 10.0.0.0/8,fd00::/8") from None
    return text


def origin(text: str) -> str:
    """Empty, or where a site is: links begin with it, and browsers name it as their origin."""
    if text:
        url = _parted(text)
        if url is None or url.scheme not in ("http", "https") or url.path not in ("", "/") or url.query or url.fragment:
            raise ValueError("should be an address without a path, such as https://halfpenny.example")
    return text


def web_url(text: str) -> str:
    """Empty, or an address of the web."""
    if text:
        url = _parted(text)
        if url is None or url.scheme not in ("http", "https") or url.fragment:
            raise ValueError("should be an address of the web, such as https://alerts.example/halfpenny")
    return text


def optional_mail_address(text: str) -> str:
    return mail_address(text) if text else text


def postgres_url(text: str) -> str:
    if text:
        _begins_with(text, "postgresql", "postgres")
        from psycopg import ProgrammingError
        from psycopg.conninfo import conninfo_to_dict

        try:
            ports = str(conninfo_to_dict(text).get("port") or 5432).split(",")
            if not all(1 <= int(port or 5432) <= 65_535 for port in ports):
                raise ValueError
        except (ProgrammingError, ValueError):
            raise ValueError("should be a libpq URL, such as postgresql://user:password@host:5432/database") from None
    return text


def mongodb_url(text: str) -> str:
    if text:
        _begins_with(text, "mongodb", "mongodb+srv")
        from pymongo.errors import PyMongoError
        from pymongo.uri_parser_shared import split_hosts

        # Not parsed in whole: an address with +srv would be asked for by name at every start.
        hosts = text.partition("://")[2].partition("/")[0].rpartition("@")[2]
        try:
            split_hosts(hosts)
        except (PyMongoError, ValueError):
            raise ValueError("should be a MongoDB URL, such as mongodb://host:27017/") from None
    return text


def amqp_url(text: str) -> str:
    if text:
        _begins_with(text, "amqp", "amqps")
        if _parted(text) is None:
            raise ValueError("should be an AMQP URL, such as amqp://user:password@host:5672/")
    return text


def mail_url(text: str) -> str:
    if text and (_parted(text) is None or urlsplit(text).scheme not in ("smtp", "smtp+starttls", "smtps")):
        raise ValueError("should be a mail server's address, such as smtp+starttls://user:password@host:587")
    return text


def mail_address(text: str) -> str:
    address = parseaddr(text)[1]
    if not re.fullmatch(r"[^@\s]+@[^@\s]+", address) or re.search(r"[\r\n]", text):
        raise ValueError("should be an address, such as Halfpenny <post@halfpenny.example>")
    return text


def database_name(text: str) -> str:
    if not _DATABASE_NAME.fullmatch(text):
        raise ValueError("should be a name of letters, digits, - and _, such as halfpenny")
    return text


def rate_limit(text: str) -> str:
    from limits import parse

    try:
        if parse(text).amount < 1:
            raise ValueError
    except ValueError:
        raise ValueError("should be a limit, such as 10/minute or 10/5minute") from None
    return text


def json_object(members: str, example: str) -> tuple[object, ...]:
    """The annotations of an object written as JSON; a refusal says what its ``members`` are, with an example."""

    def read(value: Any, read_members: ValidatorFunctionWrapHandler) -> Any:
        try:
            # A name that stands twice would hide the first.
            return read_members(
                json.loads(value, object_pairs_hook=_each_once, parse_float=str, parse_int=str)
                if isinstance(value, str)
                else value
            )
        except ValueError:
            raise ValueError(f"should be a JSON object of {members}, such as {example}") from None

    # pydantic-settings would read the text itself, and end in its own traceback where it is no JSON.
    return NoDecode, WrapValidator(read)


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) < len(pairs):
        raise ValueError
    return dict(pairs)


def _begins_with(url: str, *schemes: str) -> None:
    if url.partition("://")[0] not in schemes:
        raise ValueError(f"should begin with {':// or '.join(schemes)}://")


def _parted(url: str) -> Any:
    """The URL's parts where it has a host, and a port that is one."""
    try:
        parts = urlsplit(url)
        return parts if parts.hostname and parts.port != 0 else None
    except ValueError:
        return None


IpAddress = Annotated[str, AfterValidator(ip_address)]
HostNames = Annotated[str, AfterValidator(host_names)]
Networks = Annotated[str, AfterValidator(networks)]
Origin = Annotated[str, AfterValidator(origin)]
PostgresUrl = Annotated[str, AfterValidator(postgres_url)]
MongoUrl = Annotated[str, AfterValidator(mongodb_url)]
AmqpUrl = Annotated[str, AfterValidator(amqp_url)]
MailUrl = Annotated[str, AfterValidator(mail_url)]
MailAddress = Annotated[str, AfterValidator(mail_address)]
WebUrl = Annotated[str, AfterValidator(web_url)]
OptionalMailAddress = Annotated[str, AfterValidator(optional_mail_address)]
DatabaseName = Annotated[str, AfterValidator(database_name)]
RateLimit = Annotated[str, AfterValidator(rate_limit)]
