"""The roles that an account can have: one a person."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """What an account is for. What each may do stands in ``permissions``."""

    INVESTOR = "investor"
    BORROWER = "borrower"
    UNDERWRITER = "underwriter"
    SERVICER = "servicer"
    TREASURER = "treasurer"
    ADMINISTRATOR = "administrator"
    AUDITOR = "auditor"
    SERVICE = "service"

    @property
    def is_staff(self) -> bool:
        """Whether it is one of the house's own: such an account is invited, and has no wallet."""
        return self in STAFF_ROLES


STAFF_ROLES = frozenset({Role.UNDERWRITER, Role.SERVICER, Role.TREASURER, Role.ADMINISTRATOR, Role.AUDITOR})
# Who invests and borrows here.
CUSTOMER_ROLES = frozenset({Role.INVESTOR, Role.BORROWER})
