"""The roles that an account can have: one a person."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """What an account is for. What each may do is said once, in ``permissions``."""

    INVESTOR = "investor"
    BORROWER = "borrower"
    ADMINISTRATOR = "administrator"
