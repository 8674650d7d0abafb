"""People who use the pages, as their browsers do: a cookie, forms, and an Origin with each of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import unescape
from typing import Any

import httpx2
from fastapi import FastAPI

from halfpenny.entrypoints.api import guarded
from halfpenny.entrypoints.settings import Settings
from support.people import PASSWORD

ORIGIN = "http://localhost"
COOKIE = "halfpenny_session"


def browser(app: FastAPI, settings: Settings, language: str = "en", origin: str = ORIGIN) -> httpx2.AsyncClient:
    """A browser without a session. ``origin`` is what its forms come from; "" sends none."""
    headers = {"accept": "text/html", "accept-language": language} | ({"origin": origin} if origin else {})
    transport = httpx2.ASGITransport(guarded(app, settings), raise_app_exceptions=False)
    return httpx2.AsyncClient(transport=transport, base_url=ORIGIN, headers=headers)


async def sign_in(client: httpx2.AsyncClient, email: str, password: str = PASSWORD, **fields: str) -> httpx2.Response:
    return await client.post("/sign-in", data={"email": email, "password": password, **fields})


def words(page: Any) -> str:
    """What a reader sees of a page, without its head and markup."""
    text = re.sub(r"(?s)<head>.*?</head>|<[^>]+>", " ", page.text)
    return " ".join(unescape(text).replace("\xa0", " ").split())


def hidden(page: Any) -> Mapping[str, str]:
    """The hidden fields of a page by their names."""
    found = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', page.text)
    return {unescape(name): unescape(value) for name, value in found}
