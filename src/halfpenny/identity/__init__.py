"""People and companies, credentials, sessions, roles and what is known of who somebody is.

``Identity`` is the running service; ``requires(Permission.X)`` or ``ANYONE`` stands beside each route and
``SignedIn`` is who calls it; ``Tokens.verify`` is for everything outside of FastAPI.
"""

from pathlib import Path
from typing import Final

from halfpenny.identity.check import UNCHECKED, check
from halfpenny.identity.dependencies import (
    ANYONE,
    CallerAddress,
    Cleared,
    MaybeSignedIn,
    MoneyRequest,
    RunningIdentity,
    SignedIn,
    asked_by,
    declares,
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
    NotYourself,
    RoleUnchanged,
    StaffAreInvited,
    UserNotFound,
    WrongRole,
)
from halfpenny.identity.indicators import INDICATORS
from halfpenny.identity.keys import BadSigningKey, SigningKeys, load_keys, load_signing_keys
from halfpenny.identity.mail import MailSender, OutgoingEmail, SmtpSender, send_due
from halfpenny.identity.model import KycStatus, Person, Principal, RevokedSubject
from halfpenny.identity.page_sessions import Visitor, check_own_page, cookie_of, visitor_of
from halfpenny.identity.passwords import Passwords
from halfpenny.identity.permissions import ROLE_PERMISSIONS, Permission, permissions_of
from halfpenny.identity.roles import INVITED_ROLES, PERSONAL_ROLES, STAFF_ROLES, Role
from halfpenny.identity.service.administering import create_administrator, me
from halfpenny.identity.service.provisioning import (
    create_user,
    delete_expired_sessions,
    is_active_holder,
    open_sessions,
    related_parties,
    related_to,
)
from halfpenny.identity.service.running import Identity
from halfpenny.identity.service.staffing import (
    change_role,
    check_address_is_free,
    check_role_change,
    invite,
    issue_invitation,
    person,
)
from halfpenny.identity.settings import IdentitySettings
from halfpenny.identity.store import NewPerson, active_sessions, full_names
from halfpenny.identity.store import insert_people as create_users
from halfpenny.identity.tokens import Tokens

TEMPLATES: Final = Path(__file__).parent / "templates"

__all__ = [
    "ANYONE",
    "INDICATORS",
    "INVITED_ROLES",
    "PERSONAL_ROLES",
    "ROLE_PERMISSIONS",
    "STAFF_ROLES",
    "TEMPLATES",
    "UNCHECKED",
    "BadSigningKey",
    "CallerAddress",
    "Cleared",
    "EmailTaken",
    "EmailUnverified",
    "Identity",
    "IdentitySettings",
    "InvalidCredentials",
    "InvalidToken",
    "KycRequired",
    "KycStatus",
    "MailSender",
    "MaybeSignedIn",
    "MoneyRequest",
    "NewPerson",
    "NotYourself",
    "OutgoingEmail",
    "Passwords",
    "Permission",
    "Person",
    "Principal",
    "RevokedSubject",
    "Role",
    "RoleUnchanged",
    "RunningIdentity",
    "SignedIn",
    "SigningKeys",
    "SmtpSender",
    "StaffAreInvited",
    "Tokens",
    "UserNotFound",
    "Visitor",
    "WrongRole",
    "active_sessions",
    "asked_by",
    "change_role",
    "check",
    "check_address_is_free",
    "check_own_page",
    "check_role_change",
    "cookie_of",
    "create_administrator",
    "create_user",
    "create_users",
    "declares",
    "delete_expired_sessions",
    "full_names",
    "invite",
    "is_active_holder",
    "issue_invitation",
    "load_keys",
    "load_signing_keys",
    "me",
    "money_request",
    "open_sessions",
    "permissions_of",
    "person",
    "related_parties",
    "related_to",
    "requires",
    "send_due",
    "signed_in",
    "visitor_of",
]
