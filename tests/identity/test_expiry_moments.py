"""What expires is over at its last moment: a microsecond before it still holds.

``now()`` is one moment throughout a transaction, so what is written with no lifetime at all expires exactly then.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from halfpenny.identity import IdentitySettings, InvalidToken, Role, load_signing_keys, store, tokens
from halfpenny.identity.limits import _HIT
from halfpenny.platform.database import Database
from halfpenny.primitives.ids import SessionId, UserId, uuid7
from halfpenny.realtime import store as realtime_store
from support import lending

MOMENTS = pytest.mark.parametrize(("lifetime", "holds"), [(timedelta(microseconds=1), True), (timedelta(), False)])


@MOMENTS
async def test_a_session(database: Database, lifetime: timedelta, holds: bool) -> None:
    async with database.unit_of_work() as connection:
        person, session = await lending.person(connection, Role.INVESTOR), SessionId(uuid7())
        await store.insert_session(connection, session, person, None, lifetime)
        assert (await store.session_person(connection, session) is not None) is holds
        assert (await store.active_sessions(connection, [session]) == {session}) is holds


@MOMENTS
async def test_a_link_in_a_letter(database: Database, lifetime: timedelta, holds: bool) -> None:
    async with database.unit_of_work() as connection:
        person = await lending.person(connection, Role.INVESTOR)
        await store.insert_mailed_token(connection, b"link", person, "reset_password", lifetime)
        assert (await store.person_of_mailed_token(connection, b"link", "reset_password") is not None) is holds
        assert (await store.use_mailed_token(connection, b"link", "reset_password") == person) is holds


@MOMENTS
async def test_a_connection_token(database: Database, lifetime: timedelta, holds: bool) -> None:
    async with database.unit_of_work() as connection:
        person, session = await lending.person(connection, Role.INVESTOR), SessionId(uuid7())
        await store.insert_session(connection, session, person, None, timedelta(hours=1))
        await realtime_store.insert_connection_token(connection, b"token", person, session, lifetime)
        assert (await realtime_store.redeem_connection_token(connection, b"token") is not None) is holds


@pytest.mark.parametrize(("expiry_s", "hits"), [(0.000001, 2), (0.0, 1)])
async def test_a_window_of_attempts(database: Database, expiry_s: float, hits: int) -> None:
    """At its last moment a new window begins, with the first attempt in it."""
    async with database.unit_of_work() as connection:
        assert await connection.fetchval(_HIT, "attempts", 1, expiry_s) == 1
        assert await connection.fetchval(_HIT, "attempts", 1, 60.0) == hits


async def test_an_access_token(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = IdentitySettings(tmp_path / "key.json")
    issuer = tokens.Tokens(settings, load_signing_keys(settings), database)
    async with database.unit_of_work() as connection:
        person, session = await lending.person(connection, Role.INVESTOR), SessionId(uuid7())
        await store.insert_session(connection, session, person, None, timedelta(days=1))
    started = 1_900_000_000.0
    monkeypatch.setattr(tokens.time, "time", lambda: started)
    raw = issuer.issue(UserId(person), Role.INVESTOR, session, lifetime_s=60)
    monkeypatch.setattr(tokens.time, "time", lambda: started + 59.999999)
    assert (await issuer.verify(raw)).user_id == person
    assert issuer.cached(raw) is not None
    monkeypatch.setattr(tokens.time, "time", lambda: started + 60.0)
    assert issuer.cached(raw) is None
    with pytest.raises(InvalidToken):
        await issuer.verify(raw)
