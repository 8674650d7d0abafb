"""Registering, signing in and out, and what keeps a session alive, over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI

from halfpenny import identity
from halfpenny.identity import Role
from halfpenny.platform.database import Database
from halfpenny.platform.idempotency import IdempotencyKeyReused, RequestKey, claim, remember
from support.edge import Client, client_for
from support.people import PASSWORD, make_somebody

MakeApp = Callable[..., Awaitable[FastAPI]]
ADA = {"email": "ada@example.com", "password": PASSWORD, "full_name": "Ada Winterbourne", "role": "investor"}


async def register(client: Client, **changes: Any) -> None:
    answer = await client.post("/api/v1/auth/register", json=ADA | changes)
    assert answer.status_code == 202, answer.text


async def login(client: Client, password: str = PASSWORD, email: str = "ada@example.com") -> Any:
    return await client.post("/api/v1/auth/login", json={"email": email, "password": password})


async def signed_in(client: Client) -> tuple[dict[str, str], dict[str, Any]]:
    await register(client)
    answer = await login(client)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    return {"Authorization": f"Bearer {body['access_token']}"}, body


async def people(database: Database) -> list[dict[str, Any]]:
    async with database.reading() as connection:
        rows = await connection.fetch("SELECT email, full_name, role, password_hash, kyc_status FROM app_user")
    return [dict(row) for row in rows]


async def test_from_registration_to_the_own_name(client: Client) -> None:
    headers, tokens = await signed_in(client)
    assert tokens["token_type"] == "Bearer"
    assert tokens["expires_in"] == 900
    me = await client.get("/api/v1/me", headers=headers)
    assert me.status_code == 200
    body = me.json()
    assert body["email"] == "ada@example.com"
    assert body["roles"] == ["investor"]
    assert body["kyc_status"] == "verified"
    assert "password_hash" not in body
    moved = await client.post("/api/v1/move-money", headers=headers)
    assert moved.status_code == 200


async def test_the_address_is_folded_so_that_one_mailbox_is_one_account(client: Client, database: Database) -> None:
    await register(client, email="Ada@Example.COM")
    await register(client, email="ada@example.com", full_name="Somebody Else")
    assert [person["full_name"] for person in await people(database)] == ["Ada Winterbourne"]
    assert (await login(client, email="ADA@example.com")).status_code == 200


async def test_registering_a_known_address_answers_alike_and_changes_nothing(
    client: Client, database: Database
) -> None:
    fresh = await client.post("/api/v1/auth/register", json=ADA)
    before = await people(database)
    again = await client.post(
        "/api/v1/auth/register", json=ADA | {"password": "another long password", "role": "borrower"}
    )
    assert (fresh.status_code, fresh.content) == (again.status_code, again.content)
    assert await people(database) == before
    assert (await login(client, "another long password")).status_code == 401
    assert (await login(client)).status_code == 200


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"role": "administrator"}, "malformed"),
        ({"role": None}, "malformed"),
        ({"kyc_status": "verified"}, "unknown_field"),
        ({"balance": "1000.00"}, "unknown_field"),
        ({"email_verified_at": "2026-01-01"}, "unknown_field"),
        ({"email": "ada"}, "malformed_email"),
        ({"email": "ada@example.com\r\nBcc: eve@example.com"}, "malformed_email"),
        ({"email": "аda@example.com"}, "malformed_email"),
        ({"email": {"$ne": ""}}, "malformed"),
        ({"full_name": " "}, "malformed_text"),
        ({"full_name": "Ada\u202egnp.exe"}, "malformed_text"),
        ({"full_name": "Ada\nadmin: true"}, "malformed_text"),
        ({"password": "short but sweet"[:14]}, "password_too_short"),
        ({"password": "x" * 300}, "password_too_long"),
        ({"password": 123456789012345}, "malformed"),
        ({"password": "passwordpassword"}, "password_too_common"),
        ({"password": "Password1234567"}, "password_too_common"),
        ({"password": "aaaaaaaaaaaaaaaa"}, "password_too_common"),
        ({"password": "123456789012345"}, "password_too_common"),
        ({"password": "qwertyuiopasdfgh"}, "password_too_common"),
        ({"password": "ada@example.com"}, "password_too_common"),
        ({"password": "ADA@example.com!1"}, "password_too_common"),
        ({"password": "halfpennyhalfpenny"}, "password_too_common"),
    ],
)
async def test_a_registration_that_does_not_fit_opens_nothing(
    client: Client, database: Database, changes: dict[str, Any], code: str
) -> None:
    answer = await client.post("/api/v1/auth/register", json=ADA | changes)
    assert answer.status_code == 422, answer.text
    assert answer.json()["code"] == code
    assert str(changes.get("password", "never sent")) not in answer.text
    assert await people(database) == []


@pytest.mark.parametrize(
    "password",
    ["x7 quiet lamps burn", "larch" + "y" * 200, "zażółć gęślą jaźń", "correct horse battery staple"],
)
async def test_long_passwords_of_any_kind_are_taken(client: Client, password: str) -> None:
    await register(client, password=password)
    assert (await login(client, password)).status_code == 200


async def test_every_byte_of_a_password_counts(client: Client) -> None:
    # 72 bytes is where bcrypt stops reading.
    stem = "the quick brown lamp " * 4
    await register(client, password=stem[:72])
    assert (await login(client, stem[:73])).status_code == 401
    assert (await login(client, stem[:71])).status_code == 401
    assert (await login(client, stem[:72])).status_code == 200


async def test_a_password_typed_on_another_keyboard_is_the_same(client: Client) -> None:
    await register(client, password="caf\u00e9 larch tumbler")
    assert (await login(client, "cafe\u0301 larch tumbler")).status_code == 200


async def test_wrong_and_unknown_answer_alike(client: Client) -> None:
    await register(client)
    wrong = await login(client, "not the right password")
    unknown = await login(client, "not the right password", "nobody@example.com")
    malformed = await login(client, "not the right password", "no address at all")
    assert {answer.status_code for answer in (wrong, unknown, malformed)} == {401}
    assert wrong.json()["code"] == "invalid_credentials"
    assert wrong.content == unknown.content == malformed.content
    assert wrong.headers["www-authenticate"] == "Bearer"


async def test_an_unknown_address_costs_the_same_work(app: FastAPI, client: Client) -> None:
    await register(client)
    checked: list[str | None] = []
    original = app.state.identity.passwords.matches

    async def counting(password_hash: str | None, password: str) -> bool:
        checked.append(password_hash)
        return bool(await original(password_hash, password))

    app.state.identity.passwords.matches = counting
    await login(client, "not the right password")
    await login(client, "not the right password", "nobody@example.com")
    assert len(checked) == 2
    assert checked[0] is not None
    assert checked[1] is None
    # The stand-in's hash has today's parameters, so it costs what a real one costs.
    assert not app.state.identity.passwords.needs_rehash(app.state.identity.passwords._nobody)


async def test_a_hash_with_old_parameters_is_renewed_at_sign_in(
    make_app: MakeApp, client: Client, database: Database
) -> None:
    await register(client)
    [old] = await people(database)
    dearer = await make_app(argon2_time_cost=2)
    async with client_for(dearer) as other:
        assert (await login(other, "not the right password")).status_code == 401
        assert [old] == await people(database)
        assert (await login(other)).status_code == 200
        [renewed] = await people(database)
        assert "t=2" in renewed["password_hash"]
        assert (await login(other)).status_code == 200


async def aged(database: Database, seconds: float) -> None:
    """Let so much time have passed since every refresh token that was used."""
    async with database.unit_of_work() as connection:
        await connection.execute(
            "UPDATE refresh_token SET used_at = used_at - make_interval(secs => $1) WHERE used_at IS NOT NULL", seconds
        )


def swapped(client: Client, token: str, key: str | None = None) -> Awaitable[Any]:
    headers = {"Idempotency-Key": key} if key else {}
    return client.post("/api/v1/auth/refresh", json={"refresh_token": token}, headers=headers)


async def test_refreshing_rotates_and_reuse_ends_the_family(client: Client, database: Database) -> None:
    headers, first = await signed_in(client)
    second = await swapped(client, first["refresh_token"])
    assert second.status_code == 200
    assert second.json()["refresh_token"] != first["refresh_token"]
    fresh = {"Authorization": f"Bearer {second.json()['access_token']}"}
    assert (await client.get("/api/v1/me", headers=fresh)).status_code == 200
    await aged(database, 5.5)
    reused = await swapped(client, first["refresh_token"])
    assert (reused.status_code, reused.json()["code"]) == (401, "invalid_refresh_token")
    after = await swapped(client, second.json()["refresh_token"])
    assert after.status_code == 401
    for ended in (headers, fresh):
        await eventually_refused(client, ended)


async def test_a_second_tab_is_superseded_and_the_family_lives(client: Client, database: Database) -> None:
    _, first = await signed_in(client)
    second = await swapped(client, first["refresh_token"])
    await aged(database, 3)
    late = await swapped(client, first["refresh_token"])
    assert (late.status_code, late.json()["code"]) == (409, "refresh_superseded")
    assert "refresh_token" not in late.json()
    assert (await swapped(client, second.json()["refresh_token"])).status_code == 200


async def test_of_twenty_parallel_refreshes_one_wins(client: Client, database: Database) -> None:
    _, tokens = await signed_in(client)
    answers = await asyncio.gather(*(swapped(client, tokens["refresh_token"]) for _ in range(20)))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 19
    async with database.reading() as connection:
        assert await connection.fetchval("SELECT count(*) FROM refresh_token") == 2
        assert await connection.fetchval("SELECT ended_because FROM session") is None
    [winner] = [answer.json()["refresh_token"] for answer in answers if answer.status_code == 200]
    assert (await swapped(client, winner)).status_code == 200


async def test_a_lost_answer_is_given_again_for_a_minute(client: Client, database: Database) -> None:
    _, first = await signed_in(client)
    second = await swapped(client, first["refresh_token"], "lost-on-the-way")
    again = await swapped(client, first["refresh_token"], "lost-on-the-way")
    assert (again.status_code, again.json()) == (200, second.json())
    await aged(database, 58)
    again = await swapped(client, first["refresh_token"], "lost-on-the-way")
    assert (again.status_code, again.json()) == (200, second.json())
    async with database.reading() as connection:
        kept = await connection.fetchval("SELECT answer FROM refresh_token WHERE answer IS NOT NULL")
    # Nobody reads the new token in the database.
    assert second.json()["refresh_token"] not in kept
    await aged(database, 4)
    assert (await swapped(client, first["refresh_token"], "lost-on-the-way")).status_code == 401
    assert (await swapped(client, second.json()["refresh_token"])).status_code == 401


async def test_another_key_is_another_request(client: Client, database: Database) -> None:
    _, first = await signed_in(client)
    second = await swapped(client, first["refresh_token"], "mine")
    assert (await swapped(client, first["refresh_token"], "theirs")).status_code == 409
    assert (await swapped(client, first["refresh_token"])).status_code == 409
    await aged(database, 20)
    stolen = await swapped(client, first["refresh_token"], "theirs")
    assert (stolen.status_code, stolen.json()["code"]) == (401, "invalid_refresh_token")
    assert (await swapped(client, second.json()["refresh_token"])).status_code == 401


async def test_a_key_of_another_request_swaps_nothing(client: Client, database: Database) -> None:
    headers, first = await signed_in(client)
    me = UUID((await client.get("/api/v1/me", headers=headers)).json()["id"])
    deposit = RequestKey(me, "key-of-a-deposit", b"POST /wallets/EUR/deposits 75.25")
    async with database.unit_of_work() as connection:
        assert await claim(connection, deposit) is None
        await remember(connection, deposit, 202, {})
    refused = await swapped(client, first["refresh_token"], "key-of-a-deposit")
    assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_reused")
    async with database.reading() as connection:
        assert await connection.fetchval("SELECT count(*) FROM refresh_token WHERE used_at IS NOT NULL") == 0
    second = await swapped(client, first["refresh_token"], "key-of-a-swap")
    assert second.status_code == 200
    async with database.unit_of_work() as connection:
        with pytest.raises(IdempotencyKeyReused):
            await claim(connection, RequestKey(me, "key-of-a-swap", deposit.fingerprint))
    # A key that a spent token was tried with is still free.
    assert (await swapped(client, first["refresh_token"], "key-of-nothing")).status_code == 409
    third = await swapped(client, second.json()["refresh_token"], "key-of-nothing")
    assert third.status_code == 200


async def test_answers_are_deleted(client: Client, database: Database) -> None:
    _, first = await signed_in(client)
    await swapped(client, first["refresh_token"], "mine")
    await aged(database, 121)
    await identity.delete_expired_sessions(database)
    async with database.reading() as connection:
        assert await connection.fetchval("SELECT count(answer) FROM refresh_token") == 0


@pytest.mark.parametrize("token", ["x", "0" * 43, "../../etc/passwd", "' OR true --"])
async def test_an_unknown_refresh_token_ends_nobodys_session(client: Client, token: str) -> None:
    headers, tokens = await signed_in(client)
    assert (await client.post("/api/v1/auth/refresh", json={"refresh_token": token})).status_code == 401
    assert (await client.get("/api/v1/me", headers=headers)).status_code == 200
    good = await client.post("/api/v1/auth/refresh", json={"refresh_token": tokens["refresh_token"]})
    assert good.status_code == 200


async def eventually_refused(client: Client, headers: dict[str, str]) -> None:
    """Sessions end within a second: the notification usually needs a few milliseconds."""
    async with asyncio.timeout(1):
        answer = await client.get("/api/v1/me", headers=headers)
        while answer.status_code != 401:
            answer = await client.get("/api/v1/me", headers=headers)


async def test_signing_out_ends_the_session_in_every_process(make_app: MakeApp, client: Client) -> None:
    headers, tokens = await signed_in(client)
    async with client_for(await make_app()) as other:
        assert (await other.get("/api/v1/me", headers=headers)).status_code == 200
        assert (await client.post("/api/v1/auth/logout", headers=headers)).status_code == 204
        await eventually_refused(client, headers)
        await eventually_refused(other, headers)
    refreshed = await client.post("/api/v1/auth/refresh", json={"refresh_token": tokens["refresh_token"]})
    assert refreshed.status_code == 401
    assert (await login(client)).status_code == 200


async def test_a_new_password_ends_every_session(client: Client) -> None:
    headers, _ = await signed_in(client)
    other = {"Authorization": f"Bearer {(await login(client)).json()['access_token']}"}
    wrong = await client.post(
        "/api/v1/auth/password",
        headers=headers,
        json={"current_password": "not the right password", "new_password": "heron stapler violet dusk"},
    )
    assert wrong.status_code == 401
    weak = await client.post(
        "/api/v1/auth/password",
        headers=headers,
        json={"current_password": PASSWORD, "new_password": "too short"},
    )
    assert (weak.status_code, weak.json()["code"]) == (422, "password_too_short")
    assert (await client.get("/api/v1/me", headers=headers)).status_code == 200
    assert (await login(client)).status_code == 200
    changed = await client.post(
        "/api/v1/auth/password",
        headers=headers,
        json={"current_password": PASSWORD, "new_password": "heron stapler violet dusk"},
    )
    assert changed.status_code == 204
    await eventually_refused(client, headers)
    await eventually_refused(client, other)
    assert (await login(client)).status_code == 401
    assert (await login(client, "heron stapler violet dusk")).status_code == 200


async def test_disabling_ends_sessions_and_closes_the_door(
    make_app: MakeApp, client: Client, database: Database
) -> None:
    headers, tokens = await signed_in(client)
    admin = await make_somebody(database, Role.ADMINISTRATOR)
    user_id = (await client.get("/api/v1/me", headers=headers)).json()["id"]
    async with client_for(await make_app()) as other:
        assert (await other.get("/api/v1/me", headers=headers)).status_code == 200
        answer = await client.post(f"/api/v1/users/{user_id}/disable", headers=admin.headers)
        assert answer.status_code == 204
        await eventually_refused(other, headers)
    assert (await login(client)).status_code == 401
    refreshed = await client.post("/api/v1/auth/refresh", json={"refresh_token": tokens["refresh_token"]})
    assert refreshed.status_code == 401
    assert (await client.post(f"/api/v1/users/{user_id}/enable", headers=admin.headers)).status_code == 204
    assert (await login(client)).status_code == 200
    assert (await client.get("/api/v1/me", headers=headers)).status_code == 401


async def test_a_role_taken_away_counts_within_a_second(make_app: MakeApp, client: Client, database: Database) -> None:
    admin = await make_somebody(database, Role.ADMINISTRATOR)
    second = await make_somebody(database, Role.ADMINISTRATOR)
    async with client_for(await make_app()) as other:
        assert (await other.get("/api/v1/users", headers=second.headers)).status_code == 200
        # The plain act, as two administrators' approval runs it.
        async with database.unit_of_work() as connection:
            await identity.change_role(connection, second.user_id, Role.AUDITOR, admin.user_id)
        await eventually_refused(other, second.headers)


async def test_a_row_changed_in_sql_counts_within_a_second(client: Client, database: Database) -> None:
    somebody = await make_somebody(database)
    assert (await client.get("/api/v1/me", headers=somebody.headers)).status_code == 200
    async with database.unit_of_work() as connection:
        await connection.execute("UPDATE app_user SET disabled_at = now() WHERE id = $1", somebody.user_id)
    await eventually_refused(client, somebody.headers)


async def test_without_a_database_sign_in_answers_unavailable(client: Client, database: Database) -> None:
    somebody = await make_somebody(database)
    await database.close()
    for answer in (
        await client.get("/api/v1/me", headers=somebody.headers),
        await login(client),
        await client.post("/api/v1/auth/register", json=ADA),
        await client.post("/api/v1/auth/refresh", json={"refresh_token": "x" * 43}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
        assert int(answer.headers["retry-after"]) >= 1
