"""Errors of underwriting, by name."""

from __future__ import annotations

from halfpenny.primitives.errors import Malformed, NotFound, Refused


class NotAssessedYet(NotFound):
    code = "no_assessment_yet"
    message = "The risk service has not assessed this loan yet."


class NothingToAssess(Refused):
    code = "nothing_to_assess"
    message = "A loan in this status is not assessed any more."


class ApplicationNotDeclined(Refused):
    code = "application_not_declined"
    message = "This letter is for applications that were declined."


class DocumentTooLarge(Malformed):
    code = "document_too_large"
    message = "The document is larger than the limit."


class DocumentNotPdf(Malformed):
    code = "document_not_pdf"
    message = "The document must be a whole PDF, in base64."
