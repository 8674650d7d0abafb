"""The words of underwriting on a page. The marked texts are translated when they are shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from halfpenny.platform.http.pages import translatable as _

REVIEW: Final[Mapping[str, str]] = {
    "open": _("Waits for an answer"),
    "upheld": _("The decision stands"),
    "overturned": _("The application is decided anew"),
}
REPORT: Final[Mapping[str, str]] = {
    "uploaded": _("not checked yet"),
    "verified": _("verified"),
    "refused": _("refused"),
}
VALUATION_SOURCE: Final[Mapping[str, str]] = {
    "owner": _("owner's estimate"),
    "desktop": _("desktop valuation"),
    "survey": _("surveyor's report"),
}
"""Whose valuation it is, as it reads within a sentence."""
DOCUMENT: Final[Mapping[str, str]] = {
    "accounts": _("Accounts"),
    "ownership": _("Ownership"),
    "business_plan": _("Business plan"),
}
PREMISES: Final[Mapping[str, str]] = {"owned": _("owned"), "rented": _("rented")}
# Why a form was not taken, by the code of the refusal; the form stands there again with what was typed.
FAULT: Final[Mapping[str, str]] = {
    "malformed": _("Write something, at most 5,000 characters, and choose an outcome where there is a choice."),
    "nothing_to_review": _("Only a declined application can be reviewed."),
    "review_too_late": _("The time in which a review can be asked for has passed."),
    "review_requested": _("A review of this decision was asked for already."),
    "review_decided": _("Somebody else has answered in the meantime."),
    "four_eyes": _("Whoever took the decision does not review it: another person answers."),
    "self_dealing": _("You have an interest in this loan: another person answers."),
}
