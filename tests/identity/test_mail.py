"""Proving an address, and a deleted password: letters, their links, and what they may not do."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from email import message_from_string, policy
from email.message import EmailMessage

import pytest
from fastapi import FastAPI

from halfpenny.identity import KycStatus, OutgoingEmail, Role, SmtpSender, send_due
from halfpenny.platform.database import Database
from support.edge import Client, client_for
from support.people import PASSWORD, identity_settings, make_somebody

MakeApp = Callable[..., Awaitable[FastAPI]]
SETTINGS = identity_settings(verify_email=True, public_url="https://halfpenny.example/")
ADA = {"email": "ada@example.com", "password": PASSWORD, "full_name": "Ada Winterbourne", "role": "investor"}
NEW_PASSWORD = "heron stapler violet dusk"


class MailServer:
    """Speaks as much SMTP (RFC 5321) as a client needs, and keeps what it is given."""

    def __init__(self) -> None:
        self.letters: list[EmailMessage] = []
        self.broken = False
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        def print_line(line: str) -> None:
            writer.write(f"{line}\r\n".encode())

        print_line("451 not now" if self.broken else "220 test")
        while line := (await reader.readline()).decode().strip():
            verb = line.split()[0].upper()
            if verb == "DATA":
                print_line("354 go on")
                text = (await reader.readuntil(b"\r\n.\r\n"))[:-3].decode()
                letter = message_from_string(text, policy=policy.default)
                assert isinstance(letter, EmailMessage)
                self.letters.append(letter)
                print_line("250 taken")
            elif verb == "QUIT":
                print_line("221 bye")
                break
            else:
                print_line("250 fine")
        writer.close()


@pytest.fixture
async def mail_server() -> AsyncIterator[MailServer]:
    server = MailServer()
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.url = f"smtp://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    async with listening:
        yield server


@asynccontextmanager
async def strict_client(make_app: MakeApp) -> AsyncIterator[Client]:
    app = await make_app(verify_email=True, public_url=SETTINGS.public_url)
    async with client_for(app) as client:
        yield client


async def deliver(database: Database, server: MailServer) -> int:
    return await send_due(database, SETTINGS, SmtpSender(server.url, "Halfpenny <post@halfpenny.example>"))


def token_in(letter: EmailMessage, page: str) -> str:
    found = re.search(rf"https://halfpenny\.example/{page}\?token=([\w-]{{43}})\s", letter.get_content())
    assert found is not None, letter.get_content()
    return found.group(1)


async def login(client: Client, password: str = PASSWORD) -> dict[str, str]:
    answer = await client.post("/api/v1/auth/login", json={"email": ADA["email"], "password": password})
    assert answer.status_code == 200, answer.text
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


async def test_money_moves_only_after_the_address_is_proven(
    make_app: MakeApp, database: Database, mail_server: MailServer
) -> None:
    async with strict_client(make_app) as client:
        # The Host header is the attacker's to choose; links are not made from it.
        await client.post("/api/v1/auth/register", json=ADA, headers={"X-Forwarded-Host": "evil.example"})
        headers = await login(client)
        refused = await client.post("/api/v1/move-money", headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (403, "email_unverified")
        assert await deliver(database, mail_server) == 1
        [letter] = mail_server.letters
        assert letter["To"] == "ada@example.com"
        token = token_in(letter, "verify-email")
        wrong = await client.post("/api/v1/auth/verify-email", json={"token": token[:-1]})
        assert (wrong.status_code, wrong.json()["code"]) == (422, "invalid_mailed_token")
        cross = await client.post("/api/v1/auth/reset", json={"token": token, "password": NEW_PASSWORD})
        assert cross.json()["code"] == "invalid_mailed_token"
        assert (await client.get("/api/v1/me", headers=headers)).json()["email_verified"] is False
        assert (await client.post("/api/v1/auth/verify-email", json={"token": token})).status_code == 204
        async with asyncio.timeout(1):
            while (await client.post("/api/v1/move-money", headers=headers)).status_code != 200:
                pass
        again = await client.post("/api/v1/auth/verify-email", json={"token": token})
        assert again.json()["code"] == "invalid_mailed_token"


async def test_a_letter_leaves_once_and_waits_while_the_server_is_away(
    make_app: MakeApp, database: Database, mail_server: MailServer
) -> None:
    async with strict_client(make_app) as client:
        await client.post("/api/v1/auth/register", json=ADA)
    mail_server.broken = True
    assert await deliver(database, mail_server) == 0
    mail_server.broken = False
    assert await deliver(database, mail_server) == 0, "tried again at once"
    async with database.unit_of_work() as connection:
        await connection.execute("UPDATE outgoing_mail SET due_at = now()")
    assert await asyncio.gather(*(deliver(database, mail_server) for _ in range(3))) in (
        [1, 0, 0],
        [0, 1, 0],
        [0, 0, 1],
    )
    assert len(mail_server.letters) == 1
    async with database.reading() as connection:
        assert await connection.fetchval("SELECT count(*) FROM outgoing_mail") == 0


async def test_a_letter_that_nobody_takes_is_given_up(
    make_app: MakeApp, database: Database, mail_server: MailServer
) -> None:
    async with strict_client(make_app) as client:
        await client.post("/api/v1/auth/register", json=ADA)
    mail_server.broken = True
    for _ in range(8):
        async with database.unit_of_work() as connection:
            assert await connection.fetchval("SELECT count(*) FROM outgoing_mail") == 1
            await connection.execute("UPDATE outgoing_mail SET due_at = now()")
        assert await deliver(database, mail_server) == 0
    async with database.reading() as connection:
        assert await connection.fetchval("SELECT count(*) FROM outgoing_mail") == 0


async def test_registering_again_mails_the_owner_and_answers_the_caller_alike(
    make_app: MakeApp, database: Database, mail_server: MailServer
) -> None:
    owner = await make_somebody(database, email=ADA["email"])
    async with strict_client(make_app) as client:
        answer = await client.post("/api/v1/auth/register", json=ADA | {"full_name": "Eve"})
        fresh = await client.post("/api/v1/auth/register", json=ADA | {"email": "new@example.com"})
        assert (answer.status_code, answer.content) == (fresh.status_code, fresh.content)
    assert await deliver(database, mail_server) == 2
    letter = next(letter for letter in mail_server.letters if letter["To"] == owner.email)
    assert "you already have an account" in letter.get_content().lower()
    assert "token" not in letter.get_content()


async def test_a_forgotten_password(make_app: MakeApp, database: Database, mail_server: MailServer) -> None:
    owner = await make_somebody(database, Role.BORROWER, email=ADA["email"], kyc_status=KycStatus.PENDING)
    async with strict_client(make_app) as client:
        known = await client.post("/api/v1/auth/forgot", json={"email": owner.email})
        unknown = await client.post("/api/v1/auth/forgot", json={"email": "nobody@example.com"})
        assert (known.status_code, known.content) == (unknown.status_code, unknown.content) == (202, known.content)
        await client.post("/api/v1/auth/forgot", json={"email": owner.email})
        assert await deliver(database, mail_server) == 2
        assert [letter["To"] for letter in mail_server.letters] == [owner.email] * 2
        first, second = (token_in(letter, "reset-password") for letter in mail_server.letters)
        stale = await client.post("/api/v1/auth/reset", json={"token": first, "password": NEW_PASSWORD})
        assert stale.json()["code"] == "invalid_mailed_token"
        weak = await client.post("/api/v1/auth/reset", json={"token": second, "password": "short"})
        assert weak.json()["code"] == "password_too_short"
        assert (await client.get("/api/v1/me", headers=owner.headers)).status_code == 200
        reset = await client.post("/api/v1/auth/reset", json={"token": second, "password": NEW_PASSWORD})
        assert reset.status_code == 204
        async with asyncio.timeout(1):
            while (await client.get("/api/v1/me", headers=owner.headers)).status_code != 401:
                pass
        await login(client, NEW_PASSWORD)
        spent = await client.post("/api/v1/auth/reset", json={"token": second, "password": PASSWORD})
        assert spent.json()["code"] == "invalid_mailed_token"
        await login(client, NEW_PASSWORD)


async def test_a_link_ends_with_its_day(make_app: MakeApp, database: Database, mail_server: MailServer) -> None:
    async with strict_client(make_app) as client:
        await client.post("/api/v1/auth/register", json=ADA)
        await deliver(database, mail_server)
        async with database.unit_of_work() as connection:
            await connection.execute("UPDATE mailed_token SET expires_at = now() - interval '1 second'")
        token = token_in(mail_server.letters[0], "verify-email")
        late = await client.post("/api/v1/auth/verify-email", json={"token": token})
        assert late.json()["code"] == "invalid_mailed_token"
    async with database.reading() as connection:
        assert await connection.fetchval("SELECT email_verified_at FROM app_user") is None


async def test_money_waits_for_kyc(make_app: MakeApp, database: Database) -> None:
    app = await make_app(kyc_sandbox=False)
    admin = await make_somebody(database, Role.ADMINISTRATOR)
    async with client_for(app) as client:
        await client.post("/api/v1/auth/register", json=ADA)
        headers = await login(client)
        refused = await client.post("/api/v1/move-money", headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (403, "kyc_required")
        user_id = (await client.get("/api/v1/me", headers=headers)).json()["id"]
        own = await client.post(f"/api/v1/users/{user_id}/kyc", headers=headers, json={"status": "verified"})
        assert (own.status_code, own.json()["code"]) == (403, "wrong_role")
        assert (await client.post("/api/v1/move-money", headers=headers)).status_code == 403
        verified = await client.post(f"/api/v1/users/{user_id}/kyc", headers=admin.headers, json={"status": "verified"})
        assert verified.status_code == 204
        async with asyncio.timeout(1):
            while (await client.post("/api/v1/move-money", headers=headers)).status_code != 200:
                pass


async def test_a_line_break_cannot_add_a_recipient(mail_server: MailServer) -> None:
    sender = SmtpSender(mail_server.url, "post@halfpenny.example")
    with pytest.raises(ValueError, match="linefeed"):
        await sender.send(OutgoingEmail("ada@example.com\r\nBcc: eve@example.com", "Hello", "text"))
    assert mail_server.letters == []
