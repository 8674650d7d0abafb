"""What a load test is prepared with: people who may invest at once and loans that take it."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI

from halfpenny.entrypoints.settings import Settings, WrongSettings
from halfpenny.primitives.ids import uuid7
from halfpenny_demo.loadtest import prepare


async def test_prepared_tokens_and_loans_take_investments(
    app: FastAPI, client: httpx2.AsyncClient, settings: Settings, tmp_path: Path
) -> None:
    made = await prepare(settings, 3, 2, tmp_path / "load")
    tokens = (tmp_path / "load" / "tokens.txt").read_text().splitlines()
    loans = (tmp_path / "load" / "loans.txt").read_text().splitlines()
    assert (made.investors, made.loans, len(set(tokens)), len(set(loans))) == (3, 2, 3, 2)
    for token in tokens:
        headers = {"authorization": f"Bearer {token}", "idempotency-key": str(uuid7())}
        wallets = (await client.get("/api/v1/wallets", headers=headers)).json()
        assert {"currency": "EUR", "balance": "1000000.00", "available": "1000000.00"} in wallets
        body = {"amount": "1000000.00", "currency": "EUR"}
        answer = await client.post(f"/api/v1/loans/{loans[0]}/invest", json=body, headers=headers)
        assert answer.status_code == 201, answer.text
        assert answer.json()["funding"]["target"] == "400000000.00"


async def test_it_is_refused_where_money_is_real(settings: Settings, tmp_path: Path) -> None:
    real = settings.model_copy(update={"lending": settings.lending.model_copy(update={"sandbox": False})})
    with pytest.raises(WrongSettings):
        await prepare(real, 1, 1, tmp_path / "load")
    assert not (tmp_path / "load").exists()
