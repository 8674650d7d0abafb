"""What a fresh demo holds: people who can sign in."""

from __future__ import annotations

import secrets

from halfpenny import identity
from halfpenny.entrypoints.demo.folder import Login, Logins
from halfpenny.entrypoints.settings import Settings
from halfpenny.identity import IdentitySettings, Passwords, Role
from halfpenny.platform.database import Connection, Database

# Words that are easy to read aloud and to type; four of them are far beyond guessing in a demo on one machine.
_WORDS = (
    "amber anchor birch candle cedar cobalt copper coral ember falcon fern flint harbor hazel heron indigo ivory "
    "juniper kestrel lantern larch linden maple marble meadow nectar nutmeg opal orchard otter pebble plover quarry "
    "quill raven river saddle sparrow spruce tallow thistle timber tulip umber velvet walnut willow winter zephyr"
)


async def seed(settings: Settings) -> Logins:
    """Fill an empty, migrated database; returns who may sign in."""
    database = await Database.connect(settings.require_database())
    try:
        passwords = Passwords(IdentitySettings(settings.data / "signing-key.json"))
        logins = Logins(
            investor=_login("ida.investor@halfpenny.example"),
            borrower=_login("bruno.borrower@halfpenny.example"),
            administrators=(_login("ada.admin@halfpenny.example"), _login("zofia.admin@halfpenny.example")),
        )
        people = (
            (logins.investor, "Ida Nowak", Role.INVESTOR),
            (logins.borrower, "Bruno Zieliński", Role.BORROWER),
            (logins.administrators[0], "Ada Winter", Role.ADMINISTRATOR),
            (logins.administrators[1], "Zofia Marek", Role.ADMINISTRATOR),
        )
        hashes = [await passwords.hash(login.password) for login, _, _ in people]
        async with database.unit_of_work() as connection:
            for (login, full_name, role), password_hash in zip(people, hashes, strict=True):
                await _person(connection, login, full_name, role, password_hash)
        return logins
    finally:
        await database.close()


async def _person(connection: Connection, login: Login, full_name: str, role: Role, password_hash: str) -> None:
    await identity.create_user(
        connection, email=login.email, full_name=full_name, role=role, password_hash=password_hash
    )


def _login(email: str) -> Login:
    return Login(email, " ".join(secrets.choice(_WORDS.split()) for _ in range(4)))
