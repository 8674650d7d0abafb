"""The words of the business on a page. The marked texts are translated when they are shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from halfpenny import underwriting
from halfpenny.platform.http.pages import translatable as _
from halfpenny.platform.http.pages import translatable_in as pgettext

STATUS: Final[Mapping[str, str]] = {
    "funding": _("Open for funding"),
    "expired": _("Not fully funded in time"),
    "cancelled": _("Cancelled"),
    "funded": _("Fully funded"),
    "conditions_met": _("Ready for drawdown"),
    "active": _("Active"),
    "matured": _("Past maturity"),
    "defaulted": _("In default"),
    "in_recovery": _("In recovery"),
    "repaid": _("Repaid"),
    "written_off": _("Written off"),
}
# Statuses that only a borrower and staff see.
OWN_STATUS: Final[Mapping[str, str]] = {
    **STATUS,
    "draft": _("Draft"),
    "submitted": _("Being assessed"),
    "assessed": _("Waits for our decision"),
    "approved": _("Approved"),
    "offered": _("Offer for you"),
    "accepted": _("Offer accepted"),
    "declined": _("Declined"),
    "withdrawn": _("Withdrawn"),
}
# What happens next with a borrower's loan, by its status: who acts, and how.
NEXT: Final[Mapping[str, str]] = {
    "draft": _("You: complete the application and send it."),
    "submitted": _("We: assess the application."),
    "assessed": _("We: decide on the application."),
    "approved": _("We: put an offer to you."),
    "offered": _("You: read the offer and accept it."),
    "accepted": _("We: open the loan to investors."),
    "funding": _("Investors: fund the loan."),
    "funded": _("We: check the conditions of the drawdown."),
    "conditions_met": _("We: pay the loan out."),
    "active": _("You: pay what falls due."),
    "matured": _("You: pay what is owed; the term is over."),
    "defaulted": _("You: talk to us about what is owed."),
    "in_recovery": _("We: recover what is owed."),
    "declined": _("You: read the reasons; you may ask a person to review them."),
}
# Of an investment, by its own status.
INVESTMENT: Final[Mapping[str, str]] = {
    "committed": pgettext("investment", "Invested"),
    "revoked": pgettext("investment", "Taken back"),
    "returned": pgettext("investment", "Returned with the loan"),
}
KIND: Final[Mapping[str, str]] = {
    "house": _("House"),
    "townhouse": _("Townhouse"),
    "flat": _("Flat"),
    "multi_family": _("Block of flats"),
    "commercial": _("Commercial building"),
    "mixed_use": _("Mixed use"),
    "land": _("Land"),
}
# Which drawing stands for which kind; the rest are shown as a building.
ART: Final[Mapping[str, str]] = {"house": "house", "townhouse": "townhouse", "land": "land"}
INTEREST: Final[Mapping[str, str]] = {
    "serviced": _("paid monthly"),
    "retained": _("retained at drawdown"),
    "rolled_up": _("rolled up, paid at the end"),
}
EXIT: Final[Mapping[str, str]] = {
    "sale": _("Sale of the property"),
    "refinance": _("Refinancing"),
    "other": _("Other"),
}
PURPOSE: Final[Mapping[str, str]] = {
    "purchase": _("Purchase"),
    "refinance": _("Refinancing"),
    "works": _("Building works"),
    "development": _("Development"),
    "other": _("Other"),
}
VALUATION_SOURCE: Final = underwriting.VALUATION_SOURCE
CONDITION: Final[Mapping[str, str]] = {
    "excellent": _("Excellent"),
    "good": _("Good"),
    "average": _("Average"),
    "fair": _("Fair"),
    "poor": _("Poor"),
}

# What a reader may choose from, in the order in which it is offered. "all" shows every listed loan. The texts are of
# many loans, where those of STATUS are of one: languages with numbers and genders have other words for them.
STATUS_CHOICES: Final[Mapping[str, str]] = {
    "funding": pgettext("loans", "Open for funding"),
    "funded": pgettext("loans", "Fully funded"),
    "active": pgettext("loans", "Active"),
    "repaid": pgettext("loans", "Repaid"),
    "troubled": pgettext("loans", "Late or in recovery"),
    "all": pgettext("loans", "All loans"),
}
SORT_CHOICES: Final[Mapping[str, str]] = {
    "newest": _("Newest first"),
    "rate": _("Highest rate first"),
    "ltv": _("Lowest loan to value first"),
    "deadline": _("Closing soonest first"),
    "funded": _("Most funded first"),
    "amount": _("Largest first"),
}


def property_kinds() -> Mapping[str, str]:
    """The word for each kind of property, as other features' pages show it."""
    return KIND
