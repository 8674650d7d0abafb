"""Have every token verified once, as investors who are signed in have had theirs, before anything is measured."""

from __future__ import annotations

import http.client
from pathlib import Path


def show_tokens(port: int, tokens: Path) -> None:
    """Each investor looks at their wallets, over one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    for token in tokens.read_text().split():
        connection.request("GET", "/api/v1/wallets", headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise RuntimeError(f"/api/v1/wallets: {answer.status}")
    connection.close()
