"""The places that the header leads to, for whoever may go there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from halfpenny.identity import Permission, Principal, Role
from halfpenny.platform.http.pages import translatable as _


@dataclass(frozen=True, slots=True)
class Place:
    """A page in the navigation: shown to those roles (None: to all) that hold the permission (None: to everybody)."""

    path: str
    name: str
    permission: Permission | None = None
    roles: frozenset[Role] | None = None


PLACES: Final = (
    Place("/", _("Loans")),
    Place("/portfolio", _("Portfolio"), Permission.INVEST),
    Place("/borrow", _("My loans"), Permission.LOANS_APPLY, frozenset({Role.BORROWER})),
    Place("/wallet", _("Wallet"), Permission.WALLET),
    Place("/staff", _("Work"), Permission.APPROVALS_READ),
    Place("/staff/queues/reviews", _("Reviews"), Permission.LOANS_READ_ALL),
    Place("/staff/risk", _("Risk"), Permission.RISK_READ),
)


def places_of(principal: Principal | None) -> Iterator[Place]:
    """The navigation of one visitor; an anonymous one sees what is open to everybody."""
    for place in PLACES:
        if place.permission is None and place.roles is None:
            yield place
        elif principal is not None:
            allowed = place.permission is None or principal.may(place.permission)
            if allowed and (place.roles is None or principal.roles & place.roles):
                yield place
