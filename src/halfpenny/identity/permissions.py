"""Role-based access control: the one table that says which role holds which permission.

Routes name a permission (``requires(Permission.X)``), never a role. docs/permissions.md is generated from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from halfpenny.identity.roles import Role


class Permission(StrEnum):
    """What a person may ask for. Whether they may ask it of this object is the object's own rule."""

    OWN_ACCOUNT = "account:own"
    USERS_READ = "users:read"
    USERS_MANAGE = "users:manage"
    ROLES_PROPOSE = "roles:propose"
    ROLES_APPROVE = "roles:approve"
    LOANS_READ = "loans:read"
    LOANS_APPLY = "loans:apply"
    LOANS_READ_ALL = "loans:read_all"
    LOANS_ASSESS = "loans:assess"
    LOANS_DECIDE = "loans:decide"
    LOANS_CONDITIONS = "loans:conditions"
    LOANS_CANCEL = "loans:cancel"
    LOANS_DRAW_DOWN = "loans:draw_down"
    INVEST = "investments:make"
    WALLET = "wallet:use"
    SERVICING_READ = "servicing:read"
    SERVICING_ACT = "servicing:act"
    SERVICING_APPROVE = "servicing:approve"
    BANK_READ = "bank:read"
    BANK_BOOK = "bank:book"
    BANK_APPROVE = "bank:approve"
    LEDGER_READ = "ledger:read"
    LEDGER_CORRECT = "ledger:correct"
    LEDGER_APPROVE = "ledger:approve"
    AUDIT_READ = "audit:read"
    APPROVALS_READ = "approvals:read"


_P = Permission
_EVERYBODY = frozenset({_P.OWN_ACCOUNT, _P.LOANS_READ, _P.WALLET})

ROLE_PERMISSIONS: Mapping[Role, frozenset[Permission]] = MappingProxyType(
    {
        Role.INVESTOR: _EVERYBODY | {_P.INVEST},
        Role.BORROWER: _EVERYBODY | {_P.LOANS_APPLY},
        Role.ADMINISTRATOR: frozenset(Permission) - {_P.INVEST, _P.LOANS_APPLY},
    }
)


def permissions_of(roles: frozenset[Role]) -> frozenset[Permission]:
    """What these roles hold together."""
    return frozenset().union(*(ROLE_PERMISSIONS[role] for role in roles))
