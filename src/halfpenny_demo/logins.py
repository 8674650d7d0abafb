"""Who may sign in to a demo: written beside its data, for the person at the machine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import msgspec

from halfpenny.platform.data_folder import write_private


@dataclass(frozen=True)
class Login:
    email: str
    password: str


@dataclass(frozen=True)
class Logins:
    """Who may sign in after seeding. Passwords are made for each data folder."""

    investor: Login
    borrower: Login
    administrators: tuple[Login, Login]
    # The other roles, one login each, by role.
    others: dict[str, Login] = field(default_factory=dict)

    def by_role(self) -> Iterator[tuple[str, Login]]:
        """(role, login) of everybody, as the demo prints them."""
        yield "investor", self.investor
        yield "borrower", self.borrower
        for login in self.administrators:
            yield "administrator", login
        yield from self.others.items()


class _Document(msgspec.Struct):
    """What the file holds beside the logins."""

    address: str


class LoginsFile:
    """``demo-logins.json`` in the data folder: the address, and who may sign in."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "demo-logins.json"
        # The same logins as the sign-in page shows them (HALFPENNY_SHOWN_LOGINS_FILE).
        self.shown = folder / "shown-logins.json"

    def write(self, address: str, logins: Logins) -> None:
        document = {"address": address, **asdict(logins)}
        write_private(self.path, msgspec.json.format(msgspec.json.encode(document), indent=2))
        shown = [{"role": role, **asdict(login)} for role, login in logins.by_role()]
        write_private(self.shown, msgspec.json.format(msgspec.json.encode(shown), indent=2))

    def read(self) -> Logins | None:
        return msgspec.json.decode(self.path.read_bytes(), type=Logins) if self.path.exists() else None

    def address(self) -> str:
        """Where the demo that wrote the file is served."""
        return msgspec.json.decode(self.path.read_bytes(), type=_Document).address
