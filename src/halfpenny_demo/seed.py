"""What a fresh demo holds: people who can sign in, and a marketplace with a history."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable

from halfpenny import identity
from halfpenny.entrypoints.settings import Settings
from halfpenny.identity import INVITED_ROLES, IdentitySettings, Passwords, Role
from halfpenny.platform.database import Connection, Database
from halfpenny.primitives.errors import Refused
from halfpenny.primitives.ids import UserId
from halfpenny_demo.logins import Login, Logins
from halfpenny_demo.risk_service import running_risk_service
from halfpenny_demo.seeding import DemoUsers, seed_marketplace

# Words that are easy to read aloud and to type; four of them are far beyond guessing in a demo on one machine.
_WORDS = (
    "amber anchor birch candle cedar cobalt copper coral ember falcon fern flint harbor hazel heron indigo ivory "
    "juniper kestrel lantern larch linden maple marble meadow nectar nutmeg opal orchard otter pebble plover quarry "
    "quill raven river saddle sparrow spruce tallow thistle timber tulip umber velvet walnut willow winter zephyr"
)

# Who else may sign in: one of each role that the interfaces know; a role without a name here gets a plain one.
_NAMES = {
    Role.UNDERWRITER: "Ursula Kraft",
    Role.SERVICER: "Simon Baran",
    Role.TREASURER: "Tessa Lindqvist",
    Role.AUDITOR: "Aurel Moreau",
    Role.SERVICE: "Listings Program",
}
_STAFF = tuple(
    (role, _NAMES.get(role, f"Sam {role.title()}")) for role in Role if role in INVITED_ROLES - {Role.ADMINISTRATOR}
)


class HalfSeeded(Refused):
    code = "half_seeded"
    message = "An earlier start was cut short while it seeded. Start afresh with: make demo ARGS=--reset"


async def seed(
    settings: Settings, progress: Callable[[int, int], None] = lambda day, of: None, *, marketplace: bool = True
) -> Logins:
    """Fill an empty, migrated database; returns who may sign in. ``progress`` is called after each day.

    Without ``marketplace`` there are only the people, and not one loan.
    Raises HalfSeeded for a database that holds people already.
    """
    database = await Database.connect(_without_durable_commit(settings.require_database()))
    try:
        passwords = Passwords(IdentitySettings(settings.data / "signing-key.json"))
        logins = Logins(
            investor=_login("ida.investor@halfpenny.example"),
            borrower=_login("bruno.borrower@halfpenny.example"),
            administrators=(_login("ada.admin@halfpenny.example"), _login("zofia.admin@halfpenny.example")),
            others={
                role: _login(f"{name.partition(' ')[0].lower()}.{role}@halfpenny.example") for role, name in _STAFF
            },
        )
        people = [
            (logins.investor, "Ida Nowak", Role.INVESTOR),
            (logins.borrower, "Bruno Zieliński", Role.BORROWER),
            (logins.administrators[0], "Ada Winter", Role.ADMINISTRATOR),
            (logins.administrators[1], "Zofia Marek", Role.ADMINISTRATOR),
            *((logins.others[role], full_name, role) for role, full_name in _STAFF),
        ]
        hashes = await asyncio.gather(*(passwords.hash(login.password) for login, _, _ in people))
        try:
            async with database.unit_of_work() as connection:
                investor, borrower, ada, zofia, *_ = [
                    await _person(connection, login, full_name, role, password_hash)
                    for (login, full_name, role), password_hash in zip(people, hashes, strict=True)
                ]
        except identity.EmailTaken as taken:
            raise HalfSeeded() from taken
        if marketplace:
            users = DemoUsers(investor, borrower, (ada, zofia))
            async with running_risk_service(settings.data / "log" / "seed-risk.log") as risk:
                await seed_marketplace(database, users, settings.lending.rules, risk.assess, progress)
        return logins
    finally:
        await database.close()


def _without_durable_commit(url: str) -> str:
    """What a seed writes can be written again: its thousands of commits need not reach the disk one by one."""
    return f"{url}{'&' if '?' in url else '?'}synchronous_commit=off"


async def _person(connection: Connection, login: Login, full_name: str, role: Role, password_hash: str) -> UserId:
    return await identity.create_user(
        connection, email=login.email, full_name=full_name, role=role, password_hash=password_hash
    )


def _login(email: str) -> Login:
    return Login(email, " ".join(secrets.choice(_WORDS.split()) for _ in range(4)))
