"""Errors of underwriting, by name."""

from __future__ import annotations

from halfpenny.primitives.errors import NotFound, Refused


class NotAssessedYet(NotFound):
    code = "no_assessment_yet"
    message = "The risk service has not assessed this loan yet."


class NothingToAssess(Refused):
    code = "nothing_to_assess"
    message = "A loan in this status is not assessed any more."


class ApplicationNotDeclined(Refused):
    code = "application_not_declined"
    message = "This letter is for applications that were declined."
