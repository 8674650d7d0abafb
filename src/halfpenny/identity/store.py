"""All SQL of identity. Every function runs in the caller's transaction."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from halfpenny.identity.model import KycStatus, Person
from halfpenny.identity.roles import Role
from halfpenny.platform import rows
from halfpenny.platform.database import Connection, Record
from halfpenny.primitives.ids import SessionId, UserId

_PERSON = (
    "u.id, u.email, u.full_name, u.role, u.kyc_status, u.country, u.sophisticated, "
    "u.email_verified_at, u.disabled_at, u.created_at"
)


@dataclass(frozen=True, slots=True)
class NewPerson:
    """A row to be written to ``app_user``; ``verified`` is whether the mail address is proven already."""

    id: UserId
    email: str
    full_name: str
    role: Role
    password_hash: str
    kyc_status: KycStatus
    verified: bool
    country: str | None = None
    sophisticated: bool = False


@dataclass(frozen=True, slots=True)
class SpentToken:
    """A refresh token that was used ``age`` ago; ``answer`` is sealed, and None where none was kept."""

    session_id: SessionId
    age: timedelta
    answer: str | None


def _person(row: Record) -> Person:
    return Person(
        id=UserId(row["id"]),
        email=row["email"],
        full_name=row["full_name"],
        role=Role(row["role"]),
        kyc_status=KycStatus(row["kyc_status"]),
        country=row["country"],
        sophisticated=row["sophisticated"],
        email_verified_at=row["email_verified_at"],
        disabled_at=row["disabled_at"],
        created_at=row["created_at"],
    )


async def insert_people(connection: Connection, people: Sequence[NewPerson]) -> set[UserId]:
    """Write people as one statement; addresses that are there already are left alone. Returns who is new."""
    found = await connection.fetch(
        "INSERT INTO app_user (id, email, full_name, role, password_hash, kyc_status, email_verified_at, "
        "country, sophisticated) "
        "SELECT id, email, full_name, role, password_hash, kyc_status, CASE WHEN verified THEN now() END, "
        "country, sophisticated "
        "FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bool[], "
        "$8::text[], $9::bool[]) AS new(id, email, full_name, role, password_hash, kyc_status, verified, "
        "country, sophisticated) "
        "ON CONFLICT (email) DO NOTHING RETURNING id",
        [person.id for person in people],
        [person.email for person in people],
        [person.full_name for person in people],
        [person.role.value for person in people],
        [person.password_hash for person in people],
        [person.kyc_status.value for person in people],
        [person.verified for person in people],
        [person.country for person in people],
        [person.sophisticated for person in people],
    )
    return {UserId(row["id"]) for row in found}


async def person_by_id(connection: Connection, user_id: UserId, *, lock: bool = False) -> Person | None:
    """The person, locked until the transaction ends where asked for."""
    row = await connection.fetchrow(
        f"SELECT {_PERSON} FROM app_user u WHERE u.id = $1{' FOR NO KEY UPDATE' if lock else ''}", user_id
    )
    return _person(row) if row else None


async def credentials_by_email(connection: Connection, email: str) -> tuple[Person, str] | None:
    """The person and their password hash."""
    row = await connection.fetchrow(f"SELECT {_PERSON}, u.password_hash FROM app_user u WHERE u.email = $1", email)
    return (_person(row), row["password_hash"]) if row else None


async def password_hash_of(connection: Connection, user_id: UserId) -> str | None:
    found: str | None = await connection.fetchval("SELECT password_hash FROM app_user WHERE id = $1", user_id)
    return found


async def people(connection: Connection, after: UserId | None, limit: int) -> list[Person]:
    """Everybody, newest last, from the one after ``after``."""
    found = await connection.fetch(
        f"SELECT {_PERSON} FROM app_user u WHERE u.id > $1 ORDER BY u.id LIMIT $2",
        after or UUID(int=0),
        limit,
    )
    return [_person(row) for row in found]


async def full_names(connection: Connection, people: Sequence[UserId]) -> dict[UserId, str]:
    """What these people are called."""
    found = await connection.fetch("SELECT id, full_name FROM app_user WHERE id = ANY($1)", list(people))
    return {UserId(row["id"]): row["full_name"] for row in found}


async def set_password(connection: Connection, user_id: UserId, password_hash: str) -> None:
    await rows.update(connection, "app_user", {"password_hash": password_hash}, "id = $1", user_id)


async def set_disabled(connection: Connection, user_id: UserId, disabled: bool) -> bool:
    """Whether there is such a person."""
    return bool(
        await connection.fetchval(
            "UPDATE app_user SET disabled_at = CASE WHEN $2 THEN coalesce(disabled_at, now()) END "
            "WHERE id = $1 RETURNING true",
            user_id,
            disabled,
        )
    )


async def set_role(connection: Connection, user_id: UserId, role: Role) -> bool:
    return await rows.update(connection, "app_user", {"role": role}, "id = $1", user_id) == "UPDATE 1"


async def set_kyc_status(connection: Connection, user_id: UserId, status: KycStatus) -> bool:
    return await rows.update(connection, "app_user", {"kyc_status": status}, "id = $1", user_id) == "UPDATE 1"


async def set_email_verified(connection: Connection, user_id: UserId) -> None:
    await connection.execute(
        "UPDATE app_user SET email_verified_at = coalesce(email_verified_at, now()) WHERE id = $1", user_id
    )


# Sessions


async def insert_session(
    connection: Connection,
    session_id: SessionId,
    user_id: UserId,
    address: str | None,
    lifetime: timedelta,
    page_secret_hash: bytes | None = None,
) -> None:
    """A new session; ``page_secret_hash`` makes it one of pages."""
    await connection.execute(
        "INSERT INTO session (id, user_id, address, expires_at, page_secret_hash, seen_at) "
        "VALUES ($1, $2, $3, now() + $4, $5, CASE WHEN $5::bytea IS NOT NULL THEN now() END)",
        session_id,
        user_id,
        address,
        lifetime,
        page_secret_hash,
    )


async def page_session(connection: Connection, secret_hash: bytes, idle: timedelta) -> tuple[SessionId, Person] | None:
    """The living session of pages with this secret, and whose it is; None where it ended, expired or idled.

    Notes that it was seen, at most once a minute.
    """
    row = await connection.fetchrow(
        f"SELECT {_PERSON}, s.id AS session_id, s.seen_at < now() - interval '1 minute' AS unseen "
        "FROM session s JOIN app_user u ON u.id = s.user_id WHERE s.page_secret_hash = $1 AND s.ended_at IS NULL "
        "AND s.expires_at > now() AND s.seen_at > now() - $2::interval AND u.disabled_at IS NULL",
        secret_hash,
        idle,
    )
    if row is None:
        return None
    if row["unseen"]:
        await connection.execute("UPDATE session SET seen_at = now() WHERE id = $1", row["session_id"])
    return SessionId(row["session_id"]), _person(row)


async def end_page_session(connection: Connection, secret_hash: bytes, because: str) -> None:
    living = "page_secret_hash = $1 AND ended_at IS NULL"
    await rows.update(connection, "session", {"ended_because": because}, living, secret_hash, also="ended_at = now()")


async def insert_sessions(
    connection: Connection, sessions: Sequence[tuple[SessionId, UserId]], lifetime: timedelta
) -> None:
    """Sessions without refresh tokens for many people, as one statement."""
    await connection.execute(
        "INSERT INTO session (id, user_id, expires_at) "
        "SELECT id, user_id, now() + $3 FROM unnest($1::uuid[], $2::uuid[]) AS new(id, user_id)",
        [session_id for session_id, _ in sessions],
        [user_id for _, user_id in sessions],
        lifetime,
    )


async def session_person(connection: Connection, session_id: SessionId) -> Person | None:
    """Whose living session this is; None where it ended, expired, or its person is disabled."""
    row = await connection.fetchrow(
        f"SELECT {_PERSON} FROM session s JOIN app_user u ON u.id = s.user_id "
        "WHERE s.id = $1 AND s.ended_at IS NULL AND s.expires_at > now() AND u.disabled_at IS NULL",
        session_id,
    )
    return _person(row) if row else None


async def active_sessions(connection: Connection, session_ids: Collection[SessionId]) -> set[SessionId]:
    """Those of the sessions that have neither ended nor expired, of people who are not disabled."""
    found = await connection.fetch(
        "SELECT s.id FROM session s JOIN app_user u ON u.id = s.user_id "
        "WHERE s.id = ANY($1) AND s.ended_at IS NULL AND s.expires_at > now() AND u.disabled_at IS NULL",
        list(session_ids),
    )
    return {SessionId(row["id"]) for row in found}


async def end_session(connection: Connection, session_id: SessionId, because: str) -> None:
    living = "id = $1 AND ended_at IS NULL"
    await rows.update(connection, "session", {"ended_because": because}, living, session_id, also="ended_at = now()")


async def end_sessions_of(connection: Connection, user_id: UserId, because: str) -> None:
    living = "user_id = $1 AND ended_at IS NULL"
    await rows.update(connection, "session", {"ended_because": because}, living, user_id, also="ended_at = now()")


async def insert_refresh_token(connection: Connection, token_hash: bytes, session_id: SessionId) -> None:
    await rows.insert(connection, "refresh_token", {"token_hash": token_hash, "session_id": session_id})


async def refresh_token_owner(connection: Connection, token_hash: bytes) -> UserId | None:
    """Whose token this is, spent or not; None for one that was never issued."""
    found = await connection.fetchval(
        "SELECT s.user_id FROM refresh_token t JOIN session s ON s.id = t.session_id WHERE t.token_hash = $1",
        token_hash,
    )
    return UserId(found) if found else None


async def use_refresh_token(connection: Connection, token_hash: bytes) -> SessionId | None:
    """Spend a token: its session for the first caller only, whoever else waits at the row gets None."""
    found = await connection.fetchval(
        "UPDATE refresh_token SET used_at = now() WHERE token_hash = $1 AND used_at IS NULL RETURNING session_id",
        token_hash,
    )
    return SessionId(found) if found else None


async def keep_refresh_answer(connection: Connection, token_hash: bytes, sealed: str) -> None:
    """Remember what a token was swapped for, as text that nobody can read without the token."""
    await rows.update(connection, "refresh_token", {"answer": sealed}, "token_hash = $1", token_hash)


async def spent_refresh_token(connection: Connection, token_hash: bytes) -> SpentToken | None:
    """What is known of a token that was used before, by the real clock."""
    row = await connection.fetchrow(
        "SELECT session_id, clock_timestamp() - used_at AS age, answer FROM refresh_token "
        "WHERE token_hash = $1 AND used_at IS NOT NULL",
        token_hash,
    )
    return SpentToken(SessionId(row["session_id"]), row["age"], row["answer"]) if row else None


async def signed_in_from(connection: Connection, user_id: UserId, address: str) -> bool:
    """Whether this person signed in from this address before (sessions are kept a while after their end)."""
    return bool(
        await connection.fetchval(
            "SELECT true FROM session WHERE user_id = $1 AND address = $2 LIMIT 1", user_id, address
        )
    )


async def delete_expired(connection: Connection) -> int:
    """Remove sessions a month after they ended or expired, spent links and old counters."""
    gone = await connection.fetchval(
        "WITH gone AS (DELETE FROM session WHERE expires_at < now() - interval '30 days' RETURNING 1) "
        "SELECT count(*) FROM gone"
    )
    await connection.execute(
        "UPDATE refresh_token SET answer = NULL WHERE answer IS NOT NULL AND used_at < now() - interval '2 minutes'"
    )
    await connection.execute("DELETE FROM mailed_token WHERE expires_at < now() - interval '1 day'")
    await connection.execute("DELETE FROM rate_window WHERE expires_at < now() - interval '1 hour'")
    return int(gone)


# Links and letters


async def insert_mailed_token(
    connection: Connection, token_hash: bytes, user_id: UserId, purpose: str, lifetime: timedelta
) -> None:
    """Write a new link; earlier links of the same purpose end."""
    await connection.execute(
        "UPDATE mailed_token SET used_at = now() WHERE user_id = $1 AND purpose = $2 AND used_at IS NULL",
        user_id,
        purpose,
    )
    await connection.execute(
        "INSERT INTO mailed_token (token_hash, user_id, purpose, expires_at) VALUES ($1, $2, $3, now() + $4)",
        token_hash,
        user_id,
        purpose,
        lifetime,
    )


async def use_mailed_token(connection: Connection, token_hash: bytes, purpose: str) -> UserId | None:
    found = await connection.fetchval(
        "UPDATE mailed_token SET used_at = now() "
        "WHERE token_hash = $1 AND purpose = $2 AND used_at IS NULL AND expires_at > now() RETURNING user_id",
        token_hash,
        purpose,
    )
    return UserId(found) if found else None


async def person_of_mailed_token(connection: Connection, token_hash: bytes, purpose: str) -> Person | None:
    """Whose living link this is; it stays unspent."""
    row = await connection.fetchrow(
        f"SELECT {_PERSON} FROM mailed_token t JOIN app_user u ON u.id = t.user_id "
        "WHERE t.token_hash = $1 AND t.purpose = $2 AND t.used_at IS NULL AND t.expires_at > now()",
        token_hash,
        purpose,
    )
    return _person(row) if row else None


async def insert_mail(connection: Connection, mail_id: UUID, recipient: str, occasion: str) -> None:
    await rows.insert(connection, "outgoing_mail", {"id": mail_id, "recipient": recipient, "occasion": occasion})


async def claim_mail(connection: Connection, limit: int) -> list[Record]:
    """Due letters (id, recipient, occasion, attempts), each put off by a growing while in case sending fails."""
    found: list[Record] = await connection.fetch(
        "UPDATE outgoing_mail m SET attempts = attempts + 1, due_at = now() + interval '1 minute' * 2 ^ attempts "
        "WHERE id IN (SELECT id FROM outgoing_mail WHERE due_at <= now() ORDER BY due_at LIMIT $1 "
        "FOR UPDATE SKIP LOCKED) RETURNING id, recipient, occasion, attempts",
        limit,
    )
    return found


async def delete_mail(connection: Connection, mail_id: UUID) -> None:
    await connection.execute("DELETE FROM outgoing_mail WHERE id = $1", mail_id)


# Related parties


async def insert_related(connection: Connection, user_id: UserId, related_user_id: UserId) -> None:
    await connection.execute(
        "INSERT INTO related_party (user_id, related_user_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        user_id,
        related_user_id,
    )


async def related_to(connection: Connection, user_ids: Sequence[UserId]) -> dict[UserId, set[UserId]]:
    """Each person's related people, in both directions."""
    found = await connection.fetch(
        "SELECT user_id AS one, related_user_id AS other FROM related_party WHERE user_id = ANY($1) "
        "UNION SELECT related_user_id, user_id FROM related_party WHERE related_user_id = ANY($1)",
        list(user_ids),
    )
    related: dict[UserId, set[UserId]] = {user_id: set() for user_id in user_ids}
    for row in found:
        related[UserId(row["one"])].add(UserId(row["other"]))
    return related
