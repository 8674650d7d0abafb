"""What `check books` leaves out of identity. Roles, KYC and relations are held against the history of their rows."""

from __future__ import annotations

from collections.abc import Mapping

_SESSIONS = "who is signed in: it ends by itself, and no money moves by it alone"

UNCHECKED: Mapping[str, str] = {
    "app_user.email": "personal: it stays out of a history that is never erased",
    "app_user.full_name": "personal: it stays out of a history that is never erased",
    "app_user.password_hash": "a secret: it stays out of a history that is never erased",
    "mailed_token.*": _SESSIONS,
    "outgoing_mail.*": "letters under way",
    "rate_window.*": "counters that a crash forgives",
    "refresh_token.*": _SESSIONS,
    "session.*": _SESSIONS,
}
