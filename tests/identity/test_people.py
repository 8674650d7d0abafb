"""What administrators do to accounts, and what they may not do, with nothing changed where they are refused."""

from __future__ import annotations

from typing import Any

import pytest

from halfpenny import identity
from halfpenny.identity import EmailTaken, KycStatus, NewPerson, Role
from halfpenny.platform.database import Database
from halfpenny.primitives.ids import UserId, uuid7
from support.edge import Client
from support.people import make_somebody, password_hash


async def everything(database: Database) -> list[Any]:
    async with database.reading() as connection:
        return [
            await connection.fetch(f"SELECT * FROM {table} ORDER BY 1")
            for table in ("app_user", "related_party", "session", "audit_entry")
        ]


async def test_everybody_is_listed_once_in_pages(client: Client, database: Database) -> None:
    admin = await make_somebody(database, Role.ADMINISTRATOR)
    people = [admin, *[await make_somebody(database) for _ in range(6)]]
    seen: list[str] = []
    after: dict[str, str] = {}
    while True:
        answer = await client.get("/api/v1/users", params={"limit": "3"} | after, headers=admin.headers)
        body = answer.json()
        seen += [person["id"] for person in body["items"]]
        assert all("password_hash" not in person for person in body["items"])
        if body["next_cursor"] is None:
            break
        after = {"after": body["next_cursor"]}
    assert seen == sorted(str(person.user_id) for person in people)


@pytest.mark.parametrize(
    ("act", "body"),
    [
        ("disable", None),
        ("enable", None),
        ("kyc", {"status": "rejected"}),
    ],
)
async def test_an_administrator_touches_neither_themselves_nor_nobody(
    client: Client, database: Database, act: str, body: Any
) -> None:
    admin = await make_somebody(database, Role.ADMINISTRATOR)
    before = await everything(database)
    own = await client.post(f"/api/v1/users/{admin.user_id}/{act}", json=body, headers=admin.headers)
    assert (own.status_code, own.json()["code"]) == (409, "not_yourself")
    nobody = await client.post(f"/api/v1/users/{uuid7()}/{act}", json=body, headers=admin.headers)
    assert (nobody.status_code, nobody.json()["code"]) == (404, "user_not_found")
    assert await everything(database) == before


@pytest.mark.parametrize(
    ("act", "body"),
    [
        ("kyc", {"status": "VERIFIED"}),
        ("kyc", {}),
        ("related-parties", {"related_user_id": "x"}),
        ("related-parties", {"related_user_id": ["01899f00-0000-7000-8000-000000000001"]}),
    ],
)
async def test_malformed_requests_of_administrators_change_nothing(
    client: Client, database: Database, act: str, body: Any
) -> None:
    admin, somebody = await make_somebody(database, Role.ADMINISTRATOR), await make_somebody(database)
    before = await everything(database)
    answer = await client.post(f"/api/v1/users/{somebody.user_id}/{act}", json=body, headers=admin.headers)
    assert answer.status_code == 422
    assert await everything(database) == before


async def test_a_relation_binds_both_sides_and_is_audited(client: Client, database: Database) -> None:
    admin = await make_somebody(database, Role.ADMINISTRATOR)
    one, other, outsider = [await make_somebody(database) for _ in range(3)]
    for _ in range(2):
        answer = await client.post(
            f"/api/v1/users/{one.user_id}/related-parties",
            json={"related_user_id": str(other.user_id)},
            headers=admin.headers,
        )
        assert answer.status_code == 204
    async with database.reading() as connection:
        assert await identity.related_to(connection, one.user_id) == {other.user_id}
        assert await identity.related_to(connection, other.user_id) == {one.user_id}
        assert await identity.related_to(connection, outsider.user_id) == set()
        audited = await connection.fetch("SELECT actor_id, subject_id, data FROM audit_entry")
    assert {tuple(row.values())[:2] for row in audited} == {(admin.user_id, one.user_id)}
    for wrong, status in ((str(one.user_id), 409), (str(uuid7()), 404)):
        answer = await client.post(
            f"/api/v1/users/{one.user_id}/related-parties", json={"related_user_id": wrong}, headers=admin.headers
        )
        assert answer.status_code == status


async def test_accounts_are_made_in_bulk_and_known_addresses_left_alone(database: Database) -> None:
    def person(email: str) -> NewPerson:
        return NewPerson(
            UserId(uuid7()), email, "Ada Winterbourne", Role.INVESTOR, password_hash(), KycStatus.VERIFIED, True
        )

    first = [person(f"n{n}@example.com") for n in range(50)]
    async with database.unit_of_work() as connection:
        assert await identity.create_users(connection, first) == {one.id for one in first}
    again = [person("n7@example.com"), person("new@example.com")]
    async with database.unit_of_work() as connection:
        assert await identity.create_users(connection, again) == {again[1].id}
    with pytest.raises(EmailTaken):
        await make_somebody(database, email="N7@example.com")
    async with database.reading() as connection:
        assert await connection.fetchval("SELECT count(*) FROM app_user") == 51


async def test_what_is_long_over_is_deleted_and_the_rest_kept(database: Database) -> None:
    old, fresh = await make_somebody(database), await make_somebody(database)
    async with database.unit_of_work() as connection:
        await connection.execute(
            "UPDATE session SET expires_at = now() - interval '31 days' WHERE id = $1", old.session_id
        )
        await connection.execute(
            "INSERT INTO refresh_token (token_hash, session_id) VALUES ('a', $1), ('b', $2)",
            old.session_id,
            fresh.session_id,
        )
        await connection.execute(
            "INSERT INTO rate_window VALUES ('old', 1, now() - interval '2 hours'), ('new', 1, now())"
        )
    assert await identity.delete_expired_sessions(database) == 1
    async with database.reading() as connection:
        assert await connection.fetchval("SELECT array_agg(id) FROM session") == [fresh.session_id]
        assert await connection.fetchval("SELECT array_agg(token_hash) FROM refresh_token") == [b"b"]
        assert await connection.fetchval("SELECT array_agg(key) FROM rate_window") == ["new"]
        assert await connection.fetchval("SELECT count(*) FROM app_user") == 2
