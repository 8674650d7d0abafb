"""Role-based access control: the one table of permissions by role.

Routes name a permission (``requires(Permission.X)``), never a role. docs/permissions.md is generated from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from types import MappingProxyType

from halfpenny.identity.roles import Role


class Permission(StrEnum):
    """What a person may ask for. Whether they may ask it of this object is the object's own rule."""

    OWN_ACCOUNT = "account:own"
    OWN_BOOKS = "books:own"
    USERS_READ = "users:read"
    USERS_MANAGE = "users:manage"
    ROLES_PROPOSE = "roles:propose"
    ROLES_APPROVE = "roles:approve"
    LOANS_READ = "loans:read"
    LOANS_APPLY = "loans:apply"
    LOANS_READ_ALL = "loans:read_all"
    LOANS_ASSESS = "loans:assess"
    VALUERS_MANAGE = "valuers:manage"
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
    RISK_READ = "risk:read"
    MODELS_PROPOSE = "models:propose"
    MODELS_APPROVE = "models:approve"
    APPROVALS_READ = "approvals:read"
    APPROVALS_DECIDE = "approvals:decide"


_P = Permission
_EVERY_PERSON = frozenset({_P.OWN_ACCOUNT, _P.LOANS_READ, _P.OWN_BOOKS})
# What staff read of each other's work. None of it changes anything.
_STAFF_READS = frozenset({_P.LOANS_READ_ALL, _P.SERVICING_READ, _P.APPROVALS_READ, _P.RISK_READ})
_EVERY_READ = _STAFF_READS | {_P.USERS_READ, _P.BANK_READ, _P.LEDGER_READ, _P.AUDIT_READ}
# Only customers have wallets: staff neither invest nor borrow.
_OF_CUSTOMERS = frozenset({_P.WALLET, _P.INVEST, _P.LOANS_APPLY})

ROLE_PERMISSIONS: Mapping[Role, frozenset[Permission]] = MappingProxyType(
    {
        Role.INVESTOR: _EVERY_PERSON | {_P.WALLET, _P.INVEST},
        Role.BORROWER: _EVERY_PERSON | {_P.WALLET, _P.LOANS_APPLY},
        Role.UNDERWRITER: _EVERY_PERSON
        | _STAFF_READS
        | {_P.LOANS_ASSESS, _P.LOANS_DECIDE, _P.LOANS_CONDITIONS, _P.LOANS_CANCEL, _P.APPROVALS_DECIDE},
        Role.SERVICER: _EVERY_PERSON
        | _STAFF_READS
        | {_P.SERVICING_ACT, _P.SERVICING_APPROVE, _P.BANK_READ, _P.APPROVALS_DECIDE},
        Role.TREASURER: _EVERY_PERSON
        | _STAFF_READS
        | {_P.LOANS_DRAW_DOWN, _P.BANK_READ, _P.BANK_BOOK, _P.BANK_APPROVE}
        | {_P.LEDGER_READ, _P.LEDGER_CORRECT, _P.LEDGER_APPROVE, _P.APPROVALS_DECIDE},
        # Every act of staff; four eyes apply to them as to everybody.
        Role.ADMINISTRATOR: frozenset(Permission) - _OF_CUSTOMERS,
        Role.AUDITOR: _EVERY_PERSON | _EVERY_READ,
        # A program's account: it reads what everybody may read.
        Role.SERVICE: frozenset({_P.OWN_ACCOUNT, _P.LOANS_READ}),
    }
)


@cache
def permissions_of(roles: frozenset[Role]) -> frozenset[Permission]:
    """What these roles hold together."""
    return frozenset().union(*(ROLE_PERMISSIONS[role] for role in roles))
