"""What exists and what does not answers alike to whom neither is shown: in status, in body and in time."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import httpx2
import pytest

from halfpenny.identity import IdentitySettings, Passwords, Role
from halfpenny.loans.service import applying
from halfpenny.platform.database import Database
from halfpenny.primitives.ids import uuid7
from support import lending
from support.people import make_somebody

Client = httpx2.AsyncClient
AMOUNT = {"amount": "100.00", "currency": "EUR"}


def outcome(answer: Any, path: str) -> tuple[int, str]:
    """The status and the body, without the id that was asked for."""
    return answer.status_code, answer.text.replace(path.split("/")[4], "ID")


@pytest.mark.parametrize("stage", ["draft", "submitted", "assessed"])
@pytest.mark.parametrize(
    ("method", "part", "body"),
    [
        ("GET", "", None),
        ("POST", "/invest", AMOUNT),
        ("POST", "/invest?slowly=1", AMOUNT),
        ("POST", "/waiting-list", AMOUNT),
        ("GET", "/schedule", None),
        ("GET", "/redemption", None),
        ("GET", "/distributions", None),
        ("GET", "/assessment", None),
        ("POST", "/cancel", {"reason": "Sold already."}),
    ],
)
async def test_another_borrowers_loan_before_its_offer_answers_like_none(
    client: Client, database: Database, stage: str, method: str, part: str, body: Any
) -> None:
    investor = await make_somebody(database, Role.INVESTOR)
    async with database.unit_of_work() as connection:
        borrower = await lending.person(connection, "borrower")
        if stage == "draft":
            loan = await applying.draft(connection, borrower, lending.application(), lending.RULES)
        else:
            loan = await getattr(lending, stage)(connection, borrower)
    answers = []
    for loan_id in (loan.id, uuid7()):
        path = f"/api/v1/loans/{loan_id}{part}"
        answers.append(
            outcome(await client.request(method, path, json=body, headers=investor.paying()), path.partition("?")[0])
        )
    assert answers[0] == answers[1]
    assert answers[0][0] == 404


async def test_an_account_without_a_password_takes_as_long_as_any_other(tmp_path: Path) -> None:
    """Such as an invited one: whoever measures must not learn that it is there."""
    passwords = Passwords(IdentitySettings(tmp_path / "key.json", argon2_memory_kib=32_768, argon2_lanes=1))

    async def took_s(password_hash: str | None) -> float:
        began = time.perf_counter()
        assert not await passwords.matches(password_hash, "no such password at all")
        return time.perf_counter() - began

    try:
        for unusable in ("!", "none", "$2b$12$abcdefghijklmnopqrstuv"):
            without = min([await took_s(unusable) for _ in range(3)])
            nobody = min([await took_s(None) for _ in range(3)])
            assert without > nobody / 3
    finally:
        passwords.close()
