"""Probes: alive, ready, and degraded without failing what money needs."""

from __future__ import annotations

import httpx2
from fastapi import FastAPI


async def test_everything_answers(client: httpx2.AsyncClient) -> None:
    assert (await client.get("/livez")).json() == {"status": "alive"}
    ready = await client.get("/readyz")
    assert (ready.status_code, ready.json()) == (
        200,
        {"status": "ready", "parts": {"database": "ok", "documents": "ok"}},
    )
    metrics = await client.get("/metrics")
    assert "python_info" in metrics.text


async def test_a_missing_document_store_degrades_and_does_not_fail(app: FastAPI, client: httpx2.AsyncClient) -> None:
    await app.state.documents.close()
    ready = await client.get("/readyz")
    assert (ready.status_code, ready.json()["parts"]) == (200, {"database": "ok", "documents": "degraded"})


async def test_a_missing_database_is_not_ready_and_still_alive(app: FastAPI, client: httpx2.AsyncClient) -> None:
    app.state.database.pool.terminate()
    ready = await client.get("/readyz")
    assert (ready.status_code, ready.json()["status"]) == (503, "unready")
    assert ready.json()["parts"]["database"] == "unavailable"
    assert (await client.get("/livez")).status_code == 200
