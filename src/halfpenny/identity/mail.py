"""Outgoing e-mail: written and sent by the worker, so that no request waits for a mail server."""

from __future__ import annotations

import asyncio
import secrets
import smtplib
import ssl
from dataclasses import dataclass
from datetime import timedelta
from email.message import EmailMessage
from typing import Final, Protocol
from urllib.parse import unquote, urlsplit
from uuid import UUID

import structlog

from halfpenny.identity import store
from halfpenny.identity.model import secret_hash
from halfpenny.identity.settings import IdentitySettings
from halfpenny.platform.database import Connection, Database
from halfpenny.primitives.ids import UserId

MAX_ATTEMPTS: Final = 8
SMTP_TIMEOUT_S: Final = 20.0

log = structlog.get_logger("halfpenny.mail")


@dataclass(frozen=True, slots=True)
class OutgoingEmail:
    recipient: str
    subject: str
    body: str


class MailSender(Protocol):
    async def send(self, letter: OutgoingEmail) -> None:
        """Hand the letter to a mail server. Any exception means that it was not taken."""


class SmtpSender:
    """Speaks SMTP to ``smtp://``, ``smtp+starttls://`` or ``smtps://[user:password@]host[:port]``."""

    def __init__(self, url: str, sender: str) -> None:
        self._url = urlsplit(url)
        self._sender = sender
        if self._url.scheme not in ("smtp", "smtp+starttls", "smtps") or not self._url.hostname:
            raise ValueError("a mail server's address begins with smtp://, smtp+starttls:// or smtps://")

    async def send(self, letter: OutgoingEmail) -> None:
        message = EmailMessage()  # refuses line breaks in headers
        message["From"] = self._sender
        message["To"] = letter.recipient
        message["Subject"] = letter.subject
        message.set_content(letter.body)
        await asyncio.to_thread(self._deliver, message)

    def _deliver(self, message: EmailMessage) -> None:
        host, port = self._url.hostname or "", self._url.port
        if self._url.scheme == "smtps":
            context = ssl.create_default_context()
            connection: smtplib.SMTP = smtplib.SMTP_SSL(host, port or 465, timeout=SMTP_TIMEOUT_S, context=context)
        else:
            connection = smtplib.SMTP(host, port or 25, timeout=SMTP_TIMEOUT_S)
        with connection:
            if self._url.scheme == "smtp+starttls":
                connection.starttls(context=ssl.create_default_context())
            if self._url.username:
                connection.login(unquote(self._url.username), unquote(self._url.password or ""))
            connection.send_message(message)


async def send_due(database: Database, settings: IdentitySettings, sender: MailSender, limit: int = 20) -> int:
    """Write and send the letters that are due; returns how many left.

    A letter that could not be sent is tried again after a growing while, MAX_ATTEMPTS times in all. A
    letter may leave twice when we die between sending and noting it; only the last link in it works.
    """
    async with database.unit_of_work() as connection:
        due = await store.claim_mail(connection, limit)
    sent = 0
    for row in due:
        async with database.unit_of_work() as connection:
            letter = await _write(connection, settings, row["recipient"], row["occasion"])
        if letter is not None:
            try:
                await sender.send(letter)
            except (OSError, smtplib.SMTPException) as error:
                log.warning("mail_not_sent", attempts=row["attempts"], error=type(error).__name__)
                if row["attempts"] < MAX_ATTEMPTS:
                    continue
            else:
                sent += 1
        await _delete_sent(database, row["id"])
    return sent


async def _delete_sent(database: Database, mail_id: UUID) -> None:
    async with database.unit_of_work() as connection:
        await store.delete_mail(connection, mail_id)


async def _write(
    connection: Connection, settings: IdentitySettings, recipient: str, occasion: str
) -> OutgoingEmail | None:
    """The letter for an occasion, or None where there is nobody to write to."""
    found = await store.credentials_by_email(connection, recipient)
    if found is None:
        return None
    person, _ = found
    greeting = f"Dear {person.full_name},\n\n"
    if occasion == "invitation":
        link = await _link(connection, settings, person.id, "accept_invitation", "accept-invitation")
        role = person.role.value
        text = f"You are invited to work at Halfpenny in the role of {role}. Choose your password here:\n\n{link}"
        return OutgoingEmail(recipient, "Your account at Halfpenny", greeting + text + "\n")
    if occasion == "forgotten_password":
        link = await _link(connection, settings, person.id, "reset_password", "reset-password")
        text = f"You can choose a new password here:\n\n{link}\n\nIf you did not ask for this, nothing has changed."
        return OutgoingEmail(recipient, "Your new password at Halfpenny", greeting + text + "\n")
    if person.email_verified_at is not None:
        text = "Somebody tried to register with your address. You already have an account; nothing has changed."
        return OutgoingEmail(recipient, "You have an account at Halfpenny", greeting + text + "\n")
    link = await _link(connection, settings, person.id, "verify_email", "verify-email")
    text = f"Please confirm your e-mail address here:\n\n{link}\n\nAfter that you can move money in your account."
    return OutgoingEmail(recipient, "Welcome to Halfpenny", greeting + text + "\n")


async def _link(connection: Connection, settings: IdentitySettings, user_id: UserId, purpose: str, page: str) -> str:
    """A link on the canonical host of the settings: what a request called the host is never repeated."""
    token = secrets.token_urlsafe(32)
    lifetime = timedelta(seconds=settings.mailed_token_lifetime_s)
    await store.insert_mailed_token(connection, secret_hash(token), user_id, purpose, lifetime)
    return f"{settings.public_url.rstrip('/')}/{page}?token={token}"
