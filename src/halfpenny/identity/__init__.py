"""People and companies, credentials, sessions, roles and what is known of who somebody is.

``Identity`` is the running service; ``SignedIn``, ``Investor``, ``Borrower`` and ``Administrator`` are the
dependencies of routes; ``Tokens.verify`` is for everything outside of FastAPI.
"""

from halfpenny.identity.dependencies import (
    Administrator,
    Borrower,
    CallerAddress,
    Cleared,
    ClearedBorrower,
    ClearedInvestor,
    Investor,
    MaybeSignedIn,
    MoneyRequest,
    RunningIdentity,
    SignedIn,
    administrator,
    borrower,
    investor,
    money_request,
    requires,
    signed_in,
)
from halfpenny.identity.errors import (
    EmailTaken,
    EmailUnverified,
    InvalidCredentials,
    InvalidToken,
    KycRequired,
    WrongRole,
)
from halfpenny.identity.keys import BadSigningKey, SigningKeys, load_signing_keys
from halfpenny.identity.mail import Letter, MailSender, SmtpSender, send_due
from halfpenny.identity.model import KycStatus, Person, Principal
from halfpenny.identity.passwords import Passwords
from halfpenny.identity.permissions import ROLE_PERMISSIONS, Permission, permissions_of
from halfpenny.identity.roles import Role
from halfpenny.identity.service.administering import create_administrator, me
from halfpenny.identity.service.provisioning import (
    create_user,
    forget_expired,
    is_active_holder,
    open_sessions,
    related_to,
)
from halfpenny.identity.service.running import Identity
from halfpenny.identity.settings import IdentitySettings
from halfpenny.identity.store import NewPerson, living_sessions
from halfpenny.identity.store import insert_people as create_users
from halfpenny.identity.tokens import Tokens

__all__ = [
    "ROLE_PERMISSIONS",
    "Administrator",
    "BadSigningKey",
    "Borrower",
    "CallerAddress",
    "Cleared",
    "ClearedBorrower",
    "ClearedInvestor",
    "EmailTaken",
    "EmailUnverified",
    "Identity",
    "IdentitySettings",
    "InvalidCredentials",
    "InvalidToken",
    "Investor",
    "KycRequired",
    "KycStatus",
    "Letter",
    "MailSender",
    "MaybeSignedIn",
    "MoneyRequest",
    "NewPerson",
    "Passwords",
    "Permission",
    "Person",
    "Principal",
    "Role",
    "RunningIdentity",
    "SignedIn",
    "SigningKeys",
    "SmtpSender",
    "Tokens",
    "WrongRole",
    "administrator",
    "borrower",
    "create_administrator",
    "create_user",
    "create_users",
    "forget_expired",
    "investor",
    "is_active_holder",
    "living_sessions",
    "load_signing_keys",
    "me",
    "money_request",
    "open_sessions",
    "permissions_of",
    "related_to",
    "requires",
    "send_due",
    "signed_in",
]
