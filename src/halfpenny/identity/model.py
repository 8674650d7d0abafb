"""People, roles and the rules of passwords. Pure."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from importlib.resources import files

from halfpenny.identity.errors import (
    EmailUnverified,
    KycRequired,
    MalformedEmail,
    PasswordTooCommon,
    PasswordTooLong,
    PasswordTooShort,
    WrongRole,
)
from halfpenny.identity.permissions import Permission, permissions_of
from halfpenny.identity.roles import Role
from halfpenny.primitives.ids import SessionId, UserId

# NIST SP 800-63B-4, 3.1.1.2: 15 characters where the password is the only factor, at least 64 allowed,
# every character counts as one, no composition rules, a blocklist.
PASSWORD_MIN_CHARACTERS = 15
PASSWORD_MAX_CHARACTERS = 256
EMAIL_MAX_CHARACTERS = 254
_EMAIL = re.compile(r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[a-z0-9-]+(\.[a-z0-9-]+)+", re.ASCII)
_SEQUENCES = (
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890123456789",
    "qwertyuiopasdfghjklzxcvbnm",
    "qwertzuiopasdfghjklyxcvbnm",
    "azertyuiopqsdfghjklmwxcvbn",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
)


class RevokedSubject(StrEnum):
    """What a notification of a revocation names before the colon: one session, or all of a person's."""

    SESSION = "session"
    USER = "user"


class KycStatus(StrEnum):
    """The result of KYC: not verified yet, verified, or failed."""

    PENDING = "pending"
    VERIFIED = "verified"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who a request acts for, by its access token and session."""

    user_id: UserId
    roles: frozenset[Role]
    session_id: SessionId
    email_verified: bool
    kyc_verified: bool

    def may(self, permission: Permission) -> bool:
        """Whether one of this person's roles holds the permission."""
        return permission in permissions_of(self.roles)

    def require_permission(self, permission: Permission) -> None:
        """Raise WrongRole unless this person holds the permission."""
        if not self.may(permission):
            raise WrongRole(permissions=[permission])

    def require_cleared(self) -> None:
        """Raise EmailUnverified or KycRequired unless this person may move money."""
        if not self.email_verified:
            raise EmailUnverified()
        if not self.kyc_verified:
            raise KycRequired()


@dataclass(frozen=True, slots=True)
class Person:
    """One row of ``app_user`` without its secrets."""

    id: UserId
    email: str
    full_name: str
    role: Role
    kyc_status: KycStatus
    country: str | None
    sophisticated: bool
    email_verified_at: datetime | None
    disabled_at: datetime | None
    created_at: datetime


def fold_email(text: str) -> str:
    """The one spelling of an address that we store and compare. Raises MalformedEmail.

    Addresses are ASCII: homographs must not be two accounts.
    """
    folded = text.strip().lower()
    if len(folded) > EMAIL_MAX_CHARACTERS or _EMAIL.fullmatch(folded) is None:
        raise MalformedEmail()
    return folded


def secret_hash(secret: str) -> bytes:
    """How secrets with 256 random bits are stored: a plain hash suffices where nothing can be guessed."""
    return hashlib.sha256(secret.encode()).digest()


def normal_password(password: str) -> str:
    """The same password typed on another keyboard is the same password (NFKC, as SP 800-63B asks)."""
    return unicodedata.normalize("NFKC", password)


def check_password(password: str, email: str, full_name: str) -> None:
    """Raise PasswordTooShort, PasswordTooLong or PasswordTooCommon. Counts characters, not bytes."""
    password = normal_password(password)
    if len(password) < PASSWORD_MIN_CHARACTERS:
        raise PasswordTooShort()
    if len(password) > PASSWORD_MAX_CHARACTERS:
        raise PasswordTooLong()
    own = {email, *email.replace("@", ".").split("."), *full_name.lower().split(), "halfpenny"}
    if is_common(password, frozenset(word for word in own if len(word) >= 3)):
        raise PasswordTooCommon()


def is_common(password: str, own_words: frozenset[str]) -> bool:
    """Whether a password is the person's own words, or consists of at most two common pieces.

    A piece is a listed password, one of the person's own words, a run along the alphabet, the digits or
    the keyboard, or a repetition of any of these; punctuation and spaces do not count. Three common words
    in a row may be a passphrase that somebody thought about.
    """
    folded = password.lower()
    if any(word in folded and len(folded) - len(word) < 8 for word in own_words):
        return True
    letters = "".join(letter for letter in folded if letter.isalnum())
    words = _common_words() | own_words
    return _is_piece(letters, words) or any(
        _is_piece(letters[:cut], words) and _is_piece(letters[cut:], words) for cut in range(1, len(letters))
    )


@cache
def _common_words() -> frozenset[str]:
    text = files("halfpenny.identity").joinpath("common_passwords.txt").read_text("utf-8")
    return frozenset(line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#"))


def _is_piece(text: str, words: frozenset[str]) -> bool:
    # A text that repeats itself is found inside of two of it, moved by the length of what it repeats.
    period = (text + text).find(text, 1)
    unit = text[:period]
    if period < len(text) and (period < 5 or unit in words or _is_run(unit)):
        return True
    return text in words or _is_run(text)


def _is_run(text: str) -> bool:
    return len(text) >= 3 and any(text in row or text in row[::-1] for row in _SEQUENCES)
