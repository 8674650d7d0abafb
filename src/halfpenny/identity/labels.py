"""The words of identity on a page. The marked texts are translated when they are shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from halfpenny.identity.roles import Role
from halfpenny.platform.http.pages import translatable as _

ROLE: Final[Mapping[str, str]] = {
    Role.INVESTOR: _("Investor"),
    Role.BORROWER: _("Borrower"),
    Role.UNDERWRITER: _("Underwriter"),
    Role.SERVICER: _("Loan servicer"),
    Role.TREASURER: _("Treasurer"),
    Role.ADMINISTRATOR: _("Administrator"),
    Role.AUDITOR: _("Auditor"),
    Role.SERVICE: _("Program"),
}
