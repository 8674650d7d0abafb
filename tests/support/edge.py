"""Callers of an application under test."""

from __future__ import annotations

import httpx2
from fastapi import FastAPI

Client = httpx2.AsyncClient


def client_for(app: FastAPI, address: str = "198.51.100.7", **headers: str) -> Client:
    """A caller from an address (of the ranges for documentation, RFC 5737)."""
    transport = httpx2.ASGITransport(app=app, client=(address, 50_000), raise_app_exceptions=False)
    return Client(transport=transport, base_url="http://localhost", headers=headers)
