"""Identity's part of `check books`: roles, verification and relations are as the audit trail has their last act.

Each of their columns is held against the history of its row as well. Who was set up by no act has no entry to be held
against: a customer's verification in a sandbox, for instance.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

from halfpenny.platform.consistency import Comparison, Finding, Progress, compare
from halfpenny.platform.database import Connection

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
BASIS = "the audit entry of the last act"


def _as_last_set(actions: str, found: str, expected: str, column: str) -> Comparison:
    """A column of a person against the newest audit entry of one of the ``actions``, where there is one."""
    return Comparison(
        "app_user",
        "u.id",
        f"""(SELECT DISTINCT ON (subject_id) subject_id, action, data FROM audit_entry
  WHERE subject = 'user' AND action IN ({actions}) ORDER BY subject_id, id DESC) a
LEFT JOIN app_user u ON u.id = a.subject_id""",
        {column: (found, expected)},
        BASIS,
        present="u.id IS NOT NULL",
    )


ROLES = _as_last_set(
    "'user.registered', 'user.invited', 'user.administrator_created', 'user.role_set'",
    "u.role",
    "CASE a.action WHEN 'user.administrator_created' THEN 'administrator' ELSE a.data->>'role' END",
    "role",
)
VERIFIED = _as_last_set("'user.kyc_set'", "u.kyc_status", "a.data->>'status'", "kyc_status")
DISABLED = _as_last_set(
    "'user.disabled', 'user.enabled'", "u.disabled_at IS NOT NULL", "a.action = 'user.disabled'", "disabled"
)
# No act of this release ends a relation.
RELATED = Comparison(
    "related_party",
    "concat_ws('/', a.subject_id, a.other)",
    """(SELECT DISTINCT subject_id, data->>'to' AS other FROM audit_entry
  WHERE subject = 'user' AND action = 'user.related') a
LEFT JOIN related_party r ON r.user_id = a.subject_id AND r.related_user_id::text = a.other""",
    {},
    "the audit entry of whoever recorded it",
    present="r.user_id IS NOT NULL",
)


async def check(connection: Connection, progress: Progress) -> AsyncIterator[Finding]:
    """Everything of people that an act has set. Runs inside one view of the database."""
    async for finding in compare(connection, (ROLES, VERIFIED, DISABLED, RELATED), progress, "people"):
        yield finding
