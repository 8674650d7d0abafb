"""Errors of valuation reports, by name."""

from __future__ import annotations

from halfpenny.primitives.errors import Malformed, NotFound, Refused


class ReportNotFound(NotFound):
    code = "valuation_report_not_found"
    message = "There is no such valuation report."


class ValuerNotFound(NotFound):
    code = "valuer_not_found"
    message = "There is no such valuer on the panel."


class ValuerListed(Refused):
    code = "valuer_listed"
    message = "A valuer with this registration is on the panel already."


class ValuerNotOnPanel(Refused):
    code = "valuer_not_on_panel"
    message = "The valuer is not on the lender's panel."


class ValuerOfAnotherCountry(Refused):
    code = "valuer_of_another_country"
    message = "The valuer is registered in another country than the property's."


class OwnerHasNoReport(Malformed):
    code = "owner_has_no_report"
    message = "A report is a desktop valuation or a surveyor's: an owner's estimate has none."


class ReportAmountNotPositive(Malformed):
    code = "report_amount_not_positive"
    message = "The report's figure must be above zero."


class ReportDatedInFuture(Malformed):
    code = "report_dated_in_future"
    message = "A report cannot be dated in the future."


class ChecksMissing(Malformed):
    code = "checks_missing"
    message = "A report is verified when everything in it has been checked."


class ReportChecked(Refused):
    code = "valuation_report_checked"
    message = "The report was verified or refused already."
