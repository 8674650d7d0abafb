"""The logins that the sign-in page of a demo shows."""

from __future__ import annotations

from pathlib import Path

import msgspec

from halfpenny.identity.roles import Role


class ShownLogin(msgspec.Struct, frozen=True):
    """An account of the demo, with its password in plain text: everybody may know it."""

    role: Role
    email: str
    password: str


def shown_logins(file: Path | None) -> list[ShownLogin]:
    """What the file holds, in its order; nothing where no file is set.

    Raises OSError where it is not there, msgspec.DecodeError where it holds something else.
    """
    if file is None:
        return []
    return msgspec.json.decode(file.read_bytes(), type=list[ShownLogin])
