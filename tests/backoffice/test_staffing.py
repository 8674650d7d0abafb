"""Roles and staff accounts: two administrators and a day, invited and never converted, nobody's puppet."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx2
import pytest

from halfpenny import identity
from halfpenny.entrypoints.lending_settings import ApprovalSettings
from halfpenny.entrypoints.settings import Settings, SignInSettings, WrongSettings
from halfpenny.identity import Role
from halfpenny.identity.mail import OutgoingEmail, send_due
from halfpenny.platform.clock import advance
from halfpenny.platform.database import Database
from halfpenny.primitives.ids import uuid7
from support.people import PASSWORD, Somebody, make_somebody

Client = httpx2.AsyncClient
NORA = {"email": "Nora@Halfpenny.example", "full_name": "Nora Lind", "role": "servicer", "reason": "Starts in May."}
A_DAY = timedelta(hours=24)


async def administrators(database: Database) -> tuple[Somebody, Somebody]:
    return await make_somebody(database, Role.ADMINISTRATOR), await make_somebody(database, Role.ADMINISTRATOR)


async def role_of(database: Database, user_id: UUID) -> str:
    async with database.reading() as connection:
        found: str = await connection.fetchval("SELECT role FROM app_user WHERE id = $1", user_id)
        return found


async def later(database: Database, by: timedelta) -> None:
    async with database.unit_of_work() as connection:
        await advance(connection, by)


async def approve(client: Client, answer: Any, somebody: Somebody) -> Any:
    assert answer.status_code == 202, answer.text
    path = f"/api/v1/approvals/{answer.json()['approval']['id']}/approve"
    return await client.post(path, json={}, headers=somebody.headers)


def refused(answer: Any, status: int, code: str) -> None:
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text


async def test_a_role_takes_another_administrator_and_a_day(client: Client, database: Database) -> None:
    one, other = await administrators(database)
    somebody = await make_somebody(database, Role.AUDITOR)
    answer = await client.post(
        f"/api/v1/users/{somebody.user_id}/role", json={"role": "treasurer"}, headers=one.headers
    )
    refused(await approve(client, answer, one), 403, "four_eyes")
    refused(await approve(client, answer, other), 409, "approval_too_early")
    await later(database, A_DAY - timedelta(minutes=1))
    refused(await approve(client, answer, other), 409, "approval_too_early")
    assert await role_of(database, somebody.user_id) == "auditor"
    await later(database, timedelta(minutes=1))
    done = await approve(client, answer, other)
    assert (done.status_code, done.json()["result"]["role"]) == (200, "treasurer")
    assert await role_of(database, somebody.user_id) == "treasurer"
    # Their sessions ended with the role.
    assert (await client.get("/api/v1/me", headers=somebody.headers)).status_code == 401
    async with database.reading() as connection:
        entries = await connection.fetch(
            "SELECT action, actor_id FROM audit_entry WHERE subject_id = $1 ORDER BY id", somebody.user_id
        )
    assert [(row["action"], row["actor_id"]) for row in entries] == [
        ("approval.proposed", one.user_id),
        ("user.role_set", one.user_id),
        ("approval.approved", other.user_id),
    ]


@pytest.mark.parametrize(
    ("now", "wanted", "code"),
    [
        ("investor", "administrator", "staff_are_invited"),
        ("borrower", "auditor", "staff_are_invited"),
        ("servicer", "investor", "staff_are_invited"),
        ("administrator", "borrower", "staff_are_invited"),
        ("service", "treasurer", "staff_are_invited"),
        ("investor", "investor", "role_unchanged"),
    ],
)
async def test_customers_stay_customers_and_staff_stay_staff(
    client: Client, database: Database, now: str, wanted: str, code: str
) -> None:
    one, _ = await administrators(database)
    somebody = await make_somebody(database, now)
    answer = await client.post(f"/api/v1/users/{somebody.user_id}/role", json={"role": wanted}, headers=one.headers)
    refused(answer, 409, code)
    assert await role_of(database, somebody.user_id) == now
    async with database.reading() as connection:
        assert await connection.fetchval("SELECT count(*) FROM approval") == 0


async def test_nobody_proposes_or_approves_their_own_role(client: Client, database: Database) -> None:
    one, other = await administrators(database)
    refused(
        await client.post(f"/api/v1/users/{one.user_id}/role", json={"role": "auditor"}, headers=one.headers),
        409,
        "not_yourself",
    )
    answer = await client.post(f"/api/v1/users/{other.user_id}/role", json={"role": "auditor"}, headers=one.headers)
    await later(database, A_DAY)
    refused(await approve(client, answer, other), 409, "not_yourself")
    assert await role_of(database, other.user_id) == "administrator"
    refused(
        await client.post(f"/api/v1/users/{uuid7()}/role", json={"role": "auditor"}, headers=one.headers),
        404,
        "user_not_found",
    )


@pytest.mark.parametrize("body", [{"role": "superuser"}, {"role": "investor", "disabled_at": None}, {}])
async def test_a_malformed_role_changes_nothing(client: Client, database: Database, body: Any) -> None:
    one, other = await administrators(database)
    answer = await client.post(f"/api/v1/users/{other.user_id}/role", json=body, headers=one.headers)
    assert answer.status_code == 422
    assert await role_of(database, other.user_id) == "administrator"


def test_every_role_can_be_invited_or_registered_for() -> None:
    """A new role needs no list here: staff and programs are invited, and only people change roles."""
    assert identity.INVITED_ROLES | {Role.INVESTOR, Role.BORROWER} == set(Role)
    assert {role for role in Role if role.is_staff} == identity.INVITED_ROLES - {Role.SERVICE}
    assert set(Role) - {Role.SERVICE} == identity.PERSONAL_ROLES


async def test_a_change_in_between_makes_a_role_stale(client: Client, database: Database) -> None:
    one, other = await administrators(database)
    somebody = await make_somebody(database, Role.AUDITOR)
    answer = await client.post(
        f"/api/v1/users/{somebody.user_id}/role", json={"role": "treasurer"}, headers=one.headers
    )
    await client.post(f"/api/v1/users/{somebody.user_id}/disable", headers=one.headers)
    await later(database, A_DAY)
    stale = await approve(client, answer, other)
    refused(stale, 409, "approval_stale")
    assert stale.json()["data"]["changes"] == [{"fact": "disabled", "proposed": False, "now": True}]


async def test_a_puppet_cannot_be_made_administrator(client: Client, database: Database) -> None:
    """One administrator registers a second self, and has nobody to make it one of staff with."""
    one, _ = await administrators(database)
    registered = {"email": "puppet@example.com", "password": PASSWORD, "full_name": "Ada Again", "role": "investor"}
    assert (await client.post("/api/v1/auth/register", json=registered)).status_code == 202
    async with database.reading() as connection:
        puppet = await connection.fetchval("SELECT id FROM app_user WHERE email = 'puppet@example.com'")
    answer = await client.post(f"/api/v1/users/{puppet}/role", json={"role": "administrator"}, headers=one.headers)
    refused(answer, 409, "staff_are_invited")
    answer = await client.post("/api/v1/users/invitations", json=NORA | {"role": "administrator"}, headers=one.headers)
    await later(database, A_DAY)
    refused(await approve(client, answer, one), 403, "four_eyes")
    async with database.reading() as connection:
        assert await connection.fetchval("SELECT count(*) FROM app_user WHERE role = 'administrator'") == 2


async def test_staff_are_invited_by_two_and_choose_their_own_password(client: Client, database: Database) -> None:
    one, other = await administrators(database)
    answer = await client.post("/api/v1/users/invitations", json=NORA, headers=one.headers)
    assert answer.json()["approval"]["payload"]["role"] == "servicer"
    await later(database, A_DAY)
    login = {"email": "nora@halfpenny.example", "password": PASSWORD}
    async with database.reading() as connection:
        assert await connection.fetchval("SELECT count(*) FROM app_user WHERE email = $1", login["email"]) == 0
    done = await approve(client, answer, other)
    assert done.status_code == 200, done.text
    token = done.json()["result"]["invitation_token"]
    assert (await client.post("/api/v1/auth/login", json=login)).status_code == 401
    for wrong, code in ((token + "x", "invalid_mailed_token"), (token, "password_too_short")):
        bad = await client.post("/api/v1/auth/invitations/accept", json={"token": wrong, "password": "short"})
        refused(bad, 422, code)
    accepted = {"token": token, "password": PASSWORD}
    assert (await client.post("/api/v1/auth/invitations/accept", json=accepted)).status_code == 204
    refused(await client.post("/api/v1/auth/invitations/accept", json=accepted), 422, "invalid_mailed_token")
    signed_in = await client.post("/api/v1/auth/login", json=login)
    assert signed_in.status_code == 200
    headers = {"Authorization": f"Bearer {signed_in.json()['access_token']}"}
    assert (await client.get("/api/v1/me", headers=headers)).json()["roles"] == ["servicer"]
    assert (await client.get("/api/v1/arrears", headers=headers)).status_code == 200


async def test_an_address_is_invited_once(client: Client, database: Database) -> None:
    one, other = await administrators(database)
    known = await make_somebody(database, email="nora@halfpenny.example")
    refused(await client.post("/api/v1/users/invitations", json=NORA, headers=one.headers), 409, "email_taken")
    free = NORA | {"email": "nora2@halfpenny.example"}
    first = await client.post("/api/v1/users/invitations", json=free, headers=one.headers)
    second = await client.post("/api/v1/users/invitations", json=free, headers=one.headers)
    await later(database, A_DAY)
    assert (await approve(client, first, other)).status_code == 200
    refused(await approve(client, second, other), 409, "email_taken")
    assert await role_of(database, known.user_id) == "investor"
    bad = await client.post("/api/v1/users/invitations", json=NORA | {"email": "nora@"}, headers=one.headers)
    refused(bad, 422, "malformed_email")
    customer = await client.post("/api/v1/users/invitations", json=NORA | {"role": "investor"}, headers=one.headers)
    assert customer.status_code == 422


class Letters:
    def __init__(self) -> None:
        self.sent: list[OutgoingEmail] = []

    async def send(self, letter: OutgoingEmail) -> None:
        self.sent.append(letter)


async def test_the_letter_carries_the_link_and_earlier_tokens_end(
    client: Client, database: Database, settings: Settings
) -> None:
    one, other = await administrators(database)
    answer = await client.post("/api/v1/users/invitations", json=NORA, headers=one.headers)
    await later(database, A_DAY)
    handed_out = (await approve(client, answer, other)).json()["result"]["invitation_token"]
    letters = Letters()
    assert await send_due(database, settings.identity_settings, letters) == 1
    [letter] = letters.sent
    assert letter.recipient == "nora@halfpenny.example"
    assert "servicer" in letter.body
    token = letter.body.partition("token=")[2].split()[0]
    old = await client.post("/api/v1/auth/invitations/accept", json={"token": handed_out, "password": PASSWORD})
    refused(old, 422, "invalid_mailed_token")
    new = await client.post("/api/v1/auth/invitations/accept", json={"token": token, "password": PASSWORD})
    assert new.status_code == 204


def test_where_mail_is_sent_no_token_is_returned(tmp_path: Any) -> None:
    from halfpenny.entrypoints.acts import registered_acts

    quiet = Settings(data=tmp_path, identity=SignInSettings(mail_url="smtp://127.0.0.1:25"))
    acts = registered_acts(quiet)
    assert {act.name for act in acts} >= {"user.role", "user.invitation"}
    assert acts["user.invitation"].rule.needs_second(0)
    assert acts["user.role"].wait == A_DAY


def test_a_wait_that_outlasts_the_proposal_is_refused_at_the_start() -> None:
    with pytest.raises(WrongSettings, match="HALFPENNY_ROLE_GRANT_WAIT_HOURS"):
        ApprovalSettings(approval_days=1, role_grant_wait_hours=24)
    assert ApprovalSettings(approval_days=1, role_grant_wait_hours=23).role_grant_wait_hours == 23


async def test_without_a_sandbox_the_result_names_no_token(database: Database) -> None:
    from halfpenny import approvals, backoffice
    from halfpenny.backoffice.acts import INVITATION, StaffInvitation

    one, other = await administrators(database)
    acts = approvals.Acts(backoffice.staffing_acts(timedelta(0), hand_out_invitations=False))
    payload = StaffInvitation("nora@halfpenny.example", "Nora Lind", Role.AUDITOR)
    async with database.unit_of_work() as connection:
        proposed = await approvals.perform(connection, acts, INVITATION, one.principal(), uuid7(), payload, "May.")
    assert proposed.approval is not None
    async with database.unit_of_work() as connection:
        decided = await approvals.approve(connection, acts, other.principal(), proposed.approval.id)
    assert set(decided.result or {}) == {"user_id", "role"}
    async with database.reading() as connection:
        assert await identity.related_to(connection, one.user_id) == set()
        assert await connection.fetchval("SELECT count(*) FROM mailed_token") == 0
