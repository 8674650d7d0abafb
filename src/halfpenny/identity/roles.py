"""The roles that an account can have: one a person."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """What an account is for, which decides what it may do."""

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


# Who invests and borrows here.
CUSTOMER_ROLES = frozenset({Role.INVESTOR, Role.BORROWER})
# Everybody else but programs: a new role is one of staff, who are invited, unless it is named above.
STAFF_ROLES = frozenset(Role) - CUSTOMER_ROLES - {Role.SERVICE}
# Who is invited rather than registered, and the roles of people, which may be changed.
INVITED_ROLES = STAFF_ROLES | {Role.SERVICE}
PERSONAL_ROLES = CUSTOMER_ROLES | STAFF_ROLES
